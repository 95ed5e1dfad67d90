"""The cleaning's door: what is stale, the material to clean it with, and where the results go.

Promises that everything stale is found whatever happened before (a page is stale when the Extraction of its newest Payload is
not of the current Recipe, or when the Site's memory has learnt something of its lines), that results are written whole or not
at all, and that nothing above the waterline is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, update

from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import (
    AnnouncedMetadata,
    ExtractedPage,
    LineStats,
    RawPage,
    Reason,
    Recipe,
    UrlKind,
)
from pipeline.fulltext.index_rows import NO_PREPARED_ROWS, PreparedRows
from pipeline.store.clean import articles, container_stats, inputs, line_sightings, selection
from pipeline.store.clean.types import (
    ReviewOutcome,
    CleanOutcome,
    CleanInput,
    StoredExtraction,
    CleanScope,
    PendingPayload,
    UnprofiledPage,
)
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.codec.serialization import encode_extracted, decode_extracted
from pipeline.store.db import locks, run_log, site_counts
from pipeline.store.db.engine import Database, retry_while_unavailable
from pipeline.store.db.schema import CaptureRow, ExtractedPageRow, PageRow, PayloadRow, RunRow
from pipeline.store.db.sql import chunks, insert_or_ignore

STALE_PAGES = CleanScope()
PAGES_PER_STEP, MAX_BLOCKS = (
    20,
    20_000,
)  # Pages gathered in one step, and the blocks of their Drafts after which no more are
PAGES_PER_TRIM = 200  # Pages whose single lines are let go of in one transaction
MAX_PAYLOAD_BYTES = 32 * 1024 * 1024  # bytes of Payloads that are read together
RUN_KINDS = ("clean", "review", "rollback")  # of Runs under the one lock of a Site's cleaning


class CleanSession:
    """The door itself; `site` scopes every call."""

    def __init__(self, store: Database, site: str) -> None:
        self.store = store
        self.site = site
        self._lock: locks.Lock | None = None

    def start_run(self, recipe: Recipe | None, kind: str = "clean", scope: str = "") -> int:
        """Begins a clean of the Site, or a choice among its results, and returns the Run's number. Raises AlreadyRunning."""
        self._acquire_lock()
        with self.store.write() as db:
            for each in RUN_KINDS:
                run_log.close_interrupted_runs(db, self.site, each)
            return run_log.open_run(db, self.site, kind, str(recipe or ""), scope)

    def _acquire_lock(self) -> None:
        try:
            self._lock = locks.acquire(self.store, f"clean:{self.site}")
        except AlreadyRunning as first:
            raise AlreadyRunning(
                run_log.running_message(self.store, self.site, "clean", first.holder)
            ) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else cleans the Site meanwhile. Raises AlreadyRunning."""
        self._acquire_lock()
        try:
            yield
        finally:
            self.release()

    def finish_run(self, run: int, status: str, detail: str = "") -> dict[str, int]:
        """Ends a Run and returns its counts by outcome."""
        try:
            counts = retry_while_unavailable(lambda: self._close(run, status, detail))
            retry_while_unavailable(lambda: site_counts.refresh(self.store, self.site))
            return counts
        finally:
            self.release()

    def _close(self, run: int, status: str, detail: str) -> dict[str, int]:
        with self.store.write() as db:
            return run_log.close_run(db, run, status, detail, Reason.INTERRUPTED)

    def release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def count_stale(self, recipe: Recipe, scope: CleanScope = STALE_PAGES) -> int:
        """Pages to be cleaned."""
        with self.store.read() as db:
            return (
                db.scalar(
                    select(func.count()).select_from(PageRow).where(self._in_scope(recipe, scope))
                )
                or 0
            )

    def mark_stale(self, recipe: Recipe, scope: CleanScope) -> None:
        """Makes all Pages of a Scope stale, unless the last clean was begun with the same Scope and Recipe and broke off: then
        the rest of it is still stale."""
        last = select(RunRow.status, RunRow.recipe, RunRow.scope).where(
            RunRow.site == self.site, RunRow.kind == "clean"
        )
        with self.store.write() as db:
            row = db.execute(last.order_by(RunRow.id.desc())).first()
            if (
                row is None
                or row.status == "finished"
                or (row.recipe, row.scope) != (str(recipe), str(scope))
            ):
                db.execute(
                    update(PageRow).where(self._in_scope(recipe, scope)).values(needs_clean=True)
                )

    def count_pending_payloads(self, recipe: Recipe, scope: CleanScope = STALE_PAGES) -> int:
        """Payloads of stale Pages that the extractors have not seen in their present version."""
        with self.store.read() as db:
            return (
                db.scalar(
                    select(func.count()).select_from(self._pending_payload_ids(recipe, scope).subquery())
                )
                or 0
            )

    def extraction_parts(self, recipe: Recipe, size: int, scope: CleanScope = STALE_PAGES) -> tuple[tuple[int, int], ...]:
        """What is to be extracted, cut into parts of so many Payloads: of each its last Payload's id, and how many it has."""
        found = self._pending_payload_ids(recipe, scope).subquery()
        payload = found.c.payload_id
        numbered = select(
            payload, ((func.row_number().over(order_by=payload) - 1) // size).label("part")
        ).subquery()
        query = (
            select(func.max(numbered.c.payload_id), func.count())
            .group_by(numbered.c.part)
            .order_by(numbered.c.part)
        )
        with self.store.read() as db:
            return tuple((last, number) for last, number in db.execute(query))

    def pending_payloads(
        self, recipe: Recipe, after: int, limit: int, scope: CleanScope = STALE_PAGES, last: int | None = None
    ) -> tuple[PendingPayload, ...]:
        """The next Payloads to extract, by id and up to the `last`: fewer where they are large, but one at the least."""
        wanted = (
            self._pending_payload_ids(recipe, scope)
            .where(CaptureRow.payload_id > after)
            .order_by(CaptureRow.payload_id)
            .limit(limit)
        )
        if last is not None:
            wanted = wanted.where(CaptureRow.payload_id <= last)
        query = select(PayloadRow.id, PayloadRow.charset, PayloadRow.media_type, *COMPRESSED_COLUMNS)
        with self.store.read() as db:
            ids = _together(db, [payload for payload in db.scalars(wanted) if payload is not None])
            rows = db.execute(query.where(PayloadRow.id.in_(ids)).order_by(PayloadRow.id)).all()
            pages = inputs.pages_by_payload(db, self.site, ids)
            return tuple(_pending_payload(db, row, pages.get(row.id, ())) for row in rows)

    def save_extracted(
        self,
        drafts: Sequence[tuple[int, ExtractedPage | StoredExtraction]],
        seen: Mapping[int, line_sightings.PageSightings] | None,
    ) -> None:
        """Keeps Drafts by their Payload's id, and in the same transaction adds the lines, headlines and containers of their
        Pages to the Site's memory; Pages of whose lines it now knows more become stale. Without `seen` the memory learns them
        later."""
        rows = [
            _extracted_page_row(payload_id, draft) | {"in_profile": seen is not None}
            for payload_id, draft in drafts
        ]
        if not rows:
            return
        with self.store.write() as db:
            locks.advisory_xact_lock(db, f"profile:{self.site}")
            new = insert_or_ignore(db, ExtractedPageRow, ["payload_id", "extractors"]).returning(
                ExtractedPageRow.payload_id
            )
            payloads = frozenset(db.scalars(new, rows))
            self._add_to_profile(db, drafts[0][1].extractors, payloads, seen or {})

    def not_in_profile(self, recipe: Recipe, limit: int) -> tuple[UnprofiledPage, ...]:
        """The next Drafts that were made without telling the memory."""
        columns = (
            ExtractedPageRow.id,
            ExtractedPageRow.payload_id,
            ExtractedPageRow.codec,
            ExtractedPageRow.body,
        )
        ours = select(CaptureRow.id).join(PageRow, PageRow.id == CaptureRow.page_id)
        ours = ours.where(
            CaptureRow.payload_id == ExtractedPageRow.payload_id, PageRow.site == self.site
        )
        query = select(*columns).where(
            ~ExtractedPageRow.in_profile,
            ExtractedPageRow.extractors == recipe.extractors,
            ours.exists(),
        )
        with self.store.read() as db:
            rows = db.execute(query.order_by(ExtractedPageRow.payload_id).limit(limit)).all()
            pages = inputs.pages_by_payload(db, self.site, [row.payload_id for row in rows])
        return tuple(
            UnprofiledPage(
                row.id,
                row.payload_id,
                decode_extracted(row.codec, row.body),
                tuple(pages.get(row.payload_id, ())),
            )
            for row in rows
        )

    def add_to_profile(self, drafts: Sequence[int], seen: Mapping[int, line_sightings.PageSightings]) -> None:
        """Tells the memory what these Drafts, by id, show of their Pages."""
        columns = (ExtractedPageRow.extractors, ExtractedPageRow.payload_id)
        with self.store.write() as db:
            locks.advisory_xact_lock(db, f"profile:{self.site}")
            told = (
                update(ExtractedPageRow)
                .where(ExtractedPageRow.id.in_(drafts), ~ExtractedPageRow.in_profile)
                .values(in_profile=True)
                .returning(*columns)
            )
            new = db.execute(told).all()
            if new:
                self._add_to_profile(db, new[0].extractors, frozenset(row.payload_id for row in new), seen)

    def _add_to_profile(
        self,
        db: Connection,
        extractors: str,
        payloads: frozenset[int],
        seen: Mapping[int, line_sightings.PageSightings],
    ) -> None:
        """Lines can be told twice; containers are counted, so only those of Payloads that were not told before."""
        shown = {
            page: {n: each.containers[n] for n in payloads & each.containers.keys()}
            for page, each in seen.items()
        }
        line_sightings.add(db, self.site, seen, datetime.now(UTC))
        container_stats.add(db, self.site, extractors, shown)
        line_sightings.forget_old(db, self.site, line_sightings.WINDOW_PAGES, PAGES_PER_TRIM)

    def trim_profile(self, recipe: Recipe, batches: int = 100) -> int:
        """Keeps the memory within its bounds, in small transactions and so many at the most: what is left waits for the next
        time. Returns how many Pages it let go of."""
        with self.store.write() as db:
            container_stats.forget_other_extractors(db, self.site, recipe.extractors)
        done = 0
        for _ in range(batches):
            with self.store.write() as db:
                found = line_sightings.forget_old(db, self.site, line_sightings.WINDOW_PAGES, PAGES_PER_TRIM)
            done += found
            if found < PAGES_PER_TRIM:
                break
        return done

    def stale_pages(
        self, recipe: Recipe, after: int, limit: int, scope: CleanScope = STALE_PAGES
    ) -> tuple[CleanInput, ...]:
        """The next stale Pages by id, with the material to clean them: `limit` of them, or fewer where their Drafts are long.
        One whose Drafts are not all there comes without `met`, and stays stale."""
        query = (
            select(PageRow.id)
            .where(self._in_scope(recipe, scope), PageRow.id > after)
            .order_by(PageRow.id)
            .limit(limit)
        )
        found, blocks = list[CleanInput](), 0
        with self.store.read() as db:
            for some in chunks(tuple(db.scalars(query)), PAGES_PER_STEP):
                found += inputs.clean_inputs(db, some, recipe.extractors)
                blocks += sum(
                    len(met.extracted.blocks)
                    for material in found[-len(some) :]
                    for met in material.periods
                )
                if blocks >= MAX_BLOCKS:
                    break
        return tuple(found)

    def line_stats(self, lines: Mapping[int, Sequence[int]]) -> dict[int, dict[int, LineStats]]:
        """What the Site's memory holds of the given lines of Pages: page → line → Fact."""
        with self.store.read() as db:
            return line_sightings.stats(db, self.site, lines)

    def save_results(
        self, run: int, recipe: Recipe, results: Sequence[CleanOutcome], made: PreparedRows = NO_PREPARED_ROWS
    ) -> None:
        """Writes the results of some Pages and their entries in the ledger, in one transaction. Rows of the full-text index
        that were `made` ahead are taken."""
        with self.store.write() as db:
            articles.save_outcomes(db, run, recipe, results, datetime.now(UTC), made)

    def save_reviews(self, run: int, results: Sequence[ReviewOutcome]) -> None:
        """Writes what somebody chose for some Pages, in one transaction."""
        with self.store.write() as db:
            articles.save_reviews(db, run, results, datetime.now(UTC))

    def _in_scope(self, recipe: Recipe, scope: CleanScope) -> ColumnElement[bool]:
        """Pages that a clean of this Scope is about."""
        stored = and_(
            PageRow.site == self.site,
            PageRow.payload_id.is_not(None),
            PageRow.kind == UrlKind.STORY,
        )
        narrowed = selection.scope_conditions(self.store.is_sqlite, scope)
        return and_(stored, *narrowed) if scope.everything else and_(self._is_stale(recipe), *narrowed)

    def _is_stale(self, recipe: Recipe) -> ColumnElement[bool]:
        return and_(
            PageRow.site == self.site,
            PageRow.payload_id.is_not(None),
            PageRow.kind == UrlKind.STORY,
            or_(
                PageRow.clean_payload_id.is_(None),
                PageRow.clean_payload_id != PageRow.payload_id,
                PageRow.clean_recipe != str(recipe),
                PageRow.needs_clean,
            ),
        )

    def _pending_payload_ids(self, recipe: Recipe, scope: CleanScope) -> Select[int | None]:
        have = select(ExtractedPageRow.id).where(
            ExtractedPageRow.payload_id == CaptureRow.payload_id,
            ExtractedPageRow.extractors == recipe.extractors,
        )
        query = select(CaptureRow.payload_id).join(PageRow, PageRow.id == CaptureRow.page_id)
        return query.where(
            self._in_scope(recipe, scope), CaptureRow.payload_id.is_not(None), ~have.exists()
        ).distinct()


def _together(db: Connection, ids: Sequence[int]) -> tuple[int, ...]:
    """As many of these Payloads as may be in memory at the same time."""
    sizes = {
        row.id: row.size
        for row in db.execute(select(PayloadRow.id, PayloadRow.size).where(PayloadRow.id.in_(ids)))
    }
    totals = accumulate(sizes[payload] for payload in ids)
    return tuple(
        payload
        for number, (payload, total) in enumerate(zip(ids, totals, strict=True))
        if not number or total <= MAX_PAYLOAD_BYTES
    )


def _pending_payload(
    db: Connection, row: Row[*tuple[Any, ...]], pages: Sequence[tuple[int, AnnouncedMetadata]]
) -> PendingPayload:
    """Packed by a dictionary it is unpacked here, which is cheap; else by whoever extracts it. Of what is damaged, too, the
    worker is left to say so."""
    body, coding = row.body, row.codec
    if row.dictionary_id is not None:
        with suppress(ValueError):
            body, coding = decompress_payload(db, row.codec, row.body, row.dictionary_id), ""
    return PendingPayload(RawPage(row.id, body, row.charset, row.media_type), tuple(pages), coding)


def _extracted_page_row(payload_id: int, draft: ExtractedPage | StoredExtraction) -> dict[str, object]:
    coding, body = (draft.codec, draft.body) if isinstance(draft, StoredExtraction) else encode_extracted(draft)
    return {
        "payload_id": payload_id,
        "extractors": draft.extractors,
        "created_at": datetime.now(UTC),
        "reason": draft.reason,
        "cost_ms": draft.cost_ms,
        "codec": coding,
        "body": body,
    }
