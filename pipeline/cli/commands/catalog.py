"""`nightdesk catalog`: lists publishers that ship as data, for `nightdesk add --catalog`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer

from pipeline.cli.console import Cell, print_json, print_line, print_table
from pipeline.cli.context import AsJson, get_context
from pipeline.config import site as site_files
from pipeline.config.site import Site
from pipeline.core.formatting import pluralize
from pipeline.core.urls import host_of, without_www
from pipeline.onboarding.catalog import Publisher, load_catalog, search_catalog

EXAMPLES: Final = (
    "nightdesk catalog times --country in",
    "nightdesk catalog --language de --json",
)


def catalog(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD", help="Words of the name or address. Default: all."),
    ] = None,
    country: Annotated[
        str, typer.Option(metavar="CODE", help="Only publishers of this country, as in 'tj'.")
    ] = "",
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Only publishers in this language, as in 'ru'.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List publishers of public lists that 'nightdesk add --catalog' can add.

    Nobody has checked an entry unless it has a day in the column "Checked".
    """
    app = get_context(context)
    sites, _ = site_files.load_sites(app.settings.sites_folder)
    added = _sites_by_host(sites)
    publishers = search_catalog(words or (), country, language)
    if as_json:
        rows = [asdict(publisher) | {"site": _site(publisher, added)} for publisher in publishers]
        print_json(rows)
        return
    if not publishers:
        _print_none(country, language)
        return
    table: list[list[Cell]] = []
    for publisher in publishers:
        table.append(
            [
                publisher.id,
                publisher.name,
                publisher.country,
                _languages(publisher),
                publisher.listed,
                publisher.checked or "never",
                _site(publisher, added) or "",
            ]
        )
    print_table(["Id", "Name", "Country", "Language", "Listed", "Checked", "Your site"], table)
    print_line()
    noun = pluralize(len(publishers), "publisher")
    print_line(f"{noun} of {len(load_catalog()):,}; 'nightdesk add --catalog ID' adds one.")


def _print_none(country: str, language: str) -> None:
    countries = {publisher.country for publisher in load_catalog()}
    if country and country.lower() not in countries:
        print_line(
            f"No publisher of '{country}' is in the catalogue; it has"
            f" {', '.join(sorted(countries))}. 'nightdesk add URL' adds any site."
        )
        return
    print_line("No publisher of the catalogue fits. 'nightdesk add URL' adds any site.")


def _languages(publisher: Publisher) -> str:
    languages = ", ".join(publisher.likely_languages)
    return languages if publisher.languages or not languages else f"{languages}?"


def _sites_by_host(sites: Sequence[Site]) -> Mapping[str, str]:
    return {without_www(host_of(site.url)): site.id for site in sites}


def _site(publisher: Publisher, added: Mapping[str, str]) -> str | None:
    return added.get(without_www(host_of(publisher.url)))
