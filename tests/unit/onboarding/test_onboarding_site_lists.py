"""Lists of sites: OPML and plain ones."""

from __future__ import annotations

import pytest

from pipeline.core.errors import ConfigError
from pipeline.onboarding.site_lists import read_site_list, requested_site

OPML = """<?xml version="1.0"?><opml version="2.0"><head><title>Mine</title></head><body>
<outline text="Tajikistan">
<outline type="rss" text="Asia-Plus" xmlUrl="https://a.example/rss" htmlUrl="https://a.example/"/>
<outline type="rss" text="Asia-Plus sport" xmlUrl="https://a.example/sport/rss" htmlUrl="https://a.example"/>
<outline type="rss" title="Only a feed" xmlUrl="https://b.example/feed.xml"/>
<outline type="rss" text="Broken" xmlUrl="feed it"/>
</outline></body></opml>"""


def test_an_opml_file_yields_each_site_once_with_all_its_feeds() -> None:
    first, second, third = read_site_list(OPML.encode(), "mine.opml")
    assert (first.url, first.name) == ("https://a.example/", "Asia-Plus")
    assert first.feeds == ("https://a.example/rss", "https://a.example/sport/rss")
    assert (second.url, second.feeds) == (
        "https://b.example/feed.xml",
        ("https://b.example/feed.xml",),
    )
    assert third.error
    assert "mine.opml, line 6" in third.location


def test_a_list_may_have_remarks_blank_lines_and_lines_that_are_no_address() -> None:
    found = read_site_list(
        "\ufeff# mine\n\nexample.org  # the local paper\nnot-an-address\nhttps://b.example/tj/ ignored\n".encode(),
        "list",
    )
    assert [each.url for each in found if not each.error] == [
        "https://example.org",
        "https://b.example/tj/",
    ]
    (wrong,) = [each for each in found if each.error]
    assert wrong.location == "list, line 4"


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]><opml><outline xmlUrl="https://a.example/&x;"/></opml>',
        b'<!DOCTYPE opml [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><opml><outline text="&c;" xmlUrl="https://a.example/"/></opml>',
        b"<html><body>no</body></html>",
        b"<",
        b"",
        b"\xff\xfe\x00",
        b"# nothing but remarks",
        b"<opml><body/></opml>",
    ],
)
def test_what_is_neither_is_refused_with_its_name(body: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^list: "):
        read_site_list(body, "list")


@pytest.mark.parametrize(
    "text",
    ["", "news", "ftp://example.org/", "http://[", "https://", "two words", "javascript:alert(1)"],
)
def test_what_is_no_address_says_so(text: str) -> None:
    assert requested_site(text).error


def test_a_scheme_may_be_left_out() -> None:
    assert requested_site("www.example.org/tj").url == "https://www.example.org/tj"
    assert requested_site("http://127.0.0.1:80/").url == "http://127.0.0.1:80/"
