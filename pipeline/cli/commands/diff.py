"""`nightdesk diff`: what changed between two revisions of an article, word by word."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from pipeline.changes.text_diff import TextDiff, compare_texts, compare_titles
from pipeline.cli.console import format_time, print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.views import story_changes
from pipeline.cli.views.page_lookup import PageName, explain_missing_article, require_story
from pipeline.core.errors import ConfigError
from pipeline.core.formatting import pluralize
from pipeline.store import read
from pipeline.store.read import ChangeQuery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.store.db.engine import Database
    from pipeline.store.read import ChangeView, PageView, RevisionView

EXAMPLES: Final = (
    "nightdesk diff 1204",
    "nightdesk diff https://gazette.example/2026/harbour --revision 2",
)
CONTEXT: Final = 1  # unchanged paragraphs before and after a changed one
MAX_CHANGES: Final = 100


def diff(
    context: typer.Context,
    name: PageName,
    revision: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="N",
            help="Compare revision N with the one before. Default: the newest revision.",
        ),
    ] = None,
    since: Annotated[
        int | None,
        typer.Option(min=1, metavar="M", help="Compare with revision M instead."),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Show the paragraphs that did not change, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show word by word what changed between two revisions."""
    database = get_context(context).open_archive()
    page = require_story(database, name)
    revisions = {each.number: each for each in read.list_revisions(database, page.id)}
    if not revisions:
        raise ConfigError(f"{page.url}: {explain_missing_article(page)}")
    if len(revisions) == 1:
        print_line(f"{page.url}: has one revision, so nothing changed.")
        return
    number = revision or max(revisions)
    old = _revision(page, revisions, since or number - 1)
    new = _revision(page, revisions, number)
    title_diff = compare_titles(old.title, new.title)
    text_diff = compare_texts(old.text, new.text)
    if as_json:
        print_json(_diff_json(page, old, new, title_diff, text_diff))
        return
    _print_head(database, page, old, new)
    lost = pluralize(title_diff.removed_words + text_diff.removed_words, "word")
    gained = pluralize(title_diff.added_words + text_diff.added_words, "word")
    print_line(f"{lost} removed, {gained} added.")
    print_line()
    for parts in title_diff.paragraphs:
        print_line(story_changes.paragraph(parts, "bold"))
    for shown in text_diff.changed_paragraphs(len(text_diff.paragraphs) if whole else CONTEXT):
        print_line()
        print_line(Text("…", style="dim") if shown is None else story_changes.paragraph(shown))
    if text_diff.is_truncated:
        print_line()
        print_line("These texts are very long. The rest is not shown here.")


def _revision(page: PageView, revisions: Mapping[int, RevisionView], number: int) -> RevisionView:
    if number not in revisions:
        first, last = min(revisions), max(revisions)
        raise ConfigError(f"{page.url}: has no revision {number}; it has {first} to {last}")
    return revisions[number]


def _print_head(database: Database, page: PageView, old: RevisionView, new: RevisionView) -> None:
    print_line(Text(page.url, style="cyan"))
    for revision in (old, new):
        first, last = format_time(revision.first_seen_at), format_time(revision.last_seen_at)
        print_line(Text(f"Revision {revision.number}: {first} to {last} UTC", style="dim"))
    kinds = [str(change.kind) for change in _changes(database, page, new.number)]
    if kinds and old.number == new.number - 1:
        print_line(f"Kind: {', '.join(sorted(kinds))}")


def _changes(database: Database, page: PageView, number: int) -> list[ChangeView]:
    found = read.list_changes(database, ChangeQuery(article=page.id), MAX_CHANGES).changes
    return [change for change in found if change.revision == number]


def _diff_json(
    page: PageView,
    old: RevisionView,
    new: RevisionView,
    title_diff: TextDiff,
    text_diff: TextDiff,
) -> dict[str, Any]:
    return {
        "article": page.id,
        "url": page.url,
        "old": old.number,
        "new": new.number,
        "title": asdict(title_diff),
        "text": asdict(text_diff),
    }
