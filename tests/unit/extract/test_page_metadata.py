"""What a page declares about its story besides dates, and its visible byline."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.core.models import Metadata
from pipeline.extract.html import parse_html
from pipeline.extract.metadata.metadata import read_metadata


def node(**values: Any) -> str:
    text = json.dumps({"@type": "NewsArticle", "headline": "A seal", **values})
    return f'<script type="application/ld+json">{text}</script>'


def meta(name: str, content: str) -> str:
    return f'<meta property="{name}" content="{content}">'


def read(head: str = "", body: str = "") -> Metadata:
    markup = (
        f"<html><head><title>A seal delays the ferry</title>{head}</head><body><h1>A seal delays"
        f" the ferry</h1>{body}"
    )
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
    ("declared", "visible", "expected"),
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
        ),  # the second may stand further down
        (
            ["Marta Ellin"],
            "<p>By Ida O'Hare</p>",
            ("Marta Ellin",),
        ),  # a contradiction: the declared author stays
        (["Marta Ellin"], "<p class='author'>Ida O'Hare</p>", ("Marta Ellin",)),
        (
            ["Rene Ellin"],
            "<p>Par René Ellin</p>",
            ("René Ellin",),
        ),  # the same person with accents
        (["René Ellin"], "<p>PAR RENE ELLIN</p>", ("René Ellin",)),
    ],
)
def test_a_visible_byline_can_complete_the_declared_authors(
    declared: list[str], visible: str, expected: tuple[str, ...]
) -> None:
    assert read(node(author=[person(name) for name in declared]), visible).authors == expected


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
        ),  # the story counts before its part
        (meta("article:content_tier", "free"), False),
        (meta("article:content_tier", "metered"), True),
        (meta("article:content_tier", "locked"), True),
        (meta("article:content_tier", "gold"), None),
        ('<meta itemprop="isAccessibleForFree" content="False">', True),
    ],
)
def test_a_page_declares_a_paywall_or_none_or_nothing(head: str, expected: bool | None) -> None:
    assert read(head).paywalled is expected


def test_section_tags_and_site_are_names_and_not_urls() -> None:
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


def test_microdata_is_read_where_nothing_else_is_declared() -> None:
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
    (
        read(meta("og:title", "Another") + meta("keywords", "ferry")),
        {"title": "h1", "tags": "meta keywords"},
    ),
    (
        read(
            node(author=person("Ada Lund"), articleSection="City", keywords="a seal, ferry")
            + meta("keywords", "Ferry, port")
        ),
        {
            "title": "h1",
            "authors": "json-ld",
            "section": "json-ld",
            "tags": "json-ld, meta keywords",
        },
    ),
    (
        read(
            meta("byl", "By Ada Lund")
            + meta("article:section", "City")
            + meta("description", "A seal.")
        ),
        {
            "title": "h1",
            "authors": "meta byl",
            "section": "meta article:section",
            "description": "meta description",
        },
    ),
    (
        read(node(description="A seal."), "<p class=byline>By Ada Lund</p>"),
        {"title": "h1", "authors": "byline", "description": "json-ld"},
    ),
)


@pytest.mark.parametrize(("metadata", "sources"), SOURCES)
def test_each_field_has_its_source(metadata: Metadata, sources: dict[str, str]) -> None:
    assert dict(metadata.sources) == sources
