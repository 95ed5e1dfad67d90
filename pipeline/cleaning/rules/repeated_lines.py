"""Rules about lines of other pages: lines that come back, and headlines of other articles.

Near-duplicates of a story must not remove each other's text. Repeated lines go everywhere while
they are a small part of the page. Where they are a large part, only a run of them at the very
beginning or end goes. There, a line that reads like a story has to stand on many pages.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.cleaning.boilerplate_keys import frequency_bucket, is_distinctive_headline
from pipeline.cleaning.rules.context import Removals, RuleContext, TextLine, sum_words
from pipeline.core.models import BlockKind

SMALL_PART = 0.3  # of the page's words
SEVERAL_PAGES, MANY_PAGES = 2, 3  # frequency buckets: 2 other pages or more, 5 or more
MAX_HEADLINE_WORDS = 30
MAX_SENTENCE_WORDS = 12  # a longer sentence with a full stop is told, and is no headline
HOPELESS_PROBABILITY = 0.1


def known_headline(context: RuleContext) -> Removals:
    """Find headlines of other articles of the archive that are not sentences of the story."""
    for line in context.kept:
        if not line.stats.is_headline or line.words > MAX_HEADLINE_WORDS:
            continue
        if not is_distinctive_headline(line.normalized):
            continue
        if line.normalized in context.normalized_titles:
            continue
        has_full_stop = line.ends_sentence and line.text[-1] == "."
        if not (has_full_stop and line.words > MAX_SENTENCE_WORDS):
            yield line.index, "is the headline of another article of the archive"


def repeated(context: RuleContext) -> Removals:
    """Find lines that stand on other pages, but no near-duplicate of a whole story."""
    repeats = [line for line in context.kept if line.words and _is_on_several_pages(line)]
    if sum_words(repeats) >= SMALL_PART * context.words:
        repeats = [*_run(context.kept), *_run(context.kept[::-1])]
        if len(set(repeats)) >= len(context.kept):
            return
    for line in repeats:
        yield line.index, _evidence(line)


def _is_on_several_pages(line: TextLine) -> bool:
    return frequency_bucket(line.stats.page_count) >= SEVERAL_PAGES


def _run(lines: Sequence[TextLine]) -> list[TextLine]:
    """Return the repeated lines from one end of the page up to a line that may be the story."""
    run: list[TextLine] = []
    for line in lines:
        if line.block.story_probability < HOPELESS_PROBABILITY:
            continue  # such as a footer below the run; another rule removes it
        bucket = frequency_bucket(line.stats.page_count)
        if bucket < SEVERAL_PAGES or not line.words or (line.is_prose and bucket < MANY_PAGES):
            break
        run.append(line)
    return run


def _evidence(line: TextLine) -> str:
    pages = line.stats.page_count
    unit = "page" if pages == 1 else "pages"
    suffix = " as a heading" if line.kind is BlockKind.HEADING else ""
    return f"stands on {pages} other {unit}{suffix}"
