"""Markdown and HTML of a story: a real reader of Markdown gives back the text and the structure."""

from __future__ import annotations

import random
from html import unescape

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.core.blocks import Block, BlockEmphasis, BlockKind, BlockLink, Figure
from pipeline.core.story import Story
from pipeline.story.html import HtmlStyle, to_html
from pipeline.story.markdown import to_markdown

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PIECES = (
    "*", "**", "_", "__", "`", "```", "[", "]", "](", "(", ")", "<b>", "</b>", "<!-- x -->", "\\",
    "&amp;", "&copy;", "&#42;", "&", "#", "##", "-", "--", "---", "+", "1.", "12)", ">", "|", "~~",
    "~~~", "=", "===", "!", "![x](y)", "http://a.example/_b_", "snake_case", "a*b*c", "two words",
    "мир", "世界", "word", "C#", "100 %", ":", "[x]: y",
    "\u200f\u0645", "Ünder_score_", "$x$", "'", '"',
)  # fmt: skip


def texts(markdown: str) -> list[str]:
    """Return the plain text of each block of inline text, as a reader of Markdown sees it."""
    return [inline_text(token) for token in READER.parse(markdown) if token.type == "inline"]


def inline_text(token: Token) -> str:
    parts: list[str] = []
    for child in token.children or ():
        assert child.type in ("text", "text_special", "link_open", "link_close"), child.type
        parts.append(child.content)
    return "".join(parts)


def kinds(markdown: str) -> list[str]:
    return [token.type for token in READER.parse(markdown) if token.nesting >= 0]


def hostile_texts(count: int) -> list[str]:
    chooser = random.Random(7)
    made: list[str] = []
    for _ in range(count):
        pieces = chooser.choices(PIECES, k=chooser.randint(1, 6))
        made.append(" ".join(chooser.choice(("", " ")).join(pieces).split()))
    return made


@pytest.mark.parametrize(
    ("kind", "structure", "expected"),
    [
        (BlockKind.PARAGRAPH, "", ["paragraph_open", "inline"]),
        (BlockKind.HEADING, "h3", ["heading_open", "inline"]),
        (BlockKind.QUOTE, "q1", ["blockquote_open", "paragraph_open", "inline"]),
        (
            BlockKind.ITEM,
            "u1 i1",
            ["bullet_list_open", "list_item_open", "paragraph_open", "inline"],
        ),
        (
            BlockKind.ITEM,
            "o1 i4",
            ["ordered_list_open", "list_item_open", "paragraph_open", "inline"],
        ),
    ],
)
def test_any_text_comes_back_in_every_kind_of_block(
    kind: BlockKind, structure: str, expected: list[str]
) -> None:
    for text in (*PIECES, *hostile_texts(1500)):
        markdown = to_markdown(Story((Block(kind, text, structure=structure),)))
        assert texts(markdown) == [text], markdown
        assert kinds(markdown) == expected, markdown


def test_any_text_comes_back_in_a_cell_and_in_a_link() -> None:
    for text in hostile_texts(1500):
        cell = Block(BlockKind.TABLE, text, structure="t1 R2", cells=(len(text), 0))
        link = Block(
            BlockKind.PARAGRAPH, f"See {text} now", links=(BlockLink(4, 4 + len(text), "/a"),)
        )
        assert texts(to_markdown(Story((cell,)))) == [text, ""], text
        markdown = to_markdown(Story((link,), base="https://n.example/"))
        assert texts(markdown) == [f"See {text} now"], markdown
        assert kinds(markdown) == ["paragraph_open", "inline"]


def emphasized(text: str, chooser: random.Random) -> Block:
    """Return a block with a link and with stressed parts that may lie in each other."""
    cuts = sorted(chooser.choices(range(len(text) + 1), k=4))
    emphasis: list[BlockEmphasis] = []
    for start, end in ((cuts[0], cuts[3]), (cuts[1], cuts[2])):
        if start < end:
            emphasis.append(BlockEmphasis(start, end, chooser.choice("bic")))
    links = (BlockLink(cuts[0], cuts[2], "/a"),) if cuts[0] < cuts[2] else ()
    links = links if chooser.random() < 0.3 else ()
    return Block(BlockKind.PARAGRAPH, text, links=links, emphasis=tuple(emphasis))


def test_any_text_comes_back_with_stressed_parts_in_it() -> None:
    chooser = random.Random(11)
    for text in hostile_texts(3000):
        block = emphasized(f"x {text} x", chooser)
        markdown = to_markdown(Story((block,), base="https://n.example/"))
        (inline,) = [token for token in READER.parse(markdown) if token.type == "inline"]
        assert "".join(child.content for child in inline.children or ()) == block.text, markdown
        assert kinds(markdown) == ["paragraph_open", "inline"]


@pytest.mark.parametrize(
    ("parts", "markdown", "html"),
    [
        ([(4, 8, "b")], "See **this** word", "See <strong>this</strong> word"),
        ([(3, 9, "i")], "See *this* word", "See<em> this </em>word"),
        ([(4, 8, "c")], "See `this` word", "See <code>this</code> word"),
        ([(4, 8, "i"), (4, 8, "b")], "See ***this*** word", "<strong><em>this</em></strong>"),
        ([(4, 6, "b"), (6, 8, "b")], "See **this** word", "<strong>this</strong>"),
        ([(4, 6, "b"), (6, 8, "i")], "See **th**is word", "<strong>th</strong><em>is</em>"),
        ([(9, 13, "b"), (0, 3, "b")], "**See** this **word**", "this <strong>word</strong>"),
    ],
)
def test_stressed_parts_are_marked(
    parts: list[tuple[int, int, str]], markdown: str, html: str
) -> None:
    emphasis = tuple(BlockEmphasis(*part) for part in parts)
    story = Story((Block(BlockKind.PARAGRAPH, "See this word", emphasis=emphasis),))
    assert to_markdown(story) == markdown
    assert html in to_html(story)


def test_a_stressed_part_of_a_link_leaves_one_link() -> None:
    links, emphasis = (BlockLink(0, 8, "/a"),), (BlockEmphasis(4, 13, "b"),)
    block = Block(BlockKind.PARAGRAPH, "See this word", links=links, emphasis=emphasis)
    story = Story((block,), base="https://n.example/")
    assert to_markdown(story) == "[See **this**](https://n.example/a) **word**"
    assert to_html(story).count("<a ") == 1


def test_a_heading_is_not_bold_as_a_whole() -> None:
    whole, part = (BlockEmphasis(0, 8, "b"),), (BlockEmphasis(4, 8, "b"),)
    assert (
        to_markdown(Story((Block(BlockKind.HEADING, "See this", emphasis=whole),))) == "## See this"
    )
    story = Story((Block(BlockKind.HEADING, "See this", emphasis=part),))
    assert to_markdown(story) == "## See **this**"


@pytest.mark.parametrize(
    "url",
    [
        "https://n.example/a?b=1&c=2&copy;=3",
        "https://n.example/a_(b)",
        "https://n.example/a_(b",
        "https://n.example/*a*/'b'",
        'https://n.example/"a"',
        "https://n.example/ü/世",
        "https://n.example/a[1]?x=`y`",
    ],
)
def test_the_address_of_a_link_comes_back(url: str) -> None:
    block = Block(BlockKind.PARAGRAPH, "See this", links=(BlockLink(4, 8, url),))
    markdown = to_markdown(Story((block,), base="https://n.example/"))
    (inline,) = (token for token in READER.parse(markdown) if token.type == "inline")
    address = str(inline.children[1].attrs["href"]) if inline.children else ""
    assert address == READER.normalizeLink(url)


def test_two_lists_in_a_row_stay_two() -> None:
    blocks = [
        Block(BlockKind.ITEM, f"Item {structure}", structure=structure)
        for structure in ("u1 i1", "u1 i2", "u2 i1", "o3 i1", "o4 i1")
    ]
    read = kinds(to_markdown(Story(tuple(blocks))))
    assert (read.count("bullet_list_open"), read.count("ordered_list_open")) == (2, 2)


def test_an_item_of_several_blocks_stays_one_item() -> None:
    blocks = (
        Block(BlockKind.ITEM, "The first paragraph", structure="o1 i9"),
        Block(BlockKind.ITEM, "the second", structure="o1 i9"),
        Block(BlockKind.CODE, "if x: y", structure="o1 i9 p2", source="if x:\n\n    y"),
        Block(BlockKind.ITEM, "and a quote", structure="o1 i9 q3"),
        Block(BlockKind.ITEM, "The next item", structure="o1 i10"),
    )
    markdown = to_markdown(Story(blocks))
    tokens = READER.parse(markdown)
    assert [token.type for token in tokens].count("list_item_open") == 2
    assert [token.content for token in tokens if token.type == "fence"] == ["if x:\n\n    y\n"]
    assert tokens[0].attrs == {"start": 9}


def test_a_list_in_an_item_stays_a_list_whatever_its_first_number() -> None:
    blocks = (
        Block(BlockKind.ITEM, "Outer", structure="u1 i1"),
        Block(BlockKind.ITEM, "Inner", structure="u1 i1 o2 i3"),
        Block(BlockKind.ITEM, "Next", structure="u1 i2"),
    )
    assert kinds(to_markdown(Story(blocks))).count("list_item_open") == 3


def test_code_with_backticks_comes_back() -> None:
    source = "```\n`x`\n````"
    markdown = to_markdown(Story((Block(BlockKind.CODE, "x", structure="p1", source=source),)))
    assert [token.content for token in READER.parse(markdown)] == [source + "\n"]


def test_blocks_of_an_older_version_are_written_by_their_kind() -> None:
    blocks = (
        Block(BlockKind.HEADING, "Seals"),
        Block(BlockKind.ITEM, "one"),
        Block(BlockKind.ITEM, "two"),
        Block(BlockKind.QUOTE, "We saw a seal."),
        Block(BlockKind.TABLE, "Year | Seals"),
        Block(BlockKind.TABLE, "2026 | 4"),
        Block(BlockKind.CODE, "seal()"),
        Block(BlockKind.CAPTION, "A seal"),
    )
    markdown = to_markdown(Story(blocks))
    assert "## Seals\n\n- one\n- two\n\n> We saw a seal.\n\n" in markdown
    assert kinds(markdown).count("tr_open") == 3, "the empty header, and two rows"
    assert markdown.endswith("```\nseal()\n```\n\nA seal")


def test_a_figure_is_a_picture_with_its_caption_and_credit() -> None:
    figure = Figure("/s_1.jpg", "A [seal]", "A *seal* waits.", "Photo: Ivo", 1, (1,))
    blocks = (Block(BlockKind.PARAGRAPH, "Before"), Block(BlockKind.CAPTION, "A *seal* waits."))
    markdown = to_markdown(Story(blocks, (figure,), "https://n.example/a/"))
    expected = "![A \\[seal\\]](https://n.example/s_1.jpg)\n*A \\*seal\\* waits. Photo: Ivo*"
    assert markdown == f"Before\n\n{expected}"
    assert "<em>A *seal* waits. Photo: Ivo</em>" in READER.render(markdown)


def test_html_is_safe_whatever_the_page_says() -> None:
    links = (BlockLink(0, 3, "javascript:alert(1)"), BlockLink(4, 7, 'https://n.example/"><b>'))
    text = "one two <script>alert('x')</script>"
    figure = Figure("javascript:alert(1)", '"><b>', "<i>caption</i>", position=0)
    html = to_html(
        Story((Block(BlockKind.PARAGRAPH, text, links=links),), (figure,), "https://x.y/")
    )
    assert "<script" not in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "javascript:" not in html
    assert html.count("<a ") == 1
    assert 'rel="nofollow noopener"' in html
    assert unescape(READER.render(html)).count("one ") == 1
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in html


def test_html_loads_no_picture_where_that_is_not_wanted() -> None:
    figure = Figure("https://n.example/s.jpg", "A seal", "A seal waits.", "Ivo", 0)
    html = to_html(Story((), (figure,)), style=HtmlStyle(shows_images=False))
    assert "<img" not in html
    assert 'href="https://n.example/s.jpg"' in html
    assert "A seal" in html
    assert "A seal waits. <small>Ivo</small>" in html
