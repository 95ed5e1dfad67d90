"""Compare the rows of runs with what the log sealed: captures, ledgers and results.

Rows are read for many runs at once and hashed in plain loops, so that a million captures take less
than a minute.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, select

from pipeline.core.models import ResultStatus
from pipeline.evidence.entries import ENTRY_BYTES, HASH_BYTES, entries_root
from pipeline.evidence.leaves import (
    KEY_BYTES,
    SALT_BYTES,
    LeafType,
    entry_hash,
    entry_key,
    leaf_hash,
    parse_utc,
    utc_text,
)
from pipeline.store.db.evidence import fields
from pipeline.store.db.log_schema import LogLeafRow, SealedRunRow
from pipeline.store.db.schema import (
    CaptureRow,
    CleanResultRow,
    LedgerEntryRow,
    PageRow,
    PayloadRow,
    RunRow,
)
from pipeline.store.db.sql import chunks
from pipeline.store.maintenance.log_events import Declared
from pipeline.store.maintenance.log_report import LogReport

AnyRow = Row[*tuple[Any, ...]]
CLOCK_TOLERANCE: Final = timedelta(hours=2)  # of clocks of several machines, and of corrections
ENTRIES_AT_ONCE: Final = 20_000  # of several runs in memory, but at least those of one run
READ_BATCH: Final = 1000
IMPORT_KIND: Final = "import"  # its captures are older than its run
LEAVES: Final = (
    select(
        LogLeafRow.number,
        LogLeafRow.type,
        LogLeafRow.n,
        LogLeafRow.run_id.label("leaf_run"),
        LogLeafRow.hash,
        LogLeafRow.salt,
        LogLeafRow.removed_by,
        CaptureRow.run_id,
        *fields.CAPTURE_VALUES,
    )
    .join(CaptureRow, CaptureRow.id == LogLeafRow.capture_id, isouter=True)
    .join(PageRow, PageRow.id == CaptureRow.page_id, isouter=True)
    .join(PayloadRow, PayloadRow.id == CaptureRow.payload_id, isouter=True)
    .order_by(LogLeafRow.number)
)
CAPTURE_START: Final = 8  # where the values of the capture begin in a row of `LEAVES`
SEALED: Final = (
    select(
        SealedRunRow.run_id,
        SealedRunRow.uuid,
        SealedRunRow.leaf,
        SealedRunRow.fields,
        LogLeafRow.n,
        LogLeafRow.hash,
        LogLeafRow.salt,
        RunRow.site,
        RunRow.kind,
        RunRow.scope,
        RunRow.recipe,
        RunRow.started_at,
        RunRow.finished_at,
        RunRow.status,
        RunRow.counts,
        RunRow.pruned_at,
    )
    .join(RunRow, RunRow.id == SealedRunRow.run_id)
    .join(LogLeafRow, LogLeafRow.number == SealedRunRow.leaf, isouter=True)
)


@dataclass(slots=True)
class SealedRun:
    """A run whose leaves are compared.

    Attributes:
        row: Its row of `SEALED`.
        said: The private fields of its leaf.
        is_sound: Whether these are what the leaf says.
        span: The first and last time that its captures may have; None where they may be older.
        captures: How many leaves of captures it has.
        urls: The URLs of its captures.
    """

    row: AnyRow
    said: Mapping[str, Any]
    is_sound: bool
    span: tuple[str, str] | None
    captures: int = 0
    urls: list[str] = field(default_factory=list)

    @property
    def entries(self) -> int:
        """How many entries its ledger and its results have."""
        results = self.said["results"]
        return int(self.said["ledger"]["size"]) + (int(results["size"]) if results else 0)


def load_runs(db: Connection, runs: Collection[int]) -> dict[int, SealedRun]:
    """Return sealed runs by id. Those that are gone are left out."""
    loaded: dict[int, SealedRun] = {}
    for chunk in chunks(sorted(runs)):
        for row in db.execute(SEALED.where(SealedRunRow.run_id.in_(chunk))):
            loaded[row.run_id] = _sealed_run(row)
    return loaded


def _sealed_run(row: AnyRow) -> SealedRun:
    try:
        said = msgspec.json.decode(row.fields)
        is_sound = (
            row.salt is not None
            and leaf_hash(LeafType.RUN, row.uuid, row.n, row.salt, said) == row.hash
        )
    except (msgspec.MsgspecError, TypeError):
        said, is_sound = {}, False
    return SealedRun(row, said, is_sound, _span_of(said) if is_sound else None)


def _span_of(said: Mapping[str, Any]) -> tuple[str, str] | None:
    if said["kind"] == IMPORT_KIND or said["adopted"]:
        return None
    first = parse_utc(said["started_at"]) - CLOCK_TOLERANCE
    last = parse_utc(said["sealed_at"]) + CLOCK_TOLERANCE
    return _text_of(first), _text_of(last)


def _text_of(moment: datetime) -> str:
    return utc_text(moment) or ""


class RowComparison:
    """Compares rows with leaves and entries, and reports what does not fit.

    Args:
        db: A read transaction.
        declared: What the events of the log declare.
        report: Gets the faults and the counts.
    """

    def __init__(self, db: Connection, declared: Declared, report: LogReport) -> None:
        self._db = db
        self._declared = declared
        self._report = report

    # --- captures ---

    def check_captures(self, run: SealedRun, rows: Sequence[AnyRow]) -> None:
        """Compare the next captures of a run with their leaves.

        Args:
            run: The run.
            rows: Rows of `LEAVES`.
        """
        first, run.captures = run.captures, run.captures + len(rows)
        if not run.is_sound:  # its leaf says so
            return
        self._report.count("captures", len(rows))
        uuid, site, span, urls = run.row.uuid, run.said["site"], run.span, run.urls
        for number, row in enumerate(rows, first):
            leaf, _, n, leaf_run, stored, salt, removed_by, run_id, url, *_ = row
            if salt is None or removed_by is not None:
                self._check_removal(leaf, removed_by)
                continue
            if url is None or leaf_run != run_id:
                self._report.add(leaf, f"the capture of leaf {leaf} is gone")
                continue
            urls.append(url)
            said = fields.capture_fields(row[CAPTURE_START:], site)
            if n != number or leaf_hash(LeafType.CAPTURE, uuid, n, salt, said) != stored:
                self._report.add(
                    leaf,
                    f"the capture of {url} from {said['fetched_at']} is not the one that run"
                    f" {run_id} sealed",
                )
            elif span is not None and not span[0] <= said["fetched_at"] <= span[1]:
                self._report.add(
                    leaf,
                    f"the capture of {url} says {said['fetched_at']}, and its run {run_id} lasted"
                    f" from {run.said['started_at']} to {run.said['finished_at']}",
                )

    def _check_removal(self, leaf: int, removed_by: int | None) -> None:
        removal = self._declared.removed.get(leaf)
        if removal is None or removal != removed_by:
            self._report.add(leaf, f"what leaf {leaf} says was removed without an event")

    # --- entries ---

    def check_entries(self, runs: Sequence[SealedRun]) -> None:
        """Compare ledgers and results of runs with their entries.

        Args:
            runs: Sound runs whose captures were compared.
        """
        group: list[SealedRun] = []
        for run in runs:
            if group and sum(item.entries for item in group) + run.entries > ENTRIES_AT_ONCE:
                self._check_group(group)
                group = []
            group.append(run)
        if group:
            self._check_group(group)

    def _check_group(self, runs: Sequence[SealedRun]) -> None:
        for part in chunks(runs):
            ids = [run.row.run_id for run in part]
            query = select(SealedRunRow.run_id, SealedRunRow.ledger, SealedRunRow.results)
            packed = {row[0]: row for row in self._db.execute(query.where(_is_sealed_in(ids)))}
            ledgers = _grouped(self._db, fields.LEDGER, LedgerEntryRow.run_id, ids)
            for run in part:
                rows = ledgers.get(run.row.run_id, [])
                urls = self._check_ledger(run, packed[run.row.run_id].ledger, rows)
                if urls is not None:
                    self._check_bounds(run, urls)
            self._check_results_of(part, packed)

    def _check_results_of(self, runs: Sequence[SealedRun], packed: Mapping[int, AnyRow]) -> None:
        cleans: list[SealedRun] = []
        for run in runs:
            if packed[run.row.run_id].results is not None:
                cleans.append(run)
            elif run.said["results"] is not None:
                self._report.add(
                    run.row.leaf, f"run {run.row.run_id}: the hashes of its results are gone"
                )
        ids = [run.row.run_id for run in cleans]
        results = _grouped(self._db, fields.RESULTS, CleanResultRow.run_id, ids) if ids else {}
        for run in cleans:
            rows = results.get(run.row.run_id, [])
            self._check_results(run, packed[run.row.run_id].results, rows)

    def _check_bounds(self, run: SealedRun, urls: Collection[str]) -> None:
        """What was captured keeps its entry in the ledger, also when the ledger is pruned."""
        for url in run.urls:
            if url not in urls:
                self._report.add(
                    run.row.leaf, f"run {run.row.run_id}: the ledger has lost the entry of {url}"
                )

    def _check_ledger(
        self, run: SealedRun, packed: bytes | None, rows: Sequence[AnyRow]
    ) -> set[str] | None:
        """Compare the ledger of a run, and return the URLs of its entries; None if it is pruned."""
        leaf, run_id, uuid = run.row.leaf, run.row.run_id, run.row.uuid
        if packed is None:
            if uuid not in self._declared.pruned or rows:
                self._report.add(leaf, f"run {run_id}: the hashes of its ledger are gone")
            return None
        if not self._is_tree(run, "ledger", packed):
            return None
        entries = StoredEntries(packed)
        urls: set[str] = set()
        for row in rows:
            url = row[1]
            urls.add(url)
            if not entries.take(entry_key(url), (fields.ledger_fields(row),)):
                self._report.add(
                    leaf, f"run {run_id}: the ledger entry of {url} is not one that was sealed"
                )
        self._report.count("ledger entries", len(rows))
        forgotten = self._declared.forgotten.get((uuid, "ledger"), ())
        lost = entries.rest(forgotten)
        if lost and uuid not in self._declared.pruned | self._declared.repaired:
            self._report.add(leaf, f"run {run_id}: {lost} entries of its ledger are gone")
        return None if forgotten else urls

    def _check_results(self, run: SealedRun, packed: bytes, rows: Sequence[AnyRow]) -> None:
        """Compare the results that a clean made. Results can be made again, so some may be gone."""
        if not self._is_tree(run, "results", packed):
            return
        entries = StoredEntries(packed)
        self._report.count("results", len(rows))
        for row in rows:
            if not entries.take(entry_key(row.url), _result_candidates(row, run.said["recipe"])):
                self._report.add(
                    run.row.leaf,
                    f"run {run.row.run_id}: the result of {row.url} is not one that it made",
                )

    def _is_tree(self, run: SealedRun, name: str, packed: bytes) -> bool:
        said, size = run.said[name], len(packed) // ENTRY_BYTES
        is_same = (size, entries_root(packed).hex()) == (said["size"], said["root"])
        if not is_same:
            self._report.add(
                run.row.leaf, f"run {run.row.run_id}: the hashes of its {name} were changed"
            )
        return is_same


def _result_candidates(row: AnyRow, recipe: str) -> Iterator[fields.Fields]:
    """Yield the fields that a result may have had when its run was closed, the likely first."""
    for of_recipe in dict.fromkeys((row.recipe, recipe)):
        for status in dict.fromkeys((row.status, *ResultStatus)):
            yield fields.result_fields(row, of_recipe, str(status))


def _is_sealed_in(ids: Sequence[int]) -> Any:
    return SealedRunRow.run_id.in_(ids)


def _grouped(
    db: Connection, query: Any, run_column: Any, ids: Sequence[int]
) -> dict[int, list[AnyRow]]:
    """Return the rows of a query by run, which is their first column."""
    rows = db.execute(query.where(run_column.in_(ids)).order_by(run_column))
    return {run: list(group) for run, group in groupby(rows, key=itemgetter(0))}


class StoredEntries:
    """Stored entries, from which those with a row are taken."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._starts: dict[bytes, list[int]] = defaultdict(list)
        for start in range(0, len(packed), ENTRY_BYTES):
            self._starts[packed[start : start + KEY_BYTES]].append(start)

    def take(
        self, key: bytes, candidates: Sequence[Mapping[str, Any]] | Iterator[Mapping[str, Any]]
    ) -> bool:
        """Take the entry that has some of these private fields, and return whether there is one."""
        starts = self._starts.get(key[:KEY_BYTES])
        if not starts:
            return False
        for candidate in candidates:
            for start in starts:
                salt_start = start + KEY_BYTES
                salt = self._packed[salt_start : salt_start + SALT_BYTES]
                hash_start = salt_start + SALT_BYTES
                stored = self._packed[hash_start : hash_start + HASH_BYTES]
                if entry_hash(key, salt, candidate) == stored:
                    starts.remove(start)
                    return True
        return False

    def rest(self, forgotten: Collection[int]) -> int:
        """Return how many entries were not taken, without those that were forgotten."""
        count = 0
        for starts in self._starts.values():
            count += sum(start // ENTRY_BYTES not in forgotten for start in starts)
        return count
