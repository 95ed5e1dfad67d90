"""`nightdesk count`: counts the articles of several queries side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.console import Cell, print_json, print_line, print_table
from pipeline.cli.context import AsJson, get_context
from pipeline.core.errors import ConfigError
from pipeline.formats.count_table import count_csv, count_rows
from pipeline.store import read

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database
    from pipeline.store.read import CountTable, TopWord

EXAMPLES: Final = (
    "nightdesk count ferry 'harbour levy' --by week",
    "nightdesk count ferry barge --by month --share --within group:local",
    "nightdesk count 'lang:ru школа' --by site --unique --csv",
)


class CountUnit(StrEnum):
    """What one row of the table stands for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    SITE = "site"
    GROUP = "group"
    COUNTRY = "country"


def count(
    context: typer.Context,
    queries: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY",
            help="One query or more, each in quotes if it has several words. '' is everything.",
        ),
    ],
    by: Annotated[
        CountUnit | None,
        typer.Option(help="A row for each of these. Default: only totals. Days are UTC."),
    ] = None,
    within: Annotated[
        str,
        typer.Option(
            metavar="QUERY", help="Count only articles that this query finds, as group:local."
        ),
    ] = "",
    share: Annotated[
        bool, typer.Option("--share", help="Show the share of all stories, too.")
    ] = False,
    unique: Annotated[
        bool, typer.Option("--unique", help="Count a story in several papers once.")
    ] = False,
    words: Annotated[
        bool,
        typer.Option(
            "--words", help="List the words that set each query apart from all other articles."
        ),
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for tables.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count the articles of several queries side by side, over time or by site.

    The numbers are exact. With --unique, near-duplicates count once, for the first of them that
    matches. With --within, shares are of what that query finds.
    """
    if as_csv and (as_json or words):
        raise ConfigError("--csv: leave out --json and --words")
    app = get_context(context)
    database = app.open_archive()
    if by in (CountUnit.GROUP, CountUnit.COUNTRY):
        app.save_site_labels(database)
    app.save_labels_of(database, within, *queries)
    if words:
        _print_words(database, queries, within, as_json=as_json)
        return
    table = read.count_queries(database, queries, by=by or "", within=within, unique=unique)
    database.close()
    if as_json:
        print_json(_table_json(table, share=share))
    elif as_csv:
        sys.stdout.write(count_csv(table, share=share))
    else:
        _print_table(table, share=share)


def _print_words(database: Database, queries: Sequence[str], within: str, *, as_json: bool) -> None:
    words_by_query: dict[str, Sequence[TopWord]] = {}
    for query in queries:
        limited = f"({query}) {within}" if within else query
        words_by_query[query] = read.top_words(database, limited)
    if as_json:
        print_json(words_by_query)
        return
    for query, words in words_by_query.items():
        rows: list[list[Cell]] = []
        for word in words:
            shares = (f"{word.share:.0%}", f"{word.rest_share:.0%}")
            rows.append([word.word, word.articles, *shares])
        print_table([query, "Articles", "Share", "Elsewhere"], rows)


def _table_json(table: CountTable, *, share: bool) -> dict[str, Any]:
    header, *rows = count_rows(table, share=share)
    return {
        "by": table.by,
        "within": table.within,
        "unique": table.unique,
        "stories": table.stories,
        "queries": table.queries,
        "rows": [dict(zip(header, row, strict=True)) for row in rows],
    }


def _print_table(table: CountTable, *, share: bool) -> None:
    header, *rows = count_rows(table, share=share)
    shown: list[list[Cell]] = []
    for row in rows:
        shown.append([_shown(value) for value in row])
    print_table([str(name) for name in header], shown)
    for query in table.queries:
        for note in query.notes:
            print_line(note)


def _shown(value: str | int | float) -> Cell:
    return f"{value:.2%}" if isinstance(value, float) else value
