"""A story: the kept blocks of a page, its figures, and its links with absolute addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple
from urllib.parse import urljoin

from pipeline.core.blocks import Block, BlockKind, BlockLink, Figure
from pipeline.core.models import ExtractedPage
from pipeline.core.urls import resolve_href

MAX_LINKS: Final = 1_000  # of one story
# Rules that leave captions out of the text because of what they are. The figures keep them.
CAPTION_RULES: Final = frozenset(("outside", "credit", "byline"))


class StoryLink(NamedTuple):
    """A link in the text of a story: its address and its text."""

    url: str
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """The text of an article with its structure.

    Attributes:
        blocks: The kept blocks. Their texts, one a line, are the plain text.
        figures: The pictures. `position` and `caption_blocks` count the kept blocks.
        base: The address that the links of the page are relative to; "" if it is unknown.
    """

    blocks: tuple[Block, ...] = ()
    figures: tuple[Figure, ...] = ()
    base: str = ""

    def resolve(self, address: str) -> str:
        """Return an address of the page as an absolute http(s) URL, or "" where it is none.

        Where the page's own address is unknown, a relative one stays as it is.
        """
        if not self.base and is_relative(address):
            return address.strip()
        if not self.base and address.strip().startswith("//"):
            return resolve_href("https:", address) or ""
        return resolve_href(self.base, address) or ""


def is_relative(address: str) -> bool:
    """Tell whether an address is a path without a scheme and a host, and no anchor."""
    address = address.strip()
    if not address or address.startswith(("#", "//", "\\")):
        return False
    return ":" not in address.partition("/")[0].partition("?")[0]


def base_address(page_url: str, declared_base: str) -> str:
    """Return the address that the links of a page are relative to.

    Args:
        page_url: The address of the page, or "".
        declared_base: The base that the page declares, or "".
    """
    try:
        return urljoin(page_url, declared_base)
    except ValueError:  # not an address, for example http://[
        return page_url


def make_story(page: ExtractedPage, rule_by_index: Mapping[int, str], url: str) -> Story:
    """Return the story of an extracted page.

    Args:
        page: The extracted page.
        rule_by_index: The rule that removed a block, by the block's index.
        url: The address of the page, or "".
    """
    new_index: list[int] = []  # of each block among those that are kept
    blocks: list[Block] = []
    for index, block in enumerate(page.blocks):
        new_index.append(len(blocks))
        if index not in rule_by_index:
            blocks.append(block)
    new_index.append(len(blocks))
    figures: list[Figure] = []
    for figure in page.figures:
        shown = _without_removed_caption(figure, rule_by_index)
        kept = [index for index in figure.caption_blocks if index not in rule_by_index]
        figures.append(
            replace(
                shown,
                position=new_index[min(figure.position, len(page.blocks))],
                caption_blocks=tuple(new_index[index] for index in kept),
            )
        )
    return Story(tuple(blocks), tuple(figures), base_address(url, page.base))


def plain_story(text: str) -> Story:
    """Return a story of which only the plain text is known."""
    return Story(tuple(Block(BlockKind.PARAGRAPH, line) for line in text.split("\n") if line))


def without_first_block(story: Story) -> Story:
    """Return a story without its first block."""
    figures: list[Figure] = []
    for figure in story.figures:
        captions = tuple(index - 1 for index in figure.caption_blocks if index)
        position = max(0, figure.position - 1)
        figures.append(replace(figure, position=position, caption_blocks=captions))
    return replace(story, blocks=story.blocks[1:], figures=tuple(figures))


def _without_removed_caption(figure: Figure, rule_by_index: Mapping[int, str]) -> Figure:
    """Return a figure without a caption that a rule removed as boilerplate."""
    for index in figure.caption_blocks:
        if rule_by_index.get(index, "outside") not in CAPTION_RULES:
            return replace(figure, caption="", credit="")
    return figure


def raw_links(blocks: Sequence[Block], removed: Collection[int]) -> tuple[StoryLink, ...]:
    """Return the links of the kept blocks with the addresses that the page has.

    Args:
        blocks: The blocks of a page.
        removed: The indexes of those that rules removed.
    """
    links: dict[StoryLink, None] = {}
    for index, block in enumerate(blocks):
        if block.links and index not in removed:
            for link in joined_links(block):
                links[StoryLink(link.url, block.text[link.start : link.end])] = None
        if len(links) >= MAX_LINKS:
            break
    return tuple(links)


def joined_links(block: Block) -> Iterator[BlockLink]:
    """Yield the links of a block. Two links in a row to one address are one."""
    last: BlockLink | None = None
    for link in block.links:
        if (
            last is not None
            and link.url == last.url
            and not block.text[last.end : link.start].strip()
        ):
            last = BlockLink(last.start, link.end, last.url)
            continue
        if last is not None:
            yield last
        last = link
    if last is not None:
        yield last


def story_links(links: Sequence[StoryLink], base: str) -> tuple[StoryLink, ...]:
    """Return links with absolute addresses; those that lead to no web page are left out.

    Args:
        links: Links with the addresses that the page has.
        base: The address that they are relative to.
    """
    story = Story(base=base)
    resolved: dict[StoryLink, None] = {}
    for url, text in links:
        if absolute := story.resolve(url):
            resolved[StoryLink(absolute, text)] = None
    return tuple(resolved)
