"""The check of an archive: faults as they come, the repair, and the summary."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

import typer

from pipeline.cli.console import (
    exit_on_interrupt,
    partial_failure_code,
    print_error,
    print_json,
    print_line,
)
from pipeline.cli.context import AppContext
from pipeline.cli.progress import StageProgress, stage_progress
from pipeline.core.errors import StoreError
from pipeline.core.formatting import format_counts, format_size, pluralize
from pipeline.jobs.evidence.checkpoints import load_signer
from pipeline.jobs.progress import ProgressCallback
from pipeline.jobs.repair import RepairStats, repair_archive, verify_archive
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import Fault, VerifiedCounts, VerifyScope

MAX_SHOWN: Final = 200  # faults that are printed one by one
SOURCE_KINDS: Final = ("payload", "database")  # faults that a second pass does not look for


@dataclass
class FaultLog:
    """Faults as they are found.

    Attributes:
        quiet: Print no fault.
        count: How many there are.
        shown: The first of them.
        permanent: Those that no repair helps.
    """

    quiet: bool
    count: int = 0
    shown: list[Fault] = field(default_factory=list)
    permanent: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Count a fault, and print it unless there are many."""
        self.count += 1
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(fault)
            if not self.quiet:
                print_error(fault.sentence)
        if not fault.repair:
            self.permanent.append(fault)

    def record(self, faults: Iterable[Fault]) -> Iterator[Fault]:
        """Yield the faults, and add each."""
        for fault in faults:
            self.add(fault)
            yield fault


@dataclass
class Verification:
    """One check of an archive and what came of it.

    Attributes:
        database: The archive.
        scope: Which rows to check.
        counts: How many rows were checked.
        faults: What is wrong.
        repaired: What was made again; None without a repair.
        faults_left: How many faults are left.
        seconds: How long it took.
    """

    database: Database
    scope: VerifyScope
    counts: VerifiedCounts
    faults: FaultLog
    repaired: RepairStats | None = None
    faults_left: int = 0
    seconds: float = 0.0


def verify_and_exit(
    app: AppContext, scope: VerifyScope, *, repair: bool, as_json: bool
) -> NoReturn:
    """Check the archive, print what is wrong, and end the command.

    Args:
        app: The context of the command.
        scope: Which rows to check.
        repair: Make again what can be made again.
        as_json: Print JSON.
    """
    database = app.open_archive()
    check = Verification(database, scope, VerifiedCounts(), FaultLog(quiet=as_json))
    started_at = time.monotonic()
    try:
        with (
            exit_on_interrupt("what was made again is kept"),
            stage_progress(quiet=as_json) as progress,
        ):
            if repair:
                _verify_and_repair(app, check, progress)
            else:
                _verify(check, progress)
    finally:
        database.close()
    check.seconds = time.monotonic() - started_at
    if as_json:
        _print_json(check)
    else:
        _print_summary(check)
    raise typer.Exit(partial_failure_code(check.faults_left))


def _archive_progress(progress: StageProgress) -> ProgressCallback:
    def update(stage: str, done: int, total: int) -> None:
        progress("archive", stage, done, total)

    return update


def _verify(check: Verification, progress: StageProgress) -> None:
    update = _archive_progress(progress)
    try:
        for fault in verify_archive(check.database, check.scope, check.counts, update):
            check.faults.add(fault)
    except StoreError as error:
        check.faults.add(Fault("database", 0, str(error)))
    check.faults_left = check.faults.count


def _verify_and_repair(app: AppContext, check: Verification, progress: StageProgress) -> None:
    update = _archive_progress(progress)
    faults = verify_archive(check.database, check.scope, check.counts, update)
    try:
        check.repaired = _repair(app, check.database, check.faults.record(faults), progress)
    except StoreError as error:
        check.faults.add(Fault("database", 0, str(error)))
    if check.repaired is None:
        check.faults_left = check.faults.count
        return
    permanent = check.faults.permanent
    if check.faults.count == len(permanent):
        check.faults_left = len(permanent)
        return
    second = FaultLog(quiet=True)
    again = verify_archive(check.database, check.scope, VerifiedCounts(), update, check_bytes=False)
    for fault in again:
        second.add(fault)
    sources = sum(fault.kind in SOURCE_KINDS for fault in permanent)
    check.faults_left = second.count + sources
    if not check.faults.quiet:
        for fault in second.shown:
            print_error(f"still: {fault.sentence}")


def _repair(
    app: AppContext, database: Database, faults: Iterable[Fault], progress: StageProgress
) -> RepairStats:
    sites, settings = app.readable_sites(), app.settings
    processes = settings.worker_processes
    with WorkerPool(processes, settings.page_seconds, settings.page_megabytes) as workers:
        signer = load_signer(settings)
        return repair_archive(database, sites, faults, workers, progress, signer)


def _print_json(check: Verification) -> None:
    values: dict[str, object] = {
        "archive": check.database.name,
        "checked": check.counts.rows,
        "faults_found": check.faults.count,
        "faults_left": check.faults_left,
    }
    if check.repaired is not None:
        values["repaired"] = dict(check.repaired.counts)
        values["notes"] = check.repaired.problems
    values["faults"] = check.faults.shown
    print_json(values)


def _print_summary(check: Verification) -> None:
    hidden = check.faults.count - MAX_SHOWN
    if hidden > 0:
        print_error(f"… and {hidden:,} more")
    if check.repaired is not None:
        _print_repairs(check.repaired)
    rows = dict(check.counts.rows)
    size = format_size(rows.pop("bytes", 0))
    counts: list[str] = []
    for name, number in rows.items():
        if number:
            counts.append(pluralize(number, name.removesuffix("s").replace("_", " ")))
    scope = " of the chosen rows" if check.scope != VerifyScope() else ""
    print_line(
        f"{check.database.name}: checked {', '.join(counts) or 'nothing'}{scope},"
        f" with {size} of bytes, in {check.seconds:.0f} s."
    )
    if check.faults_left:
        hint = ""
        if check.repaired is None:
            hint = " 'nightdesk verify --repair' makes again what can be made again."
        print_line(f"{pluralize(check.faults_left, 'fault')} found.{hint}")
    elif check.faults.count:
        print_line("All faults are repaired.")
    else:
        print_line("No fault was found.")


def _print_repairs(repaired: RepairStats) -> None:
    for sentence in repaired.problems:
        print_line(f"! {sentence}")
    if repaired.counts:
        print_line(f"Repaired: {format_counts(sorted(repaired.counts.items()))}.")
