"""Rules that remember: lines that come back on other pages of the site, headlines of its other articles.

Promises that near copies of a story do not strike each other empty. Repeats go everywhere while they are a
small part of the page. Where they are a large part, only what the structure gives away goes: a run of
repeats at the very end or head that does not read like a story, or that stands on so many pages that it
cannot be one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.cleaning.boilerplate_keys import frequency_bucket, is_distinctive_headline
from pipeline.cleaning.rules.context import TextLine, RuleContext
from pipeline.core.models import BlockKind

SMALL_PART = 0.3  # of the page's words
SEVERAL, MANY = 2, 3  # grades: on two other pages or more, on five or more
LONGEST_HEADLINE = 30  # words
HOPELESS = 0.1  # chance

Found = Iterator[tuple[int, str]]


def known_headline(reading: RuleContext) -> Found:
    """Headlines of the archive's other articles, when the line is not told as part of the story."""
    for line in reading.kept:
        if not line.stats.is_headline or line.words > LONGEST_HEADLINE or not is_distinctive_headline(line.normalized):
            continue
        if line.normalized not in reading.normalized_titles and not (
            line.ends_sentence and line.text[-1] == "." and line.words > 12
        ):
            yield line.index, "is the headline of another article of the archive"


def repeated(reading: RuleContext) -> Found:
    """Lines that stand on other pages, guarded."""
    repeats = [line for line in reading.kept if frequency_bucket(line.stats.page_count) >= SEVERAL and line.words]
    if sum(line.words for line in repeats) < SMALL_PART * reading.words:
        found: Sequence[TextLine] = repeats
    else:
        found = [*_run(reading.kept), *_run(reading.kept[::-1])]
        found = found if len(set(found)) < len(reading.kept) else []
    for line in found:
        yield line.index, evidence(line)


def _run(lines: Sequence[TextLine]) -> list[TextLine]:
    """The repeats from one end of the page on, up to the first line that may be the story."""
    run: list[TextLine] = []
    for line in lines:
        if (
            line.block.story_probability < HOPELESS
        ):  # a footer below the run is no line of the story either, and goes by itself
            continue
        level = frequency_bucket(line.stats.page_count)
        if level < SEVERAL or not line.words or (line.is_prose and level < MANY):
            break
        run.append(line)
    return run


def evidence(line: TextLine) -> str:
    """Where else a line stands, in words."""
    pages = line.stats.page_count
    return f"stands on {pages} other page{'' if pages == 1 else 's'}" + (
        " as a heading" if _is_heading(line) else ""
    )


def _is_heading(line: TextLine) -> bool:
    return line.kind is BlockKind.HEADING
