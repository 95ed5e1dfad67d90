"""`nightdesk verify --log`: what fits, the first thing that does not, and what covers the log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import typer

from pipeline.cli.console import (
    exit_on_interrupt,
    partial_failure_code,
    print_error,
    print_json,
    print_line,
)
from pipeline.cli.context import AppContext
from pipeline.cli.progress import stage_progress
from pipeline.core.formatting import pluralize
from pipeline.evidence import notes
from pipeline.evidence.keys import fingerprint
from pipeline.jobs.evidence.timestamps import stamped_views
from pipeline.jobs.evidence.verify_log import LogCheck, read_views, run_log_check
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.maintenance.log_report import LogReport

MAX_SHOWN: Final = 20  # faults that are printed one by one


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The options of `verify --log`."""

    against: Sequence[str] = ()
    check_bytes: bool = False
    derive: bool = False
    trust_keys: Sequence[str] = ()
    timestamp_roots: Sequence[Path] = ()


def verify_log_and_exit(app: AppContext, options: LogOptions, *, as_json: bool) -> NoReturn:
    """Verify the log, print what does not fit, and end the command."""
    views = read_views(options.against)
    database = app.open_archive()
    started_at = time.monotonic()
    try:
        stamped, stamp_notes = stamped_views(database, options.timestamp_roots)
        check = LogCheck(
            views=(*views, *stamped),
            check_bytes=options.check_bytes,
            derive=options.derive,
            sites=tuple(app.readable_sites()) if options.derive else (),
            trusted_keys=tuple(options.trust_keys),
        )
        with (
            exit_on_interrupt("nothing was changed"),
            stage_progress(quiet=as_json) as progress,
            ExitStack() as stack,
        ):
            workers = None
            if options.derive:
                settings = app.settings
                pool = WorkerPool(
                    settings.worker_processes, settings.page_seconds, settings.page_megabytes
                )
                workers = stack.enter_context(pool)

            def update(stage: str, done: int, total: int) -> None:
                progress("log", stage, done, total)

            report = run_log_check(database, check, workers, update)
    finally:
        database.close()
    report.notes += stamp_notes
    seconds = time.monotonic() - started_at
    if as_json:
        print_json(_report_json(report, seconds))
    else:
        _print_report(report, seconds)
    raise typer.Exit(partial_failure_code(report.fault_count))


def _print_report(report: LogReport, seconds: float) -> None:
    for fault in report.faults[:MAX_SHOWN]:
        print_error(fault.sentence)
    if report.fault_count > MAX_SHOWN:
        print_error(f"and {report.fault_count - MAX_SHOWN:,} more")
    for sentence in report.notes:
        print_line(f"! {sentence}")
    if not report.size:
        print_line("There is no log yet: the end of the next run begins it.")
        return
    print_line(f"{pluralize(report.size, 'leaf', 'leaves')}, root {notes.base64_text(report.root)}")
    counted = [f"{number:,} {name}" for name, number in sorted(report.counts.items())]
    print_line(f"Compared in {seconds:.1f} s: {', '.join(counted)}.")
    if report.open_runs:
        runs = pluralize(report.open_runs, "run is", "runs are")
        print_line(f"{runs} not over, so that their rows are not sealed yet.")
    _print_coverage(report)
    if not report.fault_count:
        print_line("All of it fits.")


def _print_coverage(report: LogReport) -> None:
    covered = report.covered
    if covered is None:
        print_line(
            "Nothing from outside covers the log: name a checkpoint that somebody else kept with"
            " --against."
        )
        return
    at = f" from {covered.at:%Y-%m-%d %H:%M} UTC" if covered.at else ""
    print_line(f"Covered from outside up to leaf {covered.size - 1:,}{at}: {covered.source}.")
    later = report.size - covered.size
    if later:
        print_line(f"{pluralize(later, 'later leaf is', 'later leaves are')} not covered.")


def _report_json(report: LogReport, seconds: float) -> dict[str, Any]:
    covered = None
    if report.covered is not None:
        covered = asdict(report.covered)
        covered["root"] = (report.covered.root or b"").hex()
    return {
        "archive": report.archive,
        "key": fingerprint(report.key) if report.key else "",
        "size": report.size,
        "root": notes.base64_text(report.root),
        "counts": report.counts,
        "faults": [asdict(fault) for fault in report.faults],
        "fault_count": report.fault_count,
        "notes": report.notes,
        "open_runs": report.open_runs,
        "covered": covered,
        "seconds": round(seconds, 1),
    }
