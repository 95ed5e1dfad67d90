"""Whether a new result for bytes that were cleaned before may take the place of the one that stands.

Promises pure functions. A result that loses much of a good text is held for a review; one that somebody refused for the same
bytes stays refused; and new bytes are never held, since a publication may shorten its own text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.core.models import CleanResult, Outcome, Reason

GOOD_WORDS: Final = 80  # a text of fewer words may be anything
KEPT_SHARE: Final = 0.6  # of a good text's words that have to stand in the new one
WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """What may become of the new results of a Page, by Payload. One that is in neither is refused: what stands goes on."""

    accepted: frozenset[int]
    held: frozenset[int] = frozenset()
    reason: Reason = Reason.NONE  # why they are held


def compare_with_current(
    stands: Mapping[int, CleanResult],
    refused: Mapping[int, Sequence[CleanResult]],
    made: Mapping[int, CleanResult],
) -> ReviewDecision:
    """The new results of a Page, newest Payload last, against those that stand and those that were refused. Where one has to
    be held, all that change the same bytes are: a Page is reviewed as a whole."""
    adopted, changed = set[int](), []
    for payload, new in made.items():
        old = stands.get(payload)
        if old is None or is_same_article(old, new):
            adopted.add(payload)
        elif not is_rejected_again(refused.get(payload, ()), old, new):
            changed.append(payload)
    reasons = (loss_reason(stands[payload], made[payload]) for payload in reversed(changed))
    reason = next((each for each in reasons if each), Reason.NONE)
    if reason:
        return ReviewDecision(frozenset(adopted), frozenset(changed), reason)
    return ReviewDecision(frozenset(adopted).union(changed))


def is_same_article(one: CleanResult, other: CleanResult) -> bool:
    """Whether two results make the same Article, whatever rules struck the rest."""
    return (one.text, one.metadata, one.outcome, one.reason) == (
        other.text,
        other.metadata,
        other.outcome,
        other.reason,
    )


def is_rejected_again(refused: Sequence[CleanResult], old: CleanResult, new: CleanResult) -> bool:
    """Whether this was refused for these bytes: a result of the same recipe, or one of the same text. Where the text is also
    the one that stands, the metadata were what was refused."""
    return any(
        each.recipe == new.recipe
        or (each.text == new.text and (each.text != old.text or each.metadata == new.metadata))
        for each in refused
    )


def loss_reason(old: CleanResult, new: CleanResult) -> Reason:
    """What a good result would lose, NONE where that is little."""
    if old.outcome is not Outcome.ARCHIVED:
        return Reason.NONE
    if new.outcome is not Outcome.ARCHIVED:
        return Reason.LOST_ARTICLE
    if loses_text(old.text, new.text):
        return Reason.LOST_TEXT
    if old.metadata.title and not new.metadata.title:
        return Reason.LOST_TITLE
    if old.metadata.published_at and not new.metadata.published_at:
        return Reason.LOST_DATE
    return Reason.NONE


def loses_text(old: str, new: str) -> bool:
    """Whether a text of some length would keep too few of its words. Whole lines are compared first, which is nearly free."""
    gone = WORD.findall("\n".join((Counter(old.split("\n")) - Counter(new.split("\n"))).elements()))
    words = Counter(WORD.findall(old))
    if words.total() < GOOD_WORDS or len(gone) <= words.total() * (1 - KEPT_SHARE):
        return False
    kept = words & Counter(WORD.findall(new))
    return kept.total() < words.total() * KEPT_SHARE
