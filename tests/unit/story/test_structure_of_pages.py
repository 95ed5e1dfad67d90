"""Pages of known structure, extracted and written as Markdown, are read back by a Markdown reader.

The figures are printed with `pytest -s`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.cleaning.apply_rules import clean_document
from pipeline.config.site import CleaningOptions
from pipeline.core.models import AnnouncedMetadata, RawPage
from pipeline.core.story import make_story
from pipeline.extract import extract
from pipeline.story.markdown import to_markdown
from tests.support.structured_pages import Node, StructuredPage, structured_pages

FLOORS = {"all blocks": 0.98, "blocks": 0.98, "links": 0.99, "captions": 0.95, "pictures": 0.95}
READER = MarkdownIt("commonmark").enable("table")

Key = tuple[str, ...]


@dataclass
class ReadBack:
    """What a reader finds in Markdown: blocks with kinds and levels, links, captions, pictures."""

    blocks: Counter[Key] = field(default_factory=Counter)
    links: Counter[Key] = field(default_factory=Counter)
    captions: Counter[Key] = field(default_factory=Counter)
    pictures: Counter[Key] = field(default_factory=Counter)


def expected(nodes: Sequence[Node]) -> ReadBack:
    read = ReadBack()
    for node in nodes:
        read.links.update((link.text, link.url) for link in node.links)
        if node.kind == "figure":
            read.captions[plain(f"{node.caption} {node.credit}"),] += 1
            read.pictures[node.image, node.alt] += 1
        else:
            read.blocks[block_key(node)] += 1
    return read


def block_key(node: Node) -> Key:
    if node.kind == "row":
        return ("row", node.mark, *node.cells)
    return (node.kind, str(node.level), node.mark, node.text)


def plain(text: str) -> str:
    return " ".join(text.replace("(", " ").replace(")", " ").split())


def read_markdown(markdown: str) -> ReadBack:
    read = ReadBack()
    open_lists: list[str] = []
    quotes = level = 0
    cells: list[str] | None = None
    is_header = False
    for token in READER.parse(markdown):
        name = token.type
        if name in ("bullet_list_open", "ordered_list_open"):
            open_lists.append("ul" if name.startswith("bullet") else "ol")
        elif name in ("bullet_list_close", "ordered_list_close"):
            open_lists.pop()
        elif name in ("blockquote_open", "blockquote_close"):
            quotes += token.nesting
        elif name == "heading_open":
            level = int(token.tag[1])
        elif name == "thead_open":
            is_header = True
        elif name == "thead_close":
            is_header = False
        elif name == "tr_open":
            cells = []
        elif name == "tr_close" and cells is not None:
            if any(cells):
                read.blocks["row", "header" if is_header else "", *cells] += 1
            cells = None
        elif name == "fence":
            read.blocks["code", "0", "", token.content.removesuffix("\n")] += 1
        elif name == "inline":
            text = read_inline(token, read)
            if cells is not None:
                cells.append(text)
            elif text is not None and open_lists:
                read.blocks["item", str(len(open_lists)), open_lists[-1], text] += 1
            elif text is not None and quotes:
                read.blocks["quote", "0", "", text] += 1
            elif text is not None and level:
                read.blocks["heading", str(level), "", text] += 1
            elif text is not None:
                read.blocks["paragraph", "0", "", text] += 1
            level = 0
    return read


def read_inline(token: Token, read: ReadBack) -> str | None:
    """Return the text of a block; None for a figure, which is noted apart."""
    children = token.children or []
    if any(child.type in ("image", "em_open") for child in children):
        for child in children:
            if child.type == "image":
                read.pictures[str(child.attrs["src"]), child.content] += 1
        caption = text_of(children)
        if caption:
            read.captions[plain(caption),] += 1
        return None
    read.links.update(links_of(children))
    return text_of(children)


def text_of(children: Sequence[Token]) -> str:
    texts = [child.content for child in children if child.type in ("text", "text_special")]
    return "".join(texts)


def links_of(children: Sequence[Token]) -> Iterator[Key]:
    url, text = "", ""
    for child in children:
        if child.type == "link_open":
            url, text = str(child.attrs["href"]), ""
        elif child.type == "link_close":
            yield (text, unquote(unescape(url)))
        else:
            text += child.content


def extract_markdown(page: StructuredPage) -> tuple[str, str, str]:
    """Return the Markdown of a page, its plain text, and the text without any structure."""
    extracted = extract(RawPage(1, page.html.encode(), "utf-8", "text/html"))
    result = clean_document(
        extracted,
        line_stats={},
        announced=AnnouncedMetadata(),
        cleaning=CleaningOptions(),
        language_hint="",
        timezone="UTC",
        fetched_at=datetime(2026, 11, 3, tzinfo=UTC),
    )
    rules = {block.index: block.rule for block in result.removed}
    story = make_story(extracted, rules, page.url)
    kept = [block.text for index, block in enumerate(extracted.blocks) if index not in rules]
    return to_markdown(story), result.text, "\n".join(kept)


def line_of(node: Node) -> str:
    """Return the line of the plain text that a block of the source is."""
    if node.kind == "row":
        return " | ".join(filter(None, node.cells))
    return " ".join(node.text.split())


def test_markdown_gives_back_the_structure_of_a_hundred_pages() -> None:
    """Blocks and links are compared as far as the plain text has their lines."""
    names = ("blocks", "links", "captions", "pictures")
    common, wanted, found = Counter[str](), Counter[str](), Counter[str]()
    for page in structured_pages(100):
        markdown, text, kept_text = extract_markdown(page)
        assert text == kept_text
        lines = text.split("\n")
        nodes = [node for node in page.nodes if node.kind == "figure" or line_of(node) in lines]
        source, read = expected(nodes), read_markdown(markdown)
        for name in names:
            counted, counted_back = getattr(source, name), getattr(read, name)
            common[name] += (counted & counted_back).total()
            wanted[name] += counted.total()
            found[name] += counted_back.total()
        wanted["all blocks"] += expected(page.nodes).blocks.total()
    of_source = common["blocks"] / wanted["all blocks"]
    report = [f"{'blocks of the source':22} {of_source:.4f}"]
    assert of_source >= FLOORS["all blocks"], report[-1]
    for name in names:
        recall, precision = common[name] / wanted[name], common[name] / found[name]
        report.append(f"{name:22} recall {recall:.4f}  precision {precision:.4f}")
        assert min(recall, precision) >= FLOORS[name], report[-1]
    sys.stdout.write("\n" + "\n".join(report) + "\n")
