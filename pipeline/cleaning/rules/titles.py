"""Rules about the story's own title.

They remove it at the beginning of the text and in a list of headlines after the story. Elsewhere it
is a quotation.
"""

from __future__ import annotations

from pipeline.cleaning.rules.context import Removals, RuleContext, TextLine, plain_words
from pipeline.core.models import STORY_THRESHOLD, BlockKind

TOP_LINES = 12  # in which a title is searched for
# Rules that remove items of a list of headlines.
LIST_RULES = {"known-headline", "repeated", "link-line", "link-tail", "headline-run", "more-line"}
MAX_TITLE_WORDS = 40
MIN_HEADING_WORDS = 3  # different words of a heading that can be another wording of the title
MIN_PART_WORDS = 4  # different words of a heading that can be a part of the title
MIN_COMMON_WORDS = 0.75  # share of words that two wordings of a title have in common


def repeated_title_top(context: RuleContext) -> Removals:
    """Find the title and similar wordings before the story begins."""
    for line in context.lines[:TOP_LINES]:
        if line.index in context.removed:
            continue
        if line.normalized and is_title(line, context.normalized_titles):
            yield line.index, "is the title of this story"
        elif line.is_prose and line.block.story_probability >= STORY_THRESHOLD:
            return  # the story begins here; a notice above the headline is less probable


def repeated_title_in_list(context: RuleContext) -> Removals:
    """Find the title in a list of headlines after the story, next to a removed headline."""
    if context.last_prose < 0:
        return
    for line in context.kept:
        if line.index <= context.last_prose or not line.normalized:
            continue
        if line.normalized not in context.normalized_titles:
            continue
        neighbours = {context.rule_of(line.index - 1), context.rule_of(line.index + 1)}
        if list_rules := neighbours & LIST_RULES:
            rule = min(list_rules)
            yield line.index, f"is this story's headline, next to a line removed as {rule}"


def is_title(line: TextLine, titles: tuple[str, ...]) -> bool:
    """Tell whether a line has the wording of a title, or a similar one.

    Args:
        line: The line.
        titles: Normalized titles.
    """
    if line.words > MAX_TITLE_WORDS:
        return False
    wording = plain_words(line.normalized)
    is_heading = line.kind is BlockKind.HEADING
    return any(_is_same_title(wording, plain_words(title), is_heading) for title in titles)


def _is_same_title(wording: str, title: str, is_heading: bool) -> bool:
    if not wording or not title:
        return False
    if wording == title:
        return True
    if not is_heading:
        return False
    words, title_words = set(wording.split()), set(title.split())
    if len(words) < MIN_HEADING_WORDS:
        return False
    is_part = title.startswith(f"{wording} ") or title.endswith(f" {wording}")
    if is_part and len(words) >= MIN_PART_WORDS:  # the rest of the title is the site's name
        return True
    common = len(words & title_words)
    return common >= MIN_COMMON_WORDS * max(len(words), len(title_words))
