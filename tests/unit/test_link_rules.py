"""Link rules tell stories from lists, and find traps that never end."""

from __future__ import annotations

import pytest

from pipeline.core.link_rules import (
    has_repeating_path,
    is_calendar_url,
    is_too_deep,
    looks_like_story_url,
)


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
def test_the_url_of_a_story_is_told_from_that_of_a_list(path: str, is_story: bool) -> None:
    assert looks_like_story_url(f"https://courier.example{path}") is is_story


@pytest.mark.parametrize(
    ("path", "is_list"),
    [
        ("/2026/05/12/", True),
        ("/archive/2026-05", True),
        ("/2026/", True),
        ("/events/calendar/", True),
        ("/calendar/day.php?cal_date=2031-07-01", True),
        ("/list?month=5&year=2031", True),
        ("/2026/05/12/harbour-closed-again/", False),
        ("/2026/05/12/?id=4711", False),
        ("/news/calendar/the-calendar-of-the-harbour-fair", False),
        ("/news/2026/05/12/4711.html", False),
        ("/news/man-of-the-year-2026", False),
        ("/news?monthly=5", False),
    ],
)
def test_the_list_of_a_day_is_told_from_a_story_of_that_day(path: str, is_list: bool) -> None:
    assert is_calendar_url(f"https://courier.example{path}") is is_list


def test_repeating_and_very_long_paths_are_traps() -> None:
    assert has_repeating_path("https://courier.example/news/a/news/a/news/x.html")
    assert not has_repeating_path("https://courier.example/en/news/en/x.html")
    assert not has_repeating_path("https://courier.example/11/11/11/x.html")
    assert is_too_deep("https://courier.example" + "/a" * 17)
    assert is_too_deep("https://courier.example/list?" + "&".join(f"f{n}=1" for n in range(13)))
    assert not is_too_deep("https://courier.example/2026/05/12/city/harbour/story.html?id=1&page=2")
