"""`nightdesk export`: writes articles, pages or extracted pages to files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.console import print_error, print_json, print_line
from pipeline.cli.context import AppContext, AsJson, get_context
from pipeline.cli.dates import DAY_FORMATS, check_days, end_of_day, start_of_day
from pipeline.cli.progress import progress_bar
from pipeline.core.errors import ExitCode
from pipeline.core.formatting import pluralize
from pipeline.formats import export as exports
from pipeline.formats.export import ExportFormat
from pipeline.formats.manifest import item_name
from pipeline.fulltext.query_language import describe
from pipeline.store import read
from pipeline.store.read import ExportQuery

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

EXAMPLES: Final = (
    "nightdesk export articles.jsonl.gz --since 2026-01-01",
    "nightdesk export ferries --format parquet --query 'ferry lang:en'",
    "nightdesk export corpus.jsonl.gz --respect train --respect noarchive",
    "nightdesk export pages --format pages --site gazette",
)


class ExportFormatName(StrEnum):
    """The names of the formats."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    WARC = "warc"
    WACZ = "wacz"
    CDXJ = "cdxj"
    ATOM = "atom"
    TEXT = "text"
    PAGES = "pages"
    EXTRACTED = "extracted"


class Reservation(StrEnum):
    """The declarations of publishers that an export can respect."""

    TRAIN = "train"
    TDM = "tdm"
    NOARCHIVE = "noarchive"


Since = Annotated[
    datetime | None,
    typer.Option(
        formats=DAY_FORMATS, metavar="DATE", help="Only what is dated on this day (UTC) or later."
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        formats=DAY_FORMATS,
        metavar="DATE",
        help="Only what is dated on this day (UTC) or earlier.",
    ),
]


def export(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="The file to make, or the folder for parquet, text, pages and extracted.",
        ),
    ],
    format_name: Annotated[
        ExportFormatName | None,
        typer.Option("--format", help="The format. Default: by the suffix of OUT."),
    ] = None,
    query: Annotated[
        str,
        typer.Option(metavar="QUERY", help="Only what this search finds. Default: everything."),
    ] = "",
    site: Annotated[
        list[str] | None, typer.Option(metavar="SITE", help="Only this site. Repeatable.")
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the N newest articles.")
    ] = None,
    unique: Annotated[
        bool, typer.Option("--unique", help="Only the newest of several near-duplicates.")
    ] = False,
    respect: Annotated[
        list[Reservation] | None,
        typer.Option(
            help="Leave out articles whose publisher reserves this use, and count them."
            " Repeatable.",
        ),
    ] = None,
    revisions: Annotated[
        bool,
        typer.Option(
            "--revisions",
            help="Write all texts that the articles had, each as a record. For jsonl, csv and"
            " parquet.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write articles, pages or extracted pages to files, with a manifest of their SHA-256."""
    app = get_context(context)
    name = exports.format_name(format_name, out)
    check_days(since, until)
    database = app.open_archive()
    sites = tuple(dict.fromkeys(site or ()))
    for site_id in sites:
        app.check_site_name(database, site_id)
    app.save_labels_of(database, query)
    days = (start_of_day(since), end_of_day(until))
    respected = tuple(dict.fromkeys(respect or ()))
    wanted = ExportQuery(query, sites, *days, limit, respected, unique, revisions)
    try:
        result = _write(app, database, wanted, name, out, quiet=as_json)
    except KeyboardInterrupt:
        if out.exists():
            print_error(f"interrupted; {out} is what it was before")
        else:
            print_error(f"interrupted; nothing of {out} is kept")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        database.close()
    if as_json:
        print_json(result)
    else:
        _print_result(wanted, out, result)


def _write(
    app: AppContext,
    database: Database,
    wanted: ExportQuery,
    name: str,
    out: Path,
    *,
    quiet: bool,
) -> Mapping[str, Any]:
    export_format = exports.FORMATS[name]
    recipe = _recipe(app) if export_format.is_payloads else exports.NO_RECIPE
    with progress_bar(
        export_format.content, lambda: _count(database, wanted, export_format), quiet=quiet
    ) as progress:
        return exports.write_export(database, wanted, name, out, progress, recipe)


def _count(database: Database, wanted: ExportQuery, export_format: ExportFormat) -> int | None:
    if export_format.is_payloads or wanted.revisions:
        return None
    if export_format.content == "fetches":
        return read.expected_fetches(database, wanted)
    return read.expected_articles(database, wanted)


def _recipe(app: AppContext) -> dict[str, Any]:
    """Return how articles are made today, for machines that make them elsewhere."""
    # An export of articles does not need the extractors.
    from pipeline.offline.recipe_manifest import recipe_manifest

    return recipe_manifest(app.readable_sites())


def _print_result(wanted: ExportQuery, out: Path, result: Mapping[str, Any]) -> None:
    parsed = wanted.parse()
    for note in parsed.notes:
        print_line(note)
    ((content, number),) = result["counts"].items()
    if wanted.query and not number:
        print_line(f"The query is read as: {describe(parsed)}.")
    print_line(f"{pluralize(number, item_name(content))} written to {out}.")
    for reservation, count in result.get("left_out", {}).items():
        print_line(f"{pluralize(count, 'article')} left out by --respect {reservation}.")
    damaged = result.get("damaged")
    if damaged:
        print_error(
            f"{pluralize(len(damaged), 'payload')} left out because of damage;"
            " 'nightdesk verify' names each with its pages"
        )
        raise typer.Exit(ExitCode.PARTLY)
