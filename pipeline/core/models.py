"""The words of the house as frozen values. They travel between the rooms; no room's own types do.

This module promises values without behaviour that could touch a clock, a file, the network or a database. Times are aware
UTC; a finished sequence is a tuple. How a value is stored is the store's business, how it comes about is the craft's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from hashlib import sha256
from re import compile as pattern
from typing import Final

from pipeline.core.outcomes import Outcome as Outcome
from pipeline.core.outcomes import Reason as Reason

CJK = pattern("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
NUMBER = pattern("[0-9]{3,}")
RECIPE_FORMAT: Final = 1  # of the text of a Recipe


class UrlKind(StrEnum):
    """What a URL is to its Site: a place that yields Links, or a story."""

    FEED = "feed"
    SITEMAP = "sitemap"
    SECTION = "section"
    STORY = "story"


@dataclass(frozen=True, slots=True)
class CrawlSource:
    """A Feed, Sitemap or Section: a URL of a Site that yields Links."""

    url: str
    kind: UrlKind


@dataclass(frozen=True, slots=True)
class Link:
    """A URL that a Place showed us, with what it said of it."""

    url: str
    kind: UrlKind = UrlKind.STORY
    title: str = ""
    published_at: datetime | None = None
    modified_at: datetime | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkDecision:
    """A Link judged against its Site: to be followed, or an outcome with its reason."""

    link: Link
    outcome: Outcome = Outcome.PENDING
    reason: Reason = Reason.NONE


@dataclass(frozen=True, slots=True)
class DueUrl:
    """A Page that this Run may visit now, with the validators of the last visit."""

    page_id: int
    url: str
    kind: UrlKind
    first_seen_at: datetime
    etag: str = ""
    last_modified: str = ""
    attempts: int = 0  # visits in a row that obtained nothing


@dataclass(frozen=True, slots=True)
class Capture:
    """One visit to a Page: when, what the server answered, and the bytes if there were any.

    `outcome` and `reason` are the crawler's; the archive refines FETCHED to UNCHANGED when the digest is the one it has.
    `body` is the decoded HTTP body (bytes as served, transfer and content codings undone), None where nothing is kept.
    """

    page_id: int
    fetched_at: datetime
    outcome: Outcome
    reason: Reason
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = ""
    charset: str = ""  # what the Content-Type header declared, as declared
    body: bytes | None = None
    size: int = 0  # bytes received for it
    elapsed_ms: int = 0
    location: str = ""  # where a redirect points, absolute
    detail: str = ""  # a sentence for people where the reason code is not enough
    canonical_url: str = ""  # the address that the page calls its own, where it is believed
    opt_outs: tuple[str, ...] = ()  # what the page does not want done with it: noarchive, noai, tdm


STORY_THRESHOLD: Final = 0.5  # chance from which a Block is taken for the story


class BlockKind(StrEnum):
    """What a Block is to its reader."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    QUOTE = "quote"
    TABLE = "table"
    CODE = "code"
    CAPTION = "caption"


@dataclass(frozen=True, slots=True)
class Block:
    """One heading, paragraph, item, quote, caption or table row, in reading order; `text` is one line.

    `linked` counts the characters of `text` inside links; `list_size` is how many items the list of an ITEM has; `chance` is
    that of belonging to the story, 0.0 to 1.0, by the page alone; `is_chosen` tells whether the base extractor took the line,
    None where the page was plain enough not to ask it; `is_lede` whether the page marks or declares it as the story's summary;
    `where` names its element and the one around it.
    """

    kind: BlockKind
    text: str
    linked: int = 0
    list_size: int = 0
    story_probability: float = 1.0
    kept_by_trafilatura: bool | None = True
    is_summary: bool = False
    element_path: str = ""

    @property
    def link_share(self) -> float:
        """Share of the text that is linked, 0.0 to 1.0."""
        return min(1.0, self.linked / len(self.text)) if self.text else 0.0

    @property
    def container(self) -> str:
        """`where` without numbers, which may be those of one page: `div.post-71832 > p` and its like on other pages are one."""
        return NUMBER.sub("#", self.element_path)


def at_utc_offset(moment: datetime | None, offset: int | None) -> datetime | None:
    """The same moment on a clock that is so many minutes ahead of UTC."""
    if moment is None or not offset:
        return moment
    try:
        return moment.astimezone(timezone(timedelta(minutes=offset)))
    except (OverflowError, ValueError):  # no such clock, or the first or last day of the calendar
        return moment


class DateConfidence(StrEnum):
    """How sure a date is."""

    NONE = ""  # there is no date, or an older version chose it
    HIGH = "high"  # two places name the same day: two declarations, a declaration and a line near the headline or a feed
    MEDIUM = "medium"  # one place names it, and nothing speaks against it
    LOW = "low"  # a guess, or other places name another day


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a page says of its story. An unknown value is None, "" or (): nothing is invented."""

    title: str = ""
    authors: tuple[str, ...] = ()
    agency: str = ""  # the news agencies from which the story came: "Reuters", "dpa, AFP"
    published_at: datetime | None = None
    published_source: str = (
        ""  # json-ld, meta, time, shown, feed, sitemap, url, htmldate: where it came from
    )
    published_precision: str = ""  # "day" or "second"
    published_confidence: DateConfidence = DateConfidence.NONE
    published_offset: int | None = (
        None  # of the clock that declared it, in minutes east of UTC; None where none is known
    )
    published_day: date | None = (
        None  # as shown near the headline; it may be the one before or behind that of the offset
    )
    modified_at: datetime | None = None
    modified_source: str = ""
    modified_confidence: DateConfidence = DateConfidence.NONE
    modified_offset: int | None = None
    paywalled: bool | None = None  # None where the page does not say
    language: str = ""
    section: str = ""
    tags: tuple[str, ...] = ()
    image: str = ""
    canonical_url: str = ""  # as the page declares it; never believed across hosts
    site_name: str = ""
    description: str = ""
    # (field, where it came from: "h1", "json-ld", "meta og:title", "byline", "text", "feed" …), no part of what is the same
    sources: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    @property
    def published_local(self) -> datetime | None:
        """The moment of publication on the clock that declared it."""
        return at_utc_offset(self.published_at, self.published_offset)

    @property
    def modified_local(self) -> datetime | None:
        """The moment of the last change on the clock that declared it."""
        return at_utc_offset(self.modified_at, self.modified_offset)


@dataclass(frozen=True, slots=True)
class ExtractedPage:
    """What the extractors make of one Payload before any Rule. Costly, so kept.

    `reason` is NONE for a usable Draft; otherwise why there is no text (NO_TEXT, EXTRACTOR_TIMEOUT …).
    """

    extractors: str  # digest of the extractors' versions and options: a Recipe's first half
    blocks: tuple[Block, ...] = ()
    metadata: Metadata = Metadata()
    reason: Reason = Reason.NONE
    detail: str = ""
    cost_ms: int = 0


@dataclass(frozen=True, slots=True)
class RawPage:
    """The bytes of one Payload, and what the server declared of them, as an extractor needs them."""

    payload_id: int
    body: bytes
    charset: str = ""
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class LineStats:
    """What the Memory of a Site holds of one line: on how many of its other Pages the line stands, and whether it is the
    headline of another Page."""

    page_count: int = 0
    is_headline: bool = False


@dataclass(frozen=True, slots=True)
class RemovedBlock:
    """One Block struck by one Rule, and the evidence in words."""

    index: int
    rule: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a text is made: digests of the extractors (first half) and of rules and site options (second half)."""

    extractors: str
    rules: str

    def __str__(self) -> str:
        return f"{RECIPE_FORMAT}.{self.extractors}.{self.rules}"

    @classmethod
    def parse(cls, text: str) -> Recipe:
        """Parse what `str` writes.

        Raises:
            ValueError: The text has another format.
        """
        number, _, digests = text.partition(".")
        extractors, dot, rules = digests.partition(".")
        if number != str(RECIPE_FORMAT) or not dot:
            raise ValueError(f"'{text}' is no recipe of format {RECIPE_FORMAT}")
        return cls(extractors, rules)


@dataclass(frozen=True, slots=True)
class CleanResult:
    """A Draft under a Recipe: which Blocks were struck, and the metadata chosen. Kept plus struck is the whole Draft."""

    recipe: Recipe
    profile_digest: str  # digest of the Facts that the rules were given
    removed: tuple[RemovedBlock, ...]
    metadata: Metadata
    text: str  # the kept Blocks, one a line
    outcome: Outcome = Outcome.ARCHIVED  # ARCHIVED, NOT_ARTICLE or QUARANTINED
    reason: Reason = Reason.NONE

    @property
    def text_digest(self) -> str:
        """SHA-256 over the clean text, hex."""
        return sha256(self.text.encode("utf8", "replace")).hexdigest()


class ResultStatus(StrEnum):
    """What became of an Extraction. For each Payload of a Page one stands; the others are kept to be wanted back or refused."""

    ACCEPTED = "accepted"  # it stands: the Article and its Revisions are made of it
    REPLACED = "replaced"  # it stood, until a later one took its place
    HELD = "held"  # it would lose much, and waits for a review
    REJECTED = "rejected"  # somebody refused it, or took its Run back


@dataclass(frozen=True, slots=True)
class Observation:
    """One Payload's clean text with the stretch of time in which visits met that Payload: what `fold` works on."""

    result: CleanResult
    payload_id: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """A stretch of time in which a Page's clean text stayed the same. Numbers start at 1."""

    number: int
    title: str
    text: str
    payload_id: int  # the last one that had this text
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class PreviousArticle:
    """What a Page's Article was made of until now."""

    payload_id: int
    text_digest: str
    revisions: int = 0


@dataclass(frozen=True, slots=True)
class AnnouncedMetadata:
    """What the Links of a Page said of it: candidates for its metadata."""

    title: str = ""
    published_at: datetime | None = None
    modified_at: datetime | None = None
    source: str = ""  # kind of the Place that said it
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MinHashSketch:
    """What is kept of a text to compare it with others: how many different runs of words it has, some bits of each slot of
    their MinHash, and digests of the numbers that stand in it."""

    shingle_count: int
    minhash: bytes = b""
    number_digests: bytes = b""


@dataclass(frozen=True, slots=True)
class SketchedArticle:
    """An Article as far as near-copies are told by it. Each group has a head, the first of its Pages; the others follow it."""

    page_id: int
    site: str
    day: int  # of publication, or else of the first sight of it: days since the first of January of the year 1
    sketch: MinHashSketch
    group_leader_id: int | None = None  # None where it follows nobody


def count_words(text: str) -> int:
    """Words of a text for people's statistics: runs of letters; CJK characters count half a word each."""
    cjk = len(CJK.findall(text))
    return len(text.split()) if cjk * 3 < len(text) else (cjk + 1) // 2
