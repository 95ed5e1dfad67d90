"""Verify what is made from payloads: extracted pages, results, articles, the full-text index.

Each is compared with what it was made from: a text with its extracted page without the removed
blocks, an article with its result, an index row with its article. All that is found here can be
made again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, Text, cast, select, text

from pipeline.core.models import ExtractedPage, Outcome, ResultStatus, count_words
from pipeline.core.story import StoryLink, base_address, raw_links, story_links
from pipeline.store.clean import rights
from pipeline.store.clean.articles import metadata_columns
from pipeline.store.clean.links import storable_links, stored_links
from pipeline.store.codec.serialization import decode_extracted, metadata_from_json
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import (
    ArticleRow,
    CleanResultRow,
    ExtractedPageRow,
    PageRow,
    RevisionRow,
)
from pipeline.store.db.sql import storable
from pipeline.store.maintenance.faults import (
    EVERYTHING,
    PAGE_BATCH_SIZE,
    STORED,
    Fault,
    RepairKind,
    VerifiedCounts,
    VerifyScope,
    id_batches,
)
from pipeline.store.maintenance.progress import ProgressCallback
from pipeline.store.search.index import order_key

EXTRACTED_BATCH_SIZE = 32  # extracted pages in memory; a hostile one is as large as hundreds
RESULT_COLUMNS = (
    CleanResultRow.id,
    CleanResultRow.page_id,
    CleanResultRow.extracted_page_id,
    CleanResultRow.text_digest,
    cast(CleanResultRow.removed, Text).label("removed_json"),
)
INDEX_ROW_EXISTS = {
    "sqlite": "SELECT 1 FROM article_index_docsize e WHERE e.id = article.order_key",
    "postgresql": "SELECT 1 FROM article_index e WHERE e.rowid = article.order_key",
}
INDEX_KEYS = {
    "sqlite": "SELECT id AS number FROM article_index_docsize",
    "postgresql": "SELECT rowid AS number FROM article_index",
}

AnyRow = Row[*tuple[Any, ...]]
RemovedBlocks = list[tuple[int, str, str]]  # (index, rule, why)


def check_results(
    database: Database,
    scope: VerifyScope,
    counts: VerifiedCounts,
    progress: ProgressCallback,
) -> Iterator[Fault]:
    """Check each result against its extracted page.

    The extracted page can be read, it has all removed blocks, and the text without them has the
    digest of the result.
    """
    batches = id_batches(
        database, CleanResultRow.id, CleanResultRow.created_at, scope, EXTRACTED_BATCH_SIZE
    )
    for batch in batches:
        query = select(*RESULT_COLUMNS).where(CleanResultRow.id.in_(batch.ids))
        with database.read() as db:
            rows = db.execute(query.order_by(CleanResultRow.id)).all()
            extracted_pages = _load_extracted(db, {row.extracted_page_id for row in rows})
            articles = _articles_with_links(db, batch.ids)
        for row in rows:
            extracted = extracted_pages.get(row.extracted_page_id)
            if isinstance(extracted, str):
                yield _extracted_fault(row.extracted_page_id, extracted, (row.page_id,))
                continue
            damage = _text_damage(row, extracted)
            if damage:
                sentence = f"result {row.id} of page {row.page_id}: {damage}"
                yield Fault("result", row.id, sentence, RepairKind.RESULT, (row.page_id,))
            elif row.id in articles and extracted is not None:
                url, links = articles[row.id]
                if links != _expected_links(row, extracted, url):
                    sentence = f"article {row.page_id}: its links are not those of its text"
                    yield _article_fault(row.page_id, sentence)
        progress("results", counts.add("results", len(batch.ids)), batch.total)


def _articles_with_links(
    db: Connection, results: Sequence[int]
) -> dict[int, tuple[str, list[StoryLink]]]:
    """Return the URL and the stored links of each article, by the result that it is made of."""
    query = (
        select(ArticleRow.clean_result_id, ArticleRow.page_id, PageRow.url)
        .join(PageRow, PageRow.id == ArticleRow.page_id)
        .where(ArticleRow.clean_result_id.in_(results))
    )
    rows = db.execute(query).all()
    links = stored_links(db, [row.page_id for row in rows])
    return {row.clean_result_id: (row.url, links.get(row.page_id, [])) for row in rows}


def _expected_links(result: AnyRow, extracted: ExtractedPage, url: str) -> list[StoryLink]:
    removed = _indexes(msgspec.json.decode(result.removed_json, type=RemovedBlocks))
    links = story_links(raw_links(extracted.blocks, removed), base_address(url, extracted.base))
    return storable_links(links)


def check_extracted_pages(
    database: Database,
    scope: VerifyScope,
    counts: VerifiedCounts,
    progress: ProgressCallback,
) -> Iterator[Fault]:
    """Check that each extracted page without a result can be read."""
    result = select(CleanResultRow.id).where(
        CleanResultRow.extracted_page_id == ExtractedPageRow.id
    )
    for batch in id_batches(database, ExtractedPageRow.id, ExtractedPageRow.created_at, scope):
        unused = select(ExtractedPageRow.id).where(
            ExtractedPageRow.id.in_(batch.ids), ~result.exists()
        )
        with database.read() as db:
            extracted_pages = _load_extracted(db, db.scalars(unused).all())
        for number, extracted in extracted_pages.items():
            if isinstance(extracted, str):
                yield _extracted_fault(number, extracted, ())
        done = counts.add("extracted_pages", len(batch.ids))
        progress("extracted pages", done, batch.total)


def check_articles(
    database: Database,
    scope: VerifyScope,
    counts: VerifiedCounts,
    progress: ProgressCallback,
) -> Iterator[Fault]:
    """Check each article and its revisions against the results that they are made from."""
    for batch in id_batches(database, ArticleRow.page_id, ArticleRow.archived_at, scope):
        with database.read() as db:
            faults = _article_faults(db, batch.ids)
            damaged = {fault.id for fault in faults}
            for page in rights.pages_with_other_rights(db, batch.ids):
                if page not in damaged:
                    sentence = f"article {page}: its rights are others than were declared"
                    faults.append(_article_fault(page, sentence))
        yield from faults
        progress("articles", counts.add("articles", len(batch.ids)), batch.total)


def pages_of_recipe(
    database: Database, site: str, recipe: str, after: int, limit: int
) -> list[int]:
    """Return pages that have an accepted result of a recipe and wait for no clean.

    Args:
        database: The archive.
        site: The site's id.
        recipe: The recipe.
        after: The last page before.
        limit: How many pages to return at most.
    """
    of_recipe = select(CleanResultRow.id).where(
        CleanResultRow.page_id == PageRow.id,
        CleanResultRow.recipe == recipe,
        CleanResultRow.status == ResultStatus.ACCEPTED,
    )
    query = select(PageRow.id).where(
        PageRow.site == site, PageRow.id > after, ~PageRow.needs_clean, of_recipe.exists()
    )
    with database.read() as db:
        return list(db.scalars(query.order_by(PageRow.id).limit(limit)))


def check_missing(database: Database, progress: ProgressCallback) -> Iterator[Fault]:
    """Find cleaned pages without a result, and accepted results without an article.

    Args:
        database: The archive.
        progress: Receives how many pages were looked at.

    Yields:
        One fault for each page.
    """
    result = select(CleanResultRow.id).where(
        CleanResultRow.page_id == PageRow.id, CleanResultRow.payload_id == PageRow.payload_id
    )
    accepted = select(CleanResultRow.id).where(
        CleanResultRow.page_id == PageRow.id,
        CleanResultRow.status == ResultStatus.ACCEPTED,
        CleanResultRow.outcome == Outcome.ARCHIVED,
    )
    article = select(ArticleRow.page_id).where(ArticleRow.page_id == PageRow.id)
    without_result = select(PageRow.id).where(
        *STORED, PageRow.clean_payload_id == PageRow.payload_id, ~result.exists()
    )
    is_shown = PageRow.hidden_at.is_(None)
    without_article = select(PageRow.id).where(
        *STORED, is_shown, accepted.exists(), ~article.exists()
    )
    for batch in id_batches(database, PageRow.id, None, EVERYTHING, PAGE_BATCH_SIZE):
        first, last = batch.ids[0], batch.ids[-1]
        for query, damage in (
            (without_result, "was cleaned, and there is no result"),
            (without_article, "has a text, and there is no article"),
        ):
            with database.read() as db:
                pages = db.scalars(query.where(PageRow.id.between(first, last))).all()
            for page in pages:
                yield _article_fault(page, f"page {page}: {damage}")
        progress("pages cleaned", len(batch.ids), batch.total)


def check_index_entries(database: Database, progress: ProgressCallback) -> Iterator[Fault]:
    """Check that each article has its row in the full-text index, and each row its article.

    Args:
        database: The archive.
        progress: Receives how many rows were looked at.

    Yields:
        One fault for each article that is not indexed as it should be.
    """
    progress("the index", 0, 0)
    dialect = "sqlite" if database.is_sqlite else "postgresql"
    unindexed = text(
        "SELECT page_id FROM article"
        f" WHERE index_version <> '' AND NOT EXISTS ({INDEX_ROW_EXISTS[dialect]})"
    )
    orphans = text(
        f"SELECT number FROM ({INDEX_KEYS[dialect]}) AS e"
        " WHERE NOT EXISTS (SELECT 1 FROM article WHERE article.order_key = e.number)"
    )
    with database.read() as db:
        pages = db.scalars(unindexed).all()
        keys = db.scalars(orphans).all()
    for page in pages:
        sentence = f"article {page}: cannot be found, since it is not in the full-text index"
        yield Fault("index", page, sentence, RepairKind.INDEX, (page,))
    for key in keys:
        sentence = f"row {key} of the full-text index belongs to no article"
        yield Fault("index", key, sentence, RepairKind.ORPHAN)


def text_without(extracted: ExtractedPage, removed: Collection[int]) -> str:
    """Return the text of an extracted page without the blocks of these indexes."""
    lines: list[str] = []
    for index, block in enumerate(extracted.blocks):
        if index not in removed:
            lines.append(block.text)
    return "\n".join(lines)


def digest_of(body: str) -> str:
    """Return the digest of a text as results store it: SHA-256, in lower-case hex."""
    return sha256(body.encode("utf8", "replace")).hexdigest()


def _load_extracted(db: Connection, ids: Collection[int]) -> dict[int, ExtractedPage | str]:
    """The extracted pages by id, or what is wrong with them."""
    query = select(
        ExtractedPageRow.id,
        ExtractedPageRow.extractors,
        ExtractedPageRow.codec,
        ExtractedPageRow.body,
    ).where(ExtractedPageRow.id.in_(ids))
    return {row.id: _decode(row) for row in db.execute(query)}


def _decode(row: AnyRow) -> ExtractedPage | str:
    try:
        extracted = decode_extracted(row.codec, row.body)
    except (ValueError, msgspec.MsgspecError) as error:
        return f"cannot be read ({str(error)[:100]})"
    if extracted.extractors != row.extractors:
        return "is of other extractors than it says"
    return extracted


def _extracted_fault(number: int, damage: str, pages: tuple[int, ...]) -> Fault:
    sentence = f"extracted page {number}: {damage}"
    return Fault("extracted_page", number, sentence, RepairKind.EXTRACTED_PAGE, pages)


def _text_damage(result: AnyRow, extracted: ExtractedPage | None) -> str:
    if extracted is None:
        return "its extracted page is not there"
    try:
        blocks = msgspec.json.decode(result.removed_json, type=RemovedBlocks)
    except msgspec.MsgspecError:
        return "its removed blocks cannot be read"
    removed = _indexes(blocks)
    known = range(len(extracted.blocks))
    if len(removed) != len(blocks) or not all(index in known for index in removed):
        return "it removes blocks that its extracted page does not have"
    if digest_of(text_without(extracted, removed)) != result.text_digest:
        return "its extracted page without the removed blocks is another text"
    return ""


def _indexes(blocks: RemovedBlocks) -> set[int]:
    return {index for index, _, _ in blocks}


def _article_fault(page: int, sentence: str) -> Fault:
    return Fault("article", page, sentence, RepairKind.ARTICLE, (page,))


def _article_faults(db: Connection, pages: Sequence[int]) -> list[Fault]:
    revisions = _revisions_by_page(db, pages)
    query = (
        select(ArticleRow, cast(CleanResultRow.chosen_metadata, Text).label("metadata_json"))
        .join(CleanResultRow, CleanResultRow.id == ArticleRow.clean_result_id, isouter=True)
        .where(ArticleRow.page_id.in_(pages))
    )
    faults: list[Fault] = []
    for row in db.execute(query).all():
        damage = _article_damage(row, revisions[row.page_id])
        damage = damage or _revision_damage(db, revisions[row.page_id])
        if damage:
            faults.append(_article_fault(row.page_id, f"article {row.page_id}: {damage}"))
    return faults


def _revisions_by_page(db: Connection, pages: Sequence[int]) -> dict[int, list[AnyRow]]:
    query: Select[*tuple[Any, ...]] = select(
        RevisionRow.id,
        RevisionRow.page_id,
        RevisionRow.number,
        RevisionRow.clean_result_id,
        RevisionRow.text,
        RevisionRow.first_seen_at,
        CleanResultRow.page_id.label("result_page_id"),
        CleanResultRow.status,
        CleanResultRow.text_digest,
    )
    query = (
        query.join(CleanResultRow, CleanResultRow.id == RevisionRow.clean_result_id, isouter=True)
        .where(RevisionRow.page_id.in_(pages))
        .order_by(RevisionRow.page_id, RevisionRow.number)
    )
    revisions: dict[int, list[AnyRow]] = defaultdict(list)
    for row in db.execute(query):
        revisions[row.page_id].append(row)
    return revisions


def _article_damage(article: AnyRow, revisions: Sequence[AnyRow]) -> str:
    if not revisions:
        return "is not made of its newest revision"
    newest = revisions[-1]
    made_of = (article.revision_id, article.clean_result_id)
    if (newest.id, newest.clean_result_id) != made_of:
        return "is not made of its newest revision"
    try:
        metadata = metadata_from_json(msgspec.json.decode(article.metadata_json))
    except (ValueError, msgspec.MsgspecError, TypeError):
        return "the metadata that were chosen for it cannot be read"
    sort_time = metadata.published_at or revisions[0].first_seen_at
    expected = metadata_columns(metadata) | {
        "word_count": count_words(newest.text),
        "order_key": order_key(sort_time, article.page_id),
    }
    for name, value in expected.items():
        if article._mapping[name] != value:
            return f"its {name} is another than its result says"
    return ""


def _revision_damage(db: Connection, revisions: Sequence[AnyRow]) -> str:
    if [row.number for row in revisions] != list(range(1, len(revisions) + 1)):
        return "one of its revisions is missing"
    for row in revisions:
        if row.result_page_id != row.page_id or row.status != ResultStatus.ACCEPTED:
            return f"its revision {row.number} is made of a result that is not accepted"
        if digest_of(row.text) == row.text_digest:
            continue
        if row.text != _storable_text(db, row.clean_result_id):
            return f"its revision {row.number} is another text than its result"
    return ""


def _storable_text(db: Connection, result_id: int) -> str | None:
    """The text of a result without what databases refuse, or None if the result is damaged."""
    query = select(*RESULT_COLUMNS).where(CleanResultRow.id == result_id)
    result = db.execute(query).one()
    extracted = _load_extracted(db, [result.extracted_page_id]).get(result.extracted_page_id)
    if extracted is None or isinstance(extracted, str) or _text_damage(result, extracted):
        return None
    blocks = msgspec.json.decode(result.removed_json, type=RemovedBlocks)
    return storable(text_without(extracted, _indexes(blocks)))
