"""A script that only sends its reader on leads somewhere; one that decides first does not."""

from __future__ import annotations

import time

import pytest

from crawler.hops import names_other_page, script_target, statement_target

NEW = "/news/harbour-closed"
STORY = "<p>" + "The harbour was closed again on Monday, the council said. " * 5 + "</p>"


@pytest.mark.parametrize(
    "script",
    [
        'location.href="/news/harbour-closed"',
        "location = '/news/harbour-closed';",
        'window.location.replace("/news/harbour-closed");',
        'document.location.assign( "/news/harbour-closed" ) ;',
        'window.top.location.href = "\\/news\\/harbour-closed";',
        "self.location=`/news/harbour-closed`",
        '<!--\nwindow.location="/news/harbour-closed";\n//-->',
        "// moved\n/* to the new address */ location.href = '/news/harbour-closed';",
        '"use strict"; location.replace("/news/harbour\\u002dclosed")',
        'var to = "/news/harbour-closed"; window.location.href = to;',
        "const to = '/news/harbour-closed'\nlocation.replace(to)",
        '(function () { window.location = "/news/harbour-closed"; })();',
        'window.onload = function() { location.href = "/news/harbour-closed"; };',
        'setTimeout(function(){ location.href = "/news/harbour-closed"; }, 2000);',
        'setTimeout(() => { window.location.replace("/news/harbour-closed") }, 0)',
        "window.setTimeout(\"location.href='/news/harbour-closed'\", 500);",
    ],
)
def test_script_that_only_sends_on(script: str) -> None:
    assert statement_target(script) == NEW
    head = "<!doctype html><html><head><title>Harbour closed</title>"
    assert script_target(f"{head}<script>{script}</script></head></html>".encode()) == NEW


@pytest.mark.parametrize(
    "script",
    [
        'if (screen.width < 600) location.href = "/news/harbour-closed";',
        'if (top != self) { top.location.replace("/news/harbour-closed"); }',
        'document.cookie || (location.href = "/news/harbour-closed")',
        'function go() { location.href = "/news/harbour-closed"; }',
        'location.href = "/news/" + id;',
        "location.href = `/news/${id}`;",
        "location.href = other;",
        'var to = "/a"; location.href = target;',
        "location.reload();",
        'location.hash = "#top"',
        'track(); location.href = "/news/harbour-closed";',
        'setTimeout(function(){ location.href = "/news/harbour-closed"; }, 900000);',
        'button.onclick = function() { location.href = "/news/harbour-closed"; };',
        "",
    ],
)
def test_script_that_does_something_else(script: str) -> None:
    assert statement_target(script) == ""


def test_script_beside_a_story_leads_nowhere() -> None:
    script = b'<script>location.href="/news/harbour-closed"</script>'
    assert script_target(b"<title>Moved</title><p>Please wait</p>" + script) == NEW
    assert script_target(STORY.encode() + script) == ""
    assert script_target(b"<noscript>" + STORY.encode() + b"</noscript>" + script) == ""
    assert script_target(script + b" " * 20_000) == ""
    assert script_target(b"<!-- " + script + b" -->") == ""
    assert script_target(b"<body class=x onload=\"location='/news/harbour-closed'\">") == NEW


@pytest.mark.parametrize(
    ("page", "canonical", "expected"),
    [
        ("<p>Continue</p>", "https://h.tj/news/harbour", True),
        ("<p>Continue</p>", "https://www.h.tj/news/harbour", True),
        ("<p>Continue</p>", "https://h.tj/old", False),
        ("<p>Continue</p>", "https://h.tj/old#top", False),
        ("<p>Continue</p>", "https://elsewhere.tj/news/harbour", False),
        ("<p>Continue</p>", "", False),
        (STORY, "https://h.tj/news/harbour", False),
        ("<script>" + "a=1;" * 2000 + "</script>", "https://h.tj/news/harbour", False),
    ],
)
def test_only_a_page_without_text_leads_to_its_canonical_url(
    page: str, canonical: str, expected: bool
) -> None:
    assert names_other_page(page.encode(), "https://h.tj/old", canonical) is expected


def test_hostile_pages_are_read_in_little_time() -> None:
    pages = [
        b"<script>" * 2000 + b"location",
        b"location <!-- " * 1000,
        b"location" + b"<script>/*" * 1500,
        b"<script>location=" + b"'\\" * 7000 + b"</script>",
        b"<script>" + b"(function(){" * 1300 + b"location</script>",
        b"<body " + b"onload=location" * 1000,
        b"<script>var " + b"a " * 7000 + b"location</script>",
    ]
    began = time.process_time()
    for page in pages:
        assert script_target(page) == ""
    assert time.process_time() - began < 1.0
