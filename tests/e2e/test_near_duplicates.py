"""A story on two sites is crawled, cleaned, grouped and shown as a near-duplicate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import exit_code
from tests.support.http_site import serve_http_site

WIRE = (
    (
        "The harbour council voted on Tuesday to put off a levy on visiting boats until the"
        " spring, after two hours of debate."
    ),
    (
        "Skippers had rowed across the inner harbour with a petition that more than three thousand"
        " people have signed by now."
    ),
    (
        "We have been dredging this channel at our own expense for a decade, said the harbour"
        " master on the steps of the hall."
    ),
    (
        "A report on what the pontoons cost will be published in March, and the vote is expected"
        " before the regatta begins."
    ),
)
OWN = (
    (
        "An old trawler that sank in the storm of last autumn was lifted on Wednesday by a floating"
        " crane from the capital."
    ),
    (
        "Divers had spent eleven days passing cables under the hull, which lies in water that is"
        " colder than most of them knew."
    ),
    (
        "Its owner, who was not aboard that night, watched from the mole with his sons and would"
        " not speak to reporters at all."
    ),
)


def test_a_story_on_two_sites_is_shown_with_its_near_duplicate(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def output_of(*words: str) -> str:
        assert exit_code(home, *words) == 0
        return capsys.readouterr().out

    def read(*words: str) -> Any:
        return json.loads(output_of(*words, "--json"))

    with serve_http_site() as morning, serve_http_site() as evening:
        first = morning.add_story("levy", "Levy put off until spring", *WIRE)
        second = evening.add_story(
            "boats", "No levy on boats before spring, says council", *WIRE[:3]
        )
        morning.set_feed([first, morning.add_story("trawler", "Old trawler lifted at last", *OWN)])
        evening.set_feed([second])
        morning.write_site_file(home, "morning")
        evening.write_site_file(home, "evening")
        assert "Near-duplicates: 2 articles of these are elsewhere, too:" in output_of("crawl")
    lines = output_of("show", second).splitlines()
    (line,) = [line for line in lines if line.startswith("Also at")]
    assert line.split()[2] == "morning"
    assert line.endswith(first)
    (copy,) = read("show", second)["near_duplicates"]
    assert (copy["site"], copy["url"]) == ("morning", first)
    assert copy["similarity"] > 0.8
    all_hits, unique_hits = read("search", "levy"), read("search", "levy", "--unique")
    assert [len({hit["url"] for hit in all_hits}), len(unique_hits)] == [2, 1]
    assert {hit["story_group"] for hit in all_hits} == {unique_hits[0]["story_group"]}
    assert "and 1 near-duplicate" in output_of("search", "levy", "--unique")
    assert read("clean")[0]["near_duplicates"] == 0  # nothing was new
