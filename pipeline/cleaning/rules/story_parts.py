"""The rule for stories in several pages: what a part repeats, and what leads to other parts."""

from __future__ import annotations

from collections import defaultdict

from pipeline.cleaning.boilerplate_keys import normalize_line
from pipeline.cleaning.rules.context import Removals, RuleContext, TextLine
from pipeline.core.models import STORY_THRESHOLD, BlockKind
from pipeline.core.part_words import CONTINUE_TEXT, PAGE_MARK, PAGE_NUMBERS

MIN_REPEATED_WORDS = 4  # a shorter line may come twice in a story
MAX_WORDS = 12  # of a line that only leads to another part
MAX_REPEATED_SHARE = 0.5  # of the story in a part: with more, it is the same story again


def story_part(context: RuleContext) -> Removals:
    """Find what parts of a story repeat, and lines that lead from one part to another."""
    if not context.parts:
        return
    first_part: dict[str, int] = {}
    for line in context.lines:
        if line.normalized:
            first_part.setdefault(line.normalized, context.parts[line.index])
    same_again = _parts_that_repeat(context, first_part)
    for line in context.lines:
        part = context.parts[line.index]
        earlier = first_part.get(line.normalized, part)
        if part in same_again:
            yield line.index, f"part {part} shows the same story again"
        elif leads_to_part(line):
            yield line.index, "leads to another part of the story"
        elif part > 1 and _is_title(context, line):
            yield line.index, f"the title of part {part}"
        elif earlier < part and _may_be_repeated(line):
            yield line.index, f"part {earlier} shows it, too"


def leads_to_part(line: TextLine) -> bool:
    """Tell whether a line says nothing but where the other parts of the story are.

    Args:
        line: A line of a part of a story.

    Returns:
        True for "Continued on page 2" and its like.
    """
    if line.words > MAX_WORDS:
        return False
    text = line.text.strip()
    patterns = (PAGE_NUMBERS, CONTINUE_TEXT, PAGE_MARK)
    return any(pattern.fullmatch(text) is not None for pattern in patterns)


def _is_title(context: RuleContext, line: TextLine) -> bool:
    without_mark = PAGE_MARK.sub("", line.text).strip(" -–—|:·(")
    if without_mark == line.text and line.kind is not BlockKind.HEADING:
        return False
    return normalize_line(without_mark)[1] in context.normalized_titles


def _may_be_repeated(line: TextLine) -> bool:
    is_story = line.block.story_probability >= STORY_THRESHOLD
    return line.words >= MIN_REPEATED_WORDS or not is_story or line.kind is BlockKind.HEADING


def _parts_that_repeat(context: RuleContext, first_part: dict[str, int]) -> frozenset[int]:
    """Return the parts most of whose story stands in earlier parts, as on pages of comments."""
    total: dict[int, int] = defaultdict(int)
    repeated: dict[int, int] = defaultdict(int)
    for line in context.lines:
        part = context.parts[line.index]
        if part == 1 or not line.is_prose or line.block.story_probability < STORY_THRESHOLD:
            continue
        total[part] += len(line.text)
        if first_part.get(line.normalized, part) < part:
            repeated[part] += len(line.text)
    parts = [part for part in total if repeated[part] > MAX_REPEATED_SHARE * total[part]]
    return frozenset(parts)
