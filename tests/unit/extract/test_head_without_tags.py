"""Pages that leave out the tags of head and body, as HTML allows."""

import pytest

from pipeline.core.models import RawPage
from pipeline.extract.document import extract_page
from pipeline.extract.html import parse_html

PARAGRAPHS = "".join(
    f"<p>The council of the town voted on bridge {number} on Monday, after two hours of debate in"
    " a full hall, and the mayor said that the work would begin in the spring of next year.</p>"
    for number in range(5)
)
STORY = f"<article><h1>Council votes on five bridges</h1>{PARAGRAPHS}</article>"


def _markup(page: str) -> tuple[list[str], list[str]]:
    tree = parse_html(page.encode())
    assert tree is not None
    head, body = tree.find("head"), tree.find("body")
    assert head is not None
    assert body is not None
    return [child.tag for child in head], [child.tag for child in body]


@pytest.mark.parametrize(
    "start",
    [
        "<title>Council</title>",
        "<!doctype html><html lang=en><title>Council</title>",
        "<title>Council</title><nav><a href=/news>News</a></nav>",
        "<title>Council</title><header><a href=/>Front page</a></header>",
        "<html><head><title>Council</title></head><body>",
    ],
)
def test_a_story_is_found_without_tags_of_head_and_body(start: str) -> None:
    page = extract_page(RawPage(1, (start + STORY).encode()))
    text = "\n".join(block.text for block in page.blocks if block.story_probability >= 0.5)
    assert "bridge 0" in text
    assert "bridge 4" in text


def test_metadata_stays_in_the_head_and_content_keeps_its_order() -> None:
    page = "<title>T</title><nav>a</nav><meta name=d><link rel=e><article>b</article>c<p>f</p>g"
    tree = parse_html(page.encode())
    assert tree is not None
    assert _markup(page) == (["title", "meta", "link"], ["nav", "article", "p"])
    assert "".join(tree.find("body").itertext()) == "abcfg"


def test_a_head_that_holds_metadata_only_stays_as_it_was() -> None:
    head = "<title>T</title><noscript><link rel=a></noscript><template></template>"
    tags = (["title", "noscript", "template"], ["article"])
    assert _markup(f"<html><head>{head}</head><body><article>b</article></body></html>") == tags
