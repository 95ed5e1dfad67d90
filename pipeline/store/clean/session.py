"""The session of a clean: what is stale, the inputs to clean it, and where the results go.

Everything stale is found, whatever happened before. A page is stale when the result of its newest
payload has another recipe than the current one, or when the site profile has changed for its
lines. Results are written whole or not at all. Pages, payloads and captures stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    func,
    or_,
    select,
    update,
)

from pipeline.core.clean_values import CleanInput, CleanOutcome
from pipeline.core.errors import AlreadyRunning
from pipeline.core.models import (
    ExtractedPage,
    LineStats,
    Reason,
    Recipe,
    UrlKind,
)
from pipeline.fulltext.index_rows import NO_PREPARED_ROWS, PreparedRows
from pipeline.store.clean import (
    articles,
    container_stats,
    inputs,
    joined_stories,
    line_sightings,
    near_duplicates,
    pending,
    selection,
    story_changes,
)
from pipeline.store.clean.line_sightings import PageSightings
from pipeline.store.clean.types import (
    CleanScope,
    JoinablePage,
    PendingPayload,
    ReviewOutcome,
    StoredExtraction,
    UnprofiledPage,
    WorkLeft,
)
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS
from pipeline.store.codec.serialization import decode_extracted, encode_extracted
from pipeline.store.db import locks, run_log, site_counts
from pipeline.store.db.engine import Database, retry_while_unavailable
from pipeline.store.db.schema import (
    CURRENT_PAYLOAD,
    CaptureRow,
    ExtractedPageRow,
    PageRow,
    PayloadRow,
    RunRow,
)
from pipeline.store.db.sql import insert_or_ignore
from pipeline.store.search import index

STALE_PAGES: Final = CleanScope()
RUN_KINDS: Final = ("clean", "review", "rollback")  # runs under the one lock of a site's clean


@dataclass(frozen=True, slots=True)
class CleanLimits:
    """How much a clean holds in memory and changes in one transaction."""

    pages_per_read: int = 20  # stale pages whose extracted pages are read in one step
    max_blocks: int = 20_000  # of their extracted pages; no step follows one that goes beyond
    max_payload_bytes: int = 32 * 1024 * 1024  # of payloads that are read together
    profile_window: int = line_sightings.WINDOW_PAGES
    pages_per_trim: int = 200  # pages whose single lines are forgotten in one transaction
    max_containers: int = container_stats.MAX_CONTAINERS


DEFAULT_LIMITS: Final = CleanLimits()


class CleanSession:
    """What a clean of one site reads and writes."""

    def __init__(self, store: Database, site: str, limits: CleanLimits = DEFAULT_LIMITS) -> None:
        self.store = store
        self.site = site
        self._limits = limits
        self._lock: locks.Lock | None = None
        self._provisional_runs: frozenset[int] | None = None

    def start_run(self, recipe: Recipe | None, kind: str = "clean", scope: str = "") -> int:
        """Start a clean of the site, or a choice among its results, and return the run's id.

        Args:
            recipe: The recipe of a clean.
            kind: clean, review or rollback.
            scope: Which part of the site it is about; "" for all stale pages.

        Raises:
            AlreadyRunning: Another process cleans the site.
        """
        self._acquire_lock()
        with self.store.write() as db:
            for run_kind in RUN_KINDS:
                run_log.close_interrupted_runs(db, self.site, run_kind)
            return run_log.open_run(db, self.site, kind, str(recipe or ""), scope)

    def _acquire_lock(self) -> None:
        try:
            self._lock = locks.acquire(self.store, f"clean:{self.site}")
        except AlreadyRunning as running:
            message = run_log.running_message(self.store, self.site, "clean", running.holder)
            raise AlreadyRunning(message) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from cleaning the site meanwhile.

        Raises:
            AlreadyRunning: Another process cleans the site.
        """
        self._acquire_lock()
        try:
            yield
        finally:
            self.release()

    def finish_run(self, run: int, status: str, detail: str = "") -> dict[str, int]:
        """Close a run and return its counts by outcome."""
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
        """Release the lock of the site's clean."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def work_left(self, recipe: Recipe, scope: CleanScope) -> WorkLeft:
        """Return what a clean would find to do. Most sites of a night have nothing.

        A clean of the whole site also has to confirm the results of cleans during its crawl.

        Args:
            recipe: Today's recipe of the site.
            scope: Which pages the clean takes.

        Returns:
            Whether pages are stale, and whether groups, changes or the index are behind.
        """
        stale: ColumnElement[bool] = (
            select(PageRow.id).where(self._in_scope(recipe, scope)).exists()
        )
        if scope == STALE_PAGES:
            stale = or_(stale, selection.provisional_runs(self.site).exists())
        ungrouped = near_duplicates.select_pending(self.site).exists()
        unindexed = index.select_unindexed(self.site).exists()
        with self.store.read() as db:
            is_stale, is_pending = db.execute(select(stale, or_(ungrouped, unindexed))).one()
        is_pending = is_pending or story_changes.count_pending(self.store, self.site) > 0
        return WorkLeft(is_stale, is_pending)

    def count_stale(self, recipe: Recipe, scope: CleanScope = STALE_PAGES) -> int:
        """Count the pages to clean."""
        query = select(func.count()).select_from(PageRow).where(self._in_scope(recipe, scope))
        with self.store.read() as db:
            return db.scalar(query) or 0

    def mark_stale(self, recipe: Recipe, scope: CleanScope) -> None:
        """Mark all pages of a scope as stale.

        Does nothing where the last clean had the same scope and recipe and was interrupted: the
        rest of its pages is still stale.
        """
        last_clean = (
            select(RunRow.status, RunRow.recipe, RunRow.scope)
            .where(RunRow.site == self.site, RunRow.kind == "clean")
            .order_by(RunRow.id.desc())
        )
        in_scope = self._in_scope(recipe, scope)
        with self.store.write() as db:
            last = db.execute(last_clean).first()
            if last is not None and _was_interrupted(last, recipe, scope):
                return
            db.execute(update(PageRow).where(in_scope).values(needs_clean=True))

    def count_pending_payloads(self, recipe: Recipe, scope: CleanScope = STALE_PAGES) -> int:
        """Count the payloads of stale pages that these extractors have not seen."""
        payloads = pending.all_payload_ids(self._in_scope(recipe, scope), recipe)
        with self.store.read() as db:
            return db.scalar(select(func.count()).select_from(payloads)) or 0

    def extraction_parts(
        self, recipe: Recipe, size: int, scope: CleanScope = STALE_PAGES
    ) -> tuple[tuple[int, int], ...]:
        """Divide the payloads to extract into parts.

        Args:
            recipe: The recipe of the clean.
            size: How many payloads a part has.
            scope: The pages of the clean.

        Returns:
            The id of the last payload of each part, and how many payloads it has.
        """
        payloads = pending.all_payload_ids(self._in_scope(recipe, scope), recipe)
        return self._part_ends(select(payloads.c.payload_id), size)

    def page_parts(
        self, recipe: Recipe, size: int, scope: CleanScope = STALE_PAGES
    ) -> tuple[tuple[int, int], ...]:
        """Divide the pages to clean into parts.

        Args:
            recipe: The recipe of the clean.
            size: How many pages a part has.
            scope: The pages of the clean.

        Returns:
            The id of the last page of each part, and how many pages it has.
        """
        return self._part_ends(select(PageRow.id).where(self._in_scope(recipe, scope)), size)

    def _part_ends(self, ids: Select[int], size: int) -> tuple[tuple[int, int], ...]:
        with self.store.read() as db:
            rows = db.execute(selection.part_ends(ids, size))
            return tuple((last_id, count) for last_id, count in rows)

    def pending_payloads(
        self,
        recipe: Recipe,
        after: int,
        limit: int,
        scope: CleanScope = STALE_PAGES,
        last: int | None = None,
    ) -> tuple[PendingPayload, ...]:
        """Return the next payloads to extract, by id.

        Args:
            recipe: The recipe of the clean.
            after: The id of the last payload before.
            limit: How many payloads to return: fewer where they are large, but at least one.
            scope: The pages of the clean.
            last: The id of the last payload to return, or None for all.
        """
        columns = (PayloadRow.id, PayloadRow.charset, PayloadRow.media_type, *COMPRESSED_COLUMNS)
        query = select(*columns).order_by(PayloadRow.id)
        with self.store.read() as db:
            next_ids = pending.next_payload_ids(
                db, self._in_scope(recipe, scope), recipe, after=after, limit=limit, last=last
            )
            ids = inputs.first_batch(db, next_ids, self._limits.max_payload_bytes)
            rows = db.execute(query.where(PayloadRow.id.in_(ids))).all()
            pages = inputs.pages_by_payload(db, self.site, ids)
            payloads: list[PendingPayload] = []
            for row in rows:
                payloads.append(inputs.pending_payload(db, row, pages.get(row.id, ())))
        return tuple(payloads)

    def save_extracted(
        self,
        extractions: Sequence[tuple[int, ExtractedPage | StoredExtraction]],
        sightings: Mapping[int, PageSightings] | None,
    ) -> None:
        """Save extracted pages, and add them to the site profile in the same transaction.

        Pages whose statistics change become stale.

        Args:
            extractions: Payload ids and extracted pages.
            sightings: What their pages show, by page id. With None they are added to the site
                profile later: see `not_in_profile`.
        """
        if not extractions:
            return
        in_profile = sightings is not None
        rows: list[dict[str, object]] = []
        for payload_id, extraction in extractions:
            row = _extracted_page_row(payload_id, extraction)
            rows.append(row | {"in_profile": in_profile})
        extractors = extractions[0][1].extractors
        with self.store.write() as db:
            locks.advisory_xact_lock(db, f"profile:{self.site}")
            statement = insert_or_ignore(db, ExtractedPageRow, ["payload_id", "extractors"])
            new = db.scalars(statement.returning(ExtractedPageRow.payload_id), rows)
            self._add_to_profile(db, extractors, frozenset(new), sightings or {})

    def not_in_profile(self, recipe: Recipe, limit: int) -> tuple[UnprofiledPage, ...]:
        """Return the next extracted pages that were saved without the site profile.

        Args:
            recipe: Today's recipe of the site.
            limit: The most pages to return.

        Returns:
            Pages by id; none where the profile knows all of them.
        """
        columns = (
            ExtractedPageRow.id,
            ExtractedPageRow.payload_id,
            ExtractedPageRow.codec,
            ExtractedPageRow.body,
        )
        of_site = (
            select(CaptureRow.id)
            .join(PageRow, PageRow.id == CaptureRow.page_id)
            .where(CaptureRow.payload_id == ExtractedPageRow.payload_id, PageRow.site == self.site)
        )
        query = (
            select(*columns)
            .where(
                ~ExtractedPageRow.in_profile,
                ExtractedPageRow.extractors == recipe.extractors,
                of_site.exists(),
            )
            .order_by(ExtractedPageRow.payload_id)
            .limit(limit)
        )
        with self.store.read() as db:
            rows = db.execute(query).all()
            pages = inputs.pages_by_payload(db, self.site, [row.payload_id for row in rows])
        unprofiled: list[UnprofiledPage] = []
        for row in rows:
            extracted = decode_extracted(row.codec, row.body)
            page_links = tuple(pages.get(row.payload_id, ()))
            unprofiled.append(UnprofiledPage(row.id, row.payload_id, extracted, page_links))
        return tuple(unprofiled)

    def add_to_profile(
        self, extracted_page_ids: Sequence[int], sightings: Mapping[int, PageSightings]
    ) -> None:
        """Add extracted pages to the site profile.

        Args:
            extracted_page_ids: The extracted pages.
            sightings: What their pages show, by page id.
        """
        mark = (
            update(ExtractedPageRow)
            .where(ExtractedPageRow.id.in_(extracted_page_ids), ~ExtractedPageRow.in_profile)
            .values(in_profile=True)
            .returning(ExtractedPageRow.extractors, ExtractedPageRow.payload_id)
        )
        with self.store.write() as db:
            locks.advisory_xact_lock(db, f"profile:{self.site}")
            new = db.execute(mark).all()
            if new:
                payload_ids = frozenset(row.payload_id for row in new)
                self._add_to_profile(db, new[0].extractors, payload_ids, sightings)

    def _add_to_profile(
        self,
        db: Connection,
        extractors: str,
        payload_ids: frozenset[int],
        sightings: Mapping[int, PageSightings],
    ) -> None:
        """Add what pages show.

        Lines can be added twice. Containers are counted, so only those of the payloads that were
        not added before.
        """
        containers: dict[int, dict[int, tuple[container_stats.ContainerSighting, ...]]] = {}
        for page, shown in sightings.items():
            new_ids = payload_ids & shown.containers.keys()
            containers[page] = {payload_id: shown.containers[payload_id] for payload_id in new_ids}
        line_sightings.add(db, self.site, sightings, datetime.now(UTC))
        container_stats.add(db, self.site, extractors, containers, self._limits.max_containers)
        self._forget_old_lines(db)

    def _forget_old_lines(self, db: Connection) -> int:
        limits = self._limits
        return line_sightings.forget_old(
            db, self.site, limits.profile_window, limits.pages_per_trim
        )

    def trim_profile(self, recipe: Recipe, max_batches: int = 100) -> int:
        """Keep the site profile within its limits, in small transactions.

        Args:
            recipe: The recipe of the clean.
            max_batches: How many transactions to make. What is left waits for the next time.

        Returns:
            How many pages it has looked at.
        """
        with self.store.write() as db:
            container_stats.forget_other_extractors(db, self.site, recipe.extractors)
        total = 0
        for _ in range(max_batches):
            with self.store.write() as db:
                count = self._forget_old_lines(db)
            total += count
            if count < self._limits.pages_per_trim:
                break
        return total

    def stale_pages(
        self,
        recipe: Recipe,
        after: int,
        limit: int,
        scope: CleanScope = STALE_PAGES,
        last: int | None = None,
    ) -> tuple[CleanInput, ...]:
        """Return the next stale pages by id, with all that is needed to clean them.

        A page whose extracted pages are not complete has no periods, and stays stale.

        Args:
            recipe: The recipe of the clean.
            after: The id of the last page before.
            limit: How many pages to return: fewer where their extracted pages are long.
            scope: The pages of the clean.
            last: The id of the last page to return, or None for all.
        """
        query = select(PageRow.id).where(self._in_scope(recipe, scope), PageRow.id > after)
        if last is not None:
            query = query.where(PageRow.id <= last)
        query = query.order_by(PageRow.id).limit(limit)
        pages: list[CleanInput] = []
        block_count = 0
        with self.store.read() as db:
            page_ids = tuple(db.scalars(query))
            provisional = self._load_provisional_runs(db)
            step_size = self._limits.pages_per_read
            steps = inputs.clean_inputs(db, page_ids, recipe.extractors, step_size, provisional)
            for new_pages in steps:
                pages += new_pages
                block_count += _count_blocks(new_pages)
                if block_count >= self._limits.max_blocks:
                    break
        return tuple(pages)

    def _load_provisional_runs(self, db: Connection) -> frozenset[int]:
        if self._provisional_runs is None:
            self._provisional_runs = frozenset(db.scalars(selection.provisional_runs(self.site)))
        return self._provisional_runs

    def stories_in_parts(self, recipe: Recipe, scope: CleanScope = STALE_PAGES) -> tuple[int, ...]:
        """Return the stories of a scope that have further parts.

        Parts that an earlier clean took for stories lose their articles.

        Args:
            recipe: Today's recipe of the site.
            scope: Which pages the clean takes.

        Returns:
            Ids of the stories.
        """
        in_scope = (self._in_scope(recipe, scope), joined_stories.has_parts())
        with self.store.read() as db:
            wrong_articles = joined_stories.parts_with_article(db, self.site)
            stories = tuple(db.scalars(select(PageRow.id).where(*in_scope).order_by(PageRow.id)))
        if wrong_articles:
            with self.store.write() as db:
                articles.unpublish(db, wrong_articles)
        return stories

    def update_joined_periods(
        self, stories: Sequence[int], recipe: Recipe
    ) -> tuple[JoinablePage, ...]:
        """Compute the periods of stories in parts again, and return what is to be joined."""
        with self.store.write() as db:
            joined_stories.update_periods(db, stories)
        with self.store.read() as db:
            return joined_stories.joinable_pages(db, stories, recipe.extractors)

    def line_stats(self, lines: Mapping[int, Sequence[int]]) -> dict[int, dict[int, LineStats]]:
        """Return the statistics of lines from the site profile: see `line_sightings.stats`."""
        with self.store.read() as db:
            return line_sightings.stats(db, self.site, lines)

    def save_results(
        self,
        run: int,
        recipe: Recipe,
        outcomes: Sequence[CleanOutcome],
        prepared: PreparedRows = NO_PREPARED_ROWS,
    ) -> None:
        """Save what a clean made of pages, with their ledger entries, in one transaction.

        Args:
            run: The run's id.
            recipe: The recipe of the clean.
            outcomes: What it made of the pages.
            prepared: Rows of the full-text index that were made ahead.

        Raises:
            StoreError: The run was closed meanwhile.
        """
        revisions = articles.changed_revisions(outcomes)
        edits = story_changes.edits_of_revisions(self.store, revisions)
        with run_log.writing(self.store, run) as db:
            articles.save_outcomes(db, run, recipe, outcomes, datetime.now(UTC), edits, prepared)

    def save_reviews(self, run: int, outcomes: Sequence[ReviewOutcome]) -> None:
        """Save what a person has chosen for pages, in one transaction."""
        revisions = {outcome.page_id: outcome.revisions for outcome in outcomes}
        edits = story_changes.edits_of_revisions(self.store, revisions)
        with run_log.writing(self.store, run) as db:
            articles.save_reviews(db, run, outcomes, datetime.now(UTC), edits)

    def _in_scope(self, recipe: Recipe, scope: CleanScope) -> ColumnElement[bool]:
        """Return the condition for the pages of a scope."""
        narrowed = selection.scope_conditions(self.store.is_sqlite, scope)
        if scope.everything:
            return and_(self._is_stored_story(), *narrowed)
        return and_(self._is_stale(recipe), *narrowed)

    def _is_stored_story(self) -> ColumnElement[bool]:
        return and_(
            PageRow.site == self.site,
            PageRow.payload_id.is_not(None),
            PageRow.kind == UrlKind.STORY,
        )

    def _is_stale(self, recipe: Recipe) -> ColumnElement[bool]:
        return and_(
            self._is_stored_story(),
            or_(
                PageRow.clean_payload_id.is_(None),
                PageRow.clean_payload_id != CURRENT_PAYLOAD,
                PageRow.clean_recipe != str(recipe),
                PageRow.needs_clean,
            ),
        )


def _was_interrupted(last_clean: Row[*tuple[Any, ...]], recipe: Recipe, scope: CleanScope) -> bool:
    """Return whether the last clean had the same recipe and scope, and did not finish."""
    is_same_clean = (last_clean.recipe, last_clean.scope) == (str(recipe), str(scope))
    return is_same_clean and last_clean.status != "finished"


def _count_blocks(pages: Sequence[CleanInput]) -> int:
    count = 0
    for page in pages:
        count += sum(len(period.extracted.blocks) for period in page.periods)
    return count


def _extracted_page_row(
    payload_id: int, extraction: ExtractedPage | StoredExtraction
) -> dict[str, object]:
    if isinstance(extraction, StoredExtraction):
        codec, body = extraction.codec, extraction.body
    else:
        codec, body = encode_extracted(extraction)
    return {
        "payload_id": payload_id,
        "extractors": extraction.extractors,
        "created_at": datetime.now(UTC),
        "reason": extraction.reason,
        "cost_ms": extraction.cost_ms,
        "codec": codec,
        "body": body,
    }
