"""What the archive of a Site teaches, for people: its most frequent lines as text, what the rules make of them, and which
containers hold its stories.

Promises nothing but reading, and a cost that depends on the number of lines asked for. The memory holds keys of lines; their
texts are those of the Pages that they stand on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.cleaning import boilerplate_keys
from pipeline.core.models import ResultStatus
from pipeline.store.clean.container_stats import ContainerStats
from pipeline.store.clean.held_results import review_inputs
from pipeline.store.clean.types import ReviewInput
from pipeline.store.db.engine import Database
from pipeline.store.read.memory_report import taught

PAGES = 200  # looked at together


@dataclass(frozen=True, slots=True)
class FrequentLine:
    """One line: of how many Pages it is known, and on how many of these which Rule struck it. Beyond `KEPT` Pages, none is
    counted."""

    text: str
    pages: int
    removed: tuple[tuple[str, int], ...]
    kept: int


@dataclass(frozen=True, slots=True)
class ContainerReport:
    """One container: on how many Pages most of the story stands in it, from when to when and whether that is over; and on how
    many Pages it holds story at all, and something else."""

    name: str
    pages: int
    first_at: datetime | None
    last_at: datetime | None
    is_retired: bool
    pages_with_story: int
    pages_with_other: int


@dataclass(frozen=True, slots=True)
class SiteProfileReport:
    """The memory of a Site. `pages` are those that it knows lines or headlines of."""

    site: str
    pages: int
    lines_known: int
    lines_repeated: int
    headlines: int
    quoted: int
    lines: tuple[FrequentLine, ...]
    containers: tuple[ContainerReport, ...]


def site_profile_report(store: Database, site: str, limit: int) -> SiteProfileReport:
    """What a Site's archive teaches, with the lines that stand on most Pages."""
    found = taught(store, site, limit)
    wanted: dict[int, set[int]] = defaultdict(set)
    for key, pages in found.common:
        for page in pages:
            wanted[page].add(key)
    texts, fates = _look(store, wanted)
    lines = tuple(
        _lesson(texts.get(key, ""), len(pages), fates[key]) for key, pages in found.common
    )
    containers = _containers(found.containers)
    return SiteProfileReport(
        site,
        found.pages,
        found.lines,
        found.repeated,
        found.headlines,
        found.quoted,
        lines,
        containers,
    )


def _containers(known: Sequence[ContainerStats]) -> tuple[ContainerReport, ...]:
    newest = max((each.last_main_at for each in known if each.last_main_at), default=None)
    return tuple(
        ContainerReport(
            each.name,
            each.main_pages,
            each.first_main_at,
            each.last_main_at,
            _has_ended(each, newest),
            each.story_pages,
            each.other_pages,
        )
        for each in known
    )


def _has_ended(known: ContainerStats, newest: datetime | None) -> bool:
    if known.first_main_at is None or known.last_main_at is None or newest is None:
        return False
    return boilerplate_keys.is_retired_layout(known.main_pages, known.first_main_at, known.last_main_at, newest)


def _lesson(text: str, pages: int, fates: Counter[str]) -> FrequentLine:
    struck = tuple((rule, number) for rule, number in fates.most_common() if rule)
    return FrequentLine(text, pages, struck, fates[""])


def _look(
    store: Database, wanted: Mapping[int, set[int]]
) -> tuple[dict[int, str], dict[int, Counter[str]]]:
    """The texts of lines, and what became of them on these Pages: the Rule that struck them, "" where they were kept."""
    texts: dict[int, str] = {}
    fates: dict[int, Counter[str]] = defaultdict(Counter)
    pages = sorted(wanted)
    for start in range(0, len(pages), PAGES):
        for page in review_inputs(store, pages[start : start + PAGES]):
            for key, text, rule in _met(page, wanted[page.page_id]):
                texts.setdefault(key, text)
                fates[key][rule] += 1
    return texts, fates


def _met(page: ReviewInput, keys: set[int]) -> Iterator[tuple[int, str, str]]:
    """(key, text, rule) of the lines of a Page's newest bytes that are asked for, each once."""
    stands = {
        each.payload_id: each for each in page.results if each.standing is ResultStatus.ACCEPTED
    }
    result = next(
        (stands[each.payload_id] for each in reversed(page.stretches) if each.payload_id in stands),
        None,
    )
    if result is None:
        return
    rules = {strike.index: strike.rule for strike in result.extraction.removed}
    seen = set[int]()
    for index, block in enumerate(result.blocks):
        key = (
            boilerplate_keys.line_key(block.text)
            if boilerplate_keys.is_boilerplate_candidate(block.text)
            else None
        )
        if key in keys and key not in seen:
            seen.add(key)
            yield key, block.text, rules.get(index, "")
