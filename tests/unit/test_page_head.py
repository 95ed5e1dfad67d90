"""What a page's head and headers say to programs."""

from __future__ import annotations

import time

import pytest

from pipeline.core.page_head import (
    declared_canonical_url,
    opt_outs,
    parse_head,
    refresh_target,
)


def read_opt_outs(
    markup: str = "", robots_tags: tuple[str, ...] = (), tdm: str = ""
) -> tuple[str, ...]:
    return opt_outs(robots_tags, (tdm,), parse_head(markup.encode()), "Nightdesk")


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ("<meta name=robots content='noindex, noarchive'>", ("noarchive",)),
        ('<META content="noai,noimageai" NAME="Robots">', ("noai",)),
        ('<meta name="nightdesk" content="noarchive">', ("noarchive",)),
        ('<meta name="googlebot" content="noarchive">', ()),
        ('<!-- <meta name="robots" content="noarchive"> -->', ()),
        ('<script>\'<meta name="robots" content="noarchive">\'</script>', ()),
        ('<body><meta name="robots" content="noarchive">', ()),
        ('<meta name="tdm-reservation" content="1">', ("tdm",)),
        ('<meta name="tdm-reservation" content="0">', ()),
    ],
)
def test_a_page_may_opt_out_in_its_head(markup: str, found: tuple[str, ...]) -> None:
    assert read_opt_outs(markup) == found


def test_headers_may_opt_out_and_directives_for_other_agents_are_ignored() -> None:
    assert read_opt_outs("", ("noarchive, nosnippet",)) == ("noarchive",)
    assert read_opt_outs("", ("googlebot: noarchive", "nightdesk: noai")) == ("noai",)
    expires = "unavailable_after: 25 Jun 2030 15:00:00 PST, noarchive"
    assert read_opt_outs("", (expires,)) == ("noarchive",)
    assert read_opt_outs("", tdm="1") == ("tdm",)


def test_a_page_declares_its_canonical_url() -> None:
    both = (
        '<meta property="og:url" content="https://h.tj/b">'
        '<link rel="canonical" href="/a?x=1&amp;y=2">'
    )
    assert declared_canonical_url(parse_head(both.encode())) == "/a?x=1&y=2"
    assert (
        declared_canonical_url(parse_head(b"<meta property='og:url' content=https://h.tj/b>"))
        == "https://h.tj/b"
    )
    assert declared_canonical_url(parse_head(b"<p>nothing</p>")) == ""


@pytest.mark.parametrize(
    "piece", [b"<meta ", b"<!--", b"<script>", b'<link rel="', b"<meta name='a", b"<"]
)
def test_a_hostile_head_is_read_fast(piece: bytes) -> None:
    started = time.process_time()
    parse_head(piece * 100_000)
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0; url=/news/ferry", "/news/ferry"),
        ("0;URL='/news/ferry'", "/news/ferry"),
        ("0, /news/ferry", "/news/ferry"),
        ("0; urls/ferry", "urls/ferry"),
        ("0; url=", ""),  # the page itself
        ("0;", ""),
        ("300; url=/news/ferry", ""),
    ],
)
def test_a_refresh_names_its_target(content: str, expected: str) -> None:
    page = f'<meta http-equiv="refresh" content="{content}">'.encode()
    assert refresh_target(parse_head(page)) == expected
