"""Rules about what stands behind the story: other scripts, link lists, runs of headlines without a link.

Promises to strike only behind the last line that tells the story, and to leave a list that the story
announces, or that has no mark of a list of other stories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.cleaning.rules.context import TextLine, RuleContext
from pipeline.cleaning.rules.single_lines import announces
from pipeline.cleaning.rules.writing_systems import dominant, script_of, scripts_in
from pipeline.core.models import BlockKind

SCRIPT_LINES = 20  # lines of a story that show its script
FOREIGN_PART = (
    0.2  # of the page's words that may be in another script before it is a bilingual page
)
MANY_HEADLINES, FEW_HEADLINES = 6, 3
HEADLINE_WORDS = range(3, 22)
NUMBERED = re.compile(r"\s*(?:[-–—•*·▪►]|\(?\d{1,3}[.):]\s|\(?[a-zа-я][.)]\s)", re.I)
STARTS = re.compile(r"[\w\"'“«‘„¿¡(]")
CONTACT = re.compile(r"\S@\S|\d{3}[ .-]?\d{3,4}\b|https?://|www\.|[©ⓒ]")
EVIDENT = {"prompt", "more-line", "other-script", "known-headline", "repeated", "site-pattern"}

Found = Iterator[tuple[int, str]]


def other_script(reading: RuleContext) -> Found:
    """Lines behind the story in a script that the story is not written in."""
    scripts = scripts_in("".join(line.text for line in reading.kept))
    prose = [line for line in reading.kept if line.is_prose] if len(scripts) > 1 else []
    own = dominant((line.text for line in prose[:SCRIPT_LINES]), scripts)
    if not own:
        return
    last = next(
        (line.index for line in reversed(prose) if script_of(line.text, scripts) in ("", own)),
        len(reading.lines),
    )
    tail = ((line, script_of(line.text, scripts)) for line in reading.kept if line.index > last)
    foreign = [
        (line, script)
        for line, script in tail
        if script not in ("", own) and line.kind is not BlockKind.QUOTE
    ]
    if sum(line.words for line, _ in foreign) <= FOREIGN_PART * reading.words:
        for line, script in foreign:
            yield line.index, f"is {script} after a {own} story"


def trailing_links(reading: RuleContext) -> Found:
    """Dates, sections and captions between the links behind the story, and lines that are mostly a link."""
    last = reading.last_prose
    if last < 0:
        return
    tail = [
        line for line in reading.lines[last + 1 :] if not line.text.startswith(("http", "www."))
    ]
    linked = [
        line
        for line in tail
        if line.link_share >= 0.5
        and not _is_contact(line)
        and (line.index in reading.removed or not line.ends_sentence)
    ]
    if len(linked) < 2:
        return
    span = [line for line in tail if linked[0].index - 1 <= line.index <= linked[-1].index + 1]
    if len(linked) < 0.4 * len(span):
        return
    for line in span:
        if line.index in reading.removed or line.ends_sentence or announces(line) or _is_contact(line):
            continue
        if line.link_share >= 0.5:
            yield line.index, f"is mostly a link, behind the story, among {len(linked)} links"
        elif line.words <= 6 and not NUMBERED.match(line.text):
            yield line.index, f"stands among {len(linked)} links behind the story"


def _is_contact(line: TextLine) -> bool:
    """Addresses and telephone numbers: a line that readers are meant to use."""
    return CONTACT.search(line.text) is not None


def trailing_headlines(reading: RuleContext) -> Found:
    """A run of headlines without links. Their shape alone is weak evidence: it takes many, or a second mark of a list."""
    run = _headlines(reading)
    if len(run) < FEW_HEADLINES or sum(line.words for line in run) < 4 * len(run):
        return
    marks = {
        reading.rule_of(index) for index in (run[0].index - 1, run[-1].index + 1, run[-1].index + 2)
    } & EVIDENT
    known = [line for line in run if line.stats.page_count or line.stats.is_headline]
    is_list = all(line.kind is BlockKind.ITEM for line in run)
    if 2 * len(known) >= len(run) or (marks and not is_list):
        why = f"one of {len(run)} headlines behind the story, {_marks(marks, known)}"
    elif len(run) >= MANY_HEADLINES and _is_news_list(run, reading):
        why = f"one of {len(run)} lines shaped like headlines behind the story"
    else:
        return
    for line in run:
        yield line.index, why


def _marks(marks: set[str], known: list[TextLine]) -> str:
    parts = [f"next to a line struck as {name}" for name in sorted(marks)]
    return " and ".join(parts + ([f"{len(known)} of them known from other pages"] if known else []))


def _headlines(reading: RuleContext) -> list[TextLine]:
    """The longest stretch of lines shaped like headlines behind the story; [] where the story announces it."""
    last = reading.last_prose
    if last < 0 or announces(reading.lines[last]):
        return []
    best: list[TextLine] = []
    run: list[TextLine] = []
    for line in reading.lines[last + 1 :]:
        if line.index in reading.removed:
            if reading.rule_of(line.index) not in (
                "link-line",
                "known-headline",
                "repeated",
                "link-tail",
            ):
                run = []
        elif announces(line):
            return best
        elif is_headline(line):
            run.append(line)
            best = max(best, run, key=len)
        else:
            run = []
    return best


def is_headline(line: TextLine) -> bool:
    """Whether a line is shaped like a headline: a few words without a full stop, not a point of a list."""
    if line.words not in HEADLINE_WORDS or NUMBERED.match(line.text) or _is_contact(line):
        return False
    if line.kind not in (
        BlockKind.PARAGRAPH,
        BlockKind.ITEM,
        BlockKind.HEADING,
    ) or not STARTS.match(line.text):
        return False
    return not line.text.rstrip("\"'”’»").endswith((".", ";", ",", ":", "…", "。"))


def _is_news_list(run: list[TextLine], reading: RuleContext) -> bool:
    """Whether lines without any other mark are a list of news: paragraphs, long enough to say who did what, behind a story
    that is long enough to be whole."""
    if any(line.kind is not BlockKind.PARAGRAPH for line in run):
        return False
    story = sum(line.words for line in reading.kept if line.index < run[0].index)
    words = sum(line.words for line in run)
    contiguous = run[-1].index - run[0].index + 1 == len(run)
    return contiguous and words >= 6 * len(run) and story >= 100 and story >= 1.5 * words
