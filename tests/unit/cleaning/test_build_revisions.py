"""Revisions are built from the clean texts of a page over time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cleaning.revisions import build_revisions, classify_outcome
from pipeline.core.models import (
    CleanResult,
    Metadata,
    Observation,
    Outcome,
    PreviousArticle,
    Reason,
    Recipe,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def observation(
    text: str, day: int, payload: int | None = None, outcome: Outcome = Outcome.ARCHIVED
) -> Observation:
    reason = Reason.NONE if outcome is Outcome.ARCHIVED else Reason.CONSENT_WALL
    result = CleanResult(
        Recipe("e", "r"), "", (), Metadata(title=f"Title {text}"), text, outcome, reason
    )
    return Observation(
        result, day if payload is None else payload, START + day * DAY, START + day * DAY + DAY / 2
    )


def observations(letters: str) -> list[Observation]:
    """One Sighting a day; a dot is a day on which the page previous_article no article."""
    outcomes = [Outcome.NOT_ARTICLE if each == "." else Outcome.ARCHIVED for each in letters]
    return [observation(each, day, outcome=outcomes[day]) for day, each in enumerate(letters)]


def texts(letters: str) -> str:
    return "".join(revision.text for revision in build_revisions(observations(letters)))


@pytest.mark.parametrize(
    ("letters", "revisions"),
    [
        ("", ""),
        ("a", "a"),
        ("aa", "a"),
        ("ab", "ab"),
        ("aba", "aba"),
        ("a.a", "a"),
        ("a.b", "ab"),
        (".", ""),
        ("..a.", "a"),
        ("aab.ba", "aba"),
    ],
)
def test_a_revision_is_a_period_with_one_text(letters: str, revisions: str) -> None:
    assert texts(letters) == revisions


def test_a_revision_has_the_period_and_the_newest_bytes_of_its_observations() -> None:
    first, second = build_revisions(observations("aa.ab"))
    assert (first.first_seen_at, first.last_seen_at) == (START, START + 3 * DAY + DAY / 2)
    assert (first.payload_id, first.title, first.number, second.number) == (3, "Title a", 1, 2)


def test_an_observation_that_ends_earlier_does_not_shorten_a_revision() -> None:
    long_observation = Observation(observation("a", 0).result, 0, START, START + 9 * DAY)
    (only,) = build_revisions([long_observation, observation("a", 1)])
    assert only.last_seen_at == START + 9 * DAY


@given(st.text(alphabet="ab.", max_size=12))
def test_revisions_are_the_same_each_time_and_neighbours_differ(letters: str) -> None:
    revisions = build_revisions(observations(letters))
    assert build_revisions(observations(letters)) == revisions
    assert [revision.number for revision in revisions] == list(range(1, len(revisions) + 1))
    assert all(
        one.text != other.text and one.last_seen_at < other.first_seen_at
        for one, other in pairwise(revisions)
    )
    assert {revision.text for revision in revisions} == set(letters) - {"."}


def titled(title: str, day: int) -> Observation:
    seen = observation("a", day)
    return replace(seen, result=replace(seen.result, metadata=Metadata(title=title)))


def test_another_title_begins_a_revision_and_other_quotes_in_it_do_not() -> None:
    titles = ['The "levy"', "The “levy”", "The levy is off"]
    days = [titled(title, day) for day, title in enumerate(titles)]
    assert [revision.title for revision in build_revisions(days)] == titles[1:]
    before = PreviousArticle(0, days[0].result.text_digest, title=titles[0])
    assert classify_outcome(before, days[1]) == (Outcome.UNCHANGED, Reason.SAME_TEXT)
    assert classify_outcome(before, days[2]) == (Outcome.REVISED, Reason.CHANGED)


def previous(text: str, payload: int) -> PreviousArticle:
    result = observation(text, 0).result
    return PreviousArticle(payload, result.text_digest, title=result.metadata.title)


@pytest.mark.parametrize(
    ("previous_article", "newest", "outcome"),
    [
        (None, observation("a", 1), (Outcome.ARCHIVED, Reason.NEW)),
        (previous("a", 1), observation("a", 1), (Outcome.UNCHANGED, Reason.SAME_TEXT)),
        (previous("a", 1), observation("a", 2), (Outcome.UNCHANGED, Reason.SAME_TEXT)),
        (previous("a", 1), observation("b", 2), (Outcome.REVISED, Reason.CHANGED)),
        (previous("a", 1), observation("b", 1), (Outcome.RECLEANED, Reason.CHANGED)),
        (
            previous("a", 1),
            observation("", 2, outcome=Outcome.NOT_ARTICLE),
            (Outcome.NOT_ARTICLE, Reason.CONSENT_WALL),
        ),
        (
            None,
            observation("", 2, outcome=Outcome.QUARANTINED),
            (Outcome.QUARANTINED, Reason.CONSENT_WALL),
        ),
    ],
)
def test_the_outcome_depends_on_the_previous_article_and_the_newest_text(
    previous_article: PreviousArticle | None, newest: Observation, outcome: tuple[Outcome, Reason]
) -> None:
    assert classify_outcome(previous_article, newest) == outcome
