"""The rule about what stands outside the story, by the chance that the page itself gives each line.

Promises to strike no line that the page marks or declares as its summary, none of a fair chance that stands in a list which the
story announces, or in the midst of the story in the same place as the lines around it, and to believe the base extractor
where most of what it chose would go: two voices that disagree about a whole page are no evidence against it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.cleaning.rules.context import TextLine, RuleContext
from pipeline.cleaning.rules.single_lines import announces
from pipeline.core.models import STORY_THRESHOLD, BlockKind

FAIR = 0.2  # chance that is enough for a line with something else in its favour
VOICES = {True: "; the extractor took it", False: "; the extractor left it out", None: ""}
ADRIFT = 0.6  # share of the words that the extractor chose, under which the chances are in doubt


def outside_story(reading: RuleContext) -> Iterator[tuple[int, str]]:
    """Lines that look no more like the story than the rest of the page does."""
    enough = _enough(reading.kept)
    following = iter([line for line in reading.kept if _is_story(line)])
    before, after = None, next(following, None)  # the last line of the story, and its next one
    announced = False
    for line in reading.kept:
        if line is after:
            before, after = line, next(following, None)
            announced = announces(line) or (announced and line.kind is BlockKind.ITEM)
            continue
        announced = announced and line.kind is BlockKind.ITEM
        fair = line.block.story_probability >= FAIR and (
            announced or _is_among(line, before, after)
        )
        if not fair and not (
            line.block.kept_by_trafilatura and line.block.story_probability >= enough
        ):
            yield line.index, _evidence(line)


def _is_story(line: TextLine) -> bool:
    block = line.block
    return block.story_probability >= STORY_THRESHOLD or (
        block.is_summary and block.kind is not BlockKind.CAPTION
    )


def _enough(kept: tuple[TextLine, ...]) -> float:
    """The chance that is enough for a line which the extractor chose: less where most of what it chose would go, none where
    nothing would be left of a page in which it found sentences."""
    chosen = [line for line in kept if line.block.kept_by_trafilatura]
    stays = sum(line.words for line in kept if _is_story(line))
    if not stays and any(line.is_prose for line in chosen):
        return 0.0
    stays = sum(line.words for line in chosen if _is_story(line))
    return FAIR if stays < ADRIFT * sum(line.words for line in chosen) else STORY_THRESHOLD


def _is_among(line: TextLine, before: TextLine | None, after: TextLine | None) -> bool:
    """Whether a line stands where the lines of the story stand that are around it, or is a heading above such a line."""
    if before is None or after is None:
        return False
    if line.kind is BlockKind.HEADING:
        return _around(line) == _around(after)
    return before.block.element_path == line.block.element_path == after.block.element_path


def _around(line: TextLine) -> str:
    """The element around that of a line."""
    return line.block.element_path.partition(" > ")[0]


def _evidence(line: TextLine) -> str:
    chance = f"{round(100 * line.block.story_probability)} % likely to be of the story, by its place and shape"
    return chance + VOICES[line.block.kept_by_trafilatura]
