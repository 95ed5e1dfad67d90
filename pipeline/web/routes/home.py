"""The front page: the newest stories by day, and how last night went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.core.models import Outcome
from pipeline.store.monitoring import issues
from pipeline.store.read import night_summary
from pipeline.store.read.headlines import newest
from pipeline.store.read.night_summary import Last
from pipeline.web.dependencies import AtDesk, Place

router = APIRouter()
STORIES = 30


@dataclass(frozen=True, slots=True)
class Night:
    """Last night on one Site, as a line of the summary."""

    last: Last
    seen: int
    new: int
    failed: int
    archived: int
    trouble: str


@router.get("/")
def front(request: Request, desk: AtDesk, before: Place = None) -> Response:
    """The newest stories; with `before` those behind that place."""
    found = newest(desk.store, STORIES + 1, before=before)
    stories = found[:STORIES]
    days = [
        (day, tuple(each))
        for day, each in groupby(stories, key=lambda story: story.at.astimezone(UTC).date())
    ]
    night = summed(night_summary.last_night(desk.store)) if before is None else ()
    older = stories[-1].key if len(found) > STORIES else None
    return desk.page(
        request, "front.html", days=days, nights=night, older=older, before=before,
        wrong=Counter(each.site for each in issues.open_ones(desk.store)) if before is None else Counter(),
    )  # fmt: skip


def summed(found: Sequence[Last]) -> tuple[Night, ...]:
    """The Sites of a night, those in trouble first."""
    return tuple(
        sorted(
            map(_night, found),
            key=lambda each: (not each.last.wrong, not each.trouble, -each.failed, each.last.site),
        )
    )


def _night(last: Last) -> Night:
    def number(outcome: Outcome) -> int:
        return sum(value for (found, _), value in last.stories.items() if found == outcome)

    return Night(
        last,
        sum(last.stories.values()),
        last.stories.get((Outcome.FETCHED, "new"), 0),
        number(Outcome.FAILED),
        last.archived,
        next((f"{run.kind} {run.status}" + (f": {run.detail}" if run.detail else "")
              for run in last.runs.values() if run.status not in ("finished", "running")), ""),
    )  # fmt: skip
