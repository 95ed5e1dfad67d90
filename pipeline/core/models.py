"""The values that travel between the crawler, extraction, cleaning and the archive.

All are frozen, and none touches a clock, a file, the network or a database. Times are in UTC with
a zone. A complete sequence is a tuple.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from hashlib import sha256
from typing import Final

from pipeline.core.blocks import Block as Block
from pipeline.core.blocks import BlockKind as BlockKind
from pipeline.core.blocks import BlockLink as BlockLink
from pipeline.core.blocks import Figure as Figure
from pipeline.core.outcomes import Outcome as Outcome
from pipeline.core.outcomes import Reason as Reason

CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
RECIPE_FORMAT: Final = 1  # of the text of a Recipe
STORY_THRESHOLD: Final = 0.5  # probability from which a block belongs to the story


class UrlKind(StrEnum):
    """What a URL is to its site: a source, a story, a further part of a story, or a picture."""

    FEED = "feed"
    SITEMAP = "sitemap"
    SECTION = "section"
    FRONT_PAGE = "front_page"  # read for the places of its stories, where it is no section
    ROBOTS = "robots"  # a robots.txt
    TDMREP = "tdmrep"  # a tdmrep.json
    STORY = "story"
    PART = "part"
    PICTURE = "picture"  # the lead picture of stories


LISTING_KINDS: Final = (UrlKind.FEED, UrlKind.SITEMAP, UrlKind.SECTION)  # whose links are followed
SITE_RULE_KINDS: Final = (UrlKind.ROBOTS, UrlKind.TDMREP)  # what a host declares of its pages
SOURCE_KINDS: Final = (*LISTING_KINDS, UrlKind.FRONT_PAGE, *SITE_RULE_KINDS)


@dataclass(frozen=True, slots=True)
class CrawlSource:
    """A feed, sitemap or section: a URL of a site that lists links."""

    url: str
    kind: UrlKind


@dataclass(frozen=True, slots=True)
class Link:
    """A URL that a source lists, with what the source says of it.

    The precision of a date is DAY where the source names no time; it then begins that day in UTC.
    """

    url: str
    kind: UrlKind = UrlKind.STORY
    title: str = ""
    published_at: datetime | None = None
    modified_at: datetime | None = None
    tags: tuple[str, ...] = ()
    published_precision: str = ""
    modified_precision: str = ""


@dataclass(frozen=True, slots=True)
class PartLink:
    """The address of a further part of a story. The first page of a story has number 1."""

    number: int
    url: str


@dataclass(frozen=True, slots=True)
class LinkDecision:
    """Whether a link is followed (PENDING), or the outcome with its reason."""

    link: Link
    outcome: Outcome = Outcome.PENDING
    reason: Reason = Reason.NONE


@dataclass(frozen=True, slots=True)
class DueUrl:
    """A page that a run may fetch now.

    Attributes:
        page_id: Its id in the archive.
        url: Its URL.
        kind: What it is to its site.
        first_seen_at: When a source first listed it.
        etag: The validator of the last fetch, or "".
        last_modified: The other validator of the last fetch, or "".
        attempts: Fetches in a row that obtained nothing.
        request_urls: The spellings of its URL to ask for: the second one where the server knows no
            page under the first. Without any, the URL itself is asked for.
        story_url: The URL of the first page of the story, if this page is a further part of it.
        part_number: The number of the part; the first page of a story has 1.
    """

    page_id: int
    url: str
    kind: UrlKind
    first_seen_at: datetime
    etag: str = ""
    last_modified: str = ""
    attempts: int = 0
    request_urls: tuple[str, ...] = ()
    story_url: str = ""
    part_number: int = 1


@dataclass(frozen=True, slots=True)
class Capture:
    """One fetch of a page: when it was, what the server answered, and the bytes if there are any.

    Attributes:
        page_id: The page.
        fetched_at: When it was fetched.
        outcome: The outcome for the crawler. The archive changes FETCHED to UNCHANGED if it has
            the same bytes.
        reason: Why.
        status: HTTP status; None without an answer.
        headers: The headers that are stored, by names in lower case.
        media_type: Media type of the Content-Type header.
        charset: Charset of the Content-Type header, as declared.
        body: The bytes without transfer and content codings; None if they are not kept.
        size: Bytes that were received for it.
        elapsed_ms: Milliseconds until the answer.
        location: Absolute URL to which a redirect points.
        detail: A sentence for people if the reason is not enough.
        canonical_url: The URL that the page declares as its own, if it is trusted.
        opt_outs: What the page does not want: some of `noai`, `noarchive` and `tdm`.
        requested_url: The spelling of the URL that the server answered; "" without a request.
        picture_url: The URL of the lead picture that the page declares, or "".
    """

    page_id: int
    fetched_at: datetime
    outcome: Outcome
    reason: Reason
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = ""
    charset: str = ""
    body: bytes | None = None
    size: int = 0
    elapsed_ms: int = 0
    location: str = ""
    detail: str = ""
    canonical_url: str = ""
    opt_outs: tuple[str, ...] = ()
    requested_url: str = ""
    picture_url: str = ""


def at_utc_offset(moment: datetime | None, offset: int | None) -> datetime | None:
    """Return the same moment on a clock that is some minutes ahead of UTC."""
    if moment is None or not offset:
        return moment
    try:
        return moment.astimezone(timezone(timedelta(minutes=offset)))
    except (OverflowError, ValueError):  # no such clock, or the first or last day of the calendar
        return moment


class DateConfidence(StrEnum):
    """How certain a date is.

    HIGH: two independent places name the same day, such as two declarations, or a declaration and
    a line near the headline or a feed. MEDIUM: one place names it, and none contradicts. LOW: it
    is a guess, or other places name another day.
    """

    NONE = ""  # there is no date, or an older version chose it
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a page says of its story. An unknown value is None, "" or (): nothing is invented.

    Attributes:
        title: Headline.
        authors: Names.
        agency: The news agencies from which it came: "Reuters", "dpa, AFP".
        published_at: When it was published. A date without a time is the beginning of its day in
            UTC, and no zone ever moves it.
        published_source: Where that date comes from: json-ld, meta, time, shown, feed, sitemap,
            url or htmldate.
        published_precision: "day" or "second"; "" without a date.
        published_confidence: How certain that date is.
        published_offset: Minutes east of UTC of the clock that declared it; None if unknown.
        published_day: The day that is shown near the headline. It may differ by one from the day
            on that clock.
        modified_at: When it was changed.
        modified_precision: "day" or "second"; "" without a date.
        modified_source: Where that date comes from.
        modified_confidence: How certain that date is.
        modified_offset: Minutes east of UTC of the clock that declared it.
        paywalled: Whether the text is for subscribers; None if the page does not say.
        language: ISO 639-1 code.
        section: Section of the publication.
        tags: Keywords.
        image: URL of the main picture.
        canonical_url: URL that the page declares. It is never trusted across hosts.
        site_name: Name of the publication.
        description: Summary.
        license: Name or URL of the licence that the page declares for its story.
        sources: Fields with where their values come from ("h1", "json-ld", "meta og:title",
            "byline", "text", "feed" …). They are ignored in comparisons.
    """

    title: str = ""
    authors: tuple[str, ...] = ()
    agency: str = ""
    published_at: datetime | None = None
    published_source: str = ""
    published_precision: str = ""
    published_confidence: DateConfidence = DateConfidence.NONE
    published_offset: int | None = None
    published_day: date | None = None
    modified_at: datetime | None = None
    modified_precision: str = ""
    modified_source: str = ""
    modified_confidence: DateConfidence = DateConfidence.NONE
    modified_offset: int | None = None
    paywalled: bool | None = None
    language: str = ""
    section: str = ""
    tags: tuple[str, ...] = ()
    image: str = ""
    canonical_url: str = ""
    site_name: str = ""
    description: str = ""
    license: str = ""
    sources: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    @property
    def published_local(self) -> datetime | None:
        """Return the time of publication on the clock that declared it."""
        return at_utc_offset(self.published_at, self.published_offset)

    @property
    def publication_day(self) -> date | None:
        """Return the day by which publisher and readers call the publication.

        It is the shown day, or else the day on the clock that declared the date.
        """
        if self.published_day or self.published_local is None:
            return self.published_day
        return self.published_local.date()

    @property
    def modified_local(self) -> datetime | None:
        """Return the time of the last change on the clock that declared it."""
        return at_utc_offset(self.modified_at, self.modified_offset)


@dataclass(frozen=True, slots=True)
class ListEvidence:
    """What speaks for and against a page being a list of links to other pages.

    Attributes:
        probability: Probability that it is one, by its shape, 0.0 to 1.0.
        modules: Elements that look alike, each with a link and a few words.
        linked_lines: Lines outside menus that are links of some words.
        longest_prose: Words of the longest stretch of prose that no link interrupts.
    """

    probability: float
    modules: int = 0
    linked_lines: int = 0
    longest_prose: int = 0

    def __str__(self) -> str:
        """Return the evidence as a sentence for people."""
        if not self.probability:
            return f"no list: the longest stretch of prose has {self.longest_prose} words"
        return (
            f"{self.linked_lines} linked lines, {self.modules} modules that look alike, and the"
            f" longest stretch of prose has {self.longest_prose} words: a list with a probability"
            f" of {self.probability:.0%}"
        )


@dataclass(frozen=True, slots=True)
class ExtractedPage:
    """What the extractors make of one payload before any rule. It is costly, so it is stored.

    Attributes:
        extractors: Digest of the extractors' versions and options, the first half of a recipe.
        blocks: The blocks of the page.
        metadata: What the page says of its story.
        reason: NONE, or why there is no text (NO_TEXT, EXTRACTOR_TIMEOUT …).
        detail: A sentence for people if the reason is not enough.
        cost_ms: Milliseconds of CPU time that it took.
        list_evidence: Whether the page is a list and no story. None if that was not asked: an
            older version made it, or the story came from elsewhere than the page's lines.
        figures: The pictures of the story, in reading order.
        base: The base address that the page declares for its links, or "".
        readings: A sentence for people: what independent readings of the page found, and why one
            was or was not followed; "" without one.
        recovered: Whether one was followed, because it found a story that was mostly left out.
        parts: The number of the part in which each block stands, if the story has several pages.
    """

    extractors: str
    blocks: tuple[Block, ...] = ()
    metadata: Metadata = Metadata()
    reason: Reason = Reason.NONE
    detail: str = ""
    cost_ms: int = 0
    list_evidence: ListEvidence | None = None
    figures: tuple[Figure, ...] = ()
    base: str = ""
    readings: str = ""
    recovered: bool = False
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RawPage:
    """The bytes of a payload with what the server declared of them, for an extractor."""

    payload_id: int
    body: bytes
    charset: str = ""
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class LineStats:
    """What the profile of a site knows of one line.

    Attributes:
        page_count: Other pages of the site with this line.
        is_headline: Whether it is the headline of another page.
    """

    page_count: int = 0
    is_headline: bool = False


@dataclass(frozen=True, slots=True)
class RemovedBlock:
    """A block that a rule removed.

    Attributes:
        index: Its number in the extracted page, from 0.
        rule: The name of the rule.
        why: The evidence, for people.
    """

    index: int
    rule: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a text is made: a digest of the extractors, and one of the rules and site options."""

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
    """An extracted page under a recipe. Each of its blocks is either kept or removed.

    Attributes:
        recipe: How the text was made.
        profile_digest: Digest of the line statistics that the rules used.
        removed: The removed blocks.
        metadata: The metadata that was chosen.
        text: The kept blocks, one a line.
        outcome: ARCHIVED, NOT_ARTICLE or QUARANTINED.
        reason: Why.
    """

    recipe: Recipe
    profile_digest: str
    removed: tuple[RemovedBlock, ...]
    metadata: Metadata
    text: str
    outcome: Outcome = Outcome.ARCHIVED
    reason: Reason = Reason.NONE

    @property
    def text_digest(self) -> str:
        """Return the SHA-256 of the clean text as hex digits."""
        return sha256(self.text.encode("utf8", "replace")).hexdigest()


class ResultStatus(StrEnum):
    """The state of a cleaning result. One result of each payload of a page is accepted."""

    ACCEPTED = "accepted"  # the article and its revisions are made from it
    REPLACED = "replaced"  # a later result took its place; a rollback can return to it
    HELD = "held"  # it would lose much text, and waits for a review
    REJECTED = "rejected"  # a review rejected it, or a rollback undid its run


@dataclass(frozen=True, slots=True)
class Observation:
    """The result of one payload, with the first and last time that a fetch brought the payload."""

    result: CleanResult
    payload_id: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Revision:
    """A period in which the title and the clean text of a page stayed the same.

    Numbers start at 1. `payload_id` is the last payload with this title and text.
    """

    number: int
    title: str
    text: str
    payload_id: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class PreviousArticle:
    """What the article of a page was made from before."""

    payload_id: int
    text_digest: str
    revisions: int = 0
    title: str = ""


@dataclass(frozen=True, slots=True)
class AnnouncedMetadata:
    """What the links of a page said of it: candidates for its metadata.

    `source` is the kind of the source that said it. The precision of a date is DAY where it named
    no time.
    """

    title: str = ""
    published_at: datetime | None = None
    modified_at: datetime | None = None
    source: str = ""
    tags: tuple[str, ...] = ()
    published_precision: str = ""
    modified_precision: str = ""


@dataclass(frozen=True, slots=True)
class MinHashSketch:
    """A short summary of a text, to find near-duplicates (Broder 1997).

    Attributes:
        shingle_count: Number of different sequences of words; 0 if the text is too short.
        minhash: Some bits of each slot of their MinHash.
        number_digests: Digests of the numbers in the text.
    """

    shingle_count: int
    minhash: bytes = b""
    number_digests: bytes = b""


@dataclass(frozen=True, slots=True)
class SketchedArticle:
    """An article as far as near-duplicates need it.

    Each group of near-duplicates has a leader, the first of its pages.

    Attributes:
        page_id: The page.
        site: The id of its site.
        day: Day of publication, or else the day when it was first seen, as a proleptic ordinal.
        sketch: The summary of its text.
        group_leader_id: The page that leads its group; None if it follows no other page.
    """

    page_id: int
    site: str
    day: int
    sketch: MinHashSketch
    group_leader_id: int | None = None


def count_words(text: str) -> int:
    """Count the words of a text for statistics. In a CJK text, two characters are one word."""
    cjk_count = len(CJK.findall(text))
    if cjk_count * 3 < len(text):
        return len(text.split())
    return (cjk_count + 1) // 2
