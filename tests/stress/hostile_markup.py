"""Hostile pages that arrive completely: they attack parsers, patterns and date readers.

Each has a good story, if there is room for it, and must become an article if a reader could still
read it.
"""

from __future__ import annotations

import base64
import json

from tests.stress.hostile_responses import GOOD, Row
from tests.stress.server import Answer, http
from tests.stress.story_pages import headline, paragraphs, story

TOO_COMPLEX = "quarantined too_complex"
PICTURE = base64.b64encode(bytes(range(256)) * 30_000).decode()


def article_page(
    name: str, whole: bytes | str = b"", kind: str = "text/html; charset=utf-8", **parts: str
) -> Row:
    """Return a page that must become an article."""
    return (name, http(whole or story(name, **parts), kind), "fetched new", GOOD)


def page_with_outcome(outcome: str, name: str, **parts: str) -> Row:
    """Return a page with another outcome. It is large, so it is made only when it is requested."""
    return (name, lambda: http(story(name, **parts))(), "fetched new", outcome)


def repeated(name: str, piece: str, times: int, outcome: str = TOO_COMPLEX) -> Row:
    answer: Answer = lambda: http(story(name, after=piece * times))()  # noqa: E731
    return (name, answer, "fetched new", outcome)


def json_ld(text: str) -> str:
    return f'<script type="application/ld+json">{text}</script>'


def with_dates(day: str) -> str:
    declared = json.dumps(
        {"@type": "NewsArticle", "headline": "x", "datePublished": day, "dateModified": day}
    )
    return (
        f'{json_ld(declared)}<meta property="article:published_time" content="{day}">'
        f'<time datetime="{day}">{day}</time>'
    )


def refresh(target: str) -> str:
    return f'<meta http-equiv="refresh" content="0; url={target}">'


CYRILLIC = story(
    "cyrillic",
    after="<p>Кран на северном причале починили в понедельник, и паромы снова ходят вовремя.</p>",
)

CHARSETS: tuple[Row, ...] = (
    article_page(
        "charset-of-header-wrong",
        CYRILLIC.replace("cyrillic", "a").encode(),
        "text/html; charset=iso-8859-1",
    ),
    article_page(
        "charset-unknown", story("charset-unknown").encode(), "text/html; charset=x-klingon"
    ),
    article_page("charset-utf-7", story("charset-utf-7").encode(), "text/html; charset=utf-7"),
    article_page(
        "charset-utf-16-said", story("charset-utf-16-said").encode(), "text/html; charset=utf-16"
    ),
    article_page(
        "charset-utf-16", story("charset-utf-16").encode("utf-16"), "text/html; charset=utf-8"
    ),
    article_page("charset-utf-32", story("charset-utf-32").encode("utf-32"), "text/html"),
    article_page("charset-idna", story("charset-idna").encode(), "text/html; charset=idna"),
    article_page("charset-hex", story("charset-hex").encode(), "text/html; charset=hex"),
    article_page(
        "charset-10k", story("charset-10k").encode(), "text/html; charset=" + "x" * 10_000
    ),
    article_page(
        "charset-cp1251-said-utf-8",
        story("c1251", after="<p>Порт снова закрыт на неделю.</p>").encode("cp1251"),
    ),
    article_page(
        "charsets-mixed",
        story("charsets-mixed").encode() + "Порт".encode("cp1251") + "Порт".encode(),
    ),
    article_page("nuls", story("nuls").replace(" ", " \0").encode()),
    article_page(
        "nuls-and-controls", story("controls").replace("harbour", "har\x01\x02\x1bbour").encode()
    ),
    article_page(
        "references-to-controls",
        after="<p>one &#1; two &#xFFFE; three &#0; four &#xD800; five &#x110000;"
        " six &#9999999999;</p>",
    ),
    article_page(
        "surrogates-alone", story("surrogates").encode() + b"<p>\xed\xa0\x80 alone \xed\xbf\xbf</p>"
    ),
    article_page("bytes-cut", story("bytes-cut").encode() + b"\xe2\x82"),
    article_page("invisible", after="<p>" + "\u202e\u200b\ufeff\u2066" * 2000 + "</p>"),
    article_page("marks-stacked", after="<p>a" + "\u0301" * 50_000 + "</p>"),
)

NESTED: tuple[Row, ...] = (
    article_page("deep-divs-300", before="<div>" * 300),
    article_page("deep-divs-5000", before="<div>" * 5000),
    article_page("deep-divs-after", after="<div>" * 60_000),
    article_page("deep-bold", after="<b>" * 30_000),
    article_page("deep-tables", after="<table><tr><td>" * 5_000),
    article_page("deep-lists", after="<ul><li>" * 5_000),
    article_page("deep-quotes", after="<blockquote>" * 20_000),
    repeated("million-br", "<br>", 1_000_000),
    repeated("million-i", "<i>a</i>", 1_000_000),
    repeated("million-b-open", "<b>", 1_000_000),
    repeated("half-million-p", "<p>x</p>", 500_000),
    repeated("spans-200k", "<span>a</span> ", 200_000),
    repeated("links-200k", "<a href='/x'>Headline of another story</a>", 200_000),
    repeated("cells-200k", "<td>x</td>", 200_000),
    repeated("brackets", "<", 8_000_000),
    repeated("comments", "<!-- x -->", 400_000, GOOD),
    repeated("comment-open", "<!--", 400_000, GOOD),
    repeated("cdata", "<![CDATA[", 200_000, GOOD),
    repeated("references", "&amp;", 2_000_000),
    repeated("spans-in-a-line", "<span>a</span> ", 60_000, GOOD),
    repeated("bolds-60k", "<b>a</b> ", 60_000, GOOD),
    page_with_outcome(
        GOOD,
        "bolds-60k-of-several",
        after=f"{'<h1>More</h1>' * 3}<p>{'<b>a</b> ' * 60_000}</p>",
    ),
    repeated("words-of-13m", "слово ", 1_300_000),
    repeated("options-60k", "<option>x", 60_000, GOOD),
    repeated("headings-30k", "<h1>The harbour</h1>", 30_000, GOOD),
    repeated("breaks-40k", "some words here<br>", 40_000, GOOD),
    repeated("forms-30k", "<form><input>", 30_000, GOOD),
    repeated("scripts-2k", "<script>if (a<b && c<d) { x('<div>') }</script>", 2_000, GOOD),
    page_with_outcome(
        GOOD,
        "attributes-100k",
        body="<div " + " ".join(f"a{i}=1" for i in range(100_000)) + ">x</div>",
    ),
    page_with_outcome(
        GOOD,
        "attributes-bare",
        body="<div " + " ".join(f"a{i}" for i in range(100_000)) + ">x</div>",
    ),
    article_page("attribute-10m", body=f'<img src="data:image/png;base64,{PICTURE}">'),
    article_page("tag-open", body="<div class='" + "x" * 100_000),
    article_page("script-open", body="<script>" + "x = '<p>';" * 1000),
    article_page("plaintext", body="<plaintext>" + "<p>x</p>" * 100),
    article_page(
        "svg", body="<svg>" + "<g>" * 2000 + "<foreignObject><p>x</p></foreignObject></svg>"
    ),
    article_page("frames", before="<frameset><frame src='http://127.0.0.1/'></frameset>"),
    article_page(
        "entities",
        story("entities")
        .replace(
            "<!doctype html>",
            '<!DOCTYPE html [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>',
        )
        .replace("</article>", "<p>&b;&x;</p></article>"),
    ),
)

TEXTS: tuple[Row, ...] = (
    (
        "word-of-8m",
        lambda: http(story("word-of-8m", after="w" * 8_000_000))(),
        "fetched new",
        TOO_COMPLEX,
    ),
    (
        "spaces-of-8m",
        lambda: http(story("spaces-of-8m", after=f"<p>{' ' * 8_000_000}</p>"))(),
        "fetched new",
        GOOD,
    ),
    (
        "line-of-5m",
        lambda: http(story("line-of-5m", after=f"<p>{'word ' * 1_000_000}</p>"))(),
        "fetched new",
        TOO_COMPLEX,
    ),
    (
        "digits-of-3m",
        lambda: http(story("digits-of-3m", after=f"<p>{'1' * 3_000_000}</p>"))(),
        "fetched new",
        TOO_COMPLEX,
    ),
    (
        "emoji-of-3m",
        lambda: http(story("emoji-of-3m", after=f"<p>{'😀' * 800_000}</p>"))(),
        "fetched new",
        GOOD,
    ),
    repeated("days", "<p>2020-01-01 Updated 12.03.2024, posted </p>", 10_000, GOOD),
    repeated("bylines", "by Jane Doe and ", 50_000, GOOD),
    repeated("commas", ",|•", 300_000, GOOD),
    repeated("quotes", "\"'«»", 200_000, GOOD),
    repeated("addresses", "http://a.b/c@d.e?f=g&amp;h ", 50_000, GOOD),
    article_page("title-of-1m", head=f"<title>{'harbour ' * 130_000}</title>"),
    article_page(
        "description-of-1m", head=f'<meta name="description" content="{"harbour " * 130_000}">'
    ),
    article_page("authors-10k", head="<meta name='author' content='Jane Doe'>" * 10_000),
    article_page(
        "tags-10k",
        head=f'<meta name="keywords" content="{",".join(f"tag{i}" for i in range(10_000))}">',
    ),
    (
        "language-of-10k",
        http(story("language-of-10k").replace('lang="en"', f'lang="{"en-" * 3000}"')),
        "fetched new",
        GOOD,
    ),
)

DAYS: tuple[Row, ...] = tuple(
    article_page(f"day-{name}", head=with_dates(day))
    for name, day in (
        ("zero", "0000-00-00T00:00:00Z"),
        ("one", "0001-01-01T00:00:00+14:00"),
        ("last", "9999-12-31T23:59:59-12:00"),
        ("99999", "99999-01-01"),
        ("minus", "-2026-02-03"),
        ("leap", "2026-02-30"),
        ("zone", "2026-02-03T10:00:00+99:99"),
        ("number", "1e308"),
        ("huge", "9" * 4000),
        ("nan", "NaN"),
        ("other-digits", "٢٠٢٦-٠٢-٠٣"),
        ("nul", "2026-02-03\0T10"),
    )
)

DECLARED: tuple[Row, ...] = (
    article_page("jsonld-deep", head=json_ld("[" * 100_000)),
    article_page("jsonld-nodes", head=json_ld('{"@graph":[' + "{}," * 500_000 + "{}]}")),
    article_page("jsonld-blocks", head=json_ld('{"@type":"NewsArticle","headline":"x"}') * 5_000),
    article_page(
        "jsonld-number",
        head=json_ld('{"@type":"NewsArticle","wordCount":' + "9" * 500_000 + "}"),
    ),
    article_page(
        "jsonld-types",
        head=json_ld(
            '{"@type":["NewsArticle",5,null],"headline":{"a":[]},"author":5,"keywords":{"a":{}}}'
        ),
    ),
    article_page(
        "jsonld-nan",
        head=json_ld(
            '{"@type":"NewsArticle","headline":NaN,"author":[[[[["x"]]]]],"datePublished":Infinity}'
        ),
    ),
    article_page(
        "jsonld-surrogates",
        head=json_ld('{"@type":"NewsArticle","headline":"\\ud800\\u0000","author":"\\udfff"}'),
    ),
    article_page(
        "jsonld-authors",
        head=json_ld(json.dumps({"@type": "NewsArticle", "author": [{"name": "Jane"}] * 100_000})),
    ),
    article_page(
        "canonical-private",
        head='<link rel="canonical" href="http://127.0.0.1/news/1-private-story.html">',
    ),
    article_page("canonical-script", head='<link rel="canonical" href="javascript:alert(1)">'),
    article_page("canonical-100k", head=f'<link rel="canonical" href="/news/{"x" * 100_000}">'),
    article_page("canonical-broken", head='<link rel="canonical" href="http://[::1">'),
    article_page(
        "base-file", head='<base href="file:///etc/"><link rel="canonical" href="passwd">'
    ),
    (
        "refresh-private",  # a reader is sent away at once, to another host
        http(story("refresh-private", head=refresh("http://127.0.0.1/"))),
        "redirected http_redirect",
    ),
    article_page("refresh-itself", head=refresh("")),
    article_page("refresh-storm", head=refresh("/news/refresh-storm.html") * 5_000),
    article_page("refresh-file", head=refresh("file:///etc/passwd")),
    article_page(
        "links-absurd",
        after=f"<a href='http://[::1'>{headline('x')}</a>"
        f"<a href='{'x' * 50_000}'>y</a><a href='\0'>z</a>",
    ),
    article_page("amp-private", head='<link rel="amphtml" href="http://169.254.169.254/amp">'),
    ("no-html-at-all", http(paragraphs("no-html-at-all")), "fetched new", GOOD),
    ("only-a-doctype", http("<!doctype html>"), "fetched new", "not_article no_text"),
    ("only-a-comment", http("<!-- nothing -->"), "fetched new", "not_article no_text"),
)

ROWS: tuple[Row, ...] = (*CHARSETS, *NESTED, *TEXTS, *DAYS, *DECLARED)
