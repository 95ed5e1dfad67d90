"""Reading lists of sites: OPML files and plain lists."""

from __future__ import annotations

import pytest

from pipeline.core.errors import ConfigError
from pipeline.onboarding.site_lists import read_site_list, requested_site

EXTERNAL_ENTITY = b'<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
NESTED_ENTITY = b'<!DOCTYPE opml [<!ENTITY a "b"><!ENTITY c "&a;&a;">]>'
OPML = """<?xml version="1.0"?><opml version="2.0"><head><title>Mine</title></head><body>
<outline text="Tajikistan">
<outline type="rss" text="Asia-Plus" xmlUrl="https://a.example/rss" htmlUrl="https://a.example/"/>
<outline type="rss" text="Asia-Plus sport" xmlUrl="https://a.example/sport/rss"
 htmlUrl="https://a.example"/>
<outline type="rss" title="Only a feed" xmlUrl="https://b.example/feed.xml"/>
<outline type="rss" text="Broken" xmlUrl="feed it"/>
</outline></body></opml>"""


def test_opml_file_yields_each_site_once_with_all_its_feeds() -> None:
    first, second, third = read_site_list(OPML.encode(), "mine.opml")
    assert (first.url, first.name) == ("https://a.example/", "Asia-Plus")
    assert first.feeds == ("https://a.example/rss", "https://a.example/sport/rss")
    assert (second.url, second.feeds) == (
        "https://b.example/feed.xml",
        ("https://b.example/feed.xml",),
    )
    assert third.error
    assert "mine.opml, line 7" in third.location


def test_list_may_have_comments_blank_lines_and_wrong_lines() -> None:
    text = (
        "\ufeff# mine\n\nexample.org  # the local paper\nnot-an-address\n"
        "https://b.example/tj/ ignored\n"
    )
    sites = read_site_list(text.encode(), "list")
    urls = [site.url for site in sites if not site.error]
    assert urls == ["https://example.org", "https://b.example/tj/"]
    (wrong_site,) = [site for site in sites if site.error]
    assert wrong_site.location == "list, line 4"


@pytest.mark.parametrize(
    "body",
    [
        EXTERNAL_ENTITY + b'<opml><outline xmlUrl="https://a.example/&x;"/></opml>',
        NESTED_ENTITY + b'<opml><outline text="&c;" xmlUrl="https://a.example/"/></opml>',
        b"<html><body>no</body></html>",
        b"<",
        b"",
        b"\xff\xfe\x00",
        b"# nothing but comments",
        b"<opml><body/></opml>",
    ],
)
def test_file_that_is_neither_opml_nor_a_list_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(ConfigError, match=r"^list: "):
        read_site_list(body, "list")


@pytest.mark.parametrize(
    "text",
    ["", "news", "ftp://example.org/", "http://[", "https://", "two words", "javascript:alert(1)"],
)
def test_wrong_address_has_an_error(text: str) -> None:
    assert requested_site(text).error


def test_scheme_may_be_missing() -> None:
    assert requested_site("www.example.org/tj").url == "https://www.example.org/tj"
    assert requested_site("http://127.0.0.1:80/").url == "http://127.0.0.1:80/"
