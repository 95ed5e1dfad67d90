"""A story in a footer or a menu is found, and a menu or a footer is no story."""

from __future__ import annotations

import pytest

from pipeline.extract.html import parse_html
from pipeline.extract.page_lines import Region
from pipeline.extract.text_lines import read_lines

PARAGRAPHS = "".join(
    f"<p>The choir will sing in ice cellar {number} this year, since the church is painted.</p>"
    for number in range(4)
)


def regions(body: str) -> set[int]:
    tree = parse_html(f"<html><body>{body}</body></html>".encode())
    assert tree is not None
    wrong = Region.NAV | Region.FOOTER
    return {line.element.regions & wrong for line in read_lines(tree).lines if "choir" in line.text}


@pytest.mark.parametrize("tag", ["footer", "nav", "form"])
def test_a_story_in_a_wrong_element_of_the_main_part_is_no_footer(tag: str) -> None:
    assert regions(f"<main><h1>Choir</h1><{tag}>{PARAGRAPHS}</{tag}></main>") == {0}


def test_the_footer_of_a_page_with_a_story_stays_one() -> None:
    story = "<p>The council voted to keep all the names, although three of them are lost.</p>" * 3
    assert regions(f"<main>{story}<footer>{PARAGRAPHS}</footer></main>") == {Region.FOOTER}


def test_the_footer_outside_the_main_part_stays_one() -> None:
    assert regions(f"<main><h1>Choir</h1></main><footer>{PARAGRAPHS}</footer>") == {Region.FOOTER}
