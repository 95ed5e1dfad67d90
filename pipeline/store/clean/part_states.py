"""Which bytes the parts of a story had together, and since when: derived from their captures.

Pure functions. What one crawl brought belongs together. A state without a part that came later,
while everything else stayed, was only incomplete, so it is no period of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row

FIRST: Final = 1  # number of the first page of a story

AnyRow = Row[*tuple[Any, ...]]
PartKey = tuple[tuple[int, int], ...]  # the number and the payload of each part


@dataclass(frozen=True, slots=True)
class PartState:
    """The payload and the page of each part, by its number, in a stretch of time."""

    first_seen_at: datetime
    last_seen_at: datetime
    payloads: Mapping[int, int]
    pages: Mapping[int, int]

    @property
    def key(self) -> PartKey:
        """Return the numbers and payloads of the parts, in their order."""
        return tuple(sorted(self.payloads.items()))


@dataclass(slots=True)
class StoryPart:
    """One part of a story: its page, and its captures.

    `gone_after` is the time when it was seen for the last time, if the site has it no more.
    """

    page_id: int
    number: int
    gone_after: datetime | None = None
    captures: list[AnyRow] = field(default_factory=list)


def part_states(parts: Sequence[StoryPart]) -> list[PartState]:
    """Return the states of a story, oldest first: one for each crawl that changed it.

    Args:
        parts: The story itself as part 1 and its further parts, with their captures.

    Returns:
        Each state with the parts that belonged to the story then, and from when on.
    """
    part_by_page = {part.page_id: part for part in parts}
    states: list[PartState] = []
    payloads: dict[int, int] = {}
    pages: dict[int, int] = {}
    for group in _captures_by_run(parts):
        numbers: list[int] = []
        for capture in group:
            part = part_by_page[capture.page_id]
            numbers.append(part.number)
            payloads[part.number] = capture.payload_id
            pages[part.number] = part.page_id
        first_at = group[0].fetched_at
        if FIRST in numbers:
            for part in parts:  # a part that is gone when the story changes is no part any more
                if part.gone_after is not None and first_at > part.gone_after:
                    payloads.pop(part.number, None)
        if FIRST in payloads:
            state = PartState(first_at, first_at, dict(payloads), dict(pages))
            states = _with_state(states, group, state)
    return states


def _captures_by_run(parts: Sequence[StoryPart]) -> list[list[AnyRow]]:
    captures = [capture for part in parts for capture in part.captures]
    captures.sort(key=lambda capture: (capture.fetched_at, capture.id))
    groups: dict[object, list[AnyRow]] = {}
    for capture in captures:
        groups.setdefault(capture.run_id or f"capture {capture.id}", []).append(capture)
    return list(groups.values())


def _with_state(
    states: list[PartState], group: Sequence[AnyRow], state: PartState
) -> list[PartState]:
    if not states:
        return [state]
    previous = states[-1]
    if previous.payloads == state.payloads:
        return states
    if previous.payloads.items() <= state.payloads.items():  # parts that were missing
        return [*states[:-1], replace(state, first_seen_at=previous.first_seen_at)]
    last_seen = [capture.prior_seen_at for capture in group if capture.prior_seen_at is not None]
    ended = replace(previous, last_seen_at=max([previous.first_seen_at, *last_seen]))
    return [*states[:-1], ended, state]
