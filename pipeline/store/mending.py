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

from pipeline.model import Draft, Outcome, Reason, Source, Standing
from pipeline.store import ledger, search, sketches
from pipeline.store.dictionaries import PACKED, unpacked
from pipeline.store.engine import Store
from pipeline.store.packing import pack_draft
from pipeline.store.schema import Article, Capture, Extraction, LedgerEntry, Page, Payload, Revision, Run
from pipeline.store.schema import Draft as DraftRow
from pipeline.store.sql import chunks
from pipeline.store.values import Undrafted


def sites_of(store: Store, pages: Iterable[int]) -> dict[int, str]:
    """The Sites of Pages: page → site."""
    wanted = sorted(set(pages))
    with store.read() as db:
        return {
            row.id: row.site
            for some in chunks(wanted)
            for row in db.execute(select(Page.id, Page.site).where(Page.id.in_(some)))
        }


def pages_of_draft(store: Store, draft: int) -> tuple[int, ...]:
    """Pages that had the bytes of a Draft."""
    query = select(Capture.page_id).join(DraftRow, DraftRow.payload_id == Capture.payload_id).where(DraftRow.id == draft)
    with store.read() as db:
        return tuple(db.scalars(query.distinct().order_by(Capture.page_id)))


def source(store: Store, draft: int) -> tuple[str, Undrafted] | None:
    """The extractors of a Draft, and the bytes that it was made of; None where these are damaged themselves."""
    query = select(Payload.id, Payload.digest, Payload.charset, Payload.media_type, *PACKED)
    query = query.join(DraftRow, DraftRow.payload_id == Payload.id)
    with store.read() as db:
        row = db.execute(query.add_columns(DraftRow.extractors).where(DraftRow.id == draft)).one()
        try:
            body = unpacked(db, row.coding, row.body, row.dictionary_id)
        except ValueError:
            return None
    found = Undrafted(Source(row.id, body, row.charset, row.media_type), ())
    return (row.extractors, found) if sha256(body).hexdigest() == row.digest else None


def put_draft(store: Store, payload: int, draft: Draft) -> None:
    """A Draft in the place of a damaged one by the same extractors; the results that were made of it stay."""
    coding, body = pack_draft(draft)
    values = {"coding": coding, "body": body, "reason": draft.reason, "cost_ms": draft.cost_ms, "made_at": datetime.now(UTC)}
    with store.write() as db:
        ours = (DraftRow.payload_id == payload, DraftRow.extractors == draft.extractors)
        db.execute(update(DraftRow).where(*ours).values(values))


def drop_draft(store: Store, draft: int) -> Mapping[int, datetime]:
    """Takes a Draft away that cannot be made again, with its results. Returns when Articles were first made."""
    with store.read() as db:
        found = list(db.scalars(select(Extraction.id).where(Extraction.draft_id == draft)))
    made = drop_results(store, found)
    with store.write() as db:
        db.execute(delete(DraftRow).where(DraftRow.id == draft))
    return made


def drop_results(store: Store, results: Sequence[int]) -> Mapping[int, datetime]:
    """Takes damaged results away, and the Articles of those that stood. Returns when these were first made."""
    stands = select(Extraction.page_id).where(Extraction.id.in_(results), Extraction.verdict == Standing.ACCEPTED)
    with store.write() as db:
        pages = sorted(set(db.scalars(stands)))
        made = _take_down(db, pages)
        db.execute(delete(Revision).where(Revision.page_id.in_(pages)))
        db.execute(delete(Extraction).where(Extraction.id.in_(results)))
    return made


def take_down(store: Store, pages: Sequence[int]) -> Mapping[int, datetime]:
    """Makes Pages stale in such a way that their Articles are written anew. Returns when these were first made."""
    with store.write() as db:
        return _take_down(db, pages)


def _take_down(db: Connection, pages: Sequence[int]) -> Mapping[int, datetime]:
    rows = db.execute(select(Article.page_id, Article.order_key, Article.archived_at).where(Article.page_id.in_(pages))).all()
    search.unindex(db, [row.order_key for row in rows])
    db.execute(delete(Article).where(Article.page_id.in_(pages)))
    db.execute(update(Page).where(Page.id.in_(pages)).values(touched=True))
    sketches.mark(db, pages)
    return {row.page_id: row.archived_at for row in rows}


def put_back_times(store: Store, made: Mapping[int, datetime]) -> None:
    """An Article that was made again is as old as it was."""
    older = update(Article).where(Article.page_id == bindparam("page"), Article.archived_at > bindparam("at"))
    with store.write() as db:
        for some in chunks(sorted(made.items())):
            db.execute(older.values(archived_at=bindparam("at")), [{"page": page, "at": at} for page, at in some])


def reindex(store: Store, pages: Sequence[int]) -> None:
    """These Articles wait for the full-text index."""
    with store.write() as db:
        db.execute(update(Article).where(Article.page_id.in_(pages)).values(indexed=""))


def drop_strays(store: Store, entries: Sequence[int]) -> None:
    """Takes entries of no Article out of the full-text index."""
    with store.write() as db:
        search.unindex(db, entries)


def rebuild_words(store: Store) -> None:
    """SQLite makes its full-text index again from the tokens that it keeps."""
    with store.write() as db:
        db.execute(text("INSERT INTO article_index (article_index) VALUES ('rebuild')"))


def recount(store: Store, run: int) -> str:
    """The counts of a Run are what its ledger says. What is gone from the ledger cannot be had back, so the Run says so.
    Returns that sentence."""
    with store.write() as db:
        before = db.execute(select(Run.counts, Run.detail).where(Run.id == run)).one()
        pending = update(LedgerEntry).where(LedgerEntry.run_id == run, LedgerEntry.outcome == Outcome.PENDING)
        db.execute(pending.values(outcome=Outcome.DEFERRED, reason=Reason.INTERRUPTED))
        counts = ledger.count(db, run)
        lost = sum(before.counts.values()) - sum(counts.values())
        said = f"counted anew on {datetime.now(UTC):%Y-%m-%d}" + (f", when {lost} entries were missing" if lost > 0 else "")
        detail = "; ".join(filter(None, (before.detail, said)))
        db.execute(update(Run).where(Run.id == run).values(counts=counts, detail=detail))
    return said
