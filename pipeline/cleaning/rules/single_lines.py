"""Rules that judge a line by itself: the site's patterns, prompts, "more" lines, lines that are only a link.

Promises that none of them looks at what other pages hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import zip_longest

from pipeline.cleaning.rules.context import TextLine, RuleContext
from pipeline.cleaning.rules.phrases import (
    CREDIT,
    CREDIT_MARKS,
    HASHTAGS,
    LEAD_LINE,
    MORE_LINE,
    PROMPT_BEHIND,
    PROMPT_ENDINGS,
    PROMPT_LINE,
    TAGS_LINE,
)
from pipeline.config.regex_safety import LONGEST
from pipeline.core.models import BlockKind

LONGEST_MORE, LONGEST_PROMPT, LONGEST_LEAD, LONGEST_TAGS, LONGEST_CAPTION = (
    10,
    32,
    30,
    30,
    40,
)  # words
ALL_LINK = 0.9
ADDRESS = re.compile(r"https?://|www\.|\S@\S")
UNJUDGED = {BlockKind.TABLE, BlockKind.CODE}

Found = Iterator[tuple[int, str]]


def site_pattern(reading: RuleContext) -> Found:
    """Lines that a pattern of the site's own matches whole."""
    for pattern in reading.cleaning.remove:
        matcher = _compiled(pattern)
        for line in reading.kept:
            if len(line.text) <= LONGEST and matcher.fullmatch(line.text):
                yield line.index, f"the site's pattern {pattern!r} matches it"


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def prompt(reading: RuleContext) -> Found:
    """Requests to the reader."""
    for line in reading.kept:
        if line.words <= LONGEST_PROMPT and line.kind not in UNJUDGED and _asks(line.normalized):
            yield line.index, "asks the reader for something"


def _asks(folded: str) -> bool:
    if folded.endswith(PROMPT_ENDINGS) and PROMPT_BEHIND.fullmatch(folded):
        return True
    return PROMPT_LINE.fullmatch(folded) is not None


def more_line(reading: RuleContext) -> Found:
    """Lines that lead to other stories, with or without a headline behind them."""
    for line in reading.kept:
        if line.kind in UNJUDGED or line.words > LONGEST_LEAD:
            continue
        if line.words <= LONGEST_MORE and MORE_LINE.fullmatch(line.normalized):
            yield line.index, "leads to other stories"
        elif LEAD_LINE.fullmatch(line.normalized) and (line.link_share > 0.3 or not line.ends_sentence):
            yield line.index, "leads to another story by its headline"


def link_line(reading: RuleContext) -> Found:
    """Lines that are nothing but a link, unless the story needs them: a list it announces, a heading over its text, an
    address written out."""
    if all(line.link_share < ALL_LINK for line in reading.kept):
        return
    announced = False
    for line, following in zip_longest(reading.kept, reading.kept[1:]):
        if line.link_share < ALL_LINK or line.kind in UNJUDGED:
            announced = announces(line) or (announced and line.kind is BlockKind.ITEM)
        elif (
            not (line.kind is BlockKind.ITEM and announced)
            and not _heads(line, following)
            and not ADDRESS.search(line.text)
        ):
            yield line.index, f"{round(100 * line.link_share)} % of it is a link"


def tag_line(reading: RuleContext) -> Found:
    """The story's tags as a line of text: a label and a list, or hashtags alone."""
    for line in reading.kept:
        if line.words > LONGEST_TAGS or line.kind in UNJUDGED or line.ends_sentence:
            continue
        if "#" in line.text and HASHTAGS.fullmatch(line.text):
            yield line.index, "is a list of hashtags"
        elif (":" in line.text or "：" in line.text) and TAGS_LINE.fullmatch(line.text):
            yield line.index, "is the list of the story's tags"


def credit(reading: RuleContext) -> Found:
    """Captions that end with the name of whose picture it is, and such a name alone."""
    for line in reading.kept:
        if line.words > LONGEST_CAPTION or line.kind in UNJUDGED:
            continue
        if _can_credit(line.text) and CREDIT.search(line.text):
            yield line.index, "ends with a picture's credit"
        elif "©" in line.text and (not line.ends_sentence or line.text.startswith("©")):
            yield line.index, "names who owns the rights to a picture"


def _can_credit(text: str) -> bool:
    for mark in CREDIT_MARKS:  # noqa: SIM110  `any` would cost more than what this spares
        if mark in text:
            return True
    return False


def _heads(line: TextLine, following: TextLine | None) -> bool:
    """Whether a linked heading stands over text of the story."""
    return line.kind is BlockKind.HEADING and following is not None and following.is_prose


def announces(line: TextLine) -> bool:
    """Whether a line announces a list that belongs to the story."""
    return line.text.rstrip().endswith((":", "：", ":-", ":—")) and line.link_share < 0.5
