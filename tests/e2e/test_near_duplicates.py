"""A wire story in two papers: crawled, cleaned, found to be one, and told so wherever it is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import exit_code
from tests.support.http_site import serving

WIRE = (
    "The harbour council voted on Tuesday to put off a levy on visiting boats until the spring, after two hours of debate.",
    "Skippers had rowed across the inner harbour with a petition that more than three thousand people have signed by now.",
    "We have been dredging this channel at our own expense for a decade, said the harbour master on the steps of the hall.",
    "A report on what the pontoons cost will be published in March, and the vote is expected before the regatta begins.",
)
OWN = (
    "An old trawler that sank in the storm of last autumn was lifted on Wednesday by a floating crane from the capital.",
    "Divers had spent eleven days passing cables under the hull, which lies in water that is colder than most of them knew.",
    "Its owner, who was not aboard that night, watched from the mole with his sons and would not speak to reporters at all.",
)


def test_a_story_of_two_papers_is_shown_with_where_else_it_stands(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> str:
        assert exit_code(home, *words) == 0
        return capsys.readouterr().out

    def read(*words: str) -> Any:
        return json.loads(said(*words, "--json"))

    with serving() as morning, serving() as evening:
        first = morning.story("levy", "Levy put off until spring", *WIRE)
        second = evening.story("boats", "No levy on boats before spring, says council", *WIRE[:3])
        morning.feed([first, morning.story("trawler", "Old trawler lifted at last", *OWN)])
        evening.feed([second])
        morning.file(home, "morning")
        evening.file(home, "evening")
        assert "Near-duplicates: 2 articles of these are elsewhere, too:" in said("crawl")
    (line,) = [line for line in said("show", second).splitlines() if line.startswith("Also at")]
    assert line.split()[2] == "morning"
    assert line.endswith(first)
    (copy,) = read("show", second)["near_duplicates"]
    assert (copy["site"], copy["url"]) == ("morning", first)
    assert copy["likeness"] > 0.8
    every, once = read("search", "levy"), read("search", "levy", "--unique")
    assert [len({hit["url"] for hit in every}), len(once)] == [2, 1]
    assert {hit["story_group"] for hit in every} == {once[0]["story_group"]}
    assert "and 1 near-duplicate" in said("search", "levy", "--unique")
    assert read("clean")[0]["near_duplicates"] == 0  # nothing was new
