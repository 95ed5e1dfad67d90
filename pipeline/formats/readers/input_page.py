"""What the readers of files yield: pages, revisits, and records that are no page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pipeline.core.models import UrlKind


@dataclass(frozen=True, slots=True)
class InputPage:
    """One page of the input.

    Attributes:
        id: Identifies the page in the output of `extract`.
        location: Its file and line or record, for messages.
        site: Its site, if known.
        url: Its URL, if known.
        body: Its bytes, without transfer and content codings.
        charset: Its charset by the HTTP header, if known.
        fetched_at: When it was fetched, if known.
        fallback_site: Its site if neither `site` nor a URL says it.
        status: Its HTTP status.
        headers: All values of each HTTP header, by its name in lower case.
        media_type: Its media type by the HTTP header, if known.
        is_truncated: Whether whoever fetched it says that the body is not complete.
        kind: What it is to its site: a story, unless an export says that it is a source.
    """

    id: str | int
    location: str
    site: str = ""
    url: str = ""
    body: bytes = b""
    charset: str = ""
    fetched_at: datetime | None = None
    fallback_site: str = ""
    status: int = 200
    headers: Mapping[str, list[str]] = field(default_factory=dict)
    media_type: str = ""
    is_truncated: bool = False
    kind: UrlKind = UrlKind.STORY


@dataclass(frozen=True, slots=True)
class RevisitRecord:
    """A fetch that met the bytes of an earlier one, which the file does not repeat.

    `original_url` and `original_at` name the earlier fetch.
    """

    location: str
    url: str
    fetched_at: datetime | None
    headers: Mapping[str, list[str]]
    original_url: str
    original_at: datetime | None
    status: int | None = None
    kind: UrlKind = UrlKind.STORY


class RecordProblem(StrEnum):
    """Why a record is no page."""

    REDIRECT = "redirect"
    HTTP_ERROR = "HTTP error"
    NOT_HTML = "no HTML"
    EMPTY = "empty"
    TOO_LONG = "too long"
    UNKNOWN_COMPRESSION = "unknown compression"
    TRUNCATED = "cut short"
    NO_HTTP_URL = "no http URL"
    NO_DATE = "no date"
    UNREADABLE = "unreadable"
    MISSING_ORIGINAL = "revisit of a page that is not here"
    OTHER_HOST = "other host"
    UNKNOWN_SITE = "no site file"
    OTHER_TIME = "other time"
    OTHER_LANGUAGE = "other language"
    DAMAGED = "damaged"  # nothing after it can be read
    NO_RECORDS = "no records"  # of the whole file


NOT_WANTED = frozenset(
    (
        RecordProblem.OTHER_HOST,
        RecordProblem.UNKNOWN_SITE,
        RecordProblem.OTHER_TIME,
        RecordProblem.OTHER_LANGUAGE,
    )
)
"""Problems of pages that are as they should be, and that the user left out."""


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that is no page.

    Attributes:
        location: Its file and record, for messages.
        problem: Why it is no page.
        url: Its URL, or "".
        fetched_at: When it was fetched, if known.
        status: Its HTTP status, if it has one.
        detail: What is wrong, as the end of a sentence for people.
    """

    location: str
    problem: RecordProblem
    url: str = ""
    fetched_at: datetime | None = None
    status: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class InputLimits:
    """Sizes from which a page or a line is left out, in bytes."""

    page_bytes: int = 16 * 1024 * 1024  # as for a page that is crawled
    line_bytes: int = 32 * 1024 * 1024  # JSON needs up to six bytes for a character


DEFAULT_LIMITS = InputLimits()
