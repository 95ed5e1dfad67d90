"""Find the edits of stories in their revisions, and list them for articles that wait for it.

Texts are compared before a transaction begins, since that takes long for long stories.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from pipeline.changes import classify
from pipeline.changes.classify import StoryVersion, find_edits
from pipeline.core.changes.kinds import ChangeAspect, Edit
from pipeline.core.models import Revision
from pipeline.store.db import story_changes
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow, ChangeRow, PageRow, RevisionRow
from pipeline.store.db.sql import chunks, storable
from pipeline.store.db.story_changes import ChangeValues

EditsByPage = Mapping[int, Sequence[ChangeValues]]
BATCH_SIZE: Final = 50  # articles whose revisions are in memory together
EDIT_COLUMNS: Final = (
    ChangeRow.at,
    ChangeRow.aspect,
    ChangeRow.kind,
    ChangeRow.number,
    ChangeRow.before_at,
    ChangeRow.words_lost,
    ChangeRow.words_gained,
    ChangeRow.evidence,
    ChangeRow.digest,
)
AnyRevision = Revision | Row[*tuple[Any, ...]]


def edits_of_revisions(
    database: Database, revisions: Mapping[int, Sequence[Revision]]
) -> dict[int, list[ChangeValues]]:
    """Return the edits of pages as columns of rows.

    Args:
        database: The archive. It has the edits that are known, which are not found again.
        revisions: The revisions of each page, oldest first.
    """
    several = [page for page, page_revisions in revisions.items() if len(page_revisions) > 1]
    known: dict[int, dict[str, list[ChangeValues]]] = {}
    if several:
        with database.read() as db:
            known = _known_edits(db, several)
    edits: dict[int, list[ChangeValues]] = {}
    for page, page_revisions in revisions.items():
        edits[page] = edit_values(page_revisions, known.get(page, {}))
    return edits


def edit_values(
    revisions: Sequence[AnyRevision], known: Mapping[str, Sequence[ChangeValues]]
) -> list[ChangeValues]:
    """Return the edits between the revisions of a page as columns of rows.

    Args:
        revisions: The revisions, oldest first.
        known: Edits that were found before, by the digest of the two revisions.
    """
    rows: list[ChangeValues] = []
    for old, new in pairwise(revisions):
        versions = _version(old), _version(new)
        digest = _digest(versions)
        stretch = {"at": new.first_seen_at, "before_at": old.last_seen_at, "number": new.number}
        if digest in known:
            rows += [values | stretch for values in known[digest]]
            continue
        for edit in find_edits(*versions):
            rows.append(_edit_columns(edit) | stretch | {"digest": digest})
    return rows


def count_pending(database: Database, site: str) -> int:
    """Count the articles of a site whose changes are not listed yet."""
    with database.read() as db:
        return story_changes.count_pending(db, site)


def list_pending(database: Database, site: str) -> int:
    """List the changes of some articles that wait for it. The caller holds the site's clean lock.

    Returns:
        How many articles there were; 0 where none is left.
    """
    pending = (
        select(ArticleRow.page_id)
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .where(ArticleRow.changes_pending, PageRow.site == site)
        .order_by(ArticleRow.page_id)
        .limit(BATCH_SIZE)
    )
    with database.read() as db:
        pages = list(db.scalars(pending))
        revisions = stored_revisions(db, pages)
    edits: dict[int, list[ChangeValues]] = {}
    for page in pages:  # without what is known, which a repair does not trust
        edits[page] = edit_values(revisions.get(page, ()), {})
    first_seen = {page: rows[0].first_seen_at for page, rows in revisions.items()}
    with database.write() as db:
        story_changes.replace_changes(db, edits, first_seen)
        story_changes.mark_unindexed(db, pages)
        listed = update(ArticleRow).where(ArticleRow.page_id.in_(pages))
        db.execute(listed.values(changes_pending=False))
    return len(pages)


def stored_revisions(
    db: Connection, pages: Sequence[int]
) -> dict[int, list[Row[*tuple[Any, ...]]]]:
    """Return the revisions of pages, oldest first.

    Args:
        db: A connection that reads.
        pages: Ids of articles.

    Returns:
        Rows of the table `revision` by page.
    """
    query = select(
        RevisionRow.page_id,
        RevisionRow.number,
        RevisionRow.title,
        RevisionRow.text,
        RevisionRow.first_seen_at,
        RevisionRow.last_seen_at,
    ).order_by(RevisionRow.page_id, RevisionRow.number)
    revisions: dict[int, list[Row[*tuple[Any, ...]]]] = defaultdict(list)
    for chunk in chunks(pages):
        for row in db.execute(query.where(RevisionRow.page_id.in_(chunk))):
            revisions[row.page_id].append(row)
    return revisions


def _known_edits(db: Connection, pages: Sequence[int]) -> dict[int, dict[str, list[ChangeValues]]]:
    """Return the edits that the archive has, by page and digest."""
    query = select(ChangeRow.page_id, *EDIT_COLUMNS).where(
        ChangeRow.aspect != ChangeAspect.PRESENCE
    )
    known: dict[int, dict[str, list[ChangeValues]]] = defaultdict(lambda: defaultdict(list))
    for chunk in chunks(pages):
        for row in db.execute(query.where(ChangeRow.page_id.in_(chunk))):
            values = {name: value for name, value in row._mapping.items() if name != "page_id"}
            known[row.page_id][row.digest].append(values)
    return known


def _version(revision: AnyRevision) -> StoryVersion:
    return StoryVersion(storable(revision.title), storable(revision.text))


def _digest(versions: Sequence[StoryVersion]) -> str:
    digest = blake2b(classify.VERSION.encode(), digest_size=16)
    for version in versions:
        for part in (version.title, version.text):
            digest.update(b"\0" + part.encode())
    return digest.hexdigest()


def _edit_columns(edit: Edit) -> ChangeValues:
    return {
        "aspect": edit.aspect,
        "kind": edit.kind,
        "words_lost": edit.words_lost,
        "words_gained": edit.words_gained,
        "evidence": [[passage.before, passage.after] for passage in edit.evidence],
    }
