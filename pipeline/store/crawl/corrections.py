"""Corrections: pages that a source says were modified after their last fetch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row

from pipeline.core.models import Link, LinkDecision

# A source that gives more than half of so many known pages the same time writes down when it was
# made, and not when they were changed.
MIN_STAMPED_PAGES: Final = 10
DAY: Final = timedelta(days=1)

AnyRow = Row[*tuple[Any, ...]]


def corrected_pages(
    known: Mapping[str, AnyRow], decision_by_key: Mapping[str, LinkDecision], at: datetime
) -> frozenset[str]:
    """Return the keys of pages that were modified after their last fetch, as a source says.

    Args:
        known: The rows of known pages by their keys.
        decision_by_key: The links of the source by the same keys.
        at: The time of the fetch of the source.
    """
    generated_at = _generation_time(known, decision_by_key)
    corrected: list[str] = []
    for key, row in known.items():
        link = decision_by_key[key].link
        is_stamped = generated_at is not None and _minute(link.modified_at) == generated_at
        if not is_stamped and _is_newer(row, link, at):
            corrected.append(key)
    return frozenset(corrected)


def _is_newer(row: AnyRow, link: Link, at: datetime) -> bool:
    """Return whether a source says that the page was modified after the last fetch.

    A time at midnight stands for a day. The page may have changed at any time of it, so it is
    fetched once more when the day is over.

    A time far after the fetch of the source is not believed.
    """
    modified_at, last_matched_at = link.modified_at, row.last_matched_at
    if modified_at is None or last_matched_at is None or modified_at > at + DAY:
        return False
    if modified_at > last_matched_at:
        return True
    # full hours, because the midnight of a zone is an hour of UTC
    is_day = not (modified_at.minute or modified_at.second)
    return bool(is_day and last_matched_at < modified_at + DAY <= at)


def _generation_time(
    known: Mapping[str, AnyRow], decision_by_key: Mapping[str, LinkDecision]
) -> datetime | None:
    """Return the time that a source gives to most of its pages: it is the time of the source."""
    times: Counter[datetime] = Counter()
    for key, row in known.items():
        modified_at = _minute(decision_by_key[key].link.modified_at)
        if row.last_matched_at is not None and modified_at is not None:
            times[modified_at] += 1
    if times.total() < MIN_STAMPED_PAGES:
        return None
    ((most_common, count),) = times.most_common(1)
    return most_common if count > times.total() / 2 else None


def _minute(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(second=0, microsecond=0)
