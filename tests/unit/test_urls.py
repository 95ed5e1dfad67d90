"""URLs have one canonical form, and a key that never changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.urls import canonicalize, host_of, may_be_same_story, resolve_href, url_key

A = "https://courier.example/a"


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("HTTPS://Courier.Example/a", A),
        ("https://courier.example:443/a", A),
        ("https://courier.example/a#comments", A),
        (" https://courier.example/a\n", A),
        ("https://me:secret@courier.example/a", A),
        ("https://courier.example./a", A),
        ("https://courier.example/a?utm_source=x&fbclid=y", A),
        ("https://courier.example/a?UTM_Anything=x&PHPSESSID=00ff&xtor=RSS-1", A),
        ("https://courier.example/a;jsessionid=00FF.node1?utm_id=1", A),
        ("https://courier.example", "https://courier.example/"),
        ("https://courier.example/a?b=2&a=1", "https://courier.example/a?a=1&b=2"),
        ("https://courier.example/a?id=1&utm_medium=feed", "https://courier.example/a?id=1"),
        ("https://courier.example/ш", "https://courier.example/%D1%88"),
        ("https://courier.example/%d1%88", "https://courier.example/%D1%88"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
    ],
)
def test_spellings_of_one_url_have_one_canonical_form(url: str, same: str) -> None:
    assert canonicalize(url) == same
    assert url_key(url) == url_key(same)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://courier.example/a", A),
        ("https://courier.example/A", A),
        ("https://courier.example/a/", A),
        ("https://courier.example:8443/a", A),
        ("https://www.courier.example/a", A),
        ("https://courier.example/a?id=1", "https://courier.example/a?id=2"),
        ("https://courier.example/a?tag=x&tag=y", "https://courier.example/a?tag=x"),
        ("https://courier.example/a?page=", A),
    ],
)
def test_urls_that_may_be_different_pages_have_different_keys(one: str, other: str) -> None:
    assert url_key(one) != url_key(other)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "a",
        "/a",
        "ftp://x/y",
        "javascript:alert(1)",
        "http://",
        "http:///a",
        "http://x:port/",
        "http://[x/",
        "https://@\\courier.example",
        "https://courier.example\\@other.example/a",
    ],
)
def test_a_url_that_cannot_be_fetched_has_no_canonical_form(bad: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonicalize(bad)


def test_the_key_never_changes_because_it_is_stored() -> None:
    assert url_key(A) == "2d313954b1cfcdf91c7de2baebf699b2"
    assert len(url_key(A + "x" * 5000)) == 32


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_a_canonical_url_is_its_own_spelling(path: str) -> None:
    try:
        once = canonicalize(f"https://courier.example/{path}")
    except ValueError:
        return
    assert canonicalize(once) == once


@given(st.text(max_size=60))
def test_no_text_breaks_resolving(href: str) -> None:
    found = resolve_href("https://courier.example/news/a", href)
    assert found is None or found.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("href", "absolute"),
    [
        ("b", "https://courier.example/news/b"),
        ("/b?x=1", "https://courier.example/b?x=1"),
        ("//other.example/b", "https://other.example/b"),
        ("?page=2", "https://courier.example/news/a?page=2"),
        (" b ", "https://courier.example/news/b"),
        ("", None),
        ("#top", None),
        ("javascript:void(0)", None),
        ("mailto:me@example.org", None),
        ("http://[", None),
    ],
)
def test_references_on_a_page_become_absolute_urls(href: str, absolute: str | None) -> None:
    assert resolve_href("https://courier.example/news/a", href) == absolute


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (A, "courier.example"),
        ("http://X.example:80/", "x.example"),
        ("http://x.example:443/", "x.example:443"),
        ("a", ""),
    ],
)
def test_a_host_has_its_port_unless_it_is_the_default(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://www.courier.example/city/seal/", "https://courier.example/city/seal"),
        ("https://m.courier.example/city/seal", "https://courier.example/city/seal"),
        ("https://courier.example/city/seal/amp/", "https://courier.example/city/seal/"),
        ("https://courier.example/amp/city/seal.html", "https://courier.example/city/seal.html"),
        ("https://courier.example/city/seal.amp.html", "https://courier.example/city/seal.html"),
        (
            "https://courier.example/city/seal?outputType=amp&id=5",
            "https://courier.example/city/seal?id=5",
        ),
        (
            "https://courier.example/city/seal-sleeps-on-ramp",
            "https://courier.example/news/seal-sleeps-on-ramp.html",
        ),
        (
            "https://courier.example/?p=471123",
            "https://courier.example/2026/05/12/seal-471123.html",
        ),
    ],
)
def test_urls_of_one_story_are_recognized(one: str, other: str) -> None:
    assert may_be_same_story(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://courier.example/city/seal", "https://courier.example/city/ramp"),
        ("https://courier.example/story?id=5", "https://courier.example/story?id=6"),
        ("https://courier.example/20260512/a.html", "https://courier.example/20260512/b.html"),
        ("https://m.tj/a", "https://tj/a"),
        ("https://courier.example/campaign", "https://courier.example/c-ign"),
    ],
)
def test_urls_of_two_stories_are_told_apart(one: str, other: str) -> None:
    assert not may_be_same_story(one, other)
