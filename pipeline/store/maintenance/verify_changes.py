"""Verify the list of changes: it has what follows from revisions and captures, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from pipeline.store.clean import story_changes
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, ChangeRow
from pipeline.store.db.story_changes import presence_changes, presence_values
from pipeline.store.maintenance.faults import (
    Fault,
    RepairKind,
    VerifiedCounts,
    VerifyScope,
    id_batches,
)
from pipeline.store.maintenance.progress import ProgressCallback

BATCH_SIZE = 100  # articles whose revisions are in memory together

ChangeKey = tuple[Any, ...]


def check_changes(
    database: Database,
    scope: VerifyScope,
    counts: VerifiedCounts,
    progress: ProgressCallback,
) -> Iterator[Fault]:
    """Check the changes of each article. Articles that wait for the next clean are left out."""
    batches = id_batches(database, ArticleRow.page_id, ArticleRow.archived_at, scope, BATCH_SIZE)
    for batch in batches:
        with database.read() as db:
            pending = set(
                db.scalars(
                    select(ArticleRow.page_id).where(
                        ArticleRow.page_id.in_(batch.ids), ArticleRow.changes_pending
                    )
                )
            )
            pages = [page for page in batch.ids if page not in pending]
            wrong = _wrong_pages(db, pages)
        for page in wrong:
            sentence = f"article {page}: its changes are listed otherwise than its revisions differ"
            yield Fault("change", page, sentence, RepairKind.CHANGE, (page,))
        progress("changes", counts.add("changes", len(batch.ids)), batch.total)


def _wrong_pages(db: Connection, pages: Sequence[int]) -> list[int]:
    listed = _listed(db, pages)
    presence = presence_changes(db, pages)
    revisions = story_changes.stored_revisions(db, pages)
    wrong: list[int] = []
    for page in pages:
        page_revisions = revisions.get(page, [])
        if not page_revisions:
            continue  # another fault
        expected = story_changes.edit_values(page_revisions, {})
        expected += presence_values(presence.get(page, ()), page_revisions[0].first_seen_at)
        last_of_key = {(values["at"], str(values["aspect"])): values for values in expected}
        if set(map(_key, last_of_key.values())) != listed[page]:
            wrong.append(page)
    return wrong


def _listed(db: Connection, pages: Sequence[int]) -> dict[int, set[ChangeKey]]:
    listed: dict[int, set[ChangeKey]] = defaultdict(set)
    for row in db.execute(select(ChangeRow).where(ChangeRow.page_id.in_(pages))):
        listed[row.page_id].add(_key(row._mapping))
    return listed


def _key(values: Any) -> ChangeKey:
    evidence = tuple(map(tuple, values["evidence"]))
    names = ("at", "number", "before_at", "words_lost", "words_gained", "digest")
    return (str(values["aspect"]), str(values["kind"]), evidence, *(values[name] for name in names))
