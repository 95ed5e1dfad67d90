"""`nightdesk compact`: compresses stored bytes again with the dictionaries of their site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Final

import typer

from pipeline.cli.console import (
    Cell,
    exit_on_interrupt,
    print_error,
    print_json,
    print_line,
    print_table,
)
from pipeline.cli.context import AllSiteNames, AsJson, get_context
from pipeline.cli.progress import stage_progress
from pipeline.cli.views.disk_usage import print_unused_space
from pipeline.core.errors import AlreadyRunning, ExitCode
from pipeline.core.formatting import format_size
from pipeline.store import maintenance
from pipeline.store.maintenance import RecompressStats

EXAMPLES: Final = (
    "nightdesk compact --dry-run",
    "nightdesk compact gazette",
)
INTERRUPTED: Final = "what is compressed stays so, and the same command goes on from here"


def compact(
    context: typer.Context,
    sites: AllSiteNames = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Estimate what it would save, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compress pages that were stored before their site had a dictionary. No byte is lost."""
    app = get_context(context)
    selected = app.sites(sites or (), also_disabled=True)
    database = app.open_archive()
    recompressed: list[RecompressStats] = []
    try:
        with exit_on_interrupt(INTERRUPTED), stage_progress(quiet=as_json) as progress:
            for site in selected:
                try:
                    tell = partial(progress, site.id)
                    if dry_run:
                        stats = maintenance.estimate_recompression(database, site.id)
                    else:
                        stats = maintenance.recompress_site(database, site.id, tell)
                    recompressed.append(stats)
                except AlreadyRunning as error:
                    print_error(str(error))
                    app.exit_code = app.exit_code or ExitCode.RUNNING
        if as_json:
            rows = [_site_json(site) for site in recompressed]
            print_json({"dry_run": dry_run, "sites": rows})
        else:
            _print_table(recompressed, dry_run=dry_run)
            if not dry_run:
                print_unused_space(database)
    finally:
        database.close()
    raise typer.Exit(app.exit_code)


def _site_json(stats: RecompressStats) -> dict[str, Any]:
    return asdict(stats) | {"bytes_saved": stats.bytes_saved}


def _print_table(recompressed: Sequence[RecompressStats], *, dry_run: bool) -> None:
    rows: list[list[Cell]] = []
    saved = 0
    for stats in recompressed:
        if not stats.recompressed:
            continue
        before, after = stats.bytes_before, stats.bytes_after
        sizes = [format_size(before), format_size(after), f"{after / before:.0%}"]
        rows.append([stats.site, stats.recompressed, *sizes])
        saved += stats.bytes_saved
    if not rows:
        print_line(
            "All that a dictionary can compress is compressed."
            " A site gets its first dictionary when it has about ten stored stories."
        )
        return
    after_column = "would take" if dry_run else "now"
    print_table(["Site", "Payloads", "take", after_column, "of it"], rows)
    print_line()
    if dry_run:
        print_line(f"Dry run: about {format_size(saved)} would be saved, nothing was changed.")
    else:
        print_line(f"{format_size(saved)} are saved.")
