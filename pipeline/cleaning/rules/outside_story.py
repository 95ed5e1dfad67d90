"""The rule about lines outside the story, by the probability that the page gives each line.

It removes no line that the page marks or declares as its summary. It removes no line of a fair
probability in a list that the story announces, or in mid-story in the same element as the lines
around it. Where most of what trafilatura took would go, trafilatura is right: two methods that
disagree about a whole page are no evidence against it.
"""

from __future__ import annotations

from pipeline.cleaning.rules.context import Removals, RuleContext, TextLine
from pipeline.cleaning.rules.single_lines import announces_list
from pipeline.core.models import STORY_THRESHOLD, BlockKind

FAIR_PROBABILITY = 0.2  # enough for a line with something else in its favour
# A smaller share of trafilatura's words that stays makes the probabilities doubtful.
MIN_AGREEMENT = 0.6
EXTRACTOR_NOTES = {True: "; the extractor took it", False: "; the extractor left it out", None: ""}


def outside_story(context: RuleContext) -> Removals:
    """Find lines that look no more like the story than the rest of the page does."""
    minimum = _minimum_for_extractor_lines(context.kept)
    story = iter([line for line in context.kept if _is_story(line)])
    before, after = None, next(story, None)  # the story lines around the current one
    is_announced = False
    for line in context.kept:
        if line is after:
            before, after = line, next(story, None)
            is_list_item = line.kind is BlockKind.ITEM
            is_announced = announces_list(line) or (is_announced and is_list_item)
            continue
        is_announced = is_announced and line.kind is BlockKind.ITEM
        probability = line.block.story_probability
        is_fair = probability >= FAIR_PROBABILITY
        if is_fair and (is_announced or _is_among_story(line, before, after)):
            continue
        if line.block.kept_by_trafilatura and probability >= minimum:
            continue
        yield line.index, _evidence(line)


def _is_story(line: TextLine) -> bool:
    block = line.block
    if block.story_probability >= STORY_THRESHOLD:
        return True
    return block.is_summary and block.kind is not BlockKind.CAPTION


def _minimum_for_extractor_lines(kept: tuple[TextLine, ...]) -> float:
    """Return the probability that is enough for a line that trafilatura took.

    It is lower where most of these lines would go. It is 0 where nothing would be left of a page in
    which trafilatura found sentences.
    """
    has_story = has_prose = False
    taken_words = story_words = 0
    for line in kept:
        is_story = _is_story(line)
        has_story = has_story or (is_story and line.words > 0)
        if line.block.kept_by_trafilatura:
            has_prose = has_prose or line.is_prose
            taken_words += line.words
            story_words += line.words if is_story else 0
    if not has_story and has_prose:
        return 0.0
    return FAIR_PROBABILITY if story_words < MIN_AGREEMENT * taken_words else STORY_THRESHOLD


def _is_among_story(line: TextLine, before: TextLine | None, after: TextLine | None) -> bool:
    """Tell whether a line stands in the same element as the story lines before and after it.

    A heading only has to stand in the element of the line after it.
    """
    if before is None or after is None:
        return False
    if line.kind is BlockKind.HEADING:
        return _outer_element(line) == _outer_element(after)
    return before.block.element_path == line.block.element_path == after.block.element_path


def _outer_element(line: TextLine) -> str:
    return line.block.element_path.partition(" > ")[0]


def _evidence(line: TextLine) -> str:
    percent = round(100 * line.block.story_probability)
    note = EXTRACTOR_NOTES[line.block.kept_by_trafilatura]
    return f"{percent} % likely to be of the story, by its place and shape{note}"
