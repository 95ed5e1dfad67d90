"""Delete or mark what is damaged, so that a clean makes it again from the payloads.

Each function is one or two transactions after which the archive is at least as whole as before. No
payload, capture or ledger entry is deleted. A killed repair leaves stale pages and nothing else.
The caller holds the clean lock of the site.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import Connection, bindparam, delete, select, text, update

from pipeline.core.models import ExtractedPage, Outcome, RawPage, Reason, ResultStatus
from pipeline.evidence.leaves import EventKind
from pipeline.store.clean import near_duplicates
from pipeline.store.clean.types import PendingPayload
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.codec.serialization import encode_extracted
from pipeline.store.db import run_log
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import log, sealing
from pipeline.store.db.evidence.events import Signer
from pipeline.store.db.log_schema import SealedRunRow
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    ExtractedPageRow,
    LedgerEntryRow,
    PageRow,
    PayloadRow,
    RevisionRow,
    RunRow,
)
from pipeline.store.db.sql import chunks
from pipeline.store.search import index


def sites_of_pages(database: Database, pages: Iterable[int]) -> dict[int, str]:
    """Return the site of each page.

    Args:
        database: The archive.
        pages: Ids of pages.

    Returns:
        The id of the site by page. Pages that do not exist are absent.
    """
    query = select(PageRow.id, PageRow.site)
    site_by_page: dict[int, str] = {}
    with database.read() as db:
        for chunk in chunks(sorted(set(pages))):
            for row in db.execute(query.where(PageRow.id.in_(chunk))):
                site_by_page[row.id] = row.site
    return site_by_page


def pages_of_extracted(database: Database, extracted_id: int) -> tuple[int, ...]:
    """Return the pages that had the payload of an extracted page."""
    query = (
        select(CaptureRow.page_id)
        .join(ExtractedPageRow, ExtractedPageRow.payload_id == CaptureRow.payload_id)
        .where(ExtractedPageRow.id == extracted_id)
        .distinct()
        .order_by(CaptureRow.page_id)
    )
    with database.read() as db:
        return tuple(db.scalars(query))


def load_source(database: Database, extracted_id: int) -> tuple[str, PendingPayload] | None:
    """Return what an extracted page was made by and from.

    Returns:
        The version of the extractors and the payload, or None if the payload is damaged itself.
    """
    columns = (PayloadRow.id, PayloadRow.digest, PayloadRow.charset, PayloadRow.media_type)
    query = (
        select(*columns, *COMPRESSED_COLUMNS, ExtractedPageRow.extractors)
        .join(ExtractedPageRow, ExtractedPageRow.payload_id == PayloadRow.id)
        .where(ExtractedPageRow.id == extracted_id)
    )
    with database.read() as db:
        row = db.execute(query).one()
        try:
            body = decompress_payload(db, row.codec, row.body, row.dictionary_id)
        except ValueError:
            return None
    if sha256(body).hexdigest() != row.digest:
        return None
    raw_page = RawPage(row.id, body, row.charset, row.media_type)
    return row.extractors, PendingPayload(raw_page, ())


def replace_extracted(database: Database, payload: int, extracted: ExtractedPage) -> None:
    """Replace a damaged extracted page by one of the same extractors. Its results stay."""
    codec, body = encode_extracted(extracted)
    replace = (
        update(ExtractedPageRow)
        .where(
            ExtractedPageRow.payload_id == payload,
            ExtractedPageRow.extractors == extracted.extractors,
        )
        .values(
            codec=codec,
            body=body,
            reason=extracted.reason,
            cost_ms=extracted.cost_ms,
            created_at=datetime.now(UTC),
        )
    )
    with database.write() as db:
        db.execute(replace)


def delete_extracted(database: Database, extracted_id: int) -> Mapping[int, datetime]:
    """Delete an extracted page that cannot be made again, and its results.

    Returns:
        When the articles that were unpublished were first made, by page.
    """
    query = select(CleanResultRow.id).where(CleanResultRow.extracted_page_id == extracted_id)
    with database.read() as db:
        results = list(db.scalars(query))
    created_at = delete_results(database, results)
    with database.write() as db:
        db.execute(delete(ExtractedPageRow).where(ExtractedPageRow.id == extracted_id))
    return created_at


def delete_results(database: Database, results: Sequence[int]) -> Mapping[int, datetime]:
    """Delete damaged results, and unpublish the articles of those that were accepted.

    Returns:
        When the articles that were unpublished were first made, by page.
    """
    accepted = select(CleanResultRow.page_id).where(
        CleanResultRow.id.in_(results), CleanResultRow.status == ResultStatus.ACCEPTED
    )
    with database.write() as db:
        pages = sorted(set(db.scalars(accepted)))
        created_at = _unpublish(db, pages)
        db.execute(delete(RevisionRow).where(RevisionRow.page_id.in_(pages)))
        db.execute(delete(CleanResultRow).where(CleanResultRow.id.in_(results)))
    return created_at


def unpublish(database: Database, pages: Sequence[int]) -> Mapping[int, datetime]:
    """Delete the articles of pages and make the pages stale, so that a clean publishes them again.

    Returns:
        When the articles were first made, by page.
    """
    with database.write() as db:
        return _unpublish(db, pages)


def _unpublish(db: Connection, pages: Sequence[int]) -> Mapping[int, datetime]:
    columns = (ArticleRow.page_id, ArticleRow.order_key, ArticleRow.archived_at)
    rows = db.execute(select(*columns).where(ArticleRow.page_id.in_(pages))).all()
    index.remove_articles(db, [row.order_key for row in rows])
    db.execute(delete(ArticleRow).where(ArticleRow.page_id.in_(pages)))
    db.execute(update(PageRow).where(PageRow.id.in_(pages)).values(needs_clean=True))
    near_duplicates.mark_pending(db, pages)
    return {row.page_id: row.archived_at for row in rows}


def restore_created_at(database: Database, created_at: Mapping[int, datetime]) -> None:
    """Give articles that were published again the time at which they were first made."""
    set_time = (
        update(ArticleRow)
        .where(ArticleRow.page_id == bindparam("page"), ArticleRow.archived_at > bindparam("at"))
        .values(archived_at=bindparam("at"))
    )
    with database.write() as db:
        for chunk in chunks(sorted(created_at.items())):
            db.execute(set_time, [{"page": page, "at": at} for page, at in chunk])


def mark_changes_pending(database: Database, pages: Sequence[int]) -> None:
    """Mark the articles whose changes are to be listed again."""
    with database.write() as db:
        articles = update(ArticleRow).where(ArticleRow.page_id.in_(pages))
        db.execute(articles.values(changes_pending=True))


def mark_for_indexing(database: Database, pages: Sequence[int]) -> None:
    """Mark the articles of these pages as not indexed."""
    with database.write() as db:
        articles = update(ArticleRow).where(ArticleRow.page_id.in_(pages))
        db.execute(articles.values(index_version=""))


def delete_orphan_index_rows(database: Database, keys: Sequence[int]) -> None:
    """Delete rows of the full-text index that belong to no article."""
    with database.write() as db:
        index.remove_articles(db, keys)


def rebuild_fulltext(database: Database) -> None:
    """Let SQLite build its full-text index again from the tokens that it stores."""
    with database.write() as db:
        db.execute(text("INSERT INTO article_index (article_index) VALUES ('rebuild')"))


def recount_run(database: Database, run: int, signer: Signer | None = None) -> str:
    """Set the counts of a run to what its ledger says.

    Lost entries cannot be had back, so the run's detail says so, and the log gets an event.

    Args:
        database: The archive.
        run: The run's id.
        signer: The key of the archive.

    Returns:
        The sentence that was added to the detail.

    Raises:
        StoreError: The log has a key, and it is not here.
    """
    pending = (
        update(LedgerEntryRow)
        .where(LedgerEntryRow.run_id == run, LedgerEntryRow.outcome == Outcome.PENDING)
        .values(outcome=Outcome.DEFERRED, reason=Reason.INTERRUPTED)
    )
    with database.write() as db:
        before = db.execute(select(RunRow.counts, RunRow.detail).where(RunRow.id == run)).one()
        sealing.start(db)
        db.execute(pending)
        counts = run_log.count_outcomes(db, run)
        lost = sum(before.counts.values()) - sum(counts.values())
        sentence = f"counted again on {datetime.now(UTC):%Y-%m-%d}"
        if lost > 0:
            sentence += f", when {lost} entries were missing"
        detail = f"{before.detail}; {sentence}" if before.detail else sentence
        db.execute(update(RunRow).where(RunRow.id == run).values(counts=counts, detail=detail))
        sealed = select(SealedRunRow.uuid).where(SealedRunRow.run_id == run)
        details = {"runs": list(db.scalars(sealed)), "lost": lost, "what": "ledger"}
        log.append_event(db, EventKind.REPAIR, details, signer)
    return sentence
