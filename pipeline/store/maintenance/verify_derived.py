"""What is wrong with what was made of the bytes: Drafts, results, Revisions, Articles, the full-text index.

Promises that each is compared with what it was made of (a text with its Draft minus what was struck, an Article with its
result, an entry of the index with its Article), in small reads, and that all that is found here can be made again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, Text, cast, select, text

from pipeline.core.models import ExtractedPage, Outcome, ResultStatus, count_words
from pipeline.store.clean.articles import metadata_columns
from pipeline.store.codec.serialization import metadata_from_json, decode_extracted
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    ArticleRow,
    CleanResultRow,
    ExtractedPageRow,
    PageRow,
    RevisionRow,
)
from pipeline.store.db.sql import storable
from pipeline.store.maintenance.verify_sources import STORED, VerifyScope, Fault, VerifiedCounts, Tell, id_batches
from pipeline.store.search.index import order_key

RESULT_BATCH = 32  # Drafts in memory: a hostile page has the blocks of hundreds of others
RESULT = (
    CleanResultRow.id,
    CleanResultRow.page_id,
    CleanResultRow.extracted_page_id,
    CleanResultRow.text_digest,
    cast(CleanResultRow.removed, Text),
)
ENTRIES = {
    "sqlite": "SELECT 1 FROM article_index_docsize e WHERE e.id = {}",
    "postgresql": "SELECT 1 FROM article_index e WHERE e.rowid = {}",
}
STRAYS = {
    "sqlite": "SELECT id FROM article_index_docsize",
    "postgresql": "SELECT rowid FROM article_index",
}


def check_results(store: Database, asked: VerifyScope, looked: VerifiedCounts, tell: Tell) -> Iterator[Fault]:
    """Each result: its Draft can be read, its strikes are Blocks of it, and what they leave has the digest of the text."""
    for total, ids in id_batches(store, CleanResultRow.id, CleanResultRow.created_at, asked, RESULT_BATCH):
        with store.read() as db:
            rows = db.execute(
                select(*RESULT).where(CleanResultRow.id.in_(ids)).order_by(CleanResultRow.id)
            ).all()
            drafts = _drafts(db, {row.extracted_page_id for row in rows})
        for row in rows:
            draft = drafts.get(row.extracted_page_id)
            if isinstance(draft, str):
                yield _bad_draft(row.extracted_page_id, draft, (row.page_id,))
            elif said := _wrong_text(row[4], row.text_digest, draft):
                yield Fault(
                    "result",
                    row.id,
                    f"result {row.id} of page {row.page_id}: {said}",
                    "result",
                    (row.page_id,),
                )
        tell("results", looked.add("results", len(ids)), total)


def check_extracted_pages(store: Database, asked: VerifyScope, looked: VerifiedCounts, tell: Tell) -> Iterator[Fault]:
    """Each Draft that has no result yet, or none any more, can be read."""
    used = select(CleanResultRow.id).where(CleanResultRow.extracted_page_id == ExtractedPageRow.id)
    for total, ids in id_batches(store, ExtractedPageRow.id, ExtractedPageRow.created_at, asked):
        with store.read() as db:
            spare = db.scalars(
                select(ExtractedPageRow.id).where(ExtractedPageRow.id.in_(ids), ~used.exists())
            ).all()
            found = _drafts(db, spare)
        yield from (
            _bad_draft(number, draft, ())
            for number, draft in found.items()
            if isinstance(draft, str)
        )
        tell("drafts", looked.add("drafts", len(ids)), total)


def _drafts(db: Connection, ids: Sequence[int] | set[int]) -> dict[int, ExtractedPage | str]:
    """The Drafts, or what is wrong with them."""
    found: dict[int, ExtractedPage | str] = {}
    query = select(
        ExtractedPageRow.id,
        ExtractedPageRow.extractors,
        ExtractedPageRow.codec,
        ExtractedPageRow.body,
    ).where(ExtractedPageRow.id.in_(ids))
    for row in db.execute(query):
        try:
            draft = decode_extracted(row.codec, row.body)
            found[row.id] = (
                draft
                if draft.extractors == row.extractors
                else "is of other extractors than it says"
            )
        except (ValueError, msgspec.MsgspecError) as error:
            found[row.id] = f"cannot be read ({str(error)[:100]})"
    return found


def _bad_draft(number: int, said: str, pages: tuple[int, ...]) -> Fault:
    return Fault("draft", number, f"draft {number}: {said}", "draft", pages)


def _wrong_text(struck: str, digest: str, draft: ExtractedPage | None) -> str:
    if draft is None:
        return "its draft is not there"
    try:
        gone = [
            index for index, _, _ in msgspec.json.decode(struck, type=list[tuple[int, str, str]])
        ]
    except msgspec.MsgspecError:
        return "what was struck cannot be read"
    if len(set(gone)) != len(gone) or not all(0 <= index < len(draft.blocks) for index in gone):
        return "lines are struck that its draft does not have"
    return (
        ""
        if digest_of(text_of(draft, set(gone))) == digest
        else "its draft without what was struck is another text"
    )


def text_of(draft: ExtractedPage, gone: set[int]) -> str:
    """What is left of a Draft."""
    return "\n".join(block.text for index, block in enumerate(draft.blocks) if index not in gone)


def digest_of(body: str) -> str:
    return sha256(body.encode("utf8", "replace")).hexdigest()


def check_articles(store: Database, asked: VerifyScope, looked: VerifiedCounts, tell: Tell) -> Iterator[Fault]:
    """Each Article and its Revisions against the results that they are made of."""
    for total, ids in id_batches(store, ArticleRow.page_id, ArticleRow.archived_at, asked):
        with store.read() as db:
            revisions = _revisions(db, ids)
            rows = db.execute(
                select(ArticleRow, cast(CleanResultRow.chosen_metadata, Text).label("chosen"))
                .join(CleanResultRow, CleanResultRow.id == ArticleRow.clean_result_id, isouter=True)
                .where(ArticleRow.page_id.in_(ids))
            ).all()
            for row in rows:
                if said := _wrong_article(row, revisions[row.page_id]) or _wrong_revisions(
                    db, revisions[row.page_id]
                ):
                    yield Fault(
                        "article",
                        row.page_id,
                        f"article {row.page_id}: {said}",
                        "article",
                        (row.page_id,),
                    )
        tell("articles", looked.add("articles", len(ids)), total)


def _revisions(db: Connection, pages: Sequence[int]) -> dict[int, list[Any]]:
    columns = (
        RevisionRow.id,
        RevisionRow.page_id,
        RevisionRow.number,
        RevisionRow.clean_result_id,
        RevisionRow.text,
        RevisionRow.first_seen_at,
    )
    result = (
        CleanResultRow.page_id.label("owner"),
        CleanResultRow.status,
        CleanResultRow.text_digest,
    )
    query = select(*columns, *result).join(
        CleanResultRow, CleanResultRow.id == RevisionRow.clean_result_id, isouter=True
    )
    found: dict[int, list[Any]] = defaultdict(list)
    for row in db.execute(
        query.where(RevisionRow.page_id.in_(pages)).order_by(
            RevisionRow.page_id, RevisionRow.number
        )
    ):
        found[row.page_id].append(row)
    return found


def _wrong_article(row: Any, revisions: Sequence[Any]) -> str:
    newest = revisions[-1] if revisions else None
    if newest is None or (newest.id, newest.clean_result_id) != (
        row.revision_id,
        row.clean_result_id,
    ):
        return "is not made of its newest revision"
    try:
        metadata = metadata_from_json(msgspec.json.decode(row.chosen))
    except (msgspec.MsgspecError, TypeError):
        return "the metadata that were chosen for it cannot be read"
    wanted = metadata_columns(metadata) | {
        "word_count": count_words(newest.text),
        "order_key": order_key(metadata.published_at or revisions[0].first_seen_at, row.page_id),
    }
    differ = [name for name, value in wanted.items() if row._mapping[name] != value]
    return f"its {differ[0]} is another than its result says" if differ else ""


def _wrong_revisions(db: Connection, revisions: Sequence[Any]) -> str:
    if [each.number for each in revisions] != list(range(1, len(revisions) + 1)):
        return "one of its revisions is missing"
    for each in revisions:
        if each.owner != each.page_id or each.status != ResultStatus.ACCEPTED:
            return f"its revision {each.number} is made of a result that does not stand"
        if digest_of(each.text) != each.text_digest and each.text != _as_stored(
            db, each.clean_result_id
        ):
            return f"its revision {each.number} is another text than its result"
    return ""


def _as_stored(db: Connection, result: int) -> str | None:
    """The text of a result without what databases refuse; None where it cannot be told."""
    row = db.execute(select(*RESULT).where(CleanResultRow.id == result)).one()
    draft = _drafts(db, [row.extracted_page_id]).get(row.extracted_page_id)
    if draft is None or isinstance(draft, str) or _wrong_text(row[4], row.text_digest, draft):
        return None
    return storable(text_of(draft, {index for index, _, _ in msgspec.json.decode(row[4])}))


def check_missing(store: Database, tell: Tell) -> Iterator[Fault]:
    """Pages that were cleaned and have no result, and results that stand and make no Article."""
    cleaned = (*STORED, PageRow.clean_payload_id == PageRow.payload_id)
    result = select(CleanResultRow.id).where(
        CleanResultRow.page_id == PageRow.id, CleanResultRow.payload_id == PageRow.payload_id
    )
    standing = select(CleanResultRow.id).where(
        CleanResultRow.page_id == PageRow.id,
        CleanResultRow.status == ResultStatus.ACCEPTED,
        CleanResultRow.outcome == Outcome.ARCHIVED,
    )
    article = select(ArticleRow.page_id).where(ArticleRow.page_id == PageRow.id)
    queries = (
        (
            select(PageRow.id).where(*cleaned, ~result.exists()),
            "was cleaned, and there is no result",
        ),
        (
            select(PageRow.id).where(*STORED, standing.exists(), ~article.exists()),
            "has a text, and there is no article",
        ),
    )
    for total, ids in id_batches(store, PageRow.id, None, VerifyScope(), 5000):
        for query, said in queries:
            with store.read() as db:
                found = db.scalars(query.where(PageRow.id.between(ids[0], ids[-1]))).all()
            yield from (
                Fault("article", page, f"page {page}: {said}", "article", (page,)) for page in found
            )
        tell("pages cleaned", len(ids), total)


def check_index_entries(store: Database, tell: Tell) -> Iterator[Fault]:
    """Each Article has its entry in the full-text index, and no entry stands for nothing."""
    tell("the index", 0, 0)
    name = "sqlite" if store.is_sqlite else "postgresql"
    without = f"SELECT page_id FROM article WHERE index_version <> '' AND NOT EXISTS ({ENTRIES[name].format('article.order_key')})"
    strays = (
        f"SELECT number FROM ({STRAYS[name].replace(' FROM', ' AS number FROM')}) AS e"
        " WHERE NOT EXISTS (SELECT 1 FROM article WHERE article.order_key = e.number)"
    )
    with store.read() as db:
        for page in db.scalars(text(without)).all():
            yield Fault(
                "index",
                page,
                f"article {page}: cannot be found, since it is not in the full-text index",
                "index",
                (page,),
            )
        for number in db.scalars(text(strays)).all():
            yield Fault(
                "index", number, f"entry {number} of the full-text index is of no article", "stray"
            )
