"""Patterns of story URLs match the stories, exclude lists, and stay readable."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import pytest

from pipeline.onboarding.url_patterns import find_patterns

HOST = "https://news.example.org"


def patterns_of(stories: Sequence[str], lists: Sequence[str] = ("/",)) -> list[str]:
    weights = {HOST + path: 1 for path in stories}
    patterns = find_patterns(weights, [HOST + path for path in lists])
    return [pattern.pattern for pattern in patterns]


@pytest.mark.parametrize(
    ("stories", "lists", "pattern"),
    [
        ([f"/news/{n}.html" for n in (0, 7, 12)], ["/news/"], r"/news/\d+\.html$"),
        (
            ["/2026/11/02/crane", "/2026/11/03/the-levy-is-off"],
            ["/about"],
            r"/\d{4}/\d{2}/\d{2}/[^/]+$",
        ),
        (
            ["/city/2026/11/02/crane/", "/sport/2026/11/02/rowers-win/"],
            ["/city/"],
            r"://[^/]+/[^/]+/\d{4}/\d{2}/\d{2}/[^/]+/$",
        ),
        (
            ["/tj/news/power/20261102/a-b", "/tj/news/water/20261101/c-d"],
            ["/tj/news"],
            r"/tj/news/[^/]+/\d{8}/[^/]+$",
        ),
        (["/khabar/41230-nerugoh", "/khabar/41231-maktab"], ["/jomea/"], r"/khabar/\d+-[^/]+$"),
        (
            ["/a/one-two/31601234.html", "/a/three/31601235.html"],
            ["/z/543"],
            r"/a/[^/]+/\d{4,}\.html$",
        ),
        (
            ["/news.php?id=123&lang=ru", "/news.php?id=124&lang=ru"],
            ["/"],
            r"/news\.php\?(?:.*&)?id=\d+",
        ),
        (["/?p=123", "/?p=124"], ["/", "/?cat=3"], r"://[^/]+/\?(?:.*&)?p=\d+"),
        (["/news/crane", "/news/the-levy-is-off"], ["/news/", "/about"], r"/news/[^/]+$"),
        (
            ["/город/мост-открыт-раньше", "/спорт/матч-не-состоялся"],
            ["/город/"],
            r"://[^/]+/[^/]+/[^/]*[_-][^/]+$",
        ),
    ],
)
def test_stories_of_one_kind_make_one_pattern(
    stories: list[str], lists: list[str], pattern: str
) -> None:
    assert patterns_of(stories, lists) == [pattern]


def test_slug_needs_more_words_where_lists_have_slugs_too() -> None:
    stories = ["/the-levy-is-off-again/", "/a-crane-falls-on-quay/"]
    (pattern,) = patterns_of(stories, ["/about-us/", "/special-reports/"])
    assert re.search(pattern, f"{HOST}/rowers-win-the-channel-relay/")
    assert not re.search(pattern, f"{HOST}/special-reports/")


def test_pattern_names_sections_where_a_looser_one_would_allow_a_list() -> None:
    (pattern,) = patterns_of(["/city/crane", "/sport/rowers"], ["/about/imprint"])
    assert pattern == "/(?:city|sport)/[^/]+$"


def test_single_words_that_look_like_the_menu_make_no_pattern() -> None:
    assert patterns_of(["/crane", "/harbour"], ["/city", "/about"]) == []


def test_two_kinds_of_stories_make_two_patterns_and_too_many_kinds_make_none() -> None:
    patterns = patterns_of(["/2026/11/02/a-b.html", "/2026/11/03/c-d.html", "/news/20418"])
    assert patterns == [r"/\d{4}/\d{2}/\d{2}/[^/]+\.html$", r"/news/\d{4,}$"]
    assert patterns_of([f"/{'abcdefghi'[n]}x{'/y' * n}/12345.html" for n in range(9)]) == []


def test_hostile_urls_are_matched_quickly() -> None:
    started = time.monotonic()
    (pattern,) = patterns_of(["/a-b-c-d/", "/e-f-g-h/"], ["/x-y/", "/u-v-w/"])
    re.search(pattern, f"{HOST}/{'a-' * 900}")
    re.search(pattern, f"{HOST}{'/a-b' * 450}?")
    assert time.monotonic() - started < 1
