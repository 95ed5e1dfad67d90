"""What can be said of the stress tests at once; they take minutes themselves."""

from __future__ import annotations

import re

import pytest

from tests.stress.__main__ import STRESS_TESTS
from tests.stress.figures import Figures
from tests.support.documentation import page_text


def test_the_manual_lists_each_stress_test_and_no_other() -> None:
    page = page_text("docs/explanation/stress-tests.md")
    assert set(re.findall(r"python -m tests\.stress ([a-z]+)", page)) == set(STRESS_TESTS)
    rows = re.findall(r"^\| `([a-z]+)` \|", page, re.M)
    assert sorted(rows) == sorted(STRESS_TESTS)


def test_a_figure_that_falls_short_is_printed_and_ends_the_stress_test_with_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures = Figures("test")
    figures.check("pages", "2 of 2", True)
    assert figures.finish() == 0
    figures.check("pages", "1 of 2", False, ["the second"])
    assert figures.finish() == 1
    assert "the second" in capsys.readouterr().out
