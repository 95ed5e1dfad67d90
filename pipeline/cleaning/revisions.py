"""Sightings of a Page's clean texts in time → its Revisions.

Promises a pure function that can be run again over the whole history at any time: a Revision is never patched, it is folded
anew, so that better rules also mend the past and a boilerplate that changed every night leaves no Revisions behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.core.models import Observation, Outcome, PreviousArticle, Reason, Revision


def build_revisions(sightings: Sequence[Observation]) -> tuple[Revision, ...]:
    """Revisions of a Page from its Sightings in order of time, oldest first, numbered from 1.

    A Sighting that is no article (a consent wall, an error page for one night) neither ends a Revision nor makes one: what was
    archived stays.
    """
    revisions: list[Revision] = []
    for sighting in sightings:
        made = sighting.result
        if made.outcome is not Outcome.ARCHIVED:
            continue
        if revisions and revisions[-1].text == made.text:
            revisions[-1] = _longer(revisions[-1], sighting)
        else:
            revisions.append(_new(len(revisions) + 1, sighting))
    return tuple(revisions)


def _new(number: int, sighting: Observation) -> Revision:
    made = sighting.result
    return Revision(
        number=number,
        title=made.metadata.title,
        text=made.text,
        payload_id=sighting.payload_id,
        first_seen_at=sighting.first_seen_at,
        last_seen_at=sighting.last_seen_at,
    )


def _longer(revision: Revision, sighting: Observation) -> Revision:
    """The same text met once more: the newest bytes speak for it."""
    return replace(
        revision,
        title=sighting.result.metadata.title,
        payload_id=sighting.payload_id,
        last_seen_at=max(revision.last_seen_at, sighting.last_seen_at),
    )


def classify_outcome(before: PreviousArticle | None, newest: Observation) -> tuple[Outcome, Reason]:
    """How cleaning ended for a Page whose Article was `before`: by its newest Payload."""
    made = newest.result
    if made.outcome is not Outcome.ARCHIVED:
        return made.outcome, made.reason
    if before is None:
        return Outcome.ARCHIVED, Reason.NEW
    if before.text_digest == made.text_digest:
        return Outcome.UNCHANGED, Reason.SAME_TEXT
    if before.payload_id != newest.payload_id:
        return Outcome.REVISED, Reason.CHANGED
    return Outcome.RECLEANED, Reason.CHANGED
