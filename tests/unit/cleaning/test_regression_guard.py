"""Which new results replace the current one, and which wait for a review."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.cleaning.regression_guard import (
    compare_with_current,
    is_same_article,
    loses_text,
    loss_reason,
)
from pipeline.core.models import CleanResult, Metadata, Outcome, Reason, Recipe

LINES = [" ".join(f"w{line}x{word}" for word in range(20)) for line in range(6)]  # 120 words
DATE = datetime(2026, 3, 1, tzinfo=UTC)
FULL = Metadata(title="Levy delayed", published_at=DATE)


def result(
    *lines: str, metadata: Metadata = FULL, rules: str = "1", outcome: Outcome = Outcome.ARCHIVED
) -> CleanResult:
    reason = Reason.NONE if outcome is Outcome.ARCHIVED else Reason.TOO_SHORT
    return CleanResult(Recipe("e", rules), "", (), metadata, "\n".join(lines), outcome, reason)


WHOLE = result(*LINES)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (result(*LINES[:5]), Reason.NONE),
        (result(*LINES[:4]), Reason.NONE),
        (result(*LINES[:3]), Reason.LOST_TEXT),
        (result(*(line.upper() for line in LINES)), Reason.LOST_TEXT),
        (result(" ".join(LINES)), Reason.NONE),
        (result(*LINES, "and more"), Reason.NONE),
        (result(outcome=Outcome.NOT_ARTICLE), Reason.LOST_ARTICLE),
        (result(outcome=Outcome.QUARANTINED), Reason.LOST_ARTICLE),
        (result(*LINES, metadata=Metadata(published_at=DATE)), Reason.LOST_TITLE),
        (result(*LINES, metadata=Metadata(title="Levy delayed")), Reason.LOST_DATE),
        (result(*LINES, metadata=Metadata(title="Another", published_at=DATE)), Reason.NONE),
    ],
)
def test_a_good_article_must_not_lose_text_title_or_date(new: CleanResult, reason: Reason) -> None:
    assert loss_reason(WHOLE, new) is reason


def test_a_short_text_and_a_page_that_is_no_article_may_lose_all() -> None:
    assert loss_reason(result(*LINES[:3]), result(LINES[0])) is Reason.NONE
    assert (
        loss_reason(
            result(*LINES, outcome=Outcome.NOT_ARTICLE), result(outcome=Outcome.NOT_ARTICLE)
        )
        is Reason.NONE
    )


def test_words_are_counted_in_scripts_without_spaces() -> None:
    assert loses_text("港の税は春まで延期された。" * 10, "港の税は春まで延期された。" * 5)
    assert not loses_text("港の税は春まで延期された。" * 10, "港の税は春まで延期された。" * 8)


def test_new_bytes_are_never_held() -> None:
    assert compare_with_current({1: WHOLE}, {}, {2: result(LINES[0])}).accepted == {2}


def test_a_page_is_held_as_a_whole_except_new_bytes_and_equal_results() -> None:
    current = {1: WHOLE, 2: WHOLE, 3: WHOLE}
    decision = compare_with_current(
        current, {}, {1: result(LINES[0]), 2: result(*LINES[:5]), 3: WHOLE, 4: result(LINES[0])}
    )
    assert (decision.accepted, decision.held, decision.reason) == ({3, 4}, {1, 2}, Reason.LOST_TEXT)


def test_a_result_that_was_rejected_for_the_same_bytes_is_rejected_again() -> None:
    rejected = {1: [result(*LINES[:2], rules="2")]}
    same_text, same_recipe = result(*LINES[:2], rules="3"), result(*LINES[:5], rules="2")
    for new in (same_text, same_recipe):
        decision = compare_with_current({1: WHOLE}, rejected, {1: new})
        assert (decision.accepted, decision.held) == (set(), set())
    assert compare_with_current(
        {1: WHOLE}, rejected, {1: result(*LINES[:5], rules="3")}
    ).accepted == {1}
    assert compare_with_current({1: WHOLE}, rejected, {1: result(*LINES, rules="2")}).accepted == {
        1
    }, "it is the current result"


def test_better_metadata_are_accepted_where_the_metadata_were_rejected() -> None:
    rejected = {1: [result(*LINES, metadata=Metadata(), rules="2")]}
    assert (
        compare_with_current(
            {1: WHOLE}, rejected, {1: result(*LINES, metadata=Metadata(), rules="3")}
        ).accepted
        == set()
    )
    better = result(*LINES, metadata=Metadata(title="Levy", published_at=DATE), rules="3")
    assert compare_with_current({1: WHOLE}, rejected, {1: better}).accepted == {1}


def test_two_results_are_the_same_article_whatever_rules_removed() -> None:
    assert is_same_article(result("a", rules="1"), result("a", rules="2"))
    assert not is_same_article(result("a"), result("a", metadata=Metadata()))
