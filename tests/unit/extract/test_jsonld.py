"""The story's node is found among several, and broken JSON-LD is read as far as possible."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.extract.html import parse_html
from pipeline.extract.metadata.jsonld import Node, find_story, text_values

HEADLINE = "Northern pier closes for six weeks"
URL = "https://courier.example/harbour/pier"
PERSON = {"@type": "Person", "name": "Marta Ellin"}
STORY: Node = {"@type": "NewsArticle", "headline": HEADLINE, "author": PERSON}
OTHER: Node = {
    "@type": "NewsArticle",
    "headline": "Three swans return to the pond",
    "url": "https://courier.example/pond/swans",
    "datePublished": "2026-03-09",
    "author": {"@type": "Person", "name": "Tom Dray"},
}
TEXT = json.dumps(STORY)


def authors(*scripts: Any, url: str = "") -> tuple[str, ...]:
    markup = "<html><head>"
    for script in scripts:
        text = script if isinstance(script, str) else json.dumps(script)
        markup += f'<script type="application/ld+json">{text}</script>'
    tree = parse_html((markup + "</head><body><p>The pier.</p></body></html>").encode())
    assert tree is not None
    return text_values(find_story(tree, [f"{HEADLINE} - Courier"], url).get("author"))


@pytest.mark.parametrize(
    "script",
    [
        f"//<![CDATA[\n{TEXT}\n//]]>",
        f"/*<![CDATA[*/{TEXT}/*]]>*/",
        f"<![CDATA[{TEXT}]]>",
        f"<!--\n{TEXT}\n-->",
        f"<!-- {TEXT} //-->",
        f"\ufeff{TEXT};",
        f"// the story\n{TEXT}",
        f"/* the story */ {TEXT}",
        f'{{"@type":"WebSite","name":"Courier"}}{TEXT}',
        f'{{"@type":"WebSite","name":"Courier"}},\n{TEXT}',
        f"[{TEXT},]",
        TEXT.replace('"', "&quot;"),
        TEXT.replace('"', "&#34;"),
        TEXT[:-1],  # not closed
        TEXT.replace(HEADLINE, 'Northern "pier" closes'),
        TEXT.replace(HEADLINE, 'He said "no", then "yes".'),
        TEXT.replace(HEADLINE, f'{HEADLINE}"'),
        TEXT.replace(HEADLINE, "It\\'s closed"),
        TEXT.replace(HEADLINE, "Closed\n\tfor six weeks"),
        TEXT.replace(", ", ",, "),
        TEXT.replace('", "', '" "'),
    ],
)
def test_broken_scripts_are_read(script: str) -> None:
    assert authors(script) == ("Marta Ellin",)


@pytest.mark.parametrize(
    "script", ["", "{", "null", "[[[[", '"' * 50_000, "{" * 50_000, "<!--" * 9]
)
def test_hopeless_scripts_raise_nothing(script: str) -> None:
    assert authors(script) == ()


@pytest.mark.parametrize(
    "scripts",
    [
        [{"@graph": [{**STORY, "author": {"@id": "#p"}}, {"@id": "#p", **PERSON}]}],
        [{**STORY, "author": [{"@id": "#p"}]}, {"@id": "#p", **PERSON}],
        [{**STORY, "author": "https://courier.example/#p"},
         {"@id": "https://courier.example/#p", **PERSON}],
        [{"@graph": [{"@type": "NewsArticle", "headline": HEADLINE},
                     {"@type": "WebPage", "author": PERSON}]}],
    ],
)  # fmt: skip
def test_references_to_other_nodes_are_followed(scripts: list[Any]) -> None:
    assert authors(*scripts) == ("Marta Ellin",)


@pytest.mark.parametrize(
    "scripts",
    [
        [OTHER, STORY],
        [[OTHER, STORY]],
        [{"@graph": [OTHER, STORY]}],
        [OTHER, {"@type": "NewsArticle", "url": URL, "author": PERSON}],
        [{**OTHER, "@type": "Review", "headline": HEADLINE}, STORY],
    ],
)
def test_the_page_s_own_story_comes_before_others(scripts: list[Any]) -> None:
    assert authors(*scripts, url=URL) == ("Marta Ellin",)


def test_a_node_of_another_page_is_not_the_story() -> None:
    assert authors(OTHER, url=URL) == ()
    assert authors(OTHER) == ("Tom Dray",)  # nothing says that it is another page's
    assert authors({**OTHER, "url": URL}, url=URL) == ("Tom Dray",)  # another headline for search
