"""Write a story as HTML that is safe to show: text, links to web pages, and nothing that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from pipeline.core.blocks import Emphasis
from pipeline.core.story import Story
from pipeline.story.tree import (
    Code,
    Heading,
    ItemList,
    Node,
    Paragraph,
    Picture,
    Quote,
    Row,
    Run,
    Runs,
    Table,
    story_tree,
)

LINK_RELATION = "nofollow noopener"
TAGS = ((Emphasis.CODE, "code"), (Emphasis.STRESSED, "em"), (Emphasis.STRONG, "strong"))


@dataclass(frozen=True, slots=True)
class HtmlStyle:
    """How a story is written.

    Attributes:
        shows_images: Whether pictures are loaded from the web. Otherwise a link leads to each.
        top_level: The level of the highest heading.
        block_attributes: Attributes of each block, for example ` dir="auto"`.
        table_attributes: Attributes of an element around each table; "" for no such element.
        escape: Makes a text safe between tags and in attributes.
    """

    shows_images: bool = True
    top_level: int = 1
    block_attributes: str = ""
    table_attributes: str = ""
    escape: Callable[[str], str] = escape


DEFAULT_STYLE = HtmlStyle()


def to_html(story: Story, title: str = "", style: HtmlStyle = DEFAULT_STYLE) -> str:
    """Return a story as the HTML of an element's content, one block a line.

    Args:
        story: The story.
        title: A headline to write above it; "" for none.
        style: How to write it.
    """
    lines = nodes_to_html(story_tree(story), style)
    if title:
        lines.insert(0, f"<h1{style.block_attributes}>{style.escape(title)}</h1>")
    return "\n".join(lines)


def nodes_to_html(nodes: Iterable[Node], style: HtmlStyle) -> list[str]:
    """Return the HTML of each node of a story's tree."""
    return [_node(node, style) for node in nodes]


def _node(node: Node, style: HtmlStyle) -> str:
    attributes = style.block_attributes
    match node:
        case Paragraph():
            return f"<p{attributes}>{_inline(node.runs, style)}</p>"
        case Heading():
            level = max(node.level, style.top_level)
            return f"<h{level}{attributes}>{_inline(node.runs, style)}</h{level}>"
        case Code():
            return f"<pre><code>{style.escape(chr(10).join(node.lines))}</code></pre>"
        case Picture():
            return _picture(node, style)
        case Quote():
            return f"<blockquote{attributes}>{_nodes(node.children, style)}</blockquote>"
        case ItemList():
            return _list(node, style)
        case Table():
            return _table(node.rows, style)


def _nodes(nodes: Sequence[Node], style: HtmlStyle) -> str:
    return "\n".join(nodes_to_html(nodes, style))


def _inline(runs: Runs, style: HtmlStyle) -> str:
    parts: list[str] = []
    for url, group in groupby(runs, key=lambda run: run.url):
        content = "".join(_marked(run, style) for run in group)
        parts.append(_link(content, url, style) if url else content)
    return "".join(parts)


def _marked(run: Run, style: HtmlStyle) -> str:
    content = style.escape(run.text)
    for mark, tag in TAGS:
        if mark in run.marks:
            content = f"<{tag}>{content}</{tag}>"
    return content


def _link(content: str, url: str, style: HtmlStyle) -> str:
    return f'<a href="{style.escape(url)}" rel="{LINK_RELATION}">{content}</a>'


def _list(items: ItemList, style: HtmlStyle) -> str:
    parts: list[str] = []
    for item in items.items:
        children = item.children
        if children and isinstance(children[0], Paragraph):  # the first line needs no element
            first = _inline(children[0].runs, style)
            rest = _nodes(children[1:], style)
            content = f"{first}\n{rest}" if rest else first
        else:
            content = _nodes(children, style)
        parts.append(f"<li{style.block_attributes}>{content}</li>")
    content = "\n".join(parts)
    if not items.is_numbered:
        return f"<ul>\n{content}\n</ul>"
    start = items.items[0].number if items.items else 1
    return f'<ol start="{start}">\n{content}\n</ol>' if start != 1 else f"<ol>\n{content}\n</ol>"


def _picture(picture: Picture, style: HtmlStyle) -> str:
    caption = style.escape(picture.caption)
    if picture.credit:
        caption = f"{caption} <small>{style.escape(picture.credit)}</small>".strip()
    if caption:
        caption = f"<figcaption{style.block_attributes}>{caption}</figcaption>"
    content = _image(picture, style) if style.shows_images else _image_link(picture, style)
    return f"<figure>{content}{caption}</figure>"


def _image(picture: Picture, style: HtmlStyle) -> str:
    if not picture.url:
        return ""
    return f'<img src="{style.escape(picture.url)}" alt="{style.escape(picture.alt)}">'


def _image_link(picture: Picture, style: HtmlStyle) -> str:
    """Return the text that stands for a picture, and a link to the picture."""
    content = ""
    if picture.alt and picture.alt != picture.caption:
        content = f'<p class="alt"{style.block_attributes}>{style.escape(picture.alt)}</p>'
    if picture.url.startswith(("http://", "https://")):
        link = _link(style.escape(picture.url), picture.url, style)
        content += f'<p class="address" dir="ltr">{link}</p>'
    return content


def _table(rows: Sequence[Row], style: HtmlStyle) -> str:
    lines: list[str] = []
    width = max((len(row.cells) for row in rows), default=0)
    for row in rows:
        tag = "th" if row.is_header else "td"
        scope = ' scope="col"' if row.is_header else ""
        start = f"<{tag}{scope}{style.block_attributes}>"
        cells = [f"{start}{_inline(cell, style)}</{tag}>" for cell in row.cells]
        cells += [f"{start}</{tag}>"] * (width - len(row.cells))
        lines.append(f"<tr>{''.join(cells)}</tr>")
    content = "\n".join(lines)
    table = f"<table>\n{content}\n</table>"
    return f"<div {style.table_attributes}>{table}</div>" if style.table_attributes else table
