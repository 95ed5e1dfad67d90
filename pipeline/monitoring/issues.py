"""The kinds of issues that a site can have, and one such issue with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class IssueKind(StrEnum):
    """What differs from before. The codes are stable: people filter and mute by them."""

    NO_NIGHT = "no_night"  # a night was scheduled, and none began
    NIGHT_FAILED = "night_failed"
    LEDGER_WRONG = "ledger_wrong"
    SITE_DOWN = "site_down"
    SOURCE_GONE = "source_gone"
    SOURCE_EMPTY = "source_empty"
    SOURCE_FROZEN = "source_frozen"
    FEW_LINKS = "few_links"
    FEW_STORIES = "few_stories"
    ALL_REFUSED = "all_refused"
    TRAPS = "traps"
    TURNED_AWAY = "turned_away"
    FAILURES = "failures"
    STORIES_GONE = "stories_gone"
    REDIRECTED = "redirected"
    FEW_ARTICLES = "few_articles"
    FEW_DATES = "few_dates"
    FEW_AUTHORS = "few_authors"
    SHORT_TEXTS = "short_texts"
    LONG_TEXTS = "long_texts"
    MORE_REMOVED = "more_removed"
    LESS_REMOVED = "less_removed"
    GARBLED = "garbled"
    NEW_CHARSET = "new_charset"
    NEW_LAYOUT = "new_layout"


# worth a look, but the stories themselves are there
MINOR_KINDS = frozenset(
    {
        IssueKind.NEW_CHARSET,
        IssueKind.NEW_LAYOUT,
        IssueKind.FEW_AUTHORS,
        IssueKind.LONG_TEXTS,
        IssueKind.MORE_REMOVED,
        IssueKind.LESS_REMOVED,
    }
)


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that differs from before.

    Attributes:
        kind: What differs.
        sentence: What was observed.
        cause: The likely cause, or "".
        command: The command that shows more.
        evidence: The numbers behind the sentence.
        subject: The URL of a source, if the issue is about one.
        is_learnt: Whether the night was compared with its past. Otherwise a rule that needs no past
            found the issue.
    """

    kind: IssueKind
    sentence: str
    cause: str = ""
    command: str = ""
    evidence: Mapping[str, float] = field(default_factory=dict)
    subject: str = ""
    is_learnt: bool = True

    @property
    def is_serious(self) -> bool:
        """Whether stories, or parts of them, are being lost."""
        return self.kind not in MINOR_KINDS
