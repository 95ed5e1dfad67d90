"""What a page declares of its story besides dates, and the byline beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.core.models import Metadata
from pipeline.extract.html import parse_html
from pipeline.extract.metadata.metadata import read_metadata


def node(**values: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", "headline": "A seal", **values})}</script>'


def meta(name: str, content: str) -> str:
    return f'<meta property="{name}" content="{content}">'


def read(head: str = "", body: str = "") -> Metadata:
    markup = f"<html><head><title>A seal delays the ferry</title>{head}</head><body><h1>A seal delays the ferry</h1>{body}"
    tree = parse_html((markup + "<p>The ferry was late.</p></body></html>").encode())
    assert tree is not None
    return read_metadata(tree)


def person(name: str) -> dict[str, str]:
    return {"@type": "Person", "name": name}


def organisation(name: str) -> dict[str, str]:
    return {"@type": "Organization", "name": name}


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        (person("Marta Ellin"), ("Marta Ellin",)),
        ([person("Marta Ellin"), person("Tom Dray")], ("Marta Ellin", "Tom Dray")),
        ([organisation("Lowmere Wire"), person("Marta Ellin")], ("Marta Ellin",)),
        ("Marta Ellin, Reuters", ("Marta Ellin",)),
        (person("Marta Ellin, The Lowmere Courier"), ("Marta Ellin",)),
        (person("Marta Ellin Lowmere Courier"), ("Marta Ellin",)),
        (organisation("University of Lowmere"), ("University of Lowmere",)),
        (person("https://www.example.org/marta"), ()),
        (person("Редакция"), ()),
        ([person("Marta Ellin"), person("MARTA ELLIN")], ("Marta Ellin",)),
        (None, ()),
    ],
)
def test_declared_people_are_the_authors(author: Any, expected: tuple[str, ...]) -> None:
    assert (
        read(node(author=author, publisher=organisation("The Lowmere Courier"))).authors == expected
    )


@pytest.mark.parametrize(
    ("declared", "shown", "expected"),
    [
        ([], "<p>By Marta Ellin</p>", ("Marta Ellin",)),
        (["Lowmere Wire News"], "<p>By Marta Ellin</p>", ("Marta Ellin",)),  # a person signs it
        (
            ["Marta Ellin"],
            "<p>By Marta Ellin and Tom Dray</p>",
            ("Marta Ellin", "Tom Dray"),
        ),  # the second is undeclared
        (
            ["Marta Ellin", "Tom Dray"],
            "<p>By Marta Ellin</p>",
            ("Marta Ellin", "Tom Dray"),
        ),  # who may stand further down
        (
            ["Marta Ellin"],
            "<p>By Ida O'Hare</p>",
            ("Marta Ellin",),
        ),  # they contradict each other: what is declared stands
        (["Marta Ellin"], "<p class='author'>Ida O'Hare</p>", ("Marta Ellin",)),
        (
            ["Rene Ellin"],
            "<p>Par René Ellin</p>",
            ("René Ellin",),
        ),  # the same person, better spelled
        (["René Ellin"], "<p>PAR RENE ELLIN</p>", ("René Ellin",)),
    ],
)
def test_the_byline_that_readers_see_settles_who_of_them_wrote(
    declared: list[str], shown: str, expected: tuple[str, ...]
) -> None:
    assert read(node(author=[person(name) for name in declared]), shown).authors == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", None),
        (node(), None),
        (node(isAccessibleForFree=True), False),
        (node(isAccessibleForFree=False), True),
        (node(isAccessibleForFree="False"), True),
        (node(isAccessibleForFree="http://schema.org/True"), False),
        (node(isAccessibleForFree="maybe"), None),
        (
            node(
                hasPart={
                    "@type": "WebPageElement",
                    "isAccessibleForFree": False,
                    "cssSelector": ".paid",
                }
            ),
            True,
        ),
        (node(hasPart=[{"@type": "WebPageElement"}, {"isAccessibleForFree": "false"}]), True),
        (
            node(isAccessibleForFree=True, hasPart={"isAccessibleForFree": False}),
            False,
        ),  # the story is more than its part
        (meta("article:content_tier", "free"), False),
        (meta("article:content_tier", "metered"), True),
        (meta("article:content_tier", "locked"), True),
        (meta("article:content_tier", "gold"), None),
        ('<meta itemprop="isAccessibleForFree" content="False">', True),
    ],
)
def test_a_page_says_whether_there_is_a_wall_or_says_nothing(
    head: str, expected: bool | None
) -> None:
    assert read(head).paywalled is expected


def test_section_tags_and_site_are_names() -> None:
    head = node(
        articleSection=["The Courier", "Harbour"],
        keywords=["Seal", "ferry"],
        publisher=organisation("The Courier"),
    )
    metadata = read(head + meta("article:tag", "seal") + meta("article:tag", "Ramp; Quay"))
    assert (metadata.section, metadata.tags, metadata.site_name) == (
        "Harbour",
        ("Seal", "ferry", "Ramp", "Quay"),
        "The Courier",
    )
    urls = read(
        meta("article:section", "https://courier.example/harbour")
        + meta("publisher", "https://social.example/courier")
    )
    assert (urls.section, urls.site_name) == ("", "")


def test_microdata_is_read_where_there_is_no_more() -> None:
    marked = (
        '<span itemprop="author"><span itemprop="name">Marta Ellin</span></span>'
        '<meta itemprop="articleSection" content="Harbour">'
        '<time itemprop="datePublished" datetime="2024-03-05T22:30:00-05:00">yesterday</time>'
    )
    metadata = read(body=marked)
    assert (metadata.authors, metadata.section, metadata.published_source) == (
        ("Marta Ellin",),
        "Harbour",
        "time",
    )
    assert metadata.published_offset == -300


SOURCES = (
    (read(), {"title": "h1"}),
    (read(meta("og:title", "Another") + meta("keywords", "ferry")), {"title": "h1", "tags": "meta keywords"}),
    (read(node(author=person("Ada Lund"), articleSection="City", keywords="a seal, ferry") + meta("keywords", "Ferry, port")),
     {"title": "h1", "authors": "json-ld", "section": "json-ld", "tags": "json-ld, meta keywords"}),
    (read(meta("byl", "By Ada Lund") + meta("article:section", "City") + meta("description", "A seal.")),
     {"title": "h1", "authors": "meta byl", "section": "meta article:section", "description": "meta description"}),
    (read(node(description="A seal."), "<p class=byline>By Ada Lund</p>"),
     {"title": "h1", "authors": "byline", "description": "json-ld"}),
)  # fmt: skip


@pytest.mark.parametrize(("metadata", "sources"), SOURCES)
def test_each_field_says_where_it_was_found(metadata: Metadata, sources: dict[str, str]) -> None:
    assert dict(metadata.sources) == sources
