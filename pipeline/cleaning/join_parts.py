"""Join the extracted pages of a story that is published in several pages.

Nothing is left out here: the rule `part` removes what the parts repeat. But what stands after the
story on each page goes to the end, so that the story is one piece and the rules for the end of a
page see it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.core.blocks import Figure
from pipeline.core.models import STORY_THRESHOLD, Block, ExtractedPage


def join_parts(parts: Sequence[tuple[int, ExtractedPage]]) -> ExtractedPage:
    """Return one extracted page for all parts.

    Args:
        parts: The number and the extracted page of each part, in their order, at least one.

    Returns:
        A page with the metadata of the first part. Its `parts` name the part of each block.
    """
    _, first = parts[0]
    ends = [_end_of_story(page.blocks) for _, page in parts]
    order: list[tuple[int, int]] = []  # index of the part, index of the block in it
    for part, end in enumerate(ends):
        order += [(part, index) for index in range(end)]
    for part, (_, page) in enumerate(parts):
        order += [(part, index) for index in range(ends[part], len(page.blocks))]
    new_index = {place: index for index, place in enumerate(order)}
    return replace(
        first,
        blocks=tuple(parts[part][1].blocks[index] for part, index in order),
        figures=_figures(parts, new_index),
        parts=tuple(parts[part][0] for part, _ in order),
        cost_ms=sum(page.cost_ms for _, page in parts),
    )


def _figures(
    parts: Sequence[tuple[int, ExtractedPage]], new_index: Mapping[tuple[int, int], int]
) -> tuple[Figure, ...]:
    """Return the pictures of all parts at their new places, each picture once."""
    figures: list[Figure] = []
    images: set[str] = set()
    for part, (_, page) in enumerate(parts):
        for figure in page.figures:
            if figure.image and figure.image in images:
                continue
            images.add(figure.image)
            # it stands before a block, or after the last one
            place = new_index.get((part, figure.position))
            if place is None:
                place = new_index.get((part, len(page.blocks) - 1), -1) + 1
            captions = tuple(new_index[part, index] for index in figure.caption_blocks)
            figures.append(replace(figure, position=place, caption_blocks=captions))
    return tuple(sorted(figures, key=lambda figure: figure.position))


def _end_of_story(blocks: Sequence[Block]) -> int:
    """Return the number of blocks up to the last one that looks like the story."""
    for index in range(len(blocks), 0, -1):
        if blocks[index - 1].story_probability >= STORY_THRESHOLD:
            return index
    return len(blocks)
