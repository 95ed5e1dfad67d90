"""Cleaning without an archive: pages in, clean texts out, with a memory that lives as long as the batch.

Promises the same craft and the same workers as an archive's own cleaning, all pages of one site treated as neighbours, and an
answer for every page that came in, in the same order. Drafts wait in a temporary file, some kilobytes a page. What grows in
memory is the site memory, about a hundred bytes for each different line and headline, whatever the number of pages it is on.
"""

from __future__ import annotations

import json
import tempfile
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import Struct
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from pipeline.cleaning import apply_rules, boilerplate_keys
from pipeline.config.site import CleaningOptions
from pipeline.core.errors import DiskError
from pipeline.core.models import (
    AnnouncedMetadata,
    CleanResult,
    ExtractedPage,
    LineStats,
    Metadata,
    RawPage,
)
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import PendingPayload

MAX_PAGES_PER_LINE: Final = 8  # pages remembered for one line, as in an archive
COUNTED: Final = boilerplate_keys.GRADES[-1]
BUFFER: Final = 1 << 20
SIZES = Struct(">III")
_DRAFT = TypeAdapter(ExtractedPage)

Progress = Callable[[str, int], None]  # (stage, pages done)


@dataclass(frozen=True, slots=True)
class InputPage:
    """One page that came in. `where` names file and line for people; `folder` is the site of a page that names none."""

    id: str | int
    location: str
    site: str = ""
    url: str = ""
    body: bytes = b""
    charset: str = ""
    fetched_at: datetime | None = None
    fallback_site: str = ""


@dataclass(frozen=True, slots=True)
class CleanedPage:
    """One page that goes out."""

    id: str | int
    site: str
    extracted_page: ExtractedPage
    result: CleanResult


class BatchProfile:
    """The memory of a batch: which lines and headlines stand on which pages of their site."""

    def __init__(self) -> None:
        self._lines: dict[int, int | tuple[int, ...]] = {}
        self._headlines: dict[int, int | tuple[int, ...]] = {}

    def add(self, site: str, page: int, lines: Iterable[int], headlines: Iterable[int]) -> None:
        """Adds what a page shows."""
        mask = boilerplate_keys.key_of_normalized(site)
        for known, keys in ((self._lines, lines), (self._headlines, headlines)):
            for key in keys:
                _add(known, key ^ mask, page)

    def line_stats(self, site: str, page: int, lines: Iterable[int]) -> dict[int, LineStats]:
        """What other pages of the site say of a page's lines."""
        mask = boilerplate_keys.key_of_normalized(site)
        facts = {}
        for key in lines:
            pages = _others(self._lines.get(key ^ mask, page), page)
            headline = _others(self._headlines.get(key ^ mask, page), page) > 0
            if pages or headline:
                facts[key] = LineStats(min(pages, COUNTED), headline)
        return facts


def _add(known: dict[int, int | tuple[int, ...]], key: int, page: int) -> None:
    """A line that stands on one page, as most do, costs no list."""
    pages = known.setdefault(key, page)
    if isinstance(pages, int):
        if pages != page:
            known[key] = (pages, page)
    elif len(pages) < MAX_PAGES_PER_LINE and page not in pages:
        known[key] = (*pages, page)


def _others(pages: int | tuple[int, ...], page: int) -> int:
    return int(pages != page) if isinstance(pages, int) else sum(other != page for other in pages)


class PageBatch(AbstractContextManager["PageBatch"]):
    """Pages that are drafted once and may be struck more than once. Raises DiskError where the temporary folder is full."""

    def __init__(self) -> None:
        self.pages = 0
        self._neighbours = BatchProfile()
        self._numbers: dict[
            int, int
        ] = {}  # of addresses: a page that was fetched twice is no neighbour of itself
        self._spool = tempfile.TemporaryFile(prefix="nightdesk-", buffering=BUFFER)  # noqa: SIM115  closed with the batch

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def extract(self, inputs: Iterable[InputPage], workers: WorkerPool) -> Iterator[int]:
        """Takes all pages in; yields how many are drafted."""
        waiting: deque[InputPage] = deque()

        def payloads() -> Iterator[PendingPayload]:
            for number, page in enumerate(inputs):
                waiting.append(page)
                yield PendingPayload(RawPage(number, page.body, page.charset, "text/html"), ())

        for _, draft in workers.extract(payloads()):
            self._keep(waiting.popleft(), draft)
            self.pages += 1
            yield self.pages

    def _keep(self, page: InputPage, draft: ExtractedPage) -> None:
        site = page.site or _host(page.url) or _host(draft.metadata.canonical_url) or page.fallback_site
        number = self._numbers.setdefault(hash(page.url), self.pages) if page.url else self.pages
        lines = array("q", boilerplate_keys.line_keys(draft, draft.metadata.title))
        self._neighbours.add(
            site, number, lines, boilerplate_keys.headline_keys(draft.metadata, AnnouncedMetadata())
        )
        visit = page.fetched_at.isoformat() if page.fetched_at else ""
        head = json.dumps([page.id, site, number, visit]).encode()
        parts = (head, lines.tobytes(), _DRAFT.dump_json(draft))
        try:
            self._spool.write(b"".join((SIZES.pack(*map(len, parts)), *parts)))
        except OSError as error:
            raise DiskError(
                f"{tempfile.gettempdir()}: the drafts cannot be kept ({error.strerror}); TMPDIR names another folder"
            ) from None

    def clean(self, cleaning: CleaningOptions | None = None) -> Iterator[CleanedPage]:
        """What becomes of all pages, in their order."""
        cleaning, now = cleaning or CleaningOptions(), datetime.now(UTC)
        self._spool.seek(0)
        for _ in range(self.pages):
            head, keys, packed = (
                self._spool.read(size) for size in SIZES.unpack(self._spool.read(SIZES.size))
            )
            name, site, number, visit = json.loads(head)
            lines = array("q")
            lines.frombytes(keys)
            facts = self._neighbours.line_stats(site, number, lines)
            draft = _DRAFT.validate_json(packed)
            yield CleanedPage(
                name,
                site,
                draft,
                _strike(draft, facts, cleaning, datetime.fromisoformat(visit) if visit else now),
            )


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:  # an address that is none, as in http://[
        return ""


def _strike(
    draft: ExtractedPage, facts: dict[int, LineStats], cleaning: CleaningOptions, fetched_at: datetime
) -> CleanResult:
    return apply_rules.clean_document(
        draft,
        line_stats=facts,
        announced=AnnouncedMetadata(),
        cleaning=cleaning,
        language_hint="",
        timezone="UTC",
        fetched_at=fetched_at,
    )


def clean_batch(inputs: Iterable[InputPage], workers: WorkerPool, progress: Progress) -> Iterator[CleanedPage]:
    """Cleans all pages. The first comes out when the last has come in, since any page may teach of any other."""
    with PageBatch() as batch:
        for done in batch.extract(inputs, workers):
            progress("extracting", done)
        for done, output in enumerate(batch.clean(), 1):
            yield output
            progress("cleaning", done)


def to_json(output: CleanedPage) -> dict[str, Any]:
    """One line of the answer."""
    made, blocks = output.result, output.extracted_page.blocks
    return {
        "id": output.id,
        "text": made.text,
        **_said(made.metadata),
        "outcome": made.outcome,
        "reason": made.reason,
        "struck": [
            {"text": blocks[each.index].text, "rule": each.rule, "why": each.why}
            for each in made.removed
        ],
    }


def _said(metadata: Metadata) -> dict[str, Any]:
    """What is known of the story besides its text."""
    modified = metadata.modified_local
    return {
        "title": metadata.title,
        "authors": list(metadata.authors),
        "date": _date(metadata),
        "date_source": metadata.published_source,
        "date_certainty": metadata.published_confidence,
        "modified": modified.isoformat() if modified else None,
        "modified_source": metadata.modified_source,
        "modified_certainty": metadata.modified_confidence,
        "language": metadata.language,
        "section": metadata.section,
        "tags": list(metadata.tags),
        "description": metadata.description,
        "image": metadata.image,
        "canonical_url": metadata.canonical_url,
        "site_name": metadata.site_name,
        "paywalled": metadata.paywalled,
    }


def _date(metadata: Metadata) -> str | None:
    """The date of publication, as precise as it is known, on the clock of the page. Where that clock is on another day than the
    one which the page shows, only the day is said."""
    local = metadata.published_local
    if local is None:
        return None
    day = metadata.published_day or local.date()
    return (
        local.isoformat()
        if metadata.published_precision != "day" and day == local.date()
        else day.isoformat()
    )
