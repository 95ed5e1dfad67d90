"""Changes as the pages and feeds show them: the passages that changed, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.changes.text_diff import DiffPart, TextDiff, compare_texts, compare_titles
from pipeline.core.changes.kinds import ChangeAspect
from pipeline.store import read
from pipeline.store.db.engine import Database

MAX_PARAGRAPHS: Final = 6  # of one change; the page of its revisions has all
MAX_CONTEXT_LETTERS: Final = 160  # of the same words before and after a passage that changed

Parts = tuple[DiffPart, ...]


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change with the passages that changed.

    Attributes:
        change: The change.
        paragraphs: The paragraphs that changed, shortened where nothing changed.
        hidden: How many further paragraphs changed.
    """

    change: read.ChangeView
    paragraphs: tuple[Parts, ...] = ()
    hidden: int = 0


def shown_changes(
    database: Database, changes: Sequence[read.ChangeView]
) -> tuple[ShownChange, ...]:
    """Return changes with the passages that changed."""
    texts = read.changed_texts(database, changes)
    shown: list[ShownChange] = []
    for change in changes:
        versions = texts.get((change.article, change.revision or 0))
        if versions is None:
            shown.append(ShownChange(change))
        elif change.aspect is ChangeAspect.TITLE:
            paragraphs = _changed(compare_titles(versions.old_title, versions.new_title))
            shown.append(ShownChange(change, paragraphs))
        else:
            paragraphs = _changed(compare_texts(versions.old_text, versions.new_text))
            hidden = max(0, len(paragraphs) - MAX_PARAGRAPHS)
            shown.append(ShownChange(change, paragraphs[:MAX_PARAGRAPHS], hidden))
    return tuple(shown)


def _changed(diff: TextDiff) -> tuple[Parts, ...]:
    return tuple(_shorten(parts) for parts in diff.changed_paragraphs(0) if parts is not None)


def _shorten(parts: Parts) -> Parts:
    """Shorten the same words of a paragraph to those next to what changed."""
    last = len(parts) - 1
    shortened: list[DiffPart] = []
    for number, part in enumerate(parts):
        text = part.text
        if part.kind == "same":
            text = _shorten_context(text, is_first=number == 0, is_last=number == last)
        shortened.append(DiffPart(part.kind, text))
    return tuple(shortened)


def _shorten_context(text: str, *, is_first: bool, is_last: bool) -> str:
    limit = MAX_CONTEXT_LETTERS
    if (is_first and is_last) or len(text) <= limit:
        return text
    if is_first:
        return "…" + text[text.find(" ", len(text) - limit) :]
    if is_last:
        return text[: text.rfind(" ", 0, limit)] + " …"
    if len(text) <= 2 * limit:
        return text
    start = text[: text.rfind(" ", 0, limit)]
    return f"{start} … {text[text.find(' ', len(text) - limit) :].lstrip()}"
