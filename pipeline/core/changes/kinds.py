"""The changes of a story: their kinds, and values that all parts of the program share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class ChangeKind(StrEnum):
    """What a publication changed in a story."""

    TITLE = "title"
    TEXT = "text"
    NUMBER = "number"
    TYPO = "typo"
    CORRECTION = "correction"
    GONE = "gone"
    BACK = "back"


class ChangeAspect(StrEnum):
    """The part of a story that changed. A story has one change of each aspect at one time."""

    TITLE = "title"
    TEXT = "text"
    PRESENCE = "presence"


KIND_MEANINGS: Final = {
    ChangeKind.TITLE: "The headline is another one.",
    ChangeKind.TEXT: "Words were added, removed or replaced.",
    ChangeKind.NUMBER: "Only numbers differ.",
    ChangeKind.TYPO: "Only spelling or punctuation differs, in a few places.",
    ChangeKind.CORRECTION: "A note was added that says what was wrong.",
    ChangeKind.GONE: "The server answers that the page is not there any more (404 or 410).",
    ChangeKind.BACK: "The page is there again.",
}
TEXT_KINDS: Final = (
    ChangeKind.TEXT,
    ChangeKind.NUMBER,
    ChangeKind.TYPO,
    ChangeKind.CORRECTION,
)
EDIT_KINDS: Final = (ChangeKind.TITLE, *TEXT_KINDS)  # those that make a new revision


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that changed, as it was and as it is; "" where there was or is none."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Edit:
    """How one aspect of a story differs between two revisions.

    Attributes:
        aspect: The title or the text.
        kind: What changed.
        words_lost: Words that the new revision does not have.
        words_gained: Words that the old revision did not have.
        evidence: The first passages that changed.
    """

    aspect: ChangeAspect
    kind: ChangeKind
    words_lost: int
    words_gained: int
    evidence: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """A page that is gone, or is there again.

    Attributes:
        kind: GONE or BACK.
        at: The visit that found it so.
        before_at: The last visit before that.
        note: What the server answered.
    """

    kind: ChangeKind
    at: datetime
    before_at: datetime
    note: str
