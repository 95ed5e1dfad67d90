"""What `verify` says of the archive itself, and what it makes again."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import typer

from pipeline.cli.console import print_error, plural, print_json, print_line, size
from pipeline.cli.context import AppContext
from pipeline.cli.views.night_progress import night_progress
from pipeline.config import site
from pipeline.core.errors import ExitCode, StoreError
from pipeline.jobs import repair as mending
from pipeline.jobs.repair import RepairStats
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.verify_sources import Asked, Fault, Looked

SHOWN = 200  # faults that are named one by one


class Found:
    """Faults as they are found: the first of them by name, all by number."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.number = 0
        self.shown: list[Fault] = []
        self.lasting: list[Fault] = []  # those that nothing makes again

    def take(self, fault: Fault) -> Fault:
        self.number += 1
        if len(self.shown) < SHOWN:
            self.shown.append(fault)
            if not self.quiet:
                print_error(fault.sentence)
        if not fault.mend:
            self.lasting.append(fault)
        return fault


def prove(here: AppContext, asked: Asked, *, repair: bool, as_json: bool) -> None:
    """Looks through the archive, and ends the command."""
    store, looked, found = here.open_archive(), Looked(), Found(quiet=as_json)
    began, mended = time.monotonic(), None
    try:
        with night_progress(quiet=as_json) as looking:

            def tell(what: str, done: int, of: int) -> None:
                looking.clean("archive", what, done, of)

            faults = (found.take(each) for each in mending.verify_archive(store, asked, looked, tell))
            left = found.number
            try:
                if repair:
                    mended = _repair(here, store, faults, looking)
                else:
                    for _ in faults:
                        pass
            except StoreError as error:
                found.take(Fault("database", 0, str(error)))
            left = found.number
            if mended is not None and found.number > len(found.lasting):
                again = Found(quiet=True)
                for each in mending.verify_archive(store, asked, Looked(), tell, bytes_too=False):
                    again.take(each)
                left = again.number + sum(
                    each.kind in ("payload", "database") for each in found.lasting
                )
                for each in again.shown if not as_json else ():
                    print_error(f"still: {each.sentence}")
            elif mended is not None:
                left = len(found.lasting)
    except KeyboardInterrupt:
        print_error("interrupted; what was made again is kept")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        store.close()
    _tell(store, asked, looked, found, mended, left, time.monotonic() - began, as_json)
    raise typer.Exit(ExitCode.PARTLY if left else ExitCode.OK)


def _repair(here: AppContext, store: Database, faults: Any, looking: Any) -> RepairStats:
    files, errors = site.load_all(here.settings.sites_folder)
    for error in errors:
        print_error(str(error))
    settings = here.settings
    with WorkerPool(settings.processes, settings.page_seconds, settings.page_megabytes) as workers:
        return mending.repair_archive(store, files, faults, workers, looking.clean)


def _tell(
    store: Database,
    asked: Asked,
    looked: Looked,
    found: Found,
    mended: RepairStats | None,
    left: int,
    seconds: float,
    as_json: bool,
) -> None:
    if as_json:
        told = {
            "archive": store.name,
            "looked_at": looked.rows,
            "wrong": found.number,
            "left_wrong": left,
        }
        done = {"repaired": dict(mended.counts), "notes": mended.problems} if mended else {}
        print_json(told | done | {"faults": [asdict(each) for each in found.shown]})
        return
    if found.number > SHOWN:
        print_error(f"… and {found.number - SHOWN:,} more")
    if mended is not None:
        for sentence in mended.problems:
            print_line(f"! {sentence}")
        if mended.counts:
            print_line(
                "Repaired: "
                + ", ".join(f"{what} {number:,}" for what, number in sorted(mended.counts.items()))
                + "."
            )
    rows = dict(looked.rows)
    held = rows.pop("bytes", 0)
    seen = ", ".join(
        plural(number, what.removesuffix("s")) for what, number in rows.items() if number
    )
    part = " of those asked for" if asked != Asked() else ""
    print_line(
        f"{store.name}: {seen or 'nothing'}{part} looked at, {size(held)} of bytes, in {seconds:.0f} s."
    )
    if left:
        print_line(
            f"{plural(left, 'thing')} wrong."
            + ("" if mended else " 'nightdesk verify --repair' makes again what can be made again.")
        )
    else:
        print_line("All is whole." if not found.number else "All is whole now.")
