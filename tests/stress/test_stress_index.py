"""The trials themselves take minutes; this is what can be told of them at once."""

from __future__ import annotations

import re
from pathlib import Path

from tests.stress.__main__ import TRIALS
from tests.stress.figures import Figures

README = (Path(__file__).parents[2] / "README.md").read_text("utf8")


def test_the_readme_lists_each_trial_and_no_other() -> None:
    assert set(re.findall(r"python -m tests\.stress ([a-z]+)", README)) == set(TRIALS)
    rows = re.findall(
        r"^\| `([a-z]+)` \|", README.partition("## Trials")[2].partition("\n## ")[0], re.M
    )
    assert sorted(rows) == sorted(TRIALS)


def test_a_figure_that_falls_short_is_told_and_ends_the_trial_with_one(capsys: object) -> None:
    figures = Figures("trial")
    figures.met("pages", "2 of 2", True)
    assert figures.end() == 0
    figures.met("pages", "1 of 2", False, ["the second"])
    assert figures.end() == 1
