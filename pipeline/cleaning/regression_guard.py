"""Decide whether a new result for bytes that were cleaned before may replace the current one.

A result that loses much of a good text is held for a review. One that somebody rejected for the
same bytes stays rejected. New bytes are never held, since a publication may shorten its own text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.models import CleanResult, Outcome, Reason

MIN_GOOD_WORDS: Final = 80  # a shorter text may be anything
MIN_KEPT_SHARE: Final = 0.6  # of a good text's words, which the new text has to have
WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """What happens to the new results of a page, by payload.

    Attributes:
        accepted: They replace the current results.
        held: They wait for a review.
        reason: Why they are held.

    A new result that is in neither is rejected, and the current one stays.
    """

    accepted: frozenset[int]
    held: frozenset[int] = frozenset()
    reason: Reason = Reason.NONE


def compare_with_current(
    current: Mapping[int, CleanResult],
    rejected: Mapping[int, Sequence[CleanResult]],
    new: Mapping[int, CleanResult],
    provisional: Collection[int] = (),
) -> ReviewDecision:
    """Compare the new results of a page with the current ones.

    Where one result has to be held, all results that change the same page are: a page is reviewed
    as a whole.

    Args:
        current: The current results by payload.
        rejected: The results that somebody rejected, by payload.
        new: The new results by payload, the newest payload last.
        provisional: The payloads whose current results may lose anything: they were made before
            the site profile had seen all pages of the night.
    """
    accepted: set[int] = set()
    changed: list[int] = []
    for payload_id, new_result in new.items():
        current_result = current.get(payload_id)
        if current_result is None or is_same_article(current_result, new_result):
            accepted.add(payload_id)
        elif not is_rejected_again(rejected.get(payload_id, ()), current_result, new_result):
            changed.append(payload_id)
    for payload_id in reversed(changed):
        if payload_id in provisional:
            continue
        reason = loss_reason(current[payload_id], new[payload_id])
        if reason is not Reason.NONE:
            return ReviewDecision(frozenset(accepted), frozenset(changed), reason)
    return ReviewDecision(frozenset(accepted).union(changed))


def is_same_article(one: CleanResult, other: CleanResult) -> bool:
    """Tell whether two results make the same article, whatever rules removed the rest."""
    if one.text != other.text or one.metadata != other.metadata:
        return False
    return one.outcome == other.outcome and one.reason == other.reason


def is_rejected_again(
    rejected: Sequence[CleanResult], current: CleanResult, new: CleanResult
) -> bool:
    """Tell whether somebody rejected this result for these bytes.

    That is a result of the same recipe, or one of the same text. Where the text is also the current
    one, it was the metadata that somebody rejected.
    """
    for result in rejected:
        if result.recipe == new.recipe:
            return True
        is_other_metadata = result.text == current.text and result.metadata != new.metadata
        if result.text == new.text and not is_other_metadata:
            return True
    return False


def loss_reason(current: CleanResult, new: CleanResult) -> Reason:
    """Return what a good result would lose; NONE where that is little.

    Args:
        current: The accepted result of the same bytes.
        new: The result of other rules or extractors.

    Returns:
        Why the new result is held: the article, its text, its title or its date would be lost.
    """
    if current.outcome is not Outcome.ARCHIVED:
        return Reason.NONE
    if new.outcome is not Outcome.ARCHIVED:
        return Reason.LOST_ARTICLE
    if loses_text(current.text, new.text):
        return Reason.LOST_TEXT
    if current.metadata.title and not new.metadata.title:
        return Reason.LOST_TITLE
    if current.metadata.published_at and not new.metadata.published_at:
        return Reason.LOST_DATE
    return Reason.NONE


def loses_text(current: str, new: str) -> bool:
    """Tell whether a text of some length would keep too few of its words.

    Args:
        current: The text now.
        new: The text that would take its place.

    Returns:
        True where the new one has to be held.
    """
    # Whole lines first, which costs almost nothing.
    removed_lines = Counter(current.split("\n")) - Counter(new.split("\n"))
    removed_words = WORD.findall("\n".join(removed_lines.elements()))
    words = Counter(WORD.findall(current))
    if words.total() < MIN_GOOD_WORDS:
        return False
    if len(removed_words) <= words.total() * (1 - MIN_KEPT_SHARE):
        return False
    kept = words & Counter(WORD.findall(new))
    return kept.total() < words.total() * MIN_KEPT_SHARE
