"""URLs: one spelling for each, and a key that never changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.urls import canonical, host_of, looks_like_story, resolve, url_key

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
        ("https://courier.example", "https://courier.example/"),
        ("https://courier.example/a?b=2&a=1", "https://courier.example/a?a=1&b=2"),
        ("https://courier.example/a?id=1&utm_medium=feed", "https://courier.example/a?id=1"),
        ("https://courier.example/ш", "https://courier.example/%D1%88"),
        ("https://courier.example/%d1%88", "https://courier.example/%D1%88"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
    ],
)
def test_spellings_of_one_url_are_one(url: str, same: str) -> None:
    assert canonical(url) == same
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
def test_urls_that_may_be_different_pages_stay_different(one: str, other: str) -> None:
    assert url_key(one) != url_key(other)


@pytest.mark.parametrize(
    "bad", ["", "a", "/a", "ftp://x/y", "javascript:alert(1)", "http://", "http:///a", "http://x:port/", "http://[x/"]
)
def test_what_cannot_be_fetched_has_no_spelling(bad: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical(bad)


def test_the_key_is_stored_and_so_must_never_change() -> None:
    assert url_key(A) == "2d313954b1cfcdf91c7de2baebf699b2"
    assert len(url_key(A + "x" * 5000)) == 32


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_a_canonical_url_is_its_own_spelling(path: str) -> None:
    try:
        once = canonical(f"https://courier.example/{path}")
    except ValueError:
        return
    assert canonical(once) == once


@given(st.text(max_size=60))
def test_no_text_breaks_resolving(href: str) -> None:
    found = resolve("https://courier.example/news/a", href)
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
def test_references_on_a_page_are_made_absolute(href: str, absolute: str | None) -> None:
    assert resolve("https://courier.example/news/a", href) == absolute


@pytest.mark.parametrize(
    ("url", "host"),
    [(A, "courier.example"), ("http://X.example:80/", "x.example"), ("http://x.example:443/", "x.example:443"), ("a", "")],
)
def test_a_host_keeps_only_a_port_of_its_own(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("path", "is_story"),
    [
        ("/2026/02/03/crane", True),
        ("/2026-02/crane", True),
        ("/news/20418", True),
        ("/a-crane-is-mended-today", True),
        ("/news/crane-2", True),
        ("/", False),
        ("/about", False),
        ("/sport/", False),
        ("/2026/", False),
        ("/page/2", False),
        ("/contact-us", False),
    ],
)
def test_a_storys_address_is_told_from_a_lists(path: str, is_story: bool) -> None:
    assert looks_like_story(f"https://courier.example{path}") is is_story
