"""What goes into the clean of one page, and what comes out of it, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline.core.models import (
    AnnouncedMetadata,
    Block,
    CleanResult,
    ExtractedPage,
    Outcome,
    PreviousArticle,
    Reason,
    ResultStatus,
    Revision,
)
from pipeline.core.story import StoryLink

# The rules that a site file may leave out, in the order in which they are applied. The rule
# `redaction` is not among them: it keeps what the archive had to redact out of the texts.
OPTIONAL_RULES: Final = (
    "part",
    "site-pattern",
    "own-title",
    "byline",
    "prompt",
    "more-line",
    "tag-line",
    "credit",
    "link-line",
    "known-headline",
    "repeated",
    "other-script",
    "link-tail",
    "headline-run",
    "own-headline",
    "outside",
    "copy",
    "echo",
    "last-heading",
    "markup",
)


@dataclass(frozen=True, slots=True)
class PayloadPeriod:
    """A stretch of time in which fetches returned one payload, with its extracted page."""

    payload_id: int
    extracted_page_id: int
    extracted: ExtractedPage
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A clean result of the past, with the blocks of its extracted page."""

    id: int
    payload_id: int
    extracted_page_id: int
    run_id: int | None
    status: ResultStatus
    result: CleanResult
    blocks: tuple[Block, ...]
    base: str = ""  # that the page declares for its links


@dataclass(frozen=True, slots=True)
class CleanInput:
    """All that is needed to clean one page."""

    page_id: int
    url: str
    announced: AnnouncedMetadata
    periods: tuple[PayloadPeriod, ...]  # oldest first; none where an extracted page is missing
    previous: PreviousArticle | None  # what its article is made of now
    results: tuple[StoredResult, ...] = ()  # current or rejected results for these payloads
    # payloads whose results were made before the site profile had seen all pages of the night
    provisional: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class UnchangedResult:
    """A current result that a clean has made again: the same article, under another recipe.

    `only_recipe_changed` says that the extracted page, the removed blocks and the site profile
    are the same too.
    """

    result_id: int
    extracted_page_id: int
    result: CleanResult
    only_recipe_changed: bool


@dataclass(frozen=True, slots=True)
class NewResult:
    """A clean result of one payload that a clean made and the archive does not hold yet."""

    payload_id: int
    extracted_page_id: int
    result: CleanResult


@dataclass(frozen=True, slots=True)
class CleanOutcome:
    """What a clean made of one page.

    A payload without a result here keeps its current one.
    """

    page_id: int
    payload_id: int  # the newest
    results: tuple[NewResult, ...]  # current from now on
    revisions: tuple[Revision, ...]
    outcome: Outcome
    reason: Reason
    unchanged: tuple[UnchangedResult, ...] = ()
    held: tuple[NewResult, ...] = ()  # for a review
    is_article_unchanged: bool = False  # the article and its revisions need not be written
    links: tuple[StoryLink, ...] | None = None  # of the article; None where they stay as they are
