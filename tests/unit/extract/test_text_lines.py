"""The lines of a page are its text as a reader sees it."""

from __future__ import annotations

from time import process_time

import pytest
from lxml.html import HtmlElement

from pipeline.extract.html import parse_html
from pipeline.extract.text_lines import PageLine, read_lines

STORY = (
    "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp.",
    "Passengers waited for two hours, and nobody wished to be the one who woke the animal.",
    "At noon it left by itself, and the ferry followed it out of the harbour at full speed.",
    "The harbour master says that the ramp is open to all, and that seals have no timetable.",
)
PARAGRAPHS = "".join(f"<p>{sentence}</p>" for sentence in STORY)


def tree_of(body: str) -> HtmlElement:
    tree = parse_html(f"<html><body>{body}</body></html>".encode())
    assert tree is not None
    return tree


def lines(body: str) -> list[PageLine]:
    return read_lines(tree_of(body)).lines


def texts(body: str) -> list[str]:
    return [line.text for line in lines(body)]


@pytest.mark.parametrize(
    "start", ["<button>", "<svg><path></path>", "<select><option>", "<video>", "<object>", "<map>"]
)
def test_a_skipped_element_that_is_never_closed_does_not_hide_the_page(start: str) -> None:
    story = [text for text in texts(f"<div>{start}</div>{PARAGRAPHS}") if text in STORY]
    assert story == list(STORY)
    assert set(STORY) <= set(texts(f"{start}<article><h1>A seal</h1>{PARAGRAPHS}</article>"))


@pytest.mark.parametrize(
    "markup",
    [
        "<select><option>Monday</option><option>Tuesday</option></select>",
        "<svg><title>A logo</title><text>Seal</text></svg>",
        "<video><p>Your browser plays no videos.</p></video>",
        "<object><p>The seal</p><p>The ferry</p></object>",
    ],
)
def test_a_skipped_element_without_a_part_of_the_page_is_skipped(markup: str) -> None:
    assert texts(f"<p>before</p>{markup}<p>after</p>") == ["before", "after"]


def test_a_link_that_is_never_closed_is_no_link_over_the_story() -> None:
    for start in ('<a href="/top">', '<a name="top">', '<a id="top">'):
        for line in lines(f"{start}<main>{PARAGRAPHS}</main>"):
            assert line.linked == 0
    long_story = "".join(f"<p>{sentence}</p>" for sentence in STORY * 5)
    assert sum(line.linked for line in lines(f'<a href="/x">{long_story}')) == 0


def test_a_link_around_a_teaser_is_a_link() -> None:
    (line,) = lines(f'<a href="/seal"><h3>{STORY[0]}</h3></a>')
    assert line.linked == len(STORY[0])
    (word, _) = lines('<p>see <a href="/x">the plan</a></p><p><a name="here">not a link</a></p>')
    assert word.linked == len("the plan")


@pytest.mark.parametrize(
    "start", ["<noscript>", "<template>", '<div><template shadowrootmode="open">']
)
def test_a_story_that_stands_only_in_a_reserve_is_read(start: str) -> None:
    assert texts(f"<h1>A seal</h1>{start}{PARAGRAPHS}") == ["A seal", *STORY]


def test_a_reserve_is_not_read_where_the_page_has_its_text() -> None:
    assert texts(f"{PARAGRAPHS}<noscript>{PARAGRAPHS}</noscript>") == list(STORY)
    assert texts(f"{PARAGRAPHS}<noscript><p>Please enable scripts.</p></noscript>") == list(STORY)
    template = "<template><p>Loading the comments</p></template>"
    assert texts(f"{PARAGRAPHS}{template}") == list(STORY)


@pytest.mark.parametrize(
    "markup",
    [
        "<a href=x><div>" * 300 + "<br>" * 20_000 + "<main>x</main>",
        "<button><div>" * 300 + "<br>" * 20_000 + "<h1>x</h1>",
        "<noscript><p>x</p></noscript>" * 20_000,
    ],
    ids=["links", "buttons", "reserves"],
)
def test_nested_elements_take_no_quadratic_time(markup: str) -> None:
    tree = tree_of(markup)
    start = process_time()
    read_lines(tree)
    assert process_time() - start < 2
