"""The record of a change, as JSON and CSV have it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from pipeline.formats.atom import format_time
from pipeline.store.read.story_changes import ChangeView

CSV_FIELDS: Final = (
    "at",
    "site",
    "article",
    "url",
    "title",
    "kind",
    "revision",
    "before_at",
    "words_lost",
    "words_gained",
    "before",
    "after",
)


def change_record(change: ChangeView) -> dict[str, Any]:
    """Return a change as an object for programs; times are text in UTC."""
    return asdict(change) | {
        "id": change.key,
        "at": format_time(change.at),
        "before_at": format_time(change.before_at),
    }


def flat_change(change: ChangeView) -> dict[str, Any]:
    """Return a change as one row: the first passage that changed is in `before` and `after`."""
    record = change_record(change)
    passage = change.evidence[0] if change.evidence else None
    record["before"] = passage.before if passage else ""
    record["after"] = passage.after if passage else ""
    return {name: record[name] for name in CSV_FIELDS}
