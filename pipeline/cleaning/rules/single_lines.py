"""Rules that judge a line by its own text: site patterns, prompts, "more" lines, links, credits.

None of them uses what other pages show.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import zip_longest
from math import inf

from pipeline.cleaning.rules.context import Removals, RuleContext, TextLine
from pipeline.cleaning.rules.phrases import (
    HASHTAGS,
    LEAD_LINE,
    MORE_LINE,
    PROMPT_AFTER_WORDS,
    PROMPT_ENDINGS,
    PROMPT_LINE,
    TAGS_LINE,
)
from pipeline.config.regex_safety import MAX_LINE_LENGTH
from pipeline.core.models import STORY_THRESHOLD, BlockKind
from pipeline.core.picture_credits import CREDIT, CREDIT_MARKS

MAX_MORE_WORDS = 10
MAX_PROMPT_WORDS = 32
MAX_LEAD_WORDS = 30
MAX_TAG_WORDS = 30
MAX_CAPTION_WORDS = 40
MIN_LINK_SHARE = 0.9  # of a line that is nothing but a link
MIN_LEAD_LINK_SHARE = 0.3
MAX_ANNOUNCEMENT_LINK_SHARE = 0.5
LIST_ANNOUNCEMENTS = (":", "：", ":-", ":—")
ADDRESS = re.compile(r"https?://|www\.|\S@\S")
EXEMPT_KINDS = {BlockKind.TABLE, BlockKind.CODE}
# The probability from which a part of the story may be a link. Measured on labelled pages: of
# linked headings above it, 91 in 92 are story, and of items 3 in 4; of paragraphs a half is not.
MIN_LINKED_PROBABILITY = {BlockKind.HEADING: 0.2, BlockKind.ITEM: STORY_THRESHOLD}


def site_pattern(context: RuleContext) -> Removals:
    """Find lines that a pattern of the site's file matches whole."""
    for pattern in context.cleaning.remove:
        compiled = _compile(pattern)
        for line in context.kept:
            if len(line.text) <= MAX_LINE_LENGTH and compiled.fullmatch(line.text):
                yield line.index, f"the site's pattern {pattern!r} matches it"


@lru_cache(maxsize=512)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def prompt(context: RuleContext) -> Removals:
    """Find requests to the reader: to log in, subscribe, follow, share, comment."""
    for line in context.kept:
        if line.words > MAX_PROMPT_WORDS or line.kind in EXEMPT_KINDS:
            continue
        if _is_prompt(line.normalized):
            yield line.index, "asks the reader for something"


def _is_prompt(normalized: str) -> bool:
    if normalized.endswith(PROMPT_ENDINGS) and PROMPT_AFTER_WORDS.fullmatch(normalized):
        return True
    return PROMPT_LINE.fullmatch(normalized) is not None


def more_line(context: RuleContext) -> Removals:
    """Find lines that lead to other stories, with or without a headline after them."""
    for line in context.kept:
        if line.kind in EXEMPT_KINDS or line.words > MAX_LEAD_WORDS:
            continue
        is_sentence = line.ends_sentence and line.link_share <= MIN_LEAD_LINK_SHARE
        if line.words <= MAX_MORE_WORDS and MORE_LINE.fullmatch(line.normalized):
            yield line.index, "leads to other stories"
        elif LEAD_LINE.fullmatch(line.normalized) and not is_sentence:
            yield line.index, "leads to another story by its headline"


def link_line(context: RuleContext) -> Removals:
    """Find lines that are nothing but a link, unless the story needs them.

    It needs the items of a list that it announces, a heading over its text, a written address,
    and headings and items that look like the rest of it.
    """
    if all(line.link_share < MIN_LINK_SHARE for line in context.kept):
        return
    is_announced = False
    for line, following in zip_longest(context.kept, context.kept[1:]):
        is_item = line.kind is BlockKind.ITEM
        if line.link_share < MIN_LINK_SHARE or line.kind in EXEMPT_KINDS:
            is_announced = announces_list(line) or (is_announced and is_item)
            continue
        if (is_item and is_announced) or _is_heading_of(line, following):
            continue
        if line.block.story_probability >= MIN_LINKED_PROBABILITY.get(line.kind, inf):
            continue
        if not ADDRESS.search(line.text):
            yield line.index, f"{round(100 * line.link_share)} % of it is a link"


def tag_line(context: RuleContext) -> Removals:
    """Find the story's tags as a line of text: a label and a list, or only hashtags."""
    for line in context.kept:
        if line.words > MAX_TAG_WORDS or line.kind in EXEMPT_KINDS or line.ends_sentence:
            continue
        if "#" in line.text and HASHTAGS.fullmatch(line.text):
            yield line.index, "is a list of hashtags"
        elif (":" in line.text or "：" in line.text) and TAGS_LINE.fullmatch(line.text):
            yield line.index, "is the list of the story's tags"


def credit(context: RuleContext) -> Removals:
    """Find captions that end with the credit of a picture, and such a credit alone."""
    for line in context.kept:
        if line.words > MAX_CAPTION_WORDS or line.kind in EXEMPT_KINDS:
            continue
        if _has_credit_mark(line.text) and CREDIT.search(line.text):
            yield line.index, "ends with a picture's credit"
        elif "©" in line.text and (not line.ends_sentence or line.text.startswith("©")):
            yield line.index, "names who owns the rights to a picture"


def _has_credit_mark(text: str) -> bool:
    # A loop, because `any` with a generator would cost more than the search that this avoids.
    for mark in CREDIT_MARKS:
        if mark in text:
            return True
    return False


def _is_heading_of(line: TextLine, following: TextLine | None) -> bool:
    """Tell whether a line is a heading over text of the story."""
    return line.kind is BlockKind.HEADING and following is not None and following.is_prose


def announces_list(line: TextLine) -> bool:
    """Tell whether a line announces a list that belongs to the story."""
    if line.link_share >= MAX_ANNOUNCEMENT_LINK_SHARE:
        return False
    return line.text.rstrip().endswith(LIST_ANNOUNCEMENTS)
