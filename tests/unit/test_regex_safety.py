"""Patterns of a site file that may never end are refused, and harmless ones are accepted."""

from __future__ import annotations

import pytest

from pipeline.config.regex_safety import check_patterns


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"^(\d+|\w+)*\.html", r"(\s*\w+\s*,?)*\.", r"(ab|ab)*c"]
)
def test_a_pattern_that_takes_ever_longer_is_refused_with_a_line_that_shows_it(
    pattern: str,
) -> None:
    with pytest.raises(ValueError, match="takes ever longer over lines like"):
        check_patterns([pattern])


def test_harmless_patterns_are_accepted_even_if_they_repeat_much() -> None:
    searched = (
        r"/news/\d+",
        r"^https://x\.example/(?:[a-z-]+/)*[^/]+-\d{5,}\.html",
        r"(?:[^/]+/)*[^/]+$",
        r".*/tag/.*/page/.*",
        r"/(?:[\w-]+/){1,3}[\w-]+",
    )
    assert check_patterns(searched) == searched
    matched = (
        r"\s*©?\s*\d{4}\s*.*\s*rights\s*reserved.*",
        r"(?i)advert.*|.*subscribe.*|read (?:more|also):?.*",
    )
    assert check_patterns(matched, whole=True) == matched
