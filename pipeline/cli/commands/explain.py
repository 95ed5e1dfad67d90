"""`nightdesk explain`: how the text of a page was made, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.text import Text

from pipeline.cli.console import format_day, format_time, print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.views.article_origin import origin_lines
from pipeline.cli.views.page_lookup import PageName, explain_missing_article, require_story
from pipeline.core.errors import ConfigError
from pipeline.core.formatting import format_if, format_size, pluralize
from pipeline.core.local_times import as_precise
from pipeline.core.models import UrlKind
from pipeline.store import read

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database
    from pipeline.store.read import ContainerStats, ExplainedBlock, Explanation, PageView

EXAMPLES: Final = (
    "nightdesk explain 1204",
    "nightdesk explain https://gazette.example/2026/harbour --json",
)
TRAFILATURA_VOTES: Final = {True: "taken", False: "left out", None: "not asked"}


def explain(context: typer.Context, name: PageName, as_json: AsJson = False) -> None:
    """Show each block of a page, kept or removed, with the rule that removed it, and why."""
    database = get_context(context).open_archive()
    explanation = _load(database, require_story(database, name))
    if as_json:
        print_json(_as_json(explanation))
        return
    _print_head(explanation)
    containers = {container.name: container for container in explanation.containers}
    has_parts = any(explained.part > 1 for explained in explanation.blocks)
    for number, explained in enumerate(explanation.blocks):
        container = containers.get(explained.block.container)
        _print_block(number, explained, container, has_parts=has_parts)
    removed = sum(bool(explained.rule) for explained in explanation.blocks)
    total = len(explanation.blocks)
    print_line()
    print_line(f"{pluralize(total, 'block')}: {total - removed} kept, {removed} removed.")


def _load(database: Database, page: PageView) -> Explanation:
    explanation = read.explain_page(database, page)
    if explanation is None and page.kind == UrlKind.STORY and page.digest:
        raise ConfigError(
            f"{page.url}: is stored but not cleaned yet; 'nightdesk clean {page.site}' does it"
        )
    if explanation is None:
        raise ConfigError(f"{page.url}: {explain_missing_article(page)}")
    return explanation


def _print_block(
    number: int, explained: ExplainedBlock, container: ContainerStats | None, *, has_parts: bool
) -> None:
    """Print the decision about a block, the votes of the extractors, its place and its text."""
    block, rule = explained.block, explained.rule
    decision, head_style, text_style = "kept", "cyan", ""
    if rule:
        decision, head_style, text_style = "removed", "dim", "dim strike"
    vote = TRAFILATURA_VOTES[block.kept_by_trafilatura]
    place = _place(block.element_path, container)
    part = f"part {explained.part:>2}  " if has_parts else ""
    head = (
        f"{decision:<7} {number:>4}  {part}{block.story_probability:>4.0%}  {vote:<9}"
        f"  {block.kind:<9}  {place}"
    )
    print_line(Text(f"  {head.rstrip()}", style=head_style))
    print_line(Text(f"      {block.text}", style=text_style))
    if rule:
        print_line(Text(f"      └ {rule}: {explained.why}", style="yellow"))


def _place(element_path: str, container: ContainerStats | None) -> str:
    """Return where a block stands, and how often its container holds story on this site."""
    if container is None:
        return element_path
    total = container.story_pages + container.other_pages
    return f"{element_path}  (story on {container.story_pages:,} of {pluralize(total, 'page')})"


def _print_head(explanation: Explanation) -> None:
    print_line(Text(explanation.metadata.title or explanation.page.url, style="bold"))
    for name, value in _head(explanation):
        if value:
            print_line(Text.assemble((f"{name:<9}", "dim"), value))
    print_line()


def _head(explanation: Explanation) -> Iterator[tuple[str, str]]:
    page, metadata = explanation.page, explanation.metadata
    yield "Page", f"{page.id}  {page.url}"
    fetched = f"fetched {format_time(explanation.fetched_at)} UTC"
    size = page.size if explanation.origin is None else explanation.origin.size
    yield "Bytes", f"sha256 {explanation.digest}, {format_size(size)}, {fetched}"
    yield from origin_lines(explanation.origin)
    yield "Recipe", f"{explanation.recipe}, profile {explanation.profile}"
    outcome = ": ".join(filter(None, (explanation.outcome, explanation.reason)))
    yield "Outcome", outcome + format_if(" ({})", explanation.extract_detail)
    yield "Shape", explanation.list_evidence
    yield "Readings", explanation.readings
    yield (
        "Dated",
        _date_line(
            as_precise(metadata.published_local, metadata.published_precision),
            metadata.published_source,
            metadata.published_confidence,
        ),
    )
    yield (
        "Changed",
        _date_line(
            as_precise(metadata.modified_local, metadata.modified_precision),
            metadata.modified_source,
            metadata.modified_confidence,
        ),
    )
    yield "Shown", format_day(metadata.published_day)
    yield "Agency", metadata.agency


def _date_line(at: datetime | date | None, source: str, confidence: str) -> str:
    """Return a date on the clock of its page, with its source and how certain it is."""
    if at is None:
        return ""
    notes = [format_if("from {}", source), format_if("confidence {}", confidence)]
    text = at.isoformat(" ", "minutes") if isinstance(at, datetime) else at.isoformat()
    return text + format_if(" ({})", ", ".join(filter(None, notes)))


def _as_json(explanation: Explanation) -> dict[str, Any]:
    blocks = []
    for number, explained in enumerate(explanation.blocks):
        decision = {"kept": not explained.rule, "rule": explained.rule, "why": explained.why}
        place = {"index": number, "part": explained.part}
        blocks.append({**place, **asdict(explained.block), **decision})
    return asdict(explanation) | {"blocks": blocks}
