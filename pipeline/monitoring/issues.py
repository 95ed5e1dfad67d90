"""What may be wrong with a Site, as codes that people filter and mute by, and one such thing with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class IssueKind(StrEnum):
    """What is other than it was. Codes are stable; the README explains each."""

    NO_NIGHT = "no_night"  # the schedule asked for one, and none began
    NIGHT_FAILED = "night_failed"
    LEDGER_WRONG = "ledger_wrong"
    SITE_DOWN = "site_down"
    PLACE_GONE = "place_gone"
    PLACE_EMPTY = "place_empty"
    PLACE_FROZEN = "place_frozen"
    FEW_LINKS = "few_links"
    FEW_STORIES = "few_stories"
    TURNED_AWAY = "turned_away"
    FAILURES = "failures"
    STORIES_GONE = "stories_gone"
    REDIRECTED = "redirected"
    FEW_ARTICLES = "few_articles"
    FEW_DATES = "few_dates"
    FEW_AUTHORS = "few_authors"
    SHORT_TEXTS = "short_texts"
    LONG_TEXTS = "long_texts"
    MORE_STRUCK = "more_struck"
    LESS_STRUCK = "less_struck"
    GARBLED = "garbled"
    NEW_CHARSET = "new_charset"
    NEW_LAYOUT = "new_layout"


MINOR_KINDS = frozenset(
    {
        IssueKind.NEW_CHARSET,
        IssueKind.NEW_LAYOUT,
        IssueKind.FEW_AUTHORS,
        IssueKind.LONG_TEXTS,
        IssueKind.MORE_STRUCK,
        IssueKind.LESS_STRUCK,
    }
)  # worth a look: the stories themselves are there


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is other than it was: what is seen, the likely cause, and the command that shows more."""

    kind: IssueKind
    sentence: str
    cause: str = ""
    command: str = ""
    evidence: Mapping[str, float] = field(default_factory=dict)
    subject: str = ""  # the URL of a place

    @property
    def is_serious(self) -> bool:
        """Whether stories are being lost, or parts of them."""
        return self.kind not in MINOR_KINDS
