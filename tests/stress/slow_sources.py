"""Feeds, sitemaps and sections that try to be slow: repeated pieces, and whole ones by size."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

ENTRIES = {
    "entries": (
        "<item><title>x</title><link>/{n}</link>"
        "<pubDate>Tue, 03 Mar 2026 10:00:00 GMT</pubDate></item>"
    ),
    "one entry again and again": "<item><link>/1</link><category>x</category></item>",
    "nested elements": "<x>",
    "unclosed entries": "<item><title>x",
    "entries with wrong dates": "<item><link>/{n}</link><pubDate>soon, 99 99 {n}</pubDate></item>",
    "ampersands": "<item><title>a & b && c</title><link>/{n}</link></item>",
    "empty elements": "<item/>",
    "brackets": "< ",
    "sections without an end": "<![CDATA[",
    "closing tags": "</item",
    "prefixes": "<a{n}:x xmlns:a{n}='urn:{n}'/>",
}

TITLES: dict[str, Callable[[int], str]] = {
    "a title of words": lambda n: _entry(f"<title>{'ferry ' * (n // 6)}</title>"),
    "a title of spaces": lambda n: _entry(f"<title>a{' ' * n}b</title>"),
    "a title of brackets": lambda n: _entry(f"<title>{'&lt;a ' * (n // 6)}</title>"),
    "a title of brackets in HTML": lambda n: _atom("&lt;a " * (n // 6)),
    "a title of comments in HTML": lambda n: _atom("&lt;!-- " * (n // 8)),
    "a title of ampersands in HTML": lambda n: _atom("&amp;" * (n // 5)),
    "a title of marks in HTML": lambda n: _atom("&lt;b&gt;x&lt;/b&gt;" * (n // 16)),
    "a title of numbers": lambda n: _entry(f"<title>{'&#65;' * (n // 5)}</title>"),
    "a title of broken numbers": lambda n: _entry(f"<title>{'&#1;' * (n // 4)}</title>"),
    "a long description": lambda n: _entry(
        f"<description>{'&lt;p&gt;x' * (n // 10)}</description>"
    ),
    "a description of brackets": lambda n: _entry(
        f"<description>{'&lt;a ' * (n // 6)}</description>"
    ),
    "a description in CDATA": lambda n: _entry(
        f"<description><![CDATA[{'<a ' * (n // 3)}]]></description>"
    ),
    "categories": lambda n: _entry("<category>x</category>" * (n // 22)),
    "a date of digits": lambda n: _entry(f"<pubDate>{'1' * n}</pubDate>"),
    "a date of spaces": lambda n: _entry(f"<pubDate>Tue,{' ' * n}3 Mar</pubDate>"),
    "a date of words": lambda n: _entry(f"<pubDate>{'Mar ' * (n // 4)}</pubDate>"),
    "a date of colons": lambda n: _entry(f"<pubDate>2026-03-03T{'10:' * (n // 3)}</pubDate>"),
    "an address of slashes": lambda n: rss(f"<item><link>{'/a' * (n // 2)}</link></item>"),
    "an address of dots": lambda n: rss(f"<item><link>{'../' * (n // 3)}</link></item>"),
    "an address of parameters": lambda n: rss(
        f"<item><link>/a?{'a=1&amp;' * (n // 8)}</link></item>"
    ),
    "a guid of words": lambda n: rss(f"<item><guid>{'a ' * (n // 2)}</guid></item>"),
    "a person of words": lambda n: _entry(f"<author>{'a@b (x) ' * (n // 8)}</author>"),
    "a person of parentheses": lambda n: _entry(f"<author>{'(' * n}</author>"),
    "a base in each": lambda n: _entry("<x xml:base='a/'>" * (n // 17)),
}

JSONS: dict[str, Callable[[int], str]] = {
    "entries": lambda n: _json([{"url": f"/{m}", "title": "x"} for m in range(n // 20)]),
    "depth": lambda n: '{"version": "https://jsonfeed.org/version/1", "items": ' + "[" * n,
    "a number": lambda n: (
        '{"version": "https://jsonfeed.org/version/1", "items": [' + "9" * n + "]}"
    ),
    "tags": lambda n: _json([{"url": "/1", "tags": ["x"] * (n // 4)}]),
    "a title": lambda n: _json([{"url": "/1", "title": "a\x00 " * (n // 3)}]),
}

URLS = {
    "entries": "<url><loc>https://courier.example/{n}</loc><lastmod>2026-03-03</lastmod></url>",
    "pictures": "<url><loc>https://courier.example/{n}</loc>"
    + "<image><loc>x</loc></image>" * 8
    + "</url>",
    "one entry again and again": "<url><loc>https://courier.example/1</loc></url>",
    "nested": "<url>",
    "unclosed": "<url><loc>x",
    "keywords": "<url><loc>https://courier.example/{n}</loc><news><keywords>"
    + "a," * 50
    + "</keywords></news></url>",
    "ampersands": "<url><loc>https://courier.example/?a={n}&b=1&c</loc></url>",
    "comments": "<!-- x -->",
    "text": "x ",
}

ANCHORS = {
    "links": "<a href='/news/{n}'>The ferry of quay {n}</a>",
    "unclosed links": "<a href='/{n}'>x",
    "links to other sites": "<a href='//x{n}.example/'>x</a>",
    "nested links": "<a href='/{n}'><div>x",
    "links to nothing": "<a href='#'>x</a>",
    "long links": "<a href='/" + "a-" * 500 + "{n}'>x</a>",
    "one link again and again": "<a href='/1'>x</a>",
    "next pages": "<a rel='next nofollow' href='http://['>x</a>",
}


def rss(entries: str) -> str:
    return f'<rss version="2.0"><channel><title>x</title>{entries}</channel></rss>'


def _entry(inside: str) -> str:
    return rss(f"<item><link>/1</link>{inside}</item>")


def _atom(title: str) -> str:
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry>'
        f'<title type="html">{title}</title><link href="/1"/></entry></feed>'
    )


def _json(items: list[Any]) -> str:
    return json.dumps({"version": "https://jsonfeed.org/version/1", "items": items})
