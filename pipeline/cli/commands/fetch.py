"""`nightdesk fetch`: archive single pages now, and show their articles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pipeline.cli.checkpoint_line import finish_log
from pipeline.cli.commands.show import article_json, load_article, print_article
from pipeline.cli.console import exit_on_interrupt, print_error, print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.core.errors import ExitCode
from pipeline.core.formatting import format_size, pluralize
from pipeline.jobs.nightly import make_log_folder
from pipeline.jobs.results import worst_exit_code
from pipeline.store import read

if TYPE_CHECKING:
    from pipeline.jobs.fetch import FetchedUrl
    from pipeline.store.db.engine import Database

EXAMPLES: Final = (
    "nightdesk fetch https://gazette.example/2026/harbour",
    "nightdesk fetch https://gazette.example/2026/harbour --json",
)
INTERRUPTED: Final = "what was fetched is kept, and the same command goes on from here"


def fetch(
    context: typer.Context,
    urls: Annotated[list[str], typer.Argument(metavar="URL", help="The addresses of the pages.")],
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="MINUTES",
            help="How long to wait while another command crawls the site.",
        ),
    ] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Archive single pages now, under the rules of their sites, and show their articles.

    A page of a site without a file is archived as a page of the site 'saved'. robots.txt is
    obeyed. The exit code is 0 if each URL has become an article that can be searched.
    """
    app = get_context(context)
    _ = app.settings.sent_user_agent  # without a contact in the settings nothing is fetched
    sites = app.readable_sites()
    make_log_folder(app.settings.log_folder)
    database = app.open_archive(create=True)
    from pipeline.jobs.fetch import fetch_urls

    with exit_on_interrupt(INTERRUPTED):
        results = fetch_urls(app.settings, database, urls, sites, print_error, 60 * wait)
    if as_json:
        print_json([_as_json(database, result) for result in results])
    else:
        _print_results(database, results)
    codes: list[ExitCode] = [app.exit_code]
    codes += [result.exit_code for result in results]
    finish_log(app, database, quiet=as_json)
    database.close()
    raise typer.Exit(worst_exit_code(codes))


def _print_results(database: Database, results: Sequence[FetchedUrl]) -> None:
    for result in results:
        if result.problem:
            print_error(result.problem)
            continue
        assert result.page is not None
        page = result.page
        shown = load_article(database, page)
        print_line(
            f"{page.url}: article {page.id} of {page.site}, {page.outcome},"
            f" {pluralize(shown.article.word_count, 'word')}"
        )
        print_line(f"sha256 {page.digest}, {format_size(page.size)}")
        print_line()
        print_article(shown)


def _as_json(database: Database, result: FetchedUrl) -> Mapping[str, Any]:
    page = result.page
    article = None
    if page is not None and read.get_article(database, page.id) is not None:
        article = article_json(load_article(database, page))
    return {
        "url": result.url,
        "site": result.site,
        "outcome": result.outcome,
        "reason": result.reason,
        "problem": result.problem,
        "digest": page.digest if page is not None else "",
        "article": article,
    }
