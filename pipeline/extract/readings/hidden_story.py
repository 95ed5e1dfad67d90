"""Take a story from what a page holds for machines, where readers see little of it or nothing.

Scripts of such a page would write the story into it. Its lines then stand where the page begins to
tell it, and the lines of the page that only lead to it are left to the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from lxml.html import HtmlElement

from pipeline.core.formatting import pluralize
from pipeline.core.models import STORY_THRESHOLD, Block, BlockKind, Metadata, count_words
from pipeline.extract.features.line_features import letters_only
from pipeline.extract.readings.declared_text import find_state_story

MIN_WORDS: Final = 50  # of a story that only machines can read
MAX_SHOWN: Final = 0.5  # of its words that the page shows to readers
FEW_WORDS: Final = 60  # of a page whose scripts may hold the story
MAX_OTHER_PROBABILITY: Final = 0.15  # of lines of the page that are not the story
MIN_START_LETTERS: Final = 30  # that tell whether a line is the beginning of another
DECLARED_PATH, STATE_PATH = "json-ld", "script"


class CompletedPage(NamedTuple):
    """The blocks of a page with a story that only machines can read, and a sentence about it."""

    blocks: tuple[Block, ...]
    sentence: str


def find_hidden_story(
    tree: HtmlElement, metadata: Metadata, blocks: Sequence[Block], declared_text: str
) -> CompletedPage | None:
    """Return a page with the story that only machines can read.

    Args:
        tree: The parsed page.
        metadata: What the page declares.
        blocks: What readers see of the page.
        declared_text: The story in the page's JSON-LD, or "".

    Returns:
        None where the page shows its story, and where the story is behind a paywall.
    """
    if metadata.paywalled:
        return None
    story = [block for block in blocks if block.story_probability >= STORY_THRESHOLD]
    shown_words = sum(count_words(block.text) for block in story)
    lines = declared_text.splitlines()
    if _is_missing(lines, blocks, shown_words):
        return _complete(blocks, lines, DECLARED_PATH, "JSON-LD", shown_words)
    if shown_words >= FEW_WORDS:
        return None
    lines = find_state_story(tree, metadata.title).splitlines()
    if _is_missing(lines, blocks, shown_words):
        return _complete(blocks, lines, STATE_PATH, "state of scripts", shown_words)
    return None


def _complete(
    blocks: Sequence[Block], lines: Sequence[str], path: str, source: str, shown_words: int
) -> CompletedPage:
    words = sum(map(count_words, lines))
    sentence = (
        f"the page shows {pluralize(shown_words, 'word')} of its story, and its {source} has"
        f" {words}; it was followed"
    )
    return CompletedPage(_with_lines(blocks, lines, path), sentence)


def _is_missing(lines: Sequence[str], blocks: Sequence[Block], shown_words: int) -> bool:
    """Tell whether a text of some length is not what the page shows."""
    words = sum(map(count_words, lines))
    if words < MIN_WORDS or shown_words >= MAX_SHOWN * words:
        return False
    shown = "\n".join(letters_only(block.text) for block in blocks)
    visible_words = sum(count_words(line) for line in lines if letters_only(line) in shown)
    return visible_words < MAX_SHOWN * words


def _with_lines(blocks: Sequence[Block], lines: Sequence[str], path: str) -> tuple[Block, ...]:
    """Return the blocks with the lines of a story in the place where the page begins to tell it."""
    letters = "\n".join(map(letters_only, lines))
    others: list[Block] = []
    place = -1
    for block in blocks:
        start = letters_only(block.text)
        is_part = len(start) >= MIN_START_LETTERS and start in letters
        if is_part and not block.is_summary and block.kind is not BlockKind.HEADING:
            place = len(others) if place < 0 else place
            continue
        others.append(block)
    if place < 0:
        place = _after_headline(others)
    story = [Block(BlockKind.PARAGRAPH, line, element_path=path) for line in lines if line]
    rest = [_as_other(block) for block in others[place:]]
    before = [_as_other(block) for block in others[:place]]
    return (*before, *(replace(block, kept_by_trafilatura=None) for block in story), *rest)


def _after_headline(blocks: Sequence[Block]) -> int:
    for number, block in enumerate(blocks):
        if block.kind is BlockKind.HEADING:
            return number + 1
    return 0


def _as_other(block: Block) -> Block:
    """Return a line of a page whose story is elsewhere: it may be a heading, a caption, a menu."""
    probability = min(block.story_probability, MAX_OTHER_PROBABILITY)
    return replace(block, story_probability=probability, kept_by_trafilatura=None)
