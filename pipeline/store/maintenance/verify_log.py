"""Verify the log: its leaves against the rows, its roots against what others have seen of it.

Each leaf is computed again from its row, each tree from its leaves. So a row that was changed,
added or removed after its run was sealed does not fit, and neither does a log that was written
anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, func, select, text

from pipeline.core.errors import NightdeskError
from pipeline.evidence import keys, notes
from pipeline.evidence.leaves import EventKind, LeafType, leaf_hash, parse_utc, utc_text
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import checkpoints, tree
from pipeline.store.db.log_schema import LogLeafRow, LogNodeRow, SealedRunRow
from pipeline.store.db.schema import CaptureRow, PageRow, RunRow
from pipeline.store.maintenance.log_events import Declared, read_declared
from pipeline.store.maintenance.log_report import LogFault, LogReport, MerkleFold, OutsideView
from pipeline.store.maintenance.progress import ProgressCallback
from pipeline.store.maintenance.sealed_rows import (
    CLOCK_TOLERANCE,
    LEAVES,
    AnyRow,
    RowComparison,
    SealedRun,
    load_runs,
)

BATCH_SIZE: Final = 500  # leaves, whose runs are read together


def verify_log(
    database: Database,
    views: Sequence[OutsideView] = (),
    progress: ProgressCallback = lambda *_: None,
    *,
    trusted_keys: Collection[str] = (),
) -> LogReport:
    """Verify the whole log against the rows, and against views from outside.

    Args:
        database: The archive.
        views: What others have seen of the log.
        progress: Receives how many leaves are done.
        trusted_keys: Fingerprints of keys that the reader trusts although no earlier key signed
            them.
    """
    with database.read() as db:
        if not database.is_sqlite:
            db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        verification = _LogVerification(db, views, progress)
        verification.run(trusted_keys)
        return verification.report


class _LogVerification:
    def __init__(
        self, db: Connection, views: Sequence[OutsideView], progress: ProgressCallback
    ) -> None:
        self.report = LogReport()
        self._db = db
        self._views = views
        self._progress = progress
        self._declared = Declared()
        self._rows = RowComparison(db, self._declared, self.report)
        self._runs: dict[int, SealedRun] = {}  # whose captures are being read
        self._open: tuple[int, int] | None = None  # first capture and run, without its run leaf yet
        self._closed: list[SealedRun] = []  # whose entries have to be compared
        self._roots: dict[int, bytes] = {}  # by the sizes that somebody asks for
        self._last_time: datetime | None = None
        self._is_adopting = False

    def run(self, trusted_keys: Collection[str]) -> None:
        report = self.report
        self._declared = read_declared(self._db, report, trusted_keys)
        self._rows = RowComparison(self._db, self._declared, report)
        total = tree.size(self._db)
        report.archive = self._declared.archive_at(total)
        report.key = self._declared.key_at(total)
        stored = checkpoints.all_checkpoints(self._db)
        wanted = {row.size for row in stored} | {view.size for view in self._views}
        wanted |= {int(event.fields.get("size", 0)) for event in self._declared.imports}
        self._check_leaves(total, wanted)
        self._check_rows_without_leaf()
        self._check_imports()
        self._check_checkpoints(stored)
        for view in self._views:
            self._check_view(view)

    # --- leaves, in the order of the log ---

    def _check_leaves(self, total: int, wanted: Collection[int]) -> None:
        nodes = self._read_nodes()
        fold = MerkleFold(tree.FANOUT)
        self._roots[0] = fold.root
        stops, before = sorted(wanted), len(self.report.faults)
        result = self._db.execution_options(yield_per=BATCH_SIZE).execute(LEAVES)
        for batch in result.partitions():
            rows = self._without_gap(batch, fold.size)
            for part in _parts(rows, stops):
                for level, number, node in fold.extend([row.hash for row in part]):
                    if nodes.pop((level, number), None) != node:
                        self.report.add(
                            part[-1].number,
                            f"a stored node of the log (level {level}) does not fit",
                        )
                if fold.size in wanted:
                    self._roots[fold.size] = fold.root
            self._check_batch(rows)
            self._progress("leaves", fold.size, total)
            if len(rows) < len(batch):
                break
        self._close_captures("has captures without a run")
        # entries are compared for many runs at once, so after later leaves
        self.report.faults[before:] = sorted(self.report.faults[before:], key=_leaf_of)
        if nodes:
            self.report.add(None, f"{len(nodes)} stored nodes belong to no leaf of the log")
        self.report.size, self.report.root = fold.size, fold.root
        self._roots[fold.size] = fold.root
        for leaf in self._declared.events:
            if leaf >= fold.size:
                self.report.add(leaf, f"the event of leaf {leaf} has no leaf")

    def _without_gap(self, batch: Sequence[AnyRow], size: int) -> Sequence[AnyRow]:
        """Return the leaves up to the first one that is missing."""
        if batch[0].number == size and batch[-1].number == size + len(batch) - 1:
            return batch
        rows: list[AnyRow] = []
        for row in batch:
            if row.number != size + len(rows):
                self.report.add(size + len(rows), f"leaf {size + len(rows)} of the log is missing")
                break
            rows.append(row)
        return rows

    def _read_nodes(self) -> dict[tuple[int, int], bytes]:
        query = select(LogNodeRow.level, LogNodeRow.number, LogNodeRow.hash)
        return {(level, number): node for level, number, node in self._db.execute(query)}

    def _check_batch(self, rows: Sequence[AnyRow]) -> None:
        named = {row.leaf_run for row in rows if row.leaf_run is not None}
        self._runs |= load_runs(self._db, named - self._runs.keys())
        for (leaf_type, run), group in groupby(rows, key=attrgetter("type", "leaf_run")):
            if leaf_type == LeafType.CAPTURE:
                self._check_captures(run, list(group))
                continue
            for row in group:
                if leaf_type == LeafType.RUN:
                    self._check_run(row)
                else:
                    self._close_captures("has captures without a run")
                    self._check_event(row)
        self._rows.check_entries(self._closed)
        self._closed = []

    def _check_captures(self, run: int, rows: Sequence[AnyRow]) -> None:
        if self._open is not None and self._open[1] != run:
            self._close_captures("has captures without a run")
        if self._open is None:
            self._open = (rows[0].number, run)
        if run in self._runs:
            self._rows.check_captures(self._runs[run], rows)

    def _close_captures(self, problem: str) -> None:
        if self._open is not None:
            self.report.add(self._open[0], f"the log {problem}")
            self._open = None

    def _check_time(self, leaf: int, at: datetime) -> None:
        if self._last_time is not None and at < self._last_time:
            self.report.add(leaf, f"leaf {leaf} says that it is older than the leaf before it")
        self._last_time = at

    def _check_event(self, row: AnyRow) -> None:
        self.report.count("events")
        event = self._declared.events.get(row.number)
        if event is None:
            self.report.add(row.number, f"leaf {row.number} is an event that has no row")
            return
        archive = str(event.fields.get("archive", ""))
        is_same = (
            row.salt is not None
            and row.n == row.number
            and event.kind == event.fields.get("kind")
            and utc_text(event.at) == event.fields.get("at")
            and leaf_hash(LeafType.EVENT, archive, row.n, row.salt, event.fields) == row.hash
        )
        if not is_same:
            self.report.add(row.number, f"the event of leaf {row.number} was changed")
            return
        self._is_adopting = row.number == 0 and bool(event.fields.get("runs"))
        self._check_time(row.number, event.at)

    # --- runs ---

    def _check_run(self, row: AnyRow) -> None:
        if self._open is not None and self._open[1] != row.leaf_run:
            self._close_captures("has captures without a run")
        self._open = None
        self.report.count("runs")
        run = self._runs.pop(row.leaf_run, None)
        if run is None or run.row.leaf != row.number:
            self.report.add(
                row.number, f"run {row.leaf_run}, which leaf {row.number} seals, is gone"
            )
            return
        if not run.is_sound:
            self.report.add(row.number, f"what the log says of run {row.leaf_run} was changed")
            return
        self._compare_run(row.number, run.row, run.row.uuid, run.said)
        if row.n != run.captures or run.said["captures"] != run.captures:
            self.report.add(
                row.number,
                f"run {row.leaf_run} sealed {run.said['captures']} captures, and the log has"
                f" {run.captures}",
            )
        self._closed.append(run)

    def _compare_run(self, leaf: int, run: AnyRow, uuid: str, said: Mapping[str, Any]) -> None:
        now = {
            "site": run.site,
            "kind": run.kind,
            "scope": run.scope,
            "recipe": run.recipe,
            "started_at": utc_text(run.started_at),
            "finished_at": utc_text(run.finished_at),
            "status": run.status,
        }
        if uuid not in self._declared.repaired:
            now["counts"] = run.counts
        for name, value in now.items():
            if said[name] != value:
                self.report.add(
                    leaf,
                    f"run {run.run_id}: '{name}' is {value!r}, and was sealed as {said[name]!r}",
                )
        if run.pruned_at is not None and not said["pruned"] and uuid not in self._declared.pruned:
            self.report.add(leaf, f"run {run.run_id}: no event of the log says that it was pruned")
        sealed_at = parse_utc(said["sealed_at"])
        self._is_adopting = self._is_adopting and said["adopted"]
        if said["adopted"]:
            if not self._is_adopting:
                self.report.add(leaf, f"run {run.run_id} was adopted after the log had begun")
            return
        self._check_time(leaf, sealed_at)
        if sealed_at - parse_utc(said["finished_at"]) > CLOCK_TOLERANCE:
            self.report.add(
                leaf,
                f"run {run.run_id} says that it ended at {said['finished_at']}, and the log got"
                f" it at {said['sealed_at']}: it is dated back, or the clock was wrong",
            )

    # --- rows without a leaf ---

    def _check_rows_without_leaf(self) -> None:
        if not self.report.size:
            closed = self._db.scalar(select(func.count()).where(RunRow.finished_at.is_not(None)))
            if closed:
                self.report.notes.append("the log has not begun; the end of the next run begins it")
            return
        unsealed = (
            select(RunRow.id, RunRow.status)
            .join(SealedRunRow, SealedRunRow.run_id == RunRow.id, isouter=True)
            .where(SealedRunRow.run_id.is_(None))
            .order_by(RunRow.id)
        )
        open_runs: list[int] = []
        for row in self._db.execute(unsealed):
            if row.status == "running":
                open_runs.append(row.id)
            else:
                self.report.add(None, f"run {row.id} is over, and the log does not know it")
        self.report.open_runs = len(open_runs)
        self._check_captures_without_leaf(open_runs)
        misplaced = select(SealedRunRow.run_id, SealedRunRow.leaf).where(
            SealedRunRow.leaf >= self.report.size
        )
        for run, leaf in self._db.execute(misplaced):
            self.report.add(None, f"run {run} says leaf {leaf}, which the log has not")

    def _check_captures_without_leaf(self, open_runs: Collection[int]) -> None:
        query = (
            select(CaptureRow.id, CaptureRow.run_id, PageRow.url)
            .join(PageRow, PageRow.id == CaptureRow.page_id)
            .join(LogLeafRow, LogLeafRow.capture_id == CaptureRow.id, isouter=True)
            .where(LogLeafRow.number.is_(None))
            .order_by(CaptureRow.id)
        )
        for row in self._db.execute(query):
            if row.run_id not in open_runs:
                self.report.add(
                    None,
                    f"capture {row.id} of {row.url} belongs to run {row.run_id}, which did not"
                    " seal it",
                )

    # --- roots ---

    def _check_imports(self) -> None:
        for event in self._declared.imports:
            size = int(event.fields.get("size", 0))
            parent = self._declared.archive_at(event.leaf)
            before = self._declared.events.get(event.leaf - 1)
            is_end = before is not None and before.kind is EventKind.HAND_OVER
            is_same = (
                size == event.leaf
                and event.fields.get("parent") == parent
                and self._roots.get(size, b"").hex() == event.fields.get("root")
                and (is_end or not event.fields.get("handed_over"))
            )
            if not is_same:
                self.report.add(event.leaf, "the archive that this one is a copy of was another")

    def _check_checkpoints(self, stored: Sequence[checkpoints.StoredCheckpoint]) -> None:
        report = self.report
        for row in stored:
            report.count("checkpoints")
            try:
                note = notes.parse_note(row.note)
            except NightdeskError as error:
                report.add(None, f"checkpoint {row.id} cannot be read: {error}")
                continue
            root = self._roots.get(row.size)
            if (note.size, note.root) != (row.size, row.root) or row.root != root:
                report.add(
                    None,
                    f"checkpoint {row.id} of {row.size} leaves, from {row.at:%Y-%m-%d %H:%M} UTC,"
                    " does not fit the log",
                )
            key = self._declared.key_at(row.size)
            if note.signatures and not (key and keys.is_signed_note(note, key)):
                report.add(None, f"checkpoint {row.id}: the key of the archive did not sign it")

    def _check_view(self, view: OutsideView) -> None:
        report = self.report
        root = self._roots.get(view.size)
        if view.root is not None and root == view.root:
            self._check_copies(view)
            covered = report.covered
            if covered is None or _is_later(view, covered):
                report.covered = view
            return
        for event in self._declared.restores:
            is_older = view.at is None or view.at <= event.at + CLOCK_TOLERANCE
            if event.leaf < view.size and is_older:
                report.notes.append(
                    f"{view.source}: saw {view.size} leaves, of which those from {event.leaf} on"
                    " were lost with the declared restore"
                )
                return
        if view.size > report.size:
            report.add(
                report.size,
                f"{view.source}: saw {view.size} leaves, and the log has {report.size}: its end"
                " was cut off, or an older state was put in its place",
            )
            return
        report.add(
            None,
            f"{view.source}: saw another log: the root of its first {view.size} leaves was"
            f" {notes.base64_text(view.root or b'')}",
        )

    def _check_copies(self, view: OutsideView) -> None:
        """A copy may remove what it got. Who knows the original has to hear of it."""
        copies = [
            event.leaf
            for event in self._declared.imports
            if event.leaf >= view.size and not event.fields.get("handed_over")
        ]
        if view.archive and view.archive != self._declared.archive_at(view.size):
            self.report.add(None, f"{view.source}: is of another archive, {view.archive}")
        if not copies:
            return
        removed = [
            leaf
            for leaf, event in self._declared.removed.items()
            if leaf < view.size and event > copies[0]
        ]
        if removed:
            self.report.add(
                removed[0],
                f"{view.source}: what {len(removed)} leaves say was removed after the copy was"
                " made, and the archive that it saw did not sign that",
            )


def _parts(rows: Sequence[AnyRow], stops: Sequence[int]) -> Iterator[Sequence[AnyRow]]:
    """Yield leaves in parts that end where the log has one of these sizes."""
    if not rows:
        return
    first, last = rows[0].number, rows[-1].number
    start = 0
    for stop in stops[bisect_right(stops, first) : bisect_left(stops, last + 1)]:
        yield rows[start : stop - first]
        start = stop - first
    yield rows[start:]


def _leaf_of(fault: LogFault) -> int:
    return -1 if fault.leaf is None else fault.leaf


def _is_later(view: OutsideView, other: OutsideView) -> bool:
    if view.at is None or other.at is None:
        return view.size > other.size
    return view.at > other.at
