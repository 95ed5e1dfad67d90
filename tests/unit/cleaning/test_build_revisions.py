"""Sightings of clean texts → Revisions, folded anew each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cleaning.revisions import classify_outcome, build_revisions
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


def sighting(
    text: str, day: int, payload: int | None = None, outcome: Outcome = Outcome.ARCHIVED
) -> Observation:
    reason = Reason.NONE if outcome is Outcome.ARCHIVED else Reason.CONSENT_WALL
    made = CleanResult(
        Recipe("e", "r"), "", (), Metadata(title=f"{text} {day}"), text, outcome, reason
    )
    return Observation(
        made, day if payload is None else payload, START + day * DAY, START + day * DAY + DAY / 2
    )


def seen(letters: str) -> list[Observation]:
    """One Sighting a day; a dot is a day on which the page was no article."""
    outcomes = [Outcome.NOT_ARTICLE if each == "." else Outcome.ARCHIVED for each in letters]
    return [sighting(each, day, outcome=outcomes[day]) for day, each in enumerate(letters)]


def texts(letters: str) -> str:
    return "".join(revision.text for revision in build_revisions(seen(letters)))


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
def test_revisions_are_the_stretches_of_one_text(letters: str, revisions: str) -> None:
    assert texts(letters) == revisions


def test_a_revision_lasts_from_its_first_to_its_last_sighting_and_speaks_with_its_newest_bytes() -> (
    None
):
    first, second = build_revisions(seen("aa.ab"))
    assert (first.first_seen_at, first.last_seen_at) == (START, START + 3 * DAY + DAY / 2)
    assert (first.payload_id, first.title, first.number, second.number) == (3, "a 3", 1, 2)


def test_an_older_sighting_that_ends_earlier_does_not_shorten_a_revision() -> None:
    long = Observation(sighting("a", 0).result, 0, START, START + 9 * DAY)
    (only,) = build_revisions([long, sighting("a", 1)])
    assert only.last_seen_at == START + 9 * DAY


@given(st.text(alphabet="ab.", max_size=12))
def test_folding_is_the_same_each_time_and_neighbours_differ(letters: str) -> None:
    revisions = build_revisions(seen(letters))
    assert build_revisions(seen(letters)) == revisions
    assert [revision.number for revision in revisions] == list(range(1, len(revisions) + 1))
    assert all(
        one.text != other.text and one.last_seen_at < other.first_seen_at
        for one, other in pairwise(revisions)
    )
    assert {revision.text for revision in revisions} == set(letters) - {"."}


def before(text: str, payload: int) -> PreviousArticle:
    return PreviousArticle(payload, sighting(text, 0).result.text_digest)


@pytest.mark.parametrize(
    ("was", "newest", "outcome"),
    [
        (None, sighting("a", 1), (Outcome.ARCHIVED, Reason.NEW)),
        (before("a", 1), sighting("a", 1), (Outcome.UNCHANGED, Reason.SAME_TEXT)),
        (before("a", 1), sighting("a", 2), (Outcome.UNCHANGED, Reason.SAME_TEXT)),
        (before("a", 1), sighting("b", 2), (Outcome.REVISED, Reason.CHANGED)),
        (before("a", 1), sighting("b", 1), (Outcome.RECLEANED, Reason.CHANGED)),
        (
            before("a", 1),
            sighting("", 2, outcome=Outcome.NOT_ARTICLE),
            (Outcome.NOT_ARTICLE, Reason.CONSENT_WALL),
        ),
        (
            None,
            sighting("", 2, outcome=Outcome.QUARANTINED),
            (Outcome.QUARANTINED, Reason.CONSENT_WALL),
        ),
    ],
)
def test_how_cleaning_ended_for_a_page(
    was: PreviousArticle | None, newest: Observation, outcome: tuple[Outcome, Reason]
) -> None:
    assert classify_outcome(was, newest) == outcome
