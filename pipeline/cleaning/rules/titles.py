"""The rules about the story's own title.

Promises to strike it at the head of the text, and in a list of headlines behind the story; elsewhere it is a quotation.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.cleaning.rules.context import TextLine, RuleContext, plain_words
from pipeline.core.models import STORY_THRESHOLD, BlockKind

HEAD = 12  # lines in which a title is looked for
OF_A_LIST = {"known-headline", "repeated", "link-line", "link-tail", "headline-run", "more-line"}
PART = 4  # words of a heading that is a part of the title
ALIKE = 0.75  # share of words that two wordings of a title have in common


def repeated_title_top(reading: RuleContext) -> Iterator[tuple[int, str]]:
    """The title and its near wordings, before the story begins."""
    for line in reading.lines[:HEAD]:
        if line.index in reading.removed:
            continue
        if line.normalized and is_title(line, reading.normalized_titles):
            yield line.index, "is the title of this story"
        elif (
            line.is_prose and line.block.story_probability >= STORY_THRESHOLD
        ):  # a notice above the headline does not begin the story
            return


def repeated_title_in_list(reading: RuleContext) -> Iterator[tuple[int, str]]:
    """The title as one of a list of headlines behind the story, of which its neighbours were struck."""
    for line in reading.kept:
        if line.index > reading.last_prose >= 0 and line.normalized and line.normalized in reading.normalized_titles:
            beside = {reading.rule_of(line.index - 1), reading.rule_of(line.index + 1)} & OF_A_LIST
            if beside:
                yield (
                    line.index,
                    f"is this story's headline, next to a line struck as {min(beside)}",
                )


def is_title(line: TextLine, titles: tuple[str, ...]) -> bool:
    """Whether a line says what one of some folded titles says."""
    if line.words > 40:
        return False
    wording = plain_words(line.normalized)
    return any(_alike(wording, plain_words(title), line.kind) for title in titles)


def _alike(wording: str, title: str, kind: BlockKind) -> bool:
    if not wording or not title:
        return False
    if wording == title:
        return True
    if kind is not BlockKind.HEADING:
        return False
    ours, theirs = set(wording.split()), set(title.split())
    if len(ours) < 3:
        return False
    if len(ours) >= PART and (
        title.startswith(f"{wording} ") or title.endswith(f" {wording}")
    ):  # with the site's name beside it
        return True
    return len(ours & theirs) >= ALIKE * max(len(ours), len(theirs))
