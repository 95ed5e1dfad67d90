"""`nightdesk changes`: what publications changed in their stories, newest first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.console import print_json, print_line, write_text
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.dates import DAY_FORMATS, check_days, end_of_day, start_of_day
from pipeline.cli.views import story_changes
from pipeline.core.changes.kinds import ChangeKind
from pipeline.core.errors import ConfigError
from pipeline.formats.change_record import CSV_FIELDS, change_record, flat_change
from pipeline.formats.writers.csv import safe_cell
from pipeline.store import read
from pipeline.store.read import ChangeQuery

if TYPE_CHECKING:
    from pipeline.store.read import ChangeView

EXAMPLES: Final = (
    "nightdesk changes --since 2026-11-01 --site gazette",
    "nightdesk changes --kind title --kind correction",
    "nightdesk changes harbour levy --min-words 20 --csv > changes.csv",
)
SHOWN: Final = 50  # changes that people see at once


def changes(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="QUERY", help="Only changes of the articles that this search finds."
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=DAY_FORMATS,
            metavar="DATE",
            help="Only what was found on this day (UTC) or later.",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=DAY_FORMATS,
            metavar="DATE",
            help="Only what was found on this day (UTC) or earlier.",
        ),
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option(metavar="SITE", help="Only this site. Repeatable.")
    ] = None,
    kind: Annotated[
        list[ChangeKind] | None, typer.Option(help="Only changes of this kind. Repeatable.")
    ] = None,
    min_words: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Only changes of at least N words, lost and gained."),
    ] = 0,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help=f"Only the N newest. Default: {SHOWN}; all with --csv and --json.",
        ),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for spreadsheets.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what publications changed: headlines, texts, numbers, corrections, deleted pages."""
    app = get_context(context)
    check_days(since, until)
    if as_csv and as_json:
        raise ConfigError("--csv and --json: give one of them")
    database = app.open_archive()
    sites = tuple(dict.fromkeys(site or ()))
    for site_id in sites:
        app.check_site_name(database, site_id)
    wanted = ChangeQuery(
        sites=sites,
        kinds=tuple(kind or ()),
        since=start_of_day(since),
        until=end_of_day(until),
        min_words=min_words,
        query=" ".join(words or ()),
    )
    if as_csv:
        _print_csv(read.iter_changes(database, wanted, limit))
        return
    if as_json:
        print_json([change_record(each) for each in read.iter_changes(database, wanted, limit)])
        return
    page = read.list_changes(database, wanted, limit or SHOWN)
    for change in page.changes:
        story_changes.print_change(change)
    if not page.changes:
        print_line("No change is found.")
    if page.next and limit is None:
        print_line("There are more; --limit, --csv or --json shows them.")


def _print_csv(changes: Iterator[ChangeView]) -> None:
    write_text(_csv_line(CSV_FIELDS))
    for change in changes:
        write_text(_csv_line([safe_cell(value) for value in flat_change(change).values()]))


def _csv_line(cells: object) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)  # type: ignore[arg-type]
    return line.getvalue()
