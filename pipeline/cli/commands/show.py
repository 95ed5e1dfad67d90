"""`nightdesk show`: an article with its metadata and revisions."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from pipeline.cli.console import format_date, format_time, print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.views.article_origin import origin_json, origin_lines
from pipeline.cli.views.page_lookup import (
    PageName,
    explain_missing_article,
    require_page,
    require_story,
)
from pipeline.core.errors import ConfigError
from pipeline.core.formatting import format_if
from pipeline.core.local_times import as_precise
from pipeline.core.rights.statements import to_texts
from pipeline.jobs.near_duplicates import NearDuplicate, near_duplicates_of
from pipeline.store import read
from pipeline.store.read import article_values

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database
    from pipeline.store.read import (
        ArticleOrigin,
        ArticleView,
        PageView,
        Placement,
        RevisionView,
    )

EXAMPLES: Final = (
    "nightdesk show 1204",
    "nightdesk show https://gazette.example/2026/harbour --raw > page.html",
)
MAX_NEAR_DUPLICATES: Final = 20  # near-duplicates that are printed; --json has all
DIGEST_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class ShownArticle:
    """An article and what is known about it.

    Attributes:
        article: The article.
        page: Its page.
        revisions: Its revisions, the oldest first.
        near_duplicates: Articles with nearly the same text.
        sources: Where a metadata field comes from, by field.
        placements: Where it stood on the front page, the newest stretch first.
        origin: What the text was made of.
    """

    article: ArticleView
    page: PageView
    revisions: Sequence[RevisionView]
    near_duplicates: Sequence[NearDuplicate]
    sources: Mapping[str, str]
    placements: Sequence[Placement]
    origin: ArticleOrigin | None = None


def show(
    context: typer.Context,
    name: PageName,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write the stored bytes to standard output instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show an article: its text, metadata, revisions and near-duplicates."""
    database = get_context(context).open_archive()
    page = require_page(database, name)
    if raw:
        _write_raw(database, page)
        return
    page = require_story(database, name)
    shown = load_article(database, page)
    if as_json:
        print_json(article_json(shown))
        return
    print_article(shown)


def print_article(shown: ShownArticle) -> None:
    """Print an article: its metadata, its text and the times of its revisions."""
    _print_head(shown)
    for line in shown.article.text.split("\n"):
        print_line(line)
        print_line()
    if len(shown.revisions) > 1:
        _print_revisions(shown.revisions)


def load_article(database: Database, page: PageView) -> ShownArticle:
    """Return the article of a page. Raises ConfigError if it has none."""
    article = read.get_article(database, page.id)
    if article is None:
        raise ConfigError(f"{page.url}: {explain_missing_article(page)}")
    provenance = read.get_provenance(database, page.id)
    return ShownArticle(
        article,
        page,
        read.list_revisions(database, page.id),
        near_duplicates_of(database, page.id),
        dict(provenance.metadata.sources) if provenance else {},
        read.list_placements(database, page.url),
        read.article_origin(database, page.id),
    )


def _write_raw(database: Database, page: PageView) -> None:
    payload = read.article_payload(database, page.id)
    if payload is None:
        raise ConfigError(f"{page.url}: {explain_missing_article(page)}")
    _, _, body = payload
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


def article_json(shown: ShownArticle) -> dict[str, Any]:
    """Return an article as an object for programs."""
    return article_values(shown.article) | {
        **origin_json(shown.origin),
        "sources": dict(shown.sources),
        "history": shown.revisions,
        "near_duplicates": [_near_duplicate_json(each) for each in shown.near_duplicates],
        "placements": shown.placements,
    }


def _near_duplicate_json(article: NearDuplicate) -> dict[str, Any]:
    at = as_precise(article.published_at, article.published_precision)
    return asdict(article) | {"published_at": at}


def _print_head(shown: ShownArticle) -> None:
    print_line(Text(shown.article.title, style="bold"))
    for name, value in _head(shown):
        if value:
            print_line(Text.assemble((f"{name:<10}", "dim"), value))
    print_line()


def _head(shown: ShownArticle) -> Iterator[tuple[str, str]]:
    article, page = shown.article, shown.page

    def with_source(field: str, value: str) -> str:
        if not value:
            return ""
        return value + format_if(" (from {})", shown.sources.get(field, ""))

    yield "By", with_source("authors", ", ".join(article.authors))
    yield "Agency", with_source("agency", article.agency)
    yield "Published", _published(article)
    if article.modified_at:
        yield "Modified", format_date(article.modified_at, article.modified_precision)
    yield "Site", article.site
    yield "Section", with_source("section", article.section)
    yield "Tags", with_source("tags", ", ".join(article.tags))
    yield "Language", with_source("language", article.language)
    yield "URL", article.url
    yield "Rights", "; ".join(to_texts(article.rights))
    period = f"{format_time(article.first_seen_at)} to {format_time(article.last_seen_at)} UTC"
    digest = shown.origin.digest if shown.origin else page.digest
    yield "Archived", f"{period}, {digest[:DIGEST_DIGITS]}…"
    if shown.placements:
        yield "Front", _placement_line(shown.placements)
    yield from origin_lines(shown.origin)
    for near_duplicate in shown.near_duplicates[:MAX_NEAR_DUPLICATES]:
        yield "Also at", _near_duplicate_line(near_duplicate)
    others = len(shown.near_duplicates) - MAX_NEAR_DUPLICATES
    if others > 0:
        yield "", f"and {others:,} more; --json has all"


def _published(article: ArticleView) -> str:
    if article.published_at is None:
        return "unknown"
    source = format_if(" (from {})", article.published_source)
    return format_date(article.published_at, article.published_precision) + source


def _placement_line(placements: Sequence[Placement]) -> str:
    best = min(placement.rank for placement in placements)
    first = min(placement.first_seen_at for placement in placements)
    last = max(placement.last_seen_at for placement in placements)
    return f"{format_time(first)} to {format_time(last)} UTC, at best rank {best}"


def _near_duplicate_line(article: NearDuplicate) -> str:
    at = format_date(article.published_at or article.first_seen_at, article.published_precision)
    similarity = f"{article.similarity:.0%} similar"
    return f"{article.site}  {at}  {similarity}  {article.id}  {article.url}"


def _print_revisions(revisions: Sequence[RevisionView]) -> None:
    for revision in revisions:
        first, last = format_time(revision.first_seen_at), format_time(revision.last_seen_at)
        print_line(Text(f"Revision {revision.number}: {first} to {last} UTC", style="dim"))
