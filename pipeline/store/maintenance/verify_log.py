"""Verify the log: its leaves against the rows, its roots against what others have seen of it.

Each leaf is computed again from its row, each tree from its leaves. So a row that was changed,
added or removed after its run was sealed does not fit, and neither does a log that was written
anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, select, text

from pipeline.core.errors import NightdeskError
from pipeline.core.models import ResultStatus
from pipeline.evidence import keys, notes
from pipeline.evidence.entries import ENTRY_BYTES, HASH_BYTES, entries_root, sort_entries
from pipeline.evidence.leaves import (
    KEY_BYTES,
    SALT_BYTES,
    EventKind,
    LeafType,
    entry_hash,
    entry_key,
    leaf_hash,
    parse_utc,
    utc_text,
)
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import checkpoints, fields, tree
from pipeline.store.db.log_schema import LogLeafRow, LogNodeRow, SealedRunRow
from pipeline.store.db.schema import (
    CaptureRow,
    CleanResultRow,
    PageRow,
    PayloadRow,
    RunRow,
)
from pipeline.store.maintenance.log_events import Declared, read_declared
from pipeline.store.maintenance.log_report import LogReport, MerkleFold, OutsideView
from pipeline.store.maintenance.progress import ProgressCallback

AnyRow = Row[*tuple[Any, ...]]
BATCH_SIZE: Final = 1000
CLOCK_TOLERANCE: Final = timedelta(hours=2)  # of clocks of several machines, and of corrections
IMPORT_KIND: Final = "import"  # its captures are older than its run
LEAVES: Final = (
    select(
        LogLeafRow.number,
        LogLeafRow.type,
        LogLeafRow.n,
        LogLeafRow.run_id.label("leaf_run"),
        LogLeafRow.capture_id,
        LogLeafRow.hash,
        LogLeafRow.salt,
        LogLeafRow.removed_by,
        *fields.CAPTURE_COLUMNS,
    )
    .join(CaptureRow, CaptureRow.id == LogLeafRow.capture_id, isouter=True)
    .join(PageRow, PageRow.id == CaptureRow.page_id, isouter=True)
    .join(PayloadRow, PayloadRow.id == CaptureRow.payload_id, isouter=True)
    .order_by(LogLeafRow.number)
)


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
        self._captures: list[AnyRow] = []  # leaves of captures whose run leaf has to follow
        self._roots: dict[int, bytes] = {}  # by the sizes that somebody asks for
        self._last_time: datetime | None = None
        self._is_adopting = False

    def run(self, trusted_keys: Collection[str]) -> None:
        report = self.report
        self._declared = read_declared(self._db, report, trusted_keys)
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
        for row in self._leaves():
            if row.number != fold.size:
                self.report.add(fold.size, f"leaf {fold.size} of the log is missing")
                break
            for level, number, node in fold.add(row.hash):
                if nodes.pop((level, number), None) != node:
                    self.report.add(
                        row.number, f"a stored node of the log (level {level}) does not fit"
                    )
            if fold.size in wanted:
                self._roots[fold.size] = fold.root
            self._check_leaf(row)
            if fold.size % BATCH_SIZE == 0:
                self._progress("leaves", fold.size, total)
        if self._captures:
            self._complain_about_captures("has captures without a run")
        if nodes:
            self.report.add(None, f"{len(nodes)} stored nodes belong to no leaf of the log")
        self.report.size, self.report.root = fold.size, fold.root
        self._roots[fold.size] = fold.root
        for leaf in self._declared.events:
            if leaf >= fold.size:
                self.report.add(leaf, f"the event of leaf {leaf} has no leaf")

    def _leaves(self) -> Iterator[AnyRow]:
        result = self._db.execution_options(yield_per=BATCH_SIZE).execute(LEAVES)
        yield from result

    def _read_nodes(self) -> dict[tuple[int, int], bytes]:
        query = select(LogNodeRow.level, LogNodeRow.number, LogNodeRow.hash)
        return {(level, number): node for level, number, node in self._db.execute(query)}

    def _check_leaf(self, row: AnyRow) -> None:
        if row.type == LeafType.CAPTURE:
            if self._captures and self._captures[0].leaf_run != row.leaf_run:
                self._complain_about_captures("has captures without a run")
            self._captures.append(row)
        elif row.type == LeafType.RUN:
            self._check_run(row)
        else:
            if self._captures:
                self._complain_about_captures("has captures without a run")
            self._check_event(row)

    def _complain_about_captures(self, problem: str) -> None:
        self.report.add(self._captures[0].number, f"the log {problem}")
        self._captures = []

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
        captures, self._captures = self._captures, []
        report = self.report
        report.count("runs")
        sealed = self._db.execute(
            select(SealedRunRow).where(SealedRunRow.run_id == row.leaf_run)
        ).one_or_none()
        run = self._db.execute(select(RunRow).where(RunRow.id == row.leaf_run)).one_or_none()
        if sealed is None or run is None or sealed.leaf != row.number:
            report.add(row.number, f"run {row.leaf_run}, which leaf {row.number} seals, is gone")
            return
        said = msgspec.json.decode(sealed.fields)
        if (
            row.salt is None
            or leaf_hash(LeafType.RUN, sealed.uuid, row.n, row.salt, said) != row.hash
        ):
            report.add(row.number, f"what the log says of run {run.id} was changed")
            return
        self._compare_run(row.number, run, sealed.uuid, said)
        if row.n != len(captures) or said["captures"] != len(captures):
            report.add(
                row.number,
                f"run {run.id} sealed {said['captures']} captures, and the log has {len(captures)}",
            )
        span = _span_of(said)
        for number, capture in enumerate(captures):
            self._check_capture(number, capture, sealed.uuid, said, span)
        urls = self._check_ledger(row.number, run.id, sealed, said)
        if urls is not None:
            self._check_bounds(row.number, run.id, captures, urls)
        self._check_results(row.number, run.id, sealed, said)

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
                    leaf, f"run {run.id}: '{name}' is {value!r}, and was sealed as {said[name]!r}"
                )
        if run.pruned_at is not None and not said["pruned"] and uuid not in self._declared.pruned:
            self.report.add(leaf, f"run {run.id}: no event of the log says that it was pruned")
        sealed_at = parse_utc(said["sealed_at"])
        self._is_adopting = self._is_adopting and said["adopted"]
        if said["adopted"]:
            if not self._is_adopting:
                self.report.add(leaf, f"run {run.id} was adopted after the log had begun")
            return
        self._check_time(leaf, sealed_at)
        if sealed_at - parse_utc(said["finished_at"]) > CLOCK_TOLERANCE:
            self.report.add(
                leaf,
                f"run {run.id} says that it ended at {said['finished_at']}, and the log got it at"
                f" {said['sealed_at']}: it is dated back, or the clock was wrong",
            )

    def _check_capture(
        self,
        number: int,
        row: AnyRow,
        uuid: str,
        said: Mapping[str, Any],
        span: tuple[datetime, datetime] | None,
    ) -> None:
        report = self.report
        report.count("captures")
        removal = self._declared.removed.get(row.number)
        if row.salt is None or row.removed_by is not None:
            if removal is None or removal != row.removed_by:
                report.add(row.number, f"what leaf {row.number} says was removed without an event")
            return
        if row.url is None or row.leaf_run != row.run_id:
            report.add(row.number, f"the capture of leaf {row.number} is gone")
            return
        capture = fields.capture_fields(row, said["site"])
        hashed = leaf_hash(LeafType.CAPTURE, uuid, row.n, row.salt, capture)
        if row.n != number or hashed != row.hash:
            report.add(
                row.number,
                f"the capture of {row.url} from {capture['fetched_at']} is not the one that run"
                f" {row.run_id} sealed",
            )
        elif span is not None and not span[0] <= row.fetched_at <= span[1]:
            report.add(
                row.number,
                f"the capture of {row.url} says {utc_text(row.fetched_at)}, and its run"
                f" {row.run_id} lasted from {said['started_at']} to {said['finished_at']}",
            )

    def _check_bounds(
        self, leaf: int, run: int, captures: Sequence[AnyRow], urls: Collection[str]
    ) -> None:
        """What was captured keeps its entry in the ledger, also when the ledger is pruned."""
        for capture in captures:
            if capture.url is not None and capture.url not in urls:
                self.report.add(leaf, f"run {run}: the ledger has lost the entry of {capture.url}")

    # --- entries ---

    def _check_ledger(
        self, leaf: int, run: int, sealed: AnyRow, said: Mapping[str, Any]
    ) -> set[str] | None:
        """Compare the ledger of a run, and return the URLs of its entries; None if it is pruned."""
        rows = fields.ledger_of_run(self._db, run)
        if sealed.ledger is None:
            if sealed.uuid not in self._declared.pruned or rows:
                self.report.add(leaf, f"run {run}: the hashes of its ledger are gone")
            return None
        if not self._is_tree(leaf, run, "ledger", sealed.ledger, said["ledger"]):
            return None
        entries = _Entries(sealed.ledger)
        for key, entry in sort_entries(rows):
            if entries.take(key, (entry,)) is None:
                self.report.add(
                    leaf,
                    f"run {run}: the ledger entry of {entry['url']} is not one that was sealed",
                )
        self.report.count("ledger entries", len(rows))
        is_excused = sealed.uuid in self._declared.pruned | self._declared.repaired
        lost = entries.rest(self._declared.forgotten[sealed.uuid, "ledger"])
        if lost and not is_excused:
            self.report.add(leaf, f"run {run}: {lost} entries of its ledger are gone")
        if self._declared.forgotten.get((sealed.uuid, "ledger")):
            return None
        return {url for url, _ in rows}

    def _check_results(self, leaf: int, run: int, sealed: AnyRow, said: Mapping[str, Any]) -> None:
        """Compare the results that a clean made. Results can be made again, so some may be gone."""
        if sealed.results is None:
            if said["results"] is not None:
                self.report.add(leaf, f"run {run}: the hashes of its results are gone")
            return
        if not self._is_tree(leaf, run, "results", sealed.results, said["results"]):
            return
        entries = _Entries(sealed.results)
        for row in self._db.execute(fields.RESULTS.where(CleanResultRow.run_id == run)):
            self.report.count("results")
            candidates: list[fields.Fields] = []
            for recipe in dict.fromkeys((row.recipe, said["recipe"])):
                for status in dict.fromkeys((row.status, *ResultStatus)):
                    candidates.append(fields.result_fields(row, recipe, str(status)))
            if entries.take(entry_key(row.url), candidates) is None:
                self.report.add(leaf, f"run {run}: the result of {row.url} is not one that it made")

    def _is_tree(
        self, leaf: int, run: int, name: str, packed: bytes, said: Mapping[str, Any]
    ) -> bool:
        size = len(packed) // ENTRY_BYTES
        is_same = (size, entries_root(packed).hex()) == (said["size"], said["root"])
        if not is_same:
            self.report.add(leaf, f"run {run}: the hashes of its {name} were changed")
        return is_same

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


def _span_of(said: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """Return the times that the captures of a run may have; None where they may be older."""
    if said["kind"] == IMPORT_KIND or said["adopted"]:
        return None
    first = parse_utc(said["started_at"]) - CLOCK_TOLERANCE
    return first, parse_utc(said["sealed_at"]) + CLOCK_TOLERANCE


def _is_later(view: OutsideView, other: OutsideView) -> bool:
    if view.at is None or other.at is None:
        return view.size > other.size
    return view.at > other.at


class _Entries:
    """Stored entries, from which those with a row are taken."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._starts: dict[bytes, list[int]] = defaultdict(list)
        for start in range(0, len(packed), ENTRY_BYTES):
            self._starts[packed[start : start + KEY_BYTES]].append(start)

    def take(self, key: bytes, candidates: Sequence[Mapping[str, Any]]) -> int | None:
        """Take the entry that has some of these private fields, and return its number."""
        starts = self._starts.get(key[:KEY_BYTES], [])
        for start in starts:
            salt_start = start + KEY_BYTES
            salt = self._packed[salt_start : salt_start + SALT_BYTES]
            hash_start = salt_start + SALT_BYTES
            stored = self._packed[hash_start : hash_start + HASH_BYTES]
            for candidate in candidates:
                if entry_hash(key, salt, candidate) == stored:
                    starts.remove(start)
                    return start // ENTRY_BYTES
        return None

    def rest(self, forgotten: Collection[int]) -> int:
        """Return how many entries were not taken, without those that were forgotten."""
        count = 0
        for starts in self._starts.values():
            count += sum(start // ENTRY_BYTES not in forgotten for start in starts)
        return count
