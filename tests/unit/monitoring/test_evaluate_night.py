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


FEED = SourceStats("https://h.tj/feed", "feed", "fetched", "", 200, 12)
SECTION = SourceStats("https://h.tj/", "section", "fetched", "", 200, 30)
WELL = NightStats(
    seen=12,
    requested=6,
    new=6,
    cleaned=6,
    articles=6,
    with_date=6,
    with_own_date=6,
    with_author=6,
    median_words=300,
    sources=(FEED, SECTION),
)
EMPTY = (replace(FEED, links=0), replace(SECTION, links=0))
NOTHING_NEW = {"new": 0, "cleaned": 0, "articles": 0, "with_date": 0, "with_own_date": 0}
FIRST_NIGHTS: list[tuple[dict[str, object], IssueKind]] = [
    ({"articles": 0, "with_date": 0, "reasons": {"consent_wall": 6}}, IssueKind.FEW_ARTICLES),
    ({"articles": 3, "with_date": 3, "reasons": {"consent_wall": 3}}, IssueKind.FEW_ARTICLES),
    ({"articles": 0, "cleaned": 3, "with_date": 0}, IssueKind.FEW_ARTICLES),
    ({"with_date": 0, "with_own_date": 0}, IssueKind.FEW_DATES),
    ({**NOTHING_NEW, "failed": 6, "turned_away": 6}, IssueKind.TURNED_AWAY),
    ({**NOTHING_NEW, "failed": 6, "failures": {"timeout": 6}}, IssueKind.FAILURES),
    ({**NOTHING_NEW, "gone": 6}, IssueKind.STORIES_GONE),
    ({**NOTHING_NEW, "redirected": 6}, IssueKind.REDIRECTED),
    ({**NOTHING_NEW, "requested": 0, "refused": 12}, IssueKind.ALL_REFUSED),
    ({**NOTHING_NEW, "seen": 0, "requested": 0, "sources": EMPTY}, IssueKind.SOURCE_EMPTY),
    (
        {"sources": (replace(FEED, outcome="gone", reason="not_found", status=404), SECTION)},
        IssueKind.SOURCE_GONE,
    ),
]


@pytest.mark.parametrize("past_nights", [0, 1, 6])
@pytest.mark.parametrize(("broken", "kind"), FIRST_NIGHTS)
def test_a_break_in_the_first_week_is_noticed_the_next_morning(
    broken: dict[str, object], kind: IssueKind, past_nights: int
) -> None:
    past = [night(DAILY, number, WELL) for number in range(past_nights)]
    stats = replace(WELL, **broken)  # type: ignore[arg-type]
    issues = evaluate_night(past, night(DAILY, past_nights, stats)).issues
    assert [issue.kind for issue in issues] == [kind]
    assert issues[0].is_serious


@pytest.mark.parametrize(
    "unusual",
    [
        {},
        {"cleaned": 2, "articles": 0, "with_date": 0, "reasons": {"listing": 2}},
        {"articles": 5, "with_date": 5, "reasons": {"consent_wall": 1}},
        {"articles": 4, "with_date": 0},
        {**NOTHING_NEW, "requested": 2, "failed": 2},
        {**NOTHING_NEW, "requested": 6, "unchanged": 6},
        {"sources": (replace(FEED, outcome="unchanged", status=304, links=-1), SECTION)},
        {"sources": (FEED, replace(SECTION, links=0))},
        {"sources": (FEED, replace(SECTION, outcome="gone", reason="not_found", status=404))},
        {"refused": 11},
    ],
)
def test_an_unusual_but_healthy_first_night_has_no_issue(unusual: dict[str, object]) -> None:
    stats = replace(WELL, **unusual)  # type: ignore[arg-type]
    assert issue_kinds([], night(DAILY, 0, stats)) == set()


def test_healthy_first_nights_of_all_rhythms_have_no_issues() -> None:
    for profile in PROFILES:
        for seed in range(10):
            past = history(random.Random(f"first {profile.name} {seed}"), profile, 7)
            for number in range(7):
                assert issue_kinds(past[:number], past[number]) == set(), (profile.name, seed)


def test_few_stories_a_night_without_an_article_are_noticed_together() -> None:
    walls = replace(WELL, cleaned=1, articles=0, with_date=0, reasons={"no_text": 1})
    past = [night(DAILY, number, walls) for number in range(2)]
    assert issue_kinds(past[:1], past[1]) == set()
    assert issue_kinds(past, night(DAILY, 2, walls)) == {IssueKind.FEW_ARTICLES}
    evaluation = evaluate_night([], night(DAILY, 3, walls))
    assert IssueKind.FEW_ARTICLES in evaluation.undecided, "such a night closes no issue"


def test_a_site_of_which_few_pages_are_stories_needs_more_evidence() -> None:
    mixed = replace(WELL, cleaned=20, articles=8, with_date=8)
    past = [night(DAILY, number, mixed) for number in range(1)]
    tonight = replace(WELL, cleaned=4, articles=0, with_date=0)
    assert issue_kinds(past, night(DAILY, 1, tonight)) == set()


def test_an_accepted_state_is_no_issue_for_a_rule_without_a_past() -> None:
    undated = replace(WELL, with_date=0, with_own_date=0)
    tonight = night(DAILY, 3, undated)
    accepted = {("few_dates", ""): tonight.started_at - timedelta(days=2)}
    assert evaluate_night([], tonight, accepted).issues == ()
    assert evaluate_night([], tonight, {("few_links", ""): tonight.started_at}).issues


def test_an_accepted_comparison_is_shown_again_for_a_later_night_only(past: list[Night]) -> None:
    chance = random.Random(4)
    stats = BREAKS["consent wall"][0](chance, healthy(chance, DAILY, 63), 1)
    tonight = night(DAILY, 63, stats)
    for hours, count in ((8, 0), (-8, 1)):
        accepted = {("few_articles", ""): tonight.started_at + timedelta(hours=hours)}
        assert len(evaluate_night(past, tonight, accepted).issues) == count


def test_a_young_site_is_not_compared() -> None:
    past = history(random.Random(2), DAILY, 5)
    stats = NightStats(seen=3, requested=3, new=3, cleaned=3, articles=3)
    assert issue_kinds(past, night(DAILY, 5, stats)) == set()


def test_night_stats_come_back_from_json_even_from_another_version(past: list[Night]) -> None:
    stats = past[-1].stats
    assert NightStats.from_json(stats.to_json()) == stats
    assert NightStats.from_json({"seen": 4, "something_new": 1}) == NightStats(seen=4)
