"""The command that takes out what the archive can do without."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer

from pipeline.cli.console import Cell, print_error, print_json, print_line, size, print_table
from pipeline.cli.context import AsJson, SiteNames, get_context
from pipeline.cli.views.night_progress import night_progress
from pipeline.config.site import LEDGER_DAYS, Retention
from pipeline.core.errors import AlreadyRunning, ExitCode
from pipeline.jobs import retention
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import prune as pruning
from pipeline.store.maintenance.prune import Spare

WORTH = 0.25  # of a file that holds nothing, from which on it is worth a word


def prune(
    context: typer.Context,
    sites: SiteNames = None,
    result_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Drop results that were replaced so long ago. Default: the site's file.",
        ),
    ] = None,
    ledger_days: Annotated[
        int | None,
        typer.Option(
            min=LEDGER_DAYS,
            metavar="N",
            help="Drop ledgers of runs that ended so long ago. Default: the site's file.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take out what the archive can do without, by the rules of the sites' files. Bytes and articles always stay."""
    here = get_context(context)
    chosen, now, done, code = (
        here.sites(sites or (), also_disabled=True),
        datetime.now(UTC),
        list[Spare](),
        here.exit_code,
    )
    store = here.open_archive()
    try:
        with night_progress(quiet=as_json) as looking:
            for site in chosen:
                rules = Retention(
                    result_days=result_days or site.retention.result_days,
                    ledger_days=ledger_days or site.retention.ledger_days,
                )
                try:
                    keep = retention.retention_rule(site.id, rules, now)
                    done.append(
                        retention.prune_site(
                            store, keep, partial(looking.clean, site.id), dry=dry_run
                        )
                    )
                except AlreadyRunning as error:
                    print_error(str(error))
                    code = code or ExitCode.RUNNING
        left = pruning.unused(store)
    except KeyboardInterrupt:
        print_error("interrupted; the same command goes on from here")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        store.close()
    if as_json:
        print_json(
            {"dry_run": dry_run, "sites": [asdict(each) for each in done], "unused_bytes": left}
        )
    else:
        _show(done, dry=dry_run)
        tell_unused(store)
    raise typer.Exit(code)


def tell_unused(store: Database) -> None:
    """Says where much of a SQLite file holds nothing any more."""
    left, whole = pruning.unused(store), store.file.stat().st_size if store.file is not None else 0
    if left > whole * WORTH:
        print_line(
            f"{size(left)} of the file's {size(whole)} hold nothing and are used again by what comes; to make the file"
            f" smaller, see that nothing crawls and type: sqlite3 {store.file} VACUUM"
        )


def _show(done: list[Spare], *, dry: bool) -> None:
    some = [each for each in done if each.rows]
    if not some:
        print_line("Nothing can go by the rules of [retention] in the sites' files.")
        return
    rows: list[list[Cell]] = [
        [each.site, each.results, each.drafts, each.runs, each.entries, size(each.bytes)]
        for each in some
    ]
    print_table(["Site", "Old results", "old drafts", "ledgers", "their URLs", "about"], rows)
    total = size(sum(each.bytes for each in some))
    print_line()
    print_line(
        f"Dry run: about {total} would go, and nothing was changed."
        if dry
        else f"About {total} are gone."
    )
