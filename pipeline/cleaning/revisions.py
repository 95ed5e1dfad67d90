"""Build the revisions of a page from its titles and clean texts over time.

The functions are pure and run over the whole history each time: a revision is never patched. So
better rules also correct the past, and boilerplate that changes every night leaves no revisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.core.changes.wording import has_same_wording
from pipeline.core.models import (
    CleanResult,
    Observation,
    Outcome,
    PreviousArticle,
    Reason,
    Revision,
)


def build_revisions(observations: Sequence[Observation]) -> tuple[Revision, ...]:
    """Build the revisions of a page.

    An observation that is no article (a consent wall, an error page for one night) neither ends a
    revision nor makes one: what was archived stays.

    Args:
        observations: The clean texts of the page in order of time, the oldest first.

    Returns:
        The revisions, numbered from 1.
    """
    revisions: list[Revision] = []
    for observation in observations:
        result = observation.result
        if result.outcome is not Outcome.ARCHIVED:
            continue
        if revisions and _is_same_story(revisions[-1], result):
            revisions[-1] = _extend(revisions[-1], observation)
        else:
            revisions.append(_new_revision(len(revisions) + 1, observation))
    return tuple(revisions)


def _is_same_story(revision: Revision, result: CleanResult) -> bool:
    has_same_title = has_same_wording(revision.title, result.metadata.title)
    return revision.text == result.text and has_same_title


def _new_revision(number: int, observation: Observation) -> Revision:
    return Revision(
        number=number,
        title=observation.result.metadata.title,
        text=observation.result.text,
        payload_id=observation.payload_id,
        first_seen_at=observation.first_seen_at,
        last_seen_at=observation.last_seen_at,
    )


def _extend(revision: Revision, observation: Observation) -> Revision:
    """Extend a revision that was seen again. Its title and payload come from the newest bytes."""
    return replace(
        revision,
        title=observation.result.metadata.title,
        payload_id=observation.payload_id,
        last_seen_at=max(revision.last_seen_at, observation.last_seen_at),
    )


def classify_outcome(
    previous: PreviousArticle | None, newest: Observation
) -> tuple[Outcome, Reason]:
    """Return how a cleaning ends for a page, by its newest payload.

    Args:
        previous: The article before this cleaning; None where there was none.
        newest: The newest observation of the page.
    """
    result = newest.result
    if result.outcome is not Outcome.ARCHIVED:
        return result.outcome, result.reason
    if previous is None:
        return Outcome.ARCHIVED, Reason.NEW
    has_new_bytes = previous.payload_id != newest.payload_id
    if previous.text_digest == result.text_digest:
        if has_new_bytes and not has_same_wording(previous.title, result.metadata.title):
            return Outcome.REVISED, Reason.CHANGED
        return Outcome.UNCHANGED, Reason.SAME_TEXT
    if has_new_bytes:
        return Outcome.REVISED, Reason.CHANGED
    return Outcome.RECLEANED, Reason.CHANGED
