"""The title is the story's headline, without names of the site and as a reader sees it."""

from __future__ import annotations

import pytest

from pipeline.extract.html import parse_html
from pipeline.extract.metadata.metadata import read_metadata

HEADLINE = "Northern pier closes for six weeks"
PROSE = "<p>The pier closes on Tuesday, said the harbour, and ferries leave from the quay.</p>"
SITE = (
    '<meta property="og:site_name" content="Lowmere Courier">'
    '<link rel="canonical" href="https://courier.example/harbour/pier">'
)


def title(body: str, page_title: str, head: str = "") -> str:
    markup = (
        f"<html><head><title>{page_title}</title>{head}</head><body>{body}{PROSE}</body></html>"
    )
    tree = parse_html(markup.encode())
    assert tree is not None
    return read_metadata(tree).title


@pytest.mark.parametrize(
    "page_title",
    [
        HEADLINE,
        f"{HEADLINE} - Lowmere Courier",
        f"{HEADLINE} | Courier",
        f"{HEADLINE} | News | Lowmere Courier",
        f"{HEADLINE} | Harbour | Lowmere Courier",
        f"Lowmere Courier | {HEADLINE}",
        f"Lowmere Courier » Blog Archive » {HEADLINE}",
        f"Opinion | {HEADLINE}",
        f"Lowmere Courier: {HEADLINE}",
        f"{HEADLINE} – courier.example",
    ],
)
def test_names_of_the_site_and_its_sections_are_no_part_of_a_title(page_title: str) -> None:
    assert title("", page_title, SITE) == HEADLINE


@pytest.mark.parametrize(
    "page_title",
    [
        "Pier: ten tips for passengers",
        "Pier closes - and nobody knows why",
        "The year of the pier | what happened in May",
        "Why the ferry is late – again",
        "Courier service finds the seal",
    ],
)
def test_other_parts_of_a_title_stay(page_title: str) -> None:
    assert title("", page_title, SITE) == page_title


@pytest.mark.parametrize(
    ("body", "page_title", "expected"),
    [
        (f"<h1>{HEADLINE}</h1>", f"{HEADLINE} - Anything", HEADLINE),
        (f"<h1>{HEADLINE}</h1>", "Pier shut: what you need to know", HEADLINE),
        ("<h1>Details</h1>", f"{HEADLINE}", HEADLINE),
        (
            f"<h1><a href='/'>Lowmere Courier</a></h1><h2>{HEADLINE}</h2>",
            f"Lowmere Courier » {HEADLINE}",
            HEADLINE,
        ),
        (f"<h1>Lowmere Courier</h1><h2>{HEADLINE}</h2>", f"{HEADLINE} - Courier", HEADLINE),
        (f"<h1><span class='kicker'>Harbour</span> {HEADLINE}</h1>", HEADLINE, HEADLINE),
        (f"<h1><span>Harbour</span> <span>{HEADLINE}</span></h1>", HEADLINE, HEADLINE),
        (f"<h1>{HEADLINE}<br>Posted on July 1</h1>", HEADLINE, HEADLINE),
        (f"<h1>{HEADLINE}<style>h1 {{color: red}}</style></h1>", HEADLINE, HEADLINE),
        (
            f"<aside><h1>Three swans return to the pond</h1></aside><h1>{HEADLINE}</h1>",
            "Pier shut",
            HEADLINE,
        ),
        ("<h1>北码头将关闭六周</h1>", "北码头将关闭六周 - Herald", "北码头将关闭六周"),
        ("<h1>北码头将关闭六周</h1>", "北码头将关闭六周_社会_日报", "北码头将关闭六周"),
        ("<h1>북쪽 부두 폐쇄</h1>", "북쪽 부두 폐쇄 | 신문", "북쪽 부두 폐쇄"),
    ],
)
def test_a_heading_is_the_title(body: str, page_title: str, expected: str) -> None:
    assert title(body, page_title, SITE) == expected


@pytest.mark.parametrize(
    ("body", "page_title", "expected"),
    [
        ("", "Tennant &amp;amp; Co: &amp;quot;closed&amp;quot;", 'Tennant & Co: "closed"'),
        ("", "The harbour&amp;#8217;s pier", "The harbour’s pier"),
        (
            "<h1>Tennant &amp;amp; Co closes the pier</h1>",
            "Tennant &amp;amp; Co closes the pier",
            "Tennant & Co closes the pier",
        ),
        ("", "How to write &amp;amp; in HTML", "How to write &amp; in HTML"),  # means the reference
        ("", "Ships &amp; seals; ports", "Ships & seals; ports"),
    ],
)
def test_references_that_are_escaped_twice_are_read(
    body: str, page_title: str, expected: str
) -> None:
    assert title(body, page_title) == expected
