"""`nightdesk demo`: two nights of the bundled newsroom, with everything that a real night does, and then what came of it.

Promises to need no network, to end in under a minute, to touch nothing but its own folder, and to leave an archive there that
all other commands can be tried on.
"""

from __future__ import annotations

import difflib
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.text import Text

from pipeline import demo_site
from pipeline.cli.console import plural, print_line
from pipeline.cli.views import night_summary
from pipeline.cli.views.night_progress import night_progress
from pipeline.config import settings as settings_room
from pipeline.config import site as sites
from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.errors import DiskError, ExitCode
from pipeline.core.models import Outcome
from pipeline.jobs.nightly import SiteResult, run_nightly, worst_exit_code
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.read import pages
from pipeline.store.read import runs as history
from pipeline.store.read.pages import Explanation, PageView

MARK = "# Made by 'nightdesk demo'; the next demo removes this folder.\n"
TONIGHT = "\n[revisit]\nafter_hours = 0  # the two nights are seconds apart\n"
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo's own home, and what is done in it."""

    settings: Settings
    store: Database
    sites: tuple[Site, ...]


def run_demo(home: Path) -> ExitCode:
    """Runs the demo below `home` and tells what happens. Returns the exit code."""
    print_line(Text("Nightdesk demo", style="bold"))
    print_line(
        "Three small made-up newspapers (English, Russian, Tajik) are served on this machine and archived twice."
    )
    with demo_site.serve(night=1) as room:
        demo = _prepare(home / "var" / "demo", room)
        first = _night(demo, 1)
        room.night = 2
        second = _night(demo, 2)
    _show_cut(demo)
    _show_edits(demo, second)
    _show_others(demo, (*first, *second))
    _show_next(demo)
    demo.store.close()
    return worst_exit_code([night.exit_code for night in (*first, *second) if night.errors])


def _prepare(folder: Path, room: demo_site.Newsroom) -> Demo:
    config = folder / "config" / "nightdesk.toml"
    try:
        if folder.exists():
            _remove(folder, config)
        (folder / "config" / "sites").mkdir(parents=True)
        config.write_text(
            MARK + 'contact = "demo@example.org"\ndatabase_url = "sqlite:///nightdesk.db"\n',
            encoding="utf8",
        )
        for site in demo_site.SITES:
            text = demo_site.site_file(site.id, room.base(site.id)) + TONIGHT
            (folder / "config" / "sites" / f"{site.id}.toml").write_text(text, encoding="utf8")
    except OSError as error:
        raise DiskError(f"{folder}: the demo's folder cannot be made ({error.strerror})") from None
    # as flags, so that no variable of the environment leads the demo into a real archive
    settings = settings_room.load(
        folder, contact="demo@example.org", database_url="sqlite:///nightdesk.db"
    )
    store = Database(settings.database_url)
    migrate.ensure(store)
    found, _ = sites.load_all(settings.sites_folder)
    return Demo(settings, store, found)


def _remove(folder: Path, config: Path) -> None:
    if not config.is_file() or not config.read_text(encoding="utf8").startswith(MARK):
        raise DiskError(f"{folder}: is in the way, and no demo made it; move it elsewhere")
    shutil.rmtree(folder)


def _night(demo: Demo, number: int) -> tuple[SiteResult, ...]:
    print_line()
    print_line(Text(f"Night {number}", style="bold"))
    with night_progress(quiet=False) as looking:
        nights = run_nightly(demo.settings, demo.store, demo.sites, looking)
    night_summary.print_summary(night_summary.read_summary(demo.store, nights), crawled=True)
    return nights


def _show_cut(demo: Demo) -> None:
    """The page of which most was struck, as it came and as it was kept."""
    found = [
        pages.find_page(demo.store, str(article.id))
        for article in pages.find_articles(demo.store, "", 100)
    ]
    explained = [pages.explain(demo.store, page) for page in found if page is not None]
    most = max(
        (each for each in explained if each),
        key=lambda each: sum(bool(block.rule) for block in each.blocks),
    )
    print_line()
    print_line(Text("What was struck, and why", style="bold"))
    print_line(f"{most.metadata.title} ({most.page.site}, {plural(len(most.blocks), 'block')}):")
    _show_blocks(most)


def _show_blocks(found: Explanation) -> None:
    kept = [index for index, each in enumerate(found.blocks) if not each.rule]
    for index, each in enumerate(found.blocks):
        if each.rule:
            print_line(
                Text(
                    f"  struck  {_short(each.block.text, 56):<56}  {each.rule}: {each.why}",
                    style="yellow",
                )
            )
        elif index == kept[-1]:
            print_line(
                f"  kept    … {plural(len(kept), 'block')} of story, to: “{_short(each.block.text, 60)}”"
            )


def _show_edits(demo: Demo, nights: Sequence[SiteResult]) -> None:
    print_line()
    print_line(Text("What the papers changed between the nights", style="bold"))
    for page in _pages(demo, nights, "clean", Outcome.REVISED):
        before, after = pages.revisions(demo.store, page.id)[-2:]
        print_line(f"{after.title} ({page.site}, revision {after.number}):")
        for old, new in _changed(before.text, after.text):
            print_line(Text(f"  - {_short(old, WIDTH)}", style="red"))
            print_line(Text(f"  + {_short(new, WIDTH)}", style="green"))


def _changed(before: str, after: str) -> list[tuple[str, str]]:
    old, new = before.split("\n"), after.split("\n")
    codes = difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes()
    return [
        _around_difference(" ".join(old[a:b]), " ".join(new[c:d]))
        for kind, a, b, c, d in codes
        if kind != "equal"
    ]


def _around_difference(old: str, new: str) -> tuple[str, str]:
    """Both from a little before the first letter in which they differ, since the eye looks for that."""
    start = next(
        (n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b),
        min(len(old), len(new)),
    )
    start = max(0, old.rfind(" ", 0, max(0, start - 30)))
    lead = "… " if start else ""
    return lead + old[start:].strip(), lead + new[start:].strip()


def _show_others(demo: Demo, nights: Sequence[SiteResult]) -> None:
    print_line()
    print_line(Text("What else the ledger knows", style="bold"))
    for job, outcome, sentence in (
        ("crawl", Outcome.GONE, "is gone"),
        ("crawl", Outcome.REDIRECTED, "answers under another address"),
        ("crawl", Outcome.REFUSED, "was not asked for"),
        ("clean", Outcome.NOT_ARTICLE, "is kept, but is no article"),
    ):
        for page, reason in _pages(demo, nights, job, outcome).items():
            article = pages.article(demo.store, page.id)
            kept = (
                f"; “{_short(article.title, 50)}” stays in the archive"
                if article and outcome is Outcome.GONE
                else ""
            )
            print_line(
                f"  {page.site}: {urlsplit(page.url).path} {sentence} ({reason.replace('_', ' ')}){kept}"
            )


def _pages(
    demo: Demo, nights: Sequence[SiteResult], job: str, outcome: Outcome
) -> dict[PageView, str]:
    """Pages that ended so in one of the nights, with the reason."""
    runs = [(night.crawl if job == "crawl" else night.clean) for night in nights]
    lines = [
        line
        for run in runs
        if run and run.run_id
        for line in history.run_ledger(demo.store, run.run_id, outcome)
    ]
    found = {pages.find_page(demo.store, line.url): line.reason for line in lines}
    return {
        page: found[page]
        for page in sorted(filter(None, found), key=lambda page: (page.site, page.url))
    }


def _show_next(demo: Demo) -> None:
    command = (
        os.path.relpath(sys.argv[0])
        if Path(sys.argv[0]).name == "nightdesk"
        else "python -m pipeline"
    )
    command += f" --home {os.path.relpath(demo.settings.home)}"
    if settings_room.load(demo.settings.home).database_url != demo.settings.database_url:
        command += (
            f" --database-url {demo.settings.database_url}"  # the environment names another archive
        )
    newest = pages.find_articles(demo.store, "", 1)[0]
    print_line()
    print_line(Text("The archive stays. Type next:", style="bold"))
    for words, meaning in (
        ("search harbour", "words of a text, newest first; try шаҳр or шахр, школы"),
        (f"show {newest.id}", "an article with its metadata and revisions"),
        (f"explain {newest.id}", "each block of its page, kept or struck, and by which rule"),
        ("runs", "what each run did; 'runs N' lists it URL by URL"),
        ("status", "all sites at a glance"),
    ):
        print_line(Text.assemble(f"  {command} {words:<16}", (f"  {meaning}", "dim")))
    print_line()
    print_line(
        f"It is one SQLite file ({os.path.relpath(demo.store.name)}) with the views 'articles' and 'ledger'; see README.md."
    )


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"
