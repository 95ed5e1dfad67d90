"""The command that searches, and counts what a search is about."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from pipeline.cli.console import Cell, plural, print_json, print_line, print_table, format_time
from pipeline.cli.context import AsJson, get_context
from pipeline.fulltext.excerpts import Excerpt
from pipeline.store.db.engine import Database
from pipeline.store.search import facets, index
from pipeline.store.search import search as results
from pipeline.store.search.facets import Counts
from pipeline.store.search.search import Hit, Results

BAR = 40  # letters of the longest bar of a histogram
FOUND = "bold yellow"


class SearchOrder(StrEnum):
    NEWEST = "newest"
    RANK = "rank"


def search(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY",
            help='Words, "phrases", -not, OR, prefix*, site: lang: author: tag: title: after: before: changed:',
        ),
    ],
    site: Annotated[str | None, typer.Option(metavar="SITE", help="Only this site.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=results.MOST, help="How many articles.")] = 20,
    sort: Annotated[
        SearchOrder, typer.Option(help="The newest first, or those that are most about it.")
    ] = SearchOrder.NEWEST,
    after: Annotated[
        str,
        typer.Option(
            metavar="PLACE", help="Go on from here: a page ends with the place of the next."
        ),
    ] = "",
    once: Annotated[
        bool, typer.Option("--once", help="Of near-copies of one story only the newest.")
    ] = False,
    count: Annotated[
        bool,
        typer.Option("--facets", help="Count by site, language, author, tag and time instead."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find articles by words of their title and text, or count them."""
    here = get_context(context)
    store = here.open_archive()
    text, site = " ".join(words), here.check_site_name(store, site)
    if count:
        _show_counts(facets.count(store, text, site=site), as_json)
        return
    found = results.search(store, text, limit, after=after, order=sort, site=site, once=once)
    if as_json:
        print_json([_as_json(hit) for hit in found.hits])
        return
    for hit in found.hits:
        _show_hit(hit)
    _say_more(store, found)


def _as_json(hit: Hit) -> dict[str, Any]:
    return asdict(hit.article) | {
        "excerpt": asdict(hit.excerpt),
        "title_spans": hit.title.spans,
        "place": hit.place,
    }


def _show_hit(hit: Hit) -> None:
    article = hit.article
    head = (
        f"{article.id}  {format_time(article.published_at or article.first_seen_at)} UTC  {article.site}"
    )
    head += f", and {plural(article.copies, 'near-copy', 'near-copies')}" if article.copies else ""
    print_line(Text(head, style="cyan"))
    print_line(Text("  ").append_text(_lit(hit.title, "bold")))
    print_line(Text("  ").append_text(_lit(hit.excerpt)))
    print_line(Text(f"  {article.url}", style="dim"))


def _lit(excerpt: Excerpt, style: str = "") -> Text:
    shown = Text(excerpt.text, style=style)
    for start, end in excerpt.spans:
        shown.stylize(FOUND, start, end)
    return shown


def _say_more(store: Database, found: Results) -> None:
    """What is left to say below the hits: none, more of them, what was not understood, what cannot be found yet."""
    if not found.hits:
        print_line(f"No article is found for: {found.understood}.")
    for note in found.query.notes:
        print_line(note)
    if found.next:
        print_line(Text(f"More with --after {found.next}", style="dim"))
    if waiting := index.waiting(store):
        print_line(
            f"{plural(waiting, 'article')} cannot be found yet; 'nightdesk clean' brings them into the index."
        )


def _show_counts(counts: Counts, as_json: bool) -> None:
    if as_json:
        print_json(asdict(counts))
        return
    print_line(("" if counts.exact else "About ") + plural(counts.total, "article"))
    for name, values in (
        ("Site", counts.sites),
        ("Language", counts.languages),
        ("Author", counts.authors),
        ("Tag", counts.tags),
    ):
        if values:
            print_line()
            print_table([name, "Articles"], [[value, number] for value, number in values])
    if counts.over_time:
        print_line()
        most = max(number for _, number in counts.over_time)
        rows: list[list[Cell]] = [
            [_shown(day, counts.unit), number, "█" * round(BAR * number / most)]
            for day, number in counts.over_time
        ]
        print_table([counts.unit.capitalize(), "Articles", ""], rows)


def _shown(day: date, unit: str) -> str:
    return (
        f"{day:%Y-%m-%d}" if unit == "day" else f"{day:%Y-%m}" if unit == "month" else f"{day:%Y}"
    )
