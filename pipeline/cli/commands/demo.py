"""`nightdesk demo`: two nights of the bundled demo sites, without a network.

The demo does all that a real night does. It ends in less than a minute, changes only its own
folder, and leaves an archive there that all other commands can read.
"""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

import typer
from rich.text import Text

from pipeline import demo_site
from pipeline.cli.commands.serve import run_web_app
from pipeline.cli.console import print_line
from pipeline.cli.context import get_context
from pipeline.cli.views import night_summary
from pipeline.cli.views.night_progress import night_progress
from pipeline.config import settings as app_settings
from pipeline.config import site as site_files
from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.errors import DiskError, ExitCode
from pipeline.core.formatting import plain_words, pluralize, shorten
from pipeline.core.models import Outcome
from pipeline.jobs.nightly import run_nightly
from pipeline.jobs.results import SiteResult, worst_exit_code
from pipeline.store import read
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database

if TYPE_CHECKING:
    from pipeline.store.read import Explanation, PageView

EXAMPLES: Final = ("nightdesk demo", "nightdesk demo --serve")
MARKER: Final = "# Made by 'nightdesk demo'; the next demo removes this folder.\n"
SETTINGS: Final = 'contact = "demo@example.org"\ndatabase_url = "sqlite:///nightdesk.db"\n'
REVISIT: Final = "\n[revisit]\nafter_hours = 0  # the two nights are seconds apart\n"
LINE_WIDTH: Final = 100  # columns
BLOCK_WIDTH: Final = 56  # columns
LAST_BLOCK_WIDTH: Final = 60  # columns
TITLE_WIDTH: Final = 50  # columns
MAX_ARTICLES: Final = 100  # articles that are searched for the page with most removed blocks
LEAD: Final = 30  # characters before the first difference of two lines

OUTCOMES: Final = (
    ("crawl", Outcome.GONE, "is gone"),
    ("crawl", Outcome.REDIRECTED, "answers under another address"),
    ("crawl", Outcome.REFUSED, "was not fetched"),
    ("clean", Outcome.NOT_ARTICLE, "is kept, but is no article"),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's own settings, archive and sites."""

    settings: Settings
    database: Database
    sites: tuple[Site, ...]


def demo(
    context: typer.Context,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show the archive in a browser at the end.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port of --serve; 0 takes a free one.")
    ] = 8642,
) -> None:
    """Run two nights of small demo sites on this machine, without a network, and explain them."""
    home = get_context(context).home
    code = run_demo(home)
    if serve and code is ExitCode.OK:
        _serve_demo(home / "var" / "demo", port)
    raise typer.Exit(code)


def _serve_demo(folder: Path, port: int) -> None:
    from pipeline.web.app import create_app
    from pipeline.web.server import listen

    database = Database(f"sqlite:///{folder / 'nightdesk.db'}")
    sites, _ = site_files.load_sites(folder / "config" / "sites")
    print_line()
    try:
        with listen("127.0.0.1", port) as listening:
            run_web_app(create_app(database, {site.id: site for site in sites}), listening)
    finally:
        database.close()


def run_demo(home: Path) -> ExitCode:
    """Run the demo in `var/demo` of a home folder, and print what happens.

    Args:
        home: The home folder.

    Returns:
        The exit code of the worst error; missing pages of the demo sites are no errors.

    Raises:
        DiskError: The folder of the demo cannot be made, or something else is in its place.
    """
    print_line(Text("Nightdesk demo", style="bold"))
    print_line(
        "Three small made-up newspapers (English, Russian, Tajik) are served on this machine and"
        " archived twice."
    )
    with demo_site.serve_demo_sites(night=1) as server:
        demo = _prepare(home / "var" / "demo", server)
        first = _run_night(demo, 1)
        server.night = 2
        second = _run_night(demo, 2)
    _print_removed_blocks(demo)
    _print_edits(demo, second)
    _print_other_outcomes(demo, (*first, *second))
    _print_next_commands(demo)
    demo.database.close()
    return worst_exit_code([result.exit_code for result in (*first, *second) if result.errors])


def _prepare(folder: Path, server: demo_site.DemoServer) -> Demo:
    config = folder / "config" / "nightdesk.toml"
    try:
        if folder.exists():
            _remove(folder, config)
        sites_folder = folder / "config" / "sites"
        sites_folder.mkdir(parents=True)
        config.write_text(MARKER + SETTINGS, encoding="utf8")
        for site in demo_site.SITES:
            text = demo_site.site_file(site.id, server.base_url(site.id)) + REVISIT
            (sites_folder / f"{site.id}.toml").write_text(text, encoding="utf8")
    except OSError as error:
        raise DiskError(f"{folder}: the demo's folder cannot be made ({error.strerror})") from None
    # As flags, so that no environment variable leads the demo into a real archive.
    settings = app_settings.load_settings(
        folder, contact="demo@example.org", database_url="sqlite:///nightdesk.db"
    )
    database = Database(settings.database_url)
    migrate.ensure(database)
    sites, _ = site_files.load_sites(settings.sites_folder)
    return Demo(settings, database, sites)


def _remove(folder: Path, config: Path) -> None:
    if not config.is_file() or not config.read_text(encoding="utf8").startswith(MARKER):
        raise DiskError(f"{folder}: is in the way, and no demo made it; move it elsewhere")
    shutil.rmtree(folder)


def _run_night(demo: Demo, number: int) -> tuple[SiteResult, ...]:
    print_line()
    print_line(Text(f"Night {number}", style="bold"))
    with night_progress(quiet=False) as listener:
        results = run_nightly(demo.settings, demo.database, demo.sites, listener)
    night_summary.print_summary(night_summary.read_summary(demo.database, results), crawled=True)
    return results


def _print_removed_blocks(demo: Demo) -> None:
    """Print the page that lost most blocks: which were removed, and which were kept."""
    explanations = []
    for article in read.find_articles(demo.database, "", MAX_ARTICLES):
        page = read.find_page(demo.database, str(article.id))
        if page is None:
            continue
        explanation = read.explain_page(demo.database, page)
        if explanation is not None:
            explanations.append(explanation)
    explanation = max(explanations, key=_count_removed)
    blocks = pluralize(len(explanation.blocks), "block")
    print_line()
    print_line(Text("What was removed, and why", style="bold"))
    print_line(f"{explanation.metadata.title} ({explanation.page.site}, {blocks}):")
    _print_blocks(explanation)


def _count_removed(explanation: Explanation) -> int:
    return sum(bool(block.rule) for block in explanation.blocks)


def _print_blocks(explanation: Explanation) -> None:
    kept = [number for number, block in enumerate(explanation.blocks) if not block.rule]
    for number, block in enumerate(explanation.blocks):
        if block.rule:
            text = shorten(block.block.text, BLOCK_WIDTH)
            line = f"  removed  {text:<{BLOCK_WIDTH}}  {block.rule}: {block.why}"
            print_line(Text(line, style="yellow"))
        elif number == kept[-1]:
            blocks = pluralize(len(kept), "block")
            last = shorten(block.block.text, LAST_BLOCK_WIDTH)
            print_line(f"  kept     … {blocks} of story, to: “{last}”")


def _print_edits(demo: Demo, results: Sequence[SiteResult]) -> None:
    print_line()
    print_line(Text("What the papers changed between the nights", style="bold"))
    for page in _pages_with_outcome(demo, results, "clean", Outcome.REVISED):
        before, after = read.list_revisions(demo.database, page.id)[-2:]
        print_line(f"{after.title} ({page.site}, revision {after.number}):")
        for old, new in _changed_passages(before.text, after.text):
            print_line(Text(f"  - {shorten(old, LINE_WIDTH)}", style="red"))
            print_line(Text(f"  + {shorten(new, LINE_WIDTH)}", style="green"))


def _changed_passages(before: str, after: str) -> list[tuple[str, str]]:
    old, new = before.split("\n"), after.split("\n")
    passages = []
    for kind, a, b, c, d in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if kind != "equal":
            passages.append(_cut_to_difference(" ".join(old[a:b]), " ".join(new[c:d])))
    return passages


def _cut_to_difference(old: str, new: str) -> tuple[str, str]:
    """Return both texts from a little before their first difference, where people look first."""
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    start = max(0, old.rfind(" ", 0, max(0, first - LEAD)))
    lead = "… " if start else ""
    return lead + old[start:].strip(), lead + new[start:].strip()


def _print_other_outcomes(demo: Demo, results: Sequence[SiteResult]) -> None:
    print_line()
    print_line(Text("What else the ledger knows", style="bold"))
    for run_kind, outcome, sentence in OUTCOMES:
        for page, reason in _pages_with_outcome(demo, results, run_kind, outcome).items():
            article = read.get_article(demo.database, page.id)
            note = ""
            if article and outcome is Outcome.GONE:
                note = f"; “{shorten(article.title, TITLE_WIDTH)}” stays in the archive"
            path = urlsplit(page.url).path
            print_line(f"  {page.site}: {path} {sentence} ({plain_words(reason)}){note}")


def _pages_with_outcome(
    demo: Demo, results: Sequence[SiteResult], run_kind: str, outcome: Outcome
) -> Mapping[PageView, str]:
    """Return the pages with this outcome in one of the nights, with the reason, by site and URL."""
    reasons = {}
    for result in results:
        run = result.crawl if run_kind == "crawl" else result.clean
        if run is None or not run.run_id:
            continue
        for entry in read.run_log(demo.database, run.run_id, outcome):
            page = read.find_page(demo.database, entry.url)
            if page is not None:
                reasons[page] = entry.reason
    return dict(sorted(reasons.items(), key=lambda item: (item[0].site, item[0].url)))


def _print_next_commands(demo: Demo) -> None:
    command = "python -m pipeline"
    if Path(sys.argv[0]).name == "nightdesk":
        command = os.path.relpath(sys.argv[0])
    command += f" --home {os.path.relpath(demo.settings.home)}"
    configured = app_settings.load_settings(demo.settings.home)
    if configured.database_url != demo.settings.database_url:
        # The environment names another archive.
        command += f" --database-url {demo.settings.database_url}"
    newest = read.find_articles(demo.database, "", 1)[0]
    print_line()
    print_line(Text("The archive stays. Type next:", style="bold"))
    for words, meaning in (
        ("search harbour", "words of a text, newest first; try шаҳр or шахр, школы"),
        (f"show {newest.id}", "an article with its metadata and revisions"),
        (f"explain {newest.id}", "each block of its page, kept or removed, and by which rule"),
        ("runs", "what each run did; 'runs N' lists it URL by URL"),
        ("status", "all sites at a glance"),
        ("serve", "all this in a browser, with a search"),
    ):
        print_line(Text.assemble(f"  {command} {words:<16}", (f"  {meaning}", "dim")))
    print_line()
    path = os.path.relpath(demo.database.name)
    print_line(f"It is one SQLite file ({path}) with the views 'articles' and 'ledger'.")
