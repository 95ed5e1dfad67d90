"""The profile of a site for people: what its archive has learnt of it.

A report shows the most frequent lines with what the rules make of them, and the containers that
hold its stories. The profile stores keys of lines. Their texts come from the pages on which the
lines stand, so the cost depends on the number of lines in the report.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.cleaning import boilerplate_keys
from pipeline.core.clean_values import StoredResult
from pipeline.core.models import ResultStatus
from pipeline.store.clean.container_stats import ContainerStats
from pipeline.store.clean.held_results import review_inputs
from pipeline.store.clean.types import ReviewInput
from pipeline.store.db.engine import Database
from pipeline.store.read.site_profile import profile_stats

PAGES_PER_READ = 200


@dataclass(frozen=True, slots=True)
class FrequentLine:
    """A line that stands on many pages.

    Attributes:
        text: The line.
        pages: On how many pages it is known to stand. The profile stores only some for each line.
        removed: Each rule that removed it, and on how many of these pages.
        kept: On how many of these pages it was kept.
    """

    text: str
    pages: int
    removed: tuple[tuple[str, int], ...]
    kept: int


@dataclass(frozen=True, slots=True)
class ContainerReport:
    """A container of a site's pages.

    Attributes:
        name: Its element and class.
        main_pages: Pages on which most of the story stands in it.
        first_main_at: When the first of these pages was fetched.
        last_main_at: When the last of these pages was fetched.
        is_retired: Whether the site has stopped to use it in this way.
        story_pages: Pages on which it holds story.
        other_pages: Pages on which it holds something else.
    """

    name: str
    main_pages: int
    first_main_at: datetime | None
    last_main_at: datetime | None
    is_retired: bool
    story_pages: int
    other_pages: int


@dataclass(frozen=True, slots=True)
class SiteProfileReport:
    """The profile of a site.

    Attributes:
        site: The id of the site.
        pages: Pages whose lines or headlines the profile holds.
        known_lines: Different lines.
        repeated_lines: Lines that stand on several pages.
        headlines: Different headlines.
        repeated_headlines: Headlines that are a line of another page.
        lines: The most frequent lines.
        containers: The containers, those with most stories first.
    """

    site: str
    pages: int
    known_lines: int
    repeated_lines: int
    headlines: int
    repeated_headlines: int
    lines: tuple[FrequentLine, ...]
    containers: tuple[ContainerReport, ...]


@dataclass(frozen=True, slots=True)
class _LineOnPage:
    """A line of a page's newest payload, and the rule that removed it, or ""."""

    key: int
    text: str
    rule: str


@dataclass(slots=True)
class _LineDetails:
    """The text of a line, and on how many pages each rule removed it ("": none did)."""

    text: str = ""
    pages_by_rule: Counter[str] = field(default_factory=Counter)


def site_profile_report(database: Database, site: str, limit: int) -> SiteProfileReport:
    """Return the profile of a site.

    Args:
        database: The archive.
        site: The id of the site.
        limit: The number of lines, those that stand on most pages first.
    """
    stats = profile_stats(database, site, limit)
    keys_by_page: dict[int, set[int]] = defaultdict(set)
    for key, page_ids in stats.frequent_lines:
        for page_id in page_ids:
            keys_by_page[page_id].add(key)
    details = _line_details(database, keys_by_page)
    lines = []
    for key, page_ids in stats.frequent_lines:
        lines.append(_frequent_line(details.get(key, _LineDetails()), len(page_ids)))
    return SiteProfileReport(
        site,
        stats.pages,
        stats.lines,
        stats.repeated_lines,
        stats.headlines,
        stats.repeated_headlines,
        tuple(lines),
        _container_reports(stats.containers),
    )


def _container_reports(containers: Sequence[ContainerStats]) -> tuple[ContainerReport, ...]:
    times = [stats.last_main_at for stats in containers if stats.last_main_at]
    newest = max(times, default=None)
    reports = []
    for stats in containers:
        report = ContainerReport(
            stats.name,
            stats.main_pages,
            stats.first_main_at,
            stats.last_main_at,
            _is_retired(stats, newest),
            stats.story_pages,
            stats.other_pages,
        )
        reports.append(report)
    return tuple(reports)


def _is_retired(stats: ContainerStats, newest: datetime | None) -> bool:
    first, last = stats.first_main_at, stats.last_main_at
    if first is None or last is None or newest is None:
        return False
    return boilerplate_keys.is_retired_layout(stats.main_pages, first, last, newest)


def _frequent_line(details: _LineDetails, pages: int) -> FrequentLine:
    removed = []
    for rule, rule_pages in details.pages_by_rule.most_common():
        if rule:
            removed.append((rule, rule_pages))
    return FrequentLine(details.text, pages, tuple(removed), details.pages_by_rule[""])


def _line_details(
    database: Database, keys_by_page: Mapping[int, set[int]]
) -> dict[int, _LineDetails]:
    """Return the text of each line and what became of it on its pages, by key."""
    details: dict[int, _LineDetails] = defaultdict(_LineDetails)
    page_ids = sorted(keys_by_page)
    for start in range(0, len(page_ids), PAGES_PER_READ):
        for page in review_inputs(database, page_ids[start : start + PAGES_PER_READ]):
            for line in _lines_on_page(page, keys_by_page[page.page_id]):
                details[line.key].text = details[line.key].text or line.text
                details[line.key].pages_by_rule[line.rule] += 1
    return details


def _lines_on_page(page: ReviewInput, keys: Collection[int]) -> Iterator[_LineOnPage]:
    """Yield the wanted lines of the page's newest accepted result, each key once."""
    row = _newest_accepted(page)
    if row is None:
        return
    rules = {removed.index: removed.rule for removed in row.result.removed}
    seen = set[int]()
    for index, block in enumerate(row.blocks):
        if not boilerplate_keys.is_boilerplate_candidate(block.text):
            continue
        key = boilerplate_keys.line_key(block.text)
        if key in keys and key not in seen:
            seen.add(key)
            yield _LineOnPage(key, block.text, rules.get(index, ""))


def _newest_accepted(page: ReviewInput) -> StoredResult | None:
    accepted = {}
    for row in page.results:
        if row.status is ResultStatus.ACCEPTED:
            accepted[row.payload_id] = row
    for period in reversed(page.periods):
        if period.payload_id in accepted:
            return accepted[period.payload_id]
    return None
