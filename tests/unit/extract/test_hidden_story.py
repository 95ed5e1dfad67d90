"""A story that only machines can read is found, and nothing beside it."""

from __future__ import annotations

import json

import pytest

from pipeline.core.models import ExtractedPage, RawPage
from pipeline.extract import extract
from pipeline.extract.html import parse_html
from pipeline.extract.readings.declared_text import find_article_body, plain_text

TITLE = "Harbour of Aland gets a new crane"
STORY = [
    "The harbour of Aland has a new crane, and for the first time it comes from the mainland.",
    "It can lift forty tonnes, which is twice as much as the old one, and it needs only one man.",
    "The old crane stood on the northern quay for sixty-one years and never dropped a load.",
    "Its successor arrived on a barge on Tuesday morning, in eleven pieces and with four fitters.",
]


def page(scripts: str, shown: str = "", head: str = "") -> ExtractedPage:
    markup = (
        f"<html><head><title>{TITLE}</title>{head}</head><body><main><h1>{TITLE}</h1>"
        f"<div id=root>{shown}</div></main>{scripts}</body></html>"
    )
    return extract(RawPage(1, markup.encode()))


def json_ld(**values: object) -> str:
    data = {"@type": "NewsArticle", "headline": TITLE, "articleBody": "\n\n".join(STORY)} | values
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


def texts(extracted: ExtractedPage) -> list[str]:
    return [block.text for block in extracted.blocks if block.story_probability > 0.5]


def test_the_story_of_the_json_ld_is_taken_where_the_page_shows_little() -> None:
    extracted = page(json_ld(), shown=f"<p>{STORY[0][:60]} …</p>")
    assert [text for text in texts(extracted) if text != TITLE] == STORY
    assert extracted.recovered
    assert "its JSON-LD has 70; it was followed" in extracted.readings


def test_the_story_of_the_json_ld_is_not_taken_where_the_page_shows_it() -> None:
    extracted = page(json_ld(), shown="".join(f"<p>{line}</p>" for line in STORY))
    assert [text for text in texts(extracted) if text in STORY] == STORY
    assert not extracted.recovered


def test_a_story_behind_a_paywall_is_not_taken() -> None:
    extracted = page(json_ld(isAccessibleForFree=False), shown=f"<p>{STORY[0]}</p>")
    assert STORY[3] not in texts(extracted)


def test_the_data_of_a_page_that_shows_a_list_is_no_story() -> None:
    cards = [
        f"<div class=card><a href='/shoe/{n}'>Shoe for harbours number {n}</a><p>${n}9.00</p></div>"
        for n in range(40)
    ]
    extracted = page(json_ld(), shown="".join(cards))
    assert not extracted.recovered
    assert extracted.list_evidence is not None
    assert extracted.list_evidence.modules >= len(cards)


def test_the_story_is_taken_where_the_page_shows_a_few_links() -> None:
    links = "".join(f"<div class=card><a href='/{n}'>Another story {n}</a></div>" for n in range(3))
    assert page(json_ld(), shown=links).recovered


STATE = {
    "page": {
        "article": {
            "title": TITLE,
            "body": [{"html": f"<p>{line}</p>"} for line in STORY],
            "related": [{"title": "A seal", "text": "A seal slept on the ramp for an hour."}],
        },
        "newsletter": {"text": "Get our letter every morning, and read it before the others."},
    }
}


@pytest.mark.parametrize(
    "script",
    [
        '<script id="state" type="application/json">{}</script>',
        "<script>window.__STATE__ = {};</script>",
    ],
    ids=["json", "assignment"],
)
def test_the_story_in_the_state_of_the_scripts_is_taken(script: str) -> None:
    extracted = page(script.replace("{}", json.dumps(STATE)))
    assert [text for text in texts(extracted) if text != TITLE] == STORY
    assert extracted.recovered


def test_the_state_of_another_story_is_not_taken() -> None:
    other = json.dumps(STATE).replace(TITLE, "Another story of the same site")
    extracted = page(f'<script type="application/json">{other}</script>')
    assert not extracted.recovered


def test_bodies_of_several_stories_are_no_story() -> None:
    scripts = "".join(json_ld(articleBody=f"{line} " * 5) for line in STORY)
    tree = parse_html(f"<html><head>{scripts}</head><body></body></html>".encode())
    assert tree is not None
    assert find_article_body(tree) == ""


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("One.\n\nTwo.", "One.\nTwo."),
        ("<p>One &amp; two</p><p>Three</p>", "One & two\nThree"),
        ("&lt;p&gt;One&lt;/p&gt; two", "One\ntwo"),
        ("a <b>bold</b> word", "a bold word"),
        ("3 < 4 and 5 > 2", "3 < 4 and 5 > 2"),
    ],
)
def test_a_text_with_markup_becomes_lines(markup: str, expected: str) -> None:
    assert plain_text(markup) == expected


def test_a_state_of_nested_titles_ends_soon() -> None:
    node: dict[str, object] = {"title": TITLE}
    for _ in range(400):
        node = {"title": TITLE, "child": node, "text": STORY[0] * 20}
    extracted = page(f'<script type="application/json">{json.dumps(node)}</script>')
    assert extracted.reason != "extractor_timeout"
