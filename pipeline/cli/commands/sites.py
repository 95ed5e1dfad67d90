"""`nightdesk sites`: the sites that have a file."""

from __future__ import annotations

from typing import Final

import typer

from pipeline.cli.console import Cell, print_json, print_table
from pipeline.cli.context import AllSiteNames, AsJson, get_context

EXAMPLES: Final = ("nightdesk sites",)
COLUMNS: Final = (
    "Site", "Name", "Language", "Cron", "Zone", "Feeds", "Sitemaps", "Sections",
)  # fmt: skip


def sites(context: typer.Context, names: AllSiteNames = None, as_json: AsJson = False) -> None:
    """List the sites with their schedule and the number of their sources."""
    app = get_context(context)
    selected = app.sites(names or (), also_disabled=True)
    if as_json:
        print_json([site.model_dump(mode="json") for site in selected])
        raise typer.Exit(app.exit_code)
    rows: list[list[Cell]] = []
    for site in selected:
        sources: list[Cell] = [len(site.feeds), len(site.sitemaps), len(site.sections)]
        rows.append([site.id, site.name, site.language, site.cron, site.timezone, *sources])
    print_table(COLUMNS, rows)
    raise typer.Exit(app.exit_code)
