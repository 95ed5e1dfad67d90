"""What a page shows near its headline: lines, bylines and days."""

from __future__ import annotations

import time

import pytest

from pipeline.extract.html import parse_html
from pipeline.extract.metadata.visible_bylines import (
    VisibleLine,
    find_headline,
    lines_near_headline,
    visible_byline,
)

TITLE = "A seal delays the ferry of Lowmere"
PROSE = (
    "<p>"
    + "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp. " * 4
    + "</p>"
)


def lines(after: str, before: str = "", title: str = TITLE) -> tuple[VisibleLine, ...]:
    article = f"<article><h1>{title}</h1>{after}{PROSE * 5}</article>"
    tree = parse_html(f"<html><body>{before}{article}</body></html>".encode())
    assert tree is not None
    return lines_near_headline(find_headline(tree, TITLE))


def texts(visible: tuple[VisibleLine, ...]) -> list[str]:
    return [line.text for line in visible]


def test_lines_are_in_reading_order_and_have_their_distance() -> None:
    visible = lines(
        "<p>A summary.</p><div>By <a rel='author'>Marta Ellin</a></div>",
        "<div>Harbour</div><div>News</div>",
    )
    assert [(line.distance, line.text) for line in visible] == [
        (-2, "Harbour"),
        (-1, "News"),
        (1, "A summary."),
        (2, "By Marta Ellin"),
    ]
    assert "author" in visible[-1].marks


def test_inline_elements_are_one_line_with_spaces_between_words() -> None:
    assert texts(
        lines("<div><span>By</span> <b>Marta <i>Ellin</i></b><span>Dec. 21, 2023</span></div>")
    ) == ["By Marta Ellin Dec. 21, 2023"]
    assert texts(lines("<div>By<a>Marta O'</a><b>Hare</b><i>long read</i></div>")) == [
        "By Marta O'Hare long read"
    ]
    assert texts(lines("<p><span>T</span>he se<b>a</b>l sleeps.</p>")) == ["The seal sleeps."]


def test_invisible_text_and_menus_are_left_out() -> None:
    hidden = (
        "<script>By Tom Dray</script><style>p{}</style><nav><p>By Tom Dray</p></nav><button>By Tom"
        " Dray</button>"
    )
    assert texts(lines(hidden + "<p>By Marta Ellin</p>", "<nav>1 March 2024</nav>")) == [
        "By Marta Ellin"
    ]


def test_the_headline_is_the_heading_that_is_the_title() -> None:
    visible = lines("<p>After it.</p>", "<h1>The Lowmere Courier</h1>")
    assert [line.text for line in visible if line.distance == 1] == ["After it."]
    tree = parse_html(f"<html><body><h2>{TITLE}</h2><p>By Marta Ellin</p></body></html>".encode())
    assert tree is not None
    assert texts(lines_near_headline(find_headline(tree, TITLE))) == ["By Marta Ellin"]
    assert lines_near_headline(find_headline(tree, "Another title")) == ()


def test_a_huge_page_takes_little_time() -> None:
    deep, wide = "<div>" * 200 + "x" + "</div>" * 200, "<p>Menu</p>" * 30_000
    tree = parse_html(
        f"<html><body>{wide}{deep}<h1>{TITLE}</h1>{deep}{wide}</body></html>".encode()
    )
    assert tree is not None
    start = time.process_time()
    assert len(lines_near_headline(find_headline(tree, TITLE))) <= 40
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("<p>By Marta Ellin</p>", (("Marta Ellin",), True)),
        ("<p>By</p><p>Marta Ellin</p>", (("Marta Ellin",), True)),
        ("<p>Von Marta Ellin, Lowmere</p>", (("Marta Ellin",), True)),
        ("<p>Par Marta Ellin et Rémi Dray</p>", (("Marta Ellin", "Rémi Dray"), True)),
        ("<p class='autore'>di Marta Ellin</p>", (("Marta Ellin",), True)),
        ("<p>By Marta Ellin | 5 March 2024</p>", (("Marta Ellin",), True)),
        ("<p>By Marta Ellin March 5, 2024</p>", (("Marta Ellin",), True)),
        ("<p>5 March 2024 by Marta Ellin</p>", (("Marta Ellin",), True)),
        ("<p class='byline'>Marta Ellin</p>", (("Marta Ellin",), False)),
        ("<p><a href='/authors/marta-ellin'>Marta Ellin</a></p>", (("Marta Ellin",), False)),
        (
            "<p class='byline'>Tom Dray</p><p>By Marta Ellin</p>",
            (("Marta Ellin",), True),
        ),  # a word counts more than a class
        (
            (
                "<div class='byline'><p>By</p><p>Marta Ellin</p><p>,</p><p>Tom"
                " Dray</p><p>and</p><p>Ida O'Hare</p></div>"
            ),
            (("Marta Ellin", "Tom Dray", "Ida O'Hare"), True),
        ),
        ("<p>By Marta Ellin</p><p>and Tom Dray</p>", (("Marta Ellin", "Tom Dray"), True)),
    ],
)
def test_a_byline_is_read(after: str, expected: tuple[tuple[str, ...], bool]) -> None:
    assert visible_byline(lines(after)) == expected


@pytest.mark.parametrize(
    "after",
    [
        "<p>By the time the ferry came, everybody had gone home.</p>",
        "<p>By Subscribing you agree</p>",
        "<p>By Land and Sea</p>",
        "<p>Von Montag bis Freitag</p>",
        "<p>Di Marta Ellin si parla molto</p>",
        "<p>Marta Ellin</p>",  # nothing says what she is
        "<figure><figcaption>By Tom Dray</figcaption></figure>",
        "<p class='caption author'>Tom Dray</p>",
        "<p class='comment author'>Tom Dray</p>",
        "<p class='authority'>Harbour Master</p>",
        "<p class='byline'>Lowmere News Agency</p>",
        "<p class='byline'>5 March 2024</p>",
        PROSE * 3 + "<p>By Tom Dray</p>",  # far below
    ],
)
def test_text_that_only_resembles_a_byline_is_none(after: str) -> None:
    assert visible_byline(lines(after))[0] == ()


def test_the_line_after_a_byline_is_no_second_author() -> None:
    assert visible_byline(
        lines("<p class='author'>By Marta Ellin</p><p>,</p><p>Infectious Diseases</p>")
    )[0] == ("Marta Ellin",)
