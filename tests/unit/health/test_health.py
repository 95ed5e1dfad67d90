"""A site that breaks is noticed, a healthy one is left in peace, and what cannot be told is not told."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.monitoring import statistics
from pipeline.monitoring.evaluate import examine
from pipeline.monitoring.issues import Trouble
from pipeline.monitoring.night_stats import Figures, Night, PlaceNight
from tests.bench.nights import BREAKS, PROFILES, healthy, history, night

DAILY = PROFILES[0]
NIGHTS = 60
EXPECTED = {
    "selector change": {Trouble.NEW_LAYOUT, Trouble.FEW_AUTHORS},
    "empty body": {Trouble.FEW_ARTICLES},
    "consent wall": {Trouble.FEW_ARTICLES},
    "403 for bots": {Trouble.TURNED_AWAY},
    "feed frozen": {Trouble.PLACE_FROZEN},
    "feed gone": {Trouble.PLACE_GONE},
    "half the stories lost": {Trouble.FEW_LINKS},
    "dates lost": {Trouble.FEW_DATES},
    "charset changed": {Trouble.GARBLED},
    "redirect to the front page": {Trouble.REDIRECTED},
    "soft 404s": {Trouble.FEW_ARTICLES},
}


def kinds(past: list[Night], tonight: Night) -> set[Trouble]:
    return {each.kind for each in examine(past, tonight).findings}


@pytest.fixture(scope="module")
def past() -> list[Night]:
    return history(random.Random(5), DAILY, NIGHTS)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_breaks_is_noticed_the_next_morning_under_its_own_name(
    name: str, past: list[Night]
) -> None:
    chance = random.Random(name)
    weekday = NIGHTS + (7 - NIGHTS) % 7 + 1  # with enough stories to judge by
    tonight = night(DAILY, weekday, BREAKS[name][0](chance, healthy(chance, DAILY, weekday), 1))
    assert kinds(past, tonight) & EXPECTED[name]


def test_the_cause_is_told_by_what_the_stories_ended_with(past: list[Night]) -> None:
    chance = random.Random(1)
    tonight = night(DAILY, 63, BREAKS["consent wall"][0](chance, healthy(chance, DAILY, 63), 1))
    (found,) = (
        each for each in examine(past, tonight).findings if each.kind is Trouble.FEW_ARTICLES
    )
    assert "consent" in found.cause
    assert found.sentence.startswith("0 of ")
    assert found.is_grave


def test_rot_of_two_percent_a_night_is_noticed_within_ten_nights() -> None:
    chance = random.Random(3)
    agency = PROFILES[1]
    past = history(chance, agency, NIGHTS)
    for age in range(1, 11):
        tonight = night(
            agency,
            NIGHTS + age,
            BREAKS["slow rot"][0](chance, healthy(chance, agency, NIGHTS + age), age),
        )
        if Trouble.FEW_ARTICLES in kinds(past, tonight):
            return
        past.append(tonight)
    pytest.fail("nobody noticed")


def test_healthy_sites_of_all_rhythms_are_left_in_peace() -> None:
    alarms = 0
    for profile in PROFILES:
        past = history(random.Random(f"peace {profile.name}"), profile, 75)
        alarms += sum(len(kinds(past[:number], past[number])) for number in range(0, 75, 2))
    assert alarms <= 1  # of 228 nights


def test_a_trouble_that_lasts_does_not_become_what_is_usual(past: list[Night]) -> None:
    chance = random.Random(8)
    nights = list(past)
    for age in range(1, 41):
        figures = BREAKS["dates lost"][0](chance, healthy(chance, DAILY, NIGHTS + age), age)
        found = kinds(nights, night(DAILY, NIGHTS + age, figures))
        nights.append(replace(night(DAILY, NIGHTS + age, figures), accused=frozenset(found)))
    assert Trouble.FEW_DATES in found


def test_a_crawl_by_hand_minutes_after_the_night_is_no_night_without_stories(
    past: list[Night],
) -> None:
    again = replace(
        past[-1], run=999, started_at=past[-1].started_at + timedelta(minutes=40), figures=Figures()
    )
    assert Trouble.FEW_STORIES not in kinds(past, again)
    quiet = replace(again, started_at=past[-1].started_at + timedelta(hours=24))
    assert Trouble.FEW_STORIES in kinds(past, quiet)


def test_where_the_site_is_down_nothing_else_is_told(past: list[Night]) -> None:
    places = tuple(
        PlaceNight(place.url, place.kind, "failed", "http_status", 403)
        for place in past[-1].figures.places
    )
    tonight = night(DAILY, 63, Figures(places=places))
    examined = examine(past, tonight)
    assert [each.kind for each in examined.findings] == [Trouble.SITE_DOWN]
    assert "turns us away" in examined.findings[0].cause
    assert Trouble.FEW_STORIES in examined.undecided


def test_a_site_that_yields_nothing_from_its_first_night_is_told_at_once() -> None:
    figures = Figures(seen=12, asked=12, new=12, judged=12, reasons={"script_shell": 12})
    (found,) = examine([], night(DAILY, 0, figures)).findings
    assert found.kind is Trouble.FEW_ARTICLES
    assert "JavaScript" in found.cause


def test_a_young_site_is_compared_with_nothing() -> None:
    past = history(random.Random(2), DAILY, 5)
    assert (
        kinds(past, night(DAILY, 5, Figures(seen=3, asked=3, new=3, judged=3, articles=3))) == set()
    )


def test_figures_come_back_from_json_also_those_of_another_version(past: list[Night]) -> None:
    figures = past[-1].figures
    assert Figures.from_json(figures.to_json()) == figures
    assert Figures.from_json({"seen": 4, "something_new": 1}) == Figures(seen=4)


def test_tails_are_those_of_the_distributions() -> None:
    assert statistics.at_most(10, 10, 0.5, 0.01) == pytest.approx(1.0)
    assert statistics.at_most(3, 10, 0.5, 1e-9) == pytest.approx(
        0.171875, rel=1e-3
    )  # binomial, where nights do not differ
    assert statistics.at_least(7, 10, 0.5, 1e-9) == pytest.approx(0.171875, rel=1e-3)
    assert statistics.at_most(3, 10, 0.5, 0.2) > 0.25
    assert statistics.count_at_most(0, 3.0, 1e9) == pytest.approx(0.0498, rel=1e-2)  # Poisson
    assert statistics.count_at_most(0, 3.0, 1.0) == pytest.approx(0.25)
