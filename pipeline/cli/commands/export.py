"""The commands that take articles elsewhere, and prove what was taken."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.console import print_error, plural, print_json, print_line
from pipeline.cli.context import AsJson, AppContext, get_context
from pipeline.cli.progress import progress_bar
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.formats import export as formats
from pipeline.formats import manifest
from pipeline.fulltext.query_language import described
from pipeline.store.maintenance.verify_sources import Asked
from pipeline.store.read import export_articles
from pipeline.store.read.export_articles import Asked as Wanted


class ExportFormatName(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    WARC = "warc"
    ATOM = "atom"
    TEXT = "text"
    PAGES = "pages"
    DRAFTS = "drafts"


Since = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], metavar="DATE", help="Only what is dated from that day on (UTC)."
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="Only what is dated up to that day, itself included (UTC).",
    ),
]


def export(
    context: typer.Context,
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="File, or for some formats a folder, that is made."),
    ],
    form: Annotated[
        ExportFormatName | None,
        typer.Option("--format", help="Default: what the ending of OUT stands for."),
    ] = None,
    query: Annotated[
        str,
        typer.Option(metavar="QUERY", help="Only what this search finds; everything by default."),
    ] = "",
    site: Annotated[
        list[str] | None, typer.Option(metavar="SITE", help="Only this site; may be repeated.")
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many articles, the newest.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write articles, raw pages or drafts to files that other programs read, with a manifest that proves them."""
    here = get_context(context)
    name = formats.named(form, out)
    if since and until and until < since:
        raise ConfigError(
            f"--since {since:%Y-%m-%d}: that day is behind --until {until:%Y-%m-%d}; nothing lies between them"
        )
    store = here.open_archive()
    sites = tuple(each for each in dict.fromkeys(site or ()) if here.check_site_name(store, each))
    asked = Wanted(
        query, sites, since.replace(tzinfo=UTC) if since else None, _behind(until), limit
    )
    format_ = formats.FORMATS[name]
    terms = _terms(here) if format_.is_raw else formats.NOTHING
    try:
        with progress_bar(
            format_.of,
            lambda: (
                None
                if format_.is_raw
                else export_articles.expected(store, asked, visits=format_.of == "visits")
            ),
            quiet=as_json,
        ) as tell:
            made = formats.export(store, asked, name, out, tell, terms)
    except KeyboardInterrupt:
        print_error(
            f"interrupted; {f'{out} is what it was before' if out.exists() else f'nothing of {out} is kept'}"
        )
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        store.close()
    if as_json:
        print_json(made)
        return
    read = export_articles.understood(asked)
    for note in read.notes:
        print_line(note)
    ((what, number),) = made["counts"].items()
    if query and not number:
        print_line(f"The query is read as: {described(read)}.")
    print_line(f"{plural(number, what.removesuffix('s'))} written to {out}.")
    if damaged := made.get("damaged"):
        print_error(
            f"{plural(len(damaged), 'payload')} left out as damaged; 'nightdesk verify' names each with its pages"
        )
        raise typer.Exit(ExitCode.PARTLY)


def _terms(here: AppContext) -> dict[str, Any]:
    """How articles are made today, for those who make them elsewhere."""
    from pipeline.config import site as site_files
    from pipeline.offline.recipe_manifest import recipe_manifest  # who exports articles need not wait for it

    found, errors = site_files.load_all(here.settings.sites_folder)
    for error in errors:
        print_error(str(error))
    return recipe_manifest(found)


def _behind(day: datetime | None) -> datetime | None:
    """The first moment that is not of a day any more; None behind the last day of the calendar."""
    return (
        None
        if day is None or day.date() == date.max
        else day.replace(tzinfo=UTC) + timedelta(days=1)
    )


def verify(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Exports: files, or folders. Default: the archive itself."
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="Only what was kept or made since that day (UTC).",
        ),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only so many rows of each kind, by lot.")
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Make again what can be made again from the stored bytes."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the archive, row by row: bytes, texts, articles, index, ledgers. Or check exports against their manifests."""
    if not paths:
        from pipeline.cli.views.verify_report import (
            prove,
        )  # who checks an export need not wait for what cleans

        prove(
            get_context(context),
            Asked(since.replace(tzinfo=UTC) if since else None, sample),
            repair=repair,
            as_json=as_json,
        )
    elif since or sample or repair:
        raise ConfigError(
            "verify: --since, --sample and --repair are for the archive; leave them out, or the paths"
        )
    else:
        _verify_exports(paths, as_json)


def _verify_exports(paths: list[Path], as_json: bool) -> None:
    told = []
    for path in paths:
        found, wrong = manifest.verify(path)
        told.append(
            {
                "path": str(path),
                "format": found["format"],
                "made_at": found["made_at"],
                "wrong": wrong,
            }
        )
        if as_json:
            continue
        for sentence in wrong:
            print_error(sentence)
        if not wrong:
            ((what, number),) = found["counts"].items()
            print_line(
                f"{path}: is as it was exported on {found['made_at'][:10]}: {plural(number, what.removesuffix('s'))}."
            )
    if as_json:
        print_json(told)
    raise typer.Exit(ExitCode.PARTLY if any(each["wrong"] for each in told) else ExitCode.OK)
