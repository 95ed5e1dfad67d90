"""A broken site is noticed, a healthy one causes no issues, and issues have the right cause."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.monitoring.evaluate import evaluate_night
from pipeline.monitoring.issues import Issue, IssueKind
from pipeline.monitoring.night_stats import Night, NightStats, SourceStats
from tests.bench.nights import BREAKS, PROFILES, healthy, history, night

DAILY = PROFILES[0]
AGENCY = PROFILES[1]
NIGHTS = 60
EXPECTED = {
    "selector change": {IssueKind.NEW_LAYOUT, IssueKind.FEW_AUTHORS},
    "empty body": {IssueKind.FEW_ARTICLES},
    "consent wall": {IssueKind.FEW_ARTICLES},
    "403 for bots": {IssueKind.TURNED_AWAY},
    "feed frozen": {IssueKind.SOURCE_FROZEN},
    "feed gone": {IssueKind.SOURCE_GONE},
    "half the stories lost": {IssueKind.FEW_LINKS},
    "dates lost": {IssueKind.FEW_DATES},
    "charset changed": {IssueKind.GARBLED},
    "redirect to the front page": {IssueKind.REDIRECTED},
    "soft 404s": {IssueKind.FEW_ARTICLES},
}


def issue_kinds(past: list[Night], tonight: Night) -> set[IssueKind]:
    return {issue.kind for issue in evaluate_night(past, tonight).issues}


def issues_of_kind(past: list[Night], tonight: Night, kind: IssueKind) -> list[Issue]:
    return [issue for issue in evaluate_night(past, tonight).issues if issue.kind is kind]


@pytest.fixture(scope="module")
def past() -> list[Night]:
    return history(random.Random(5), DAILY, NIGHTS)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_break_is_noticed_in_the_first_night_under_its_own_kind(
    name: str, past: list[Night]
) -> None:
    chance = random.Random(name)
    weekday = NIGHTS + (7 - NIGHTS) % 7 + 1  # a day with enough stories
    stats = BREAKS[name][0](chance, healthy(chance, DAILY, weekday), 1)
    assert issue_kinds(past, night(DAILY, weekday, stats)) & EXPECTED[name]


def test_the_cause_names_the_reason_of_most_stories(past: list[Night]) -> None:
    chance = random.Random(1)
    stats = BREAKS["consent wall"][0](chance, healthy(chance, DAILY, 63), 1)
    (issue,) = issues_of_kind(past, night(DAILY, 63, stats), IssueKind.FEW_ARTICLES)
    assert "consent" in issue.cause
    assert issue.sentence.startswith("0 of ")
    assert issue.is_serious


def test_a_loss_of_two_percent_more_each_night_is_noticed_within_ten_nights() -> None:
    chance = random.Random(3)
    past = history(chance, AGENCY, NIGHTS)
    for age in range(1, 11):
        day = NIGHTS + age
        stats = BREAKS["slow rot"][0](chance, healthy(chance, AGENCY, day), age)
        tonight = night(AGENCY, day, stats)
        if IssueKind.FEW_ARTICLES in issue_kinds(past, tonight):
            return
        past.append(tonight)
    pytest.fail("the loss was not noticed")


def test_healthy_sites_of_all_rhythms_have_no_issues() -> None:
    false_alarms = 0
    for profile in PROFILES:
        past = history(random.Random(f"peace {profile.name}"), profile, 75)
        for number in range(0, 75, 2):
            false_alarms += len(issue_kinds(past[:number], past[number]))
    assert false_alarms <= 1  # of 228 nights


def test_an_issue_that_lasts_does_not_become_normal(past: list[Night]) -> None:
    chance = random.Random(8)
    nights = list(past)
    kinds: set[IssueKind] = set()
    for age in range(1, 41):
        day = NIGHTS + age
        tonight = night(
            DAILY, day, BREAKS["dates lost"][0](chance, healthy(chance, DAILY, day), age)
        )
        kinds = issue_kinds(nights, tonight)
        nights.append(replace(tonight, issue_kinds=frozenset(kinds)))
    assert IssueKind.FEW_DATES in kinds


def test_a_crawl_by_hand_minutes_after_the_night_is_not_a_night_without_stories(
    past: list[Night],
) -> None:
    last = past[-1].started_at
    by_hand = replace(
        past[-1], run=999, started_at=last + timedelta(minutes=40), stats=NightStats()
    )
    assert IssueKind.FEW_STORIES not in issue_kinds(past, by_hand)
    next_night = replace(by_hand, started_at=last + timedelta(hours=24))
    assert IssueKind.FEW_STORIES in issue_kinds(past, next_night)


def test_no_other_issue_is_reported_if_the_site_is_down(past: list[Night]) -> None:
    sources: list[SourceStats] = []
    for source in past[-1].stats.sources:
        sources.append(SourceStats(source.url, source.kind, "failed", "http_status", 403))
    evaluation = evaluate_night(past, night(DAILY, 63, NightStats(sources=tuple(sources))))
    assert [issue.kind for issue in evaluation.issues] == [IssueKind.SITE_DOWN]
    assert "turns us away" in evaluation.issues[0].cause
    assert IssueKind.FEW_STORIES in evaluation.undecided


def test_a_new_site_without_articles_is_reported_in_its_first_night() -> None:
    stats = NightStats(seen=12, requested=12, new=12, cleaned=12, reasons={"script_shell": 12})
    (issue,) = evaluate_night([], night(DAILY, 0, stats)).issues
    assert issue.kind is IssueKind.FEW_ARTICLES
    assert "JavaScript" in issue.cause


@pytest.mark.parametrize(("traps", "seen", "is_issue"), [(200, 20_000, True), (9, 20, False)])
def test_many_refusals_of_possible_stories_as_traps_are_an_issue(
    traps: int, seen: int, is_issue: bool
) -> None:
    stats = NightStats(seen=seen, refused=traps, traps=traps)
    issues = issues_of_kind([], night(DAILY, 0, stats), IssueKind.TRAPS)
    assert bool(issues) is is_issue


def test_a_feed_whose_entries_have_no_link_is_an_issue_from_the_first_night_on() -> None:
    feed = SourceStats("https://h.tj/feed", "feed", "failed", "no_links", 200)
    well = SourceStats("https://h.tj/map", "sitemap", "fetched", "", 200, 12)
    past: list[Night] = []
    for number in range(12):
        tonight = night(DAILY, number, NightStats(seen=12, sources=(feed, well)))
        (issue,) = evaluate_night(past, tonight).issues
        assert (issue.kind, issue.subject) == (IssueKind.SOURCE_EMPTY, feed.url)
        assert "none of them links to a page" in issue.sentence
        past.append(tonight)


def test_a_young_site_is_not_compared() -> None:
    past = history(random.Random(2), DAILY, 5)
    stats = NightStats(seen=3, requested=3, new=3, cleaned=3, articles=3)
    assert issue_kinds(past, night(DAILY, 5, stats)) == set()


def test_night_stats_come_back_from_json_even_from_another_version(past: list[Night]) -> None:
    stats = past[-1].stats
    assert NightStats.from_json(stats.to_json()) == stats
    assert NightStats.from_json({"seen": 4, "something_new": 1}) == NightStats(seen=4)
