"""What is damaged is taken away or marked, so that a clean makes it again from the bytes.

Promises that each call is one transaction after which the archive is as whole as before or more so, that nothing above the
waterline is touched, and that a kill leaves Pages that are stale and nothing else. Whoever calls holds the lock of the Site's
cleaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import Connection, bindparam, delete, select, text, update

from pipeline.core.models import ExtractedPage, Outcome, RawPage, Reason, ResultStatus
from pipeline.store.clean import near_duplicates
from pipeline.store.clean.types import PendingPayload
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.codec.serialization import encode_extracted
from pipeline.store.db import run_log
from pipeline.store.db.engine import Database
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


def sites_of_pages(store: Database, pages: Iterable[int]) -> dict[int, str]:
    """The Sites of Pages: page → site."""
    wanted = sorted(set(pages))
    with store.read() as db:
        return {
            row.id: row.site
            for some in chunks(wanted)
            for row in db.execute(select(PageRow.id, PageRow.site).where(PageRow.id.in_(some)))
        }


def pages_of_extracted(store: Database, draft: int) -> tuple[int, ...]:
    """Pages that had the bytes of a Draft."""
    query = (
        select(CaptureRow.page_id)
        .join(ExtractedPageRow, ExtractedPageRow.payload_id == CaptureRow.payload_id)
        .where(ExtractedPageRow.id == draft)
    )
    with store.read() as db:
        return tuple(db.scalars(query.distinct().order_by(CaptureRow.page_id)))


def load_source(store: Database, draft: int) -> tuple[str, PendingPayload] | None:
    """The extractors of a Draft, and the bytes that it was made of; None where these are damaged themselves."""
    query = select(
        PayloadRow.id, PayloadRow.digest, PayloadRow.charset, PayloadRow.media_type, *COMPRESSED_COLUMNS
    )
    query = query.join(ExtractedPageRow, ExtractedPageRow.payload_id == PayloadRow.id)
    with store.read() as db:
        row = db.execute(
            query.add_columns(ExtractedPageRow.extractors).where(ExtractedPageRow.id == draft)
        ).one()
        try:
            body = decompress_payload(db, row.codec, row.body, row.dictionary_id)
        except ValueError:
            return None
    found = PendingPayload(RawPage(row.id, body, row.charset, row.media_type), ())
    return (row.extractors, found) if sha256(body).hexdigest() == row.digest else None


def replace_extracted(store: Database, payload: int, draft: ExtractedPage) -> None:
    """A Draft in the place of a damaged one by the same extractors; the results that were made of it stay."""
    coding, body = encode_extracted(draft)
    values = {
        "codec": coding,
        "body": body,
        "reason": draft.reason,
        "cost_ms": draft.cost_ms,
        "created_at": datetime.now(UTC),
    }
    with store.write() as db:
        ours = (
            ExtractedPageRow.payload_id == payload,
            ExtractedPageRow.extractors == draft.extractors,
        )
        db.execute(update(ExtractedPageRow).where(*ours).values(values))


def delete_extracted(store: Database, draft: int) -> Mapping[int, datetime]:
    """Takes a Draft away that cannot be made again, with its results. Returns when Articles were first made."""
    with store.read() as db:
        found = list(
            db.scalars(select(CleanResultRow.id).where(CleanResultRow.extracted_page_id == draft))
        )
    made = delete_results(store, found)
    with store.write() as db:
        db.execute(delete(ExtractedPageRow).where(ExtractedPageRow.id == draft))
    return made


def delete_results(store: Database, results: Sequence[int]) -> Mapping[int, datetime]:
    """Takes damaged results away, and the Articles of those that stood. Returns when these were first made."""
    stands = select(CleanResultRow.page_id).where(
        CleanResultRow.id.in_(results), CleanResultRow.status == ResultStatus.ACCEPTED
    )
    with store.write() as db:
        pages = sorted(set(db.scalars(stands)))
        made = _take_down(db, pages)
        db.execute(delete(RevisionRow).where(RevisionRow.page_id.in_(pages)))
        db.execute(delete(CleanResultRow).where(CleanResultRow.id.in_(results)))
    return made


def unpublish(store: Database, pages: Sequence[int]) -> Mapping[int, datetime]:
    """Makes Pages stale in such a way that their Articles are written anew. Returns when these were first made."""
    with store.write() as db:
        return _take_down(db, pages)


def _take_down(db: Connection, pages: Sequence[int]) -> Mapping[int, datetime]:
    rows = db.execute(
        select(ArticleRow.page_id, ArticleRow.order_key, ArticleRow.archived_at).where(
            ArticleRow.page_id.in_(pages)
        )
    ).all()
    index.remove_articles(db, [row.order_key for row in rows])
    db.execute(delete(ArticleRow).where(ArticleRow.page_id.in_(pages)))
    db.execute(update(PageRow).where(PageRow.id.in_(pages)).values(needs_clean=True))
    near_duplicates.mark_pending(db, pages)
    return {row.page_id: row.archived_at for row in rows}


def restore_created_at(store: Database, made: Mapping[int, datetime]) -> None:
    """An Article that was made again is as old as it was."""
    older = update(ArticleRow).where(
        ArticleRow.page_id == bindparam("page"), ArticleRow.archived_at > bindparam("at")
    )
    with store.write() as db:
        for some in chunks(sorted(made.items())):
            db.execute(
                older.values(archived_at=bindparam("at")),
                [{"page": page, "at": at} for page, at in some],
            )


def mark_for_indexing(store: Database, pages: Sequence[int]) -> None:
    """These Articles wait for the full-text index."""
    with store.write() as db:
        db.execute(update(ArticleRow).where(ArticleRow.page_id.in_(pages)).values(index_version=""))


def delete_orphan_index_rows(store: Database, entries: Sequence[int]) -> None:
    """Takes entries of no Article out of the full-text index."""
    with store.write() as db:
        index.remove_articles(db, entries)


def rebuild_fulltext(store: Database) -> None:
    """SQLite makes its full-text index again from the tokens that it keeps."""
    with store.write() as db:
        db.execute(text("INSERT INTO article_index (article_index) VALUES ('rebuild')"))


def recount_run(store: Database, run: int) -> str:
    """The counts of a Run are what its ledger says. What is gone from the ledger cannot be had back, so the Run says so.
    Returns that sentence."""
    with store.write() as db:
        before = db.execute(select(RunRow.counts, RunRow.detail).where(RunRow.id == run)).one()
        pending = update(LedgerEntryRow).where(
            LedgerEntryRow.run_id == run, LedgerEntryRow.outcome == Outcome.PENDING
        )
        db.execute(pending.values(outcome=Outcome.DEFERRED, reason=Reason.INTERRUPTED))
        counts = run_log.count_outcomes(db, run)
        lost = sum(before.counts.values()) - sum(counts.values())
        said = f"counted anew on {datetime.now(UTC):%Y-%m-%d}" + (
            f", when {lost} entries were missing" if lost > 0 else ""
        )
        detail = "; ".join(filter(None, (before.detail, said)))
        db.execute(update(RunRow).where(RunRow.id == run).values(counts=counts, detail=detail))
    return said
