"""Write a story as HTML that is safe to show: text, links to web pages, and nothing that runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

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
    Runs,
    Table,
    story_tree,
)

LINK_RELATION = "nofollow noopener"


@dataclass(frozen=True, slots=True)
class HtmlStyle:
    """How a story is written.

    Attributes:
        shows_images: Whether pictures are loaded from the web. Otherwise a link leads to each.
        top_level: The level of the highest heading.
        block_attributes: Attributes of each block, for example ` dir="auto"`.
    """

    shows_images: bool = True
    top_level: int = 1
    block_attributes: str = ""


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
        lines.insert(0, f"<h1{style.block_attributes}>{escape(title)}</h1>")
    return "\n".join(lines)


def nodes_to_html(nodes: Iterable[Node], style: HtmlStyle) -> list[str]:
    """Return the HTML of each node of a story's tree."""
    return [_node(node, style) for node in nodes]


def _node(node: Node, style: HtmlStyle) -> str:
    attributes = style.block_attributes
    match node:
        case Paragraph():
            return f"<p{attributes}>{_inline(node.runs)}</p>"
        case Heading():
            level = max(node.level, style.top_level)
            return f"<h{level}{attributes}>{_inline(node.runs)}</h{level}>"
        case Code():
            return f"<pre><code>{escape(chr(10).join(node.lines))}</code></pre>"
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


def _inline(runs: Runs) -> str:
    return "".join(_link(text, url) if url else escape(text) for text, url in runs)


def _link(text: str, url: str) -> str:
    return f'<a href="{escape(url)}" rel="{LINK_RELATION}">{escape(text)}</a>'


def _list(items: ItemList, style: HtmlStyle) -> str:
    parts: list[str] = []
    for item in items.items:
        children = item.children
        if children and isinstance(children[0], Paragraph):  # the first line needs no element
            first = _inline(children[0].runs)
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
    caption = escape(picture.caption)
    if picture.credit:
        caption = f"{caption} <small>{escape(picture.credit)}</small>".strip()
    caption = f"<figcaption{style.block_attributes}>{caption}</figcaption>" if caption else ""
    alt = escape(picture.alt)
    if style.shows_images:
        image = f'<img src="{escape(picture.url)}" alt="{alt}">' if picture.url else ""
    else:
        text = alt or "Picture without a description"
        image = f"<p{style.block_attributes}>{text}</p>"
        if picture.url.startswith(("http://", "https://")):
            shown = f"<bdi>{escape(picture.url)}</bdi>"
            link = f'<a href="{escape(picture.url)}" rel="{LINK_RELATION}">{shown}</a>'
            image += f'<p class="address" dir="ltr">{link}</p>'
    return f"<figure>{image}{caption}</figure>"


def _table(rows: Sequence[Row], style: HtmlStyle) -> str:
    lines: list[str] = []
    for row in rows:
        tag = "th" if row.is_header else "td"
        scope = ' scope="col"' if row.is_header else ""
        cells = [f"<{tag}{scope}{style.block_attributes}>{_inline(c)}</{tag}>" for c in row.cells]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    content = "\n".join(lines)
    return f'<div class="wide" tabindex="0"><table>\n{content}\n</table></div>'
