"""`nightdesk search`: finds articles by their words, or counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from pipeline.cli.console import Cell, format_date, print_json, print_line, print_table
from pipeline.cli.context import AsJson, get_context
from pipeline.core.formatting import format_if, pluralize
from pipeline.fulltext.excerpts import Excerpt
from pipeline.store import read
from pipeline.store.read import article_values

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database
    from pipeline.store.read import FacetCounts, SearchHit, SearchPage

EXAMPLES: Final = (
    "nightdesk search ferry site:gazette after:2026-01-01",
    "nightdesk search '\"city council\" -budget' --sort rank --unique",
    "nightdesk search ferry --facets",
)
BAR_WIDTH: Final = 40  # columns of the longest bar of a histogram
HIGHLIGHT: Final = "bold yellow"
DAY_FORMATS: Final = {"day": "%Y-%m-%d", "month": "%Y-%m"}


class SearchOrder(StrEnum):
    """The order of the hits."""

    NEWEST = "newest"
    RANK = "rank"


def search(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY",
            help='Words, "phrases", -not, OR, prefix*, and site: group: country: lang: author:'
            " agency: tag: title: after: before: changed:",
        ),
    ],
    site: Annotated[str | None, typer.Option(metavar="SITE", help="Only this site.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=read.MAX_HITS, metavar="N", help="How many articles.")
    ] = 20,
    sort: Annotated[
        SearchOrder, typer.Option(help="The newest articles first, or the most relevant ones.")
    ] = SearchOrder.NEWEST,
    after: Annotated[
        str,
        typer.Option(
            metavar="CURSOR",
            help="Go on after this hit. Each page of hits ends with the cursor of the next one.",
        ),
    ] = "",
    unique: Annotated[
        bool, typer.Option("--unique", help="Show only the newest of several near-duplicates.")
    ] = False,
    count: Annotated[
        bool,
        typer.Option("--facets", help="Count by site, language, author, tag and time instead."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find articles by words of their title and text, or count them."""
    app = get_context(context)
    database = app.open_archive()
    query = " ".join(words)
    if site is not None:
        app.check_site_name(database, site)
    app.save_labels_of(database, query)
    if count:
        _print_counts(read.count_matches(database, query, site=site), as_json=as_json)
        return
    page = read.search_articles(
        database, query, limit, after=after, order=sort, site=site, unique=unique
    )
    if as_json:
        print_json([_hit_json(hit) for hit in page.hits])
        return
    for hit in page.hits:
        _print_hit(hit)
    _print_notes(database, page)


def _hit_json(hit: SearchHit) -> dict[str, Any]:
    return article_values(hit.article) | {
        "excerpt": asdict(hit.excerpt),
        "title_spans": hit.title.spans,
        "cursor": hit.cursor,
    }


def _print_hit(hit: SearchHit) -> None:
    article = hit.article
    at = format_date(article.published_at or article.first_seen_at, article.published_precision)
    head = f"{article.id}  {at}  {article.site}{format_if('  {}', article.agency)}"
    if article.copies:
        head += f", and {pluralize(article.copies, 'near-duplicate')}"
    print_line(Text(head, style="cyan"))
    print_line(Text("  ").append_text(_highlight(hit.title, "bold")))
    print_line(Text("  ").append_text(_highlight(hit.excerpt)))
    print_line(Text(f"  {article.url}", style="dim"))


def _highlight(excerpt: Excerpt, style: str = "") -> Text:
    text = Text(excerpt.text, style=style)
    for start, end in excerpt.spans:
        text.stylize(HIGHLIGHT, start, end)
    return text


def _print_notes(database: Database, page: SearchPage) -> None:
    """Print what follows the hits: how the query was read, the next page, missing articles."""
    if not page.hits:
        print_line(f"No article is found for: {page.description}.")
        suggestion = read.suggest_query(database, page.query.text)
        if suggestion:
            print_line(f"Did you mean: {suggestion}")
        if not read.has_articles(database):
            print_line("The archive holds no article yet; 'nightdesk crawl' fetches the first.")
    for note in page.query.notes:
        print_line(note)
    if page.next:
        print_line(Text(f"More with --after {page.next}", style="dim"))
    unindexed = read.count_unindexed(database)
    if unindexed:
        print_line(
            f"{pluralize(unindexed, 'article')} cannot be found yet;"
            " 'nightdesk clean' adds them to the index."
        )


def _print_counts(counts: FacetCounts, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(counts))
        return
    articles = pluralize(counts.total, "article")
    print_line(articles if counts.exact else f"About {articles}")
    facet_tables = (
        ("Site", counts.sites),
        ("Language", counts.languages),
        ("Author", counts.authors),
        ("Agency", counts.agencies),
        ("Tag", counts.tags),
    )
    for name, values in facet_tables:
        if values:
            print_line()
            print_table([name, "Articles"], values)
    if counts.over_time:
        print_line()
        _print_histogram(counts.over_time, counts.unit)


def _print_histogram(over_time: Sequence[tuple[date, int]], unit: str) -> None:
    highest = max(number for _, number in over_time)
    rows: list[list[Cell]] = []
    for day, number in over_time:
        bar = "█" * round(BAR_WIDTH * number / highest)
        rows.append([day.strftime(DAY_FORMATS.get(unit, "%Y")), number, bar])
    print_table([unit.capitalize(), "Articles", ""], rows)
