"""Pages that try to be slow: pieces that repeat in a page or its head, and whole pages by size."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.stress.story_pages import paragraphs, story

# For these trafilatura visits all children of an element for each child. The CPU limit of a page
# ends what is too large.
LIBRARIES = ("its own headline again", "links")
AFTER_TEXT = {
    "nested divs": "<div>",
    "nested spans with text": "<span>x ",
    "nested tables": "<table><tr><td>",
    "nested lists": "<ul><li>x",
    "nested quotes": "<blockquote>",
    "unclosed paragraphs": "<p>x",
    "unclosed bold": "<b>x",
    "unclosed links": "<a href=x>y",
    "unclosed headings": "<h2>x",
    "misnested": "<b><p></b>x</p>",
    "closing tags alone": "</div></p>",
    "selects": "<select><option>",
    "comments": "<!-- x -->",
    "unclosed comments": "<!-- ",
    "brackets": "< ",
    "unclosed tags": "<a href='x' ",
    "quotes": "<a x=\"'>",
    "line breaks": "<br>",
    "paragraphs": "<p>The ferry left the harbour on time, as on every day.</p>",
    "different paragraphs": "<p>Ferry number {n} left the harbour on time, as on every day.</p>",
    "headings": "<h2>The ferry of quay {n}</h2>",
    "its own headline again": "<h2>Story x</h2>",
    "items": "<li>x",
    "items with links": "<li><a href='/news/{n}'>The ferry of quay {n} was late</a></li>",
    "links": "<a href='/{n}'>x{n}</a> ",
    "rows": "<table><tr><td>1<td>2</table>",
    "cells": "<td>1",
    "pictures": "<figure><img src=x><figcaption>x</figcaption></figure>",
    "dates": "<p>3 March 2021</p>",
    "marked dates": "<time datetime='2021-03-03'>x</time>",
    "dates in one line": "3 March 2021, 4/5/21 ",
    "bylines": "<p class=byline>By Marta Ellin</p>",
    "names in one line": "By Marta Ellin and ",
    "authors' links": "<a rel=author>Marta Ellin</a>",
    "prompts": "<p>Read more: subscribe to our newsletter!</p>",
    "consent": "<p>We use cookies. Accept all cookies.</p>",
    "scripts": "<script>x</script>",
    "entities": "&amp;&nbsp;&rarr;",
    "numbers of letters": "&#1;&#{n};",
    "hidden": "<p hidden style='display:none'>x</p>",
    "classes": "<div class='a b c d e f g h i j k l m n o p'>x</div>",
    "tags line": "<p>Tags: a, b, c, d, e, f, g, h</p>",
    "rules": "<hr>",
}

HEADS = {
    "JSON-LD blocks": (
        '<script type="application/ld+json">'
        '{"@type":"NewsArticle","datePublished":"2021-03-03"}</script>'
    ),
    "meta elements": "<meta property='article:tag' content='x{n}'>",
    "stylesheets": "<link rel=stylesheet href=x>",
    "titles": "<title>x</title>",
    "canonical addresses": "<link rel=canonical href='/{n}'>",
    "bases": "<base href='/{n}'>",
}

WHOLE_PAGES: dict[str, Callable[[int], str]] = {
    "one word": lambda n: _text("x" * n),
    "one line of words": lambda n: _text("ferry " * (n // 6)),
    "one line of dashes": lambda n: _text("- " * (n // 2)),
    "one line of digits": lambda n: _text("12" * (n // 2)),
    "one line of short dates": lambda n: _text("1/2/" * (n // 4)),
    "one line of commas": lambda n: _text("a," * (n // 2)),
    "one line of full stops": lambda n: _text("." * n),
    "one line of quotation marks": lambda n: _text("”»" * (n // 2)),
    "one line of addresses": lambda n: _text("http://a@b " * (n // 11)),
    "one line of hashtags": lambda n: _text("#a " * (n // 3)),
    "one line of spaces": lambda n: _text("a" + " " * n + "b"),
    "one line of wide spaces": lambda n: _text("\u00a0\u200b" * (n // 2)),
    "one line of letters with marks": lambda n: _text("a" + "\u0301" * n),
    "one line of ideographs": lambda n: _text("渡船" * (n // 2)),
    "a title of separators": lambda n: story("x", head=f"<title>{' - |' * (n // 4)}</title>"),
    "a title of words": lambda n: story("x", head=f"<title>{'ferry - ' * (n // 8)}</title>"),
    "a headline of words": lambda n: f"<h1>{'ferry - ' * (n // 8)}</h1>{paragraphs('x')}",
    "a description of words": lambda n: story(
        "x", head=f"<meta name=description content='{'ferry ' * (n // 6)}'>"
    ),
    "authors in meta": lambda n: story(
        "x", head=f"<meta name=author content='{'Marta Ellin, ' * (n // 13)}'>"
    ),
    "authors in JSON-LD": lambda n: story(
        "x", head=_declared({"author": [{"name": f"Marta Ellin {m}"} for m in range(n // 20)]})
    ),
    "keywords in JSON-LD": lambda n: story(
        "x", head=_declared({"keywords": [f"x{m}" for m in range(n // 8)]})
    ),
    "a graph in JSON-LD": lambda n: story(
        "x", head=_declared({"@graph": [{"@type": "NewsArticle"}] * (n // 30)})
    ),
    "depth in JSON-LD": lambda n: story("x", head=_declared("[" * (n // 2) + "]" * (n // 2))),
    "quotes in JSON-LD": lambda n: story("x", head=_declared('{"a": "' + '\\"' * (n // 2))),
    "a text in JSON-LD": lambda n: story(
        "x", head=_declared({"@type": "NewsArticle", "articleBody": "ferry " * (n // 6)})
    ),
    "line ends in JSON-LD": lambda n: story(
        "x", head=_declared('{"headline": "' + "\n" * n + '"}')
    ),
    "attributes of one element": lambda n: story(
        "x", after="<p " + " ".join(f"a{m}=1" for m in range(n // 8)) + ">x</p>"
    ),
    "a class of words": lambda n: story(
        "x", after=f"<div class='{'byline-x ' * (n // 9)}'>x</div>"
    ),
    "a style": lambda n: story("x", after=f"<p style='{'display: none;' * (n // 14)}'>x</p>"),
    "a doctype": lambda n: "<!DOCTYPE " + "/" * n + paragraphs("x"),
    "bytes in no charset": lambda n: "<p>" + "\udcff\udc80\udca0" * (n // 3),
    "bytes in a declared charset": lambda n: "<meta charset=big5><p>" + "\udca4@\udcff" * (n // 3),
    "a sheet of lines": lambda n: _text("a\n" * (n // 2)),
    "code": lambda n: f"<pre>{'a = b; ' * (n // 7)}</pre>{paragraphs('x')}",
}


def _text(text: str) -> str:
    return story("x", after=f"<p>{text}</p>")


def _declared(value: dict[str, Any] | str) -> str:
    if isinstance(value, str):
        text = value
    else:
        text = json.dumps({"@type": "NewsArticle", "headline": "Story x"} | value)
    return f'<script type="application/ld+json">{text}</script>'
