"""Clean pages without an archive: pages in, clean texts out.

All pages of one site form a profile, which lives as long as the batch. Every page gives a result,
in the order of the input. Extracted pages wait in a temporary file of some kilobytes a page. Only
the profile grows in memory: about a hundred bytes for each different line and headline, however
many pages it stands on.
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
from typing import IO, Any, Final
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from pipeline.cleaning import apply_rules, boilerplate_keys
from pipeline.config.site import CleaningOptions
from pipeline.core import local_times
from pipeline.core.errors import DiskError
from pipeline.core.local_times import DAY, as_precise
from pipeline.core.models import (
    AnnouncedMetadata,
    CleanResult,
    ExtractedPage,
    Figure,
    LineStats,
    Metadata,
    RawPage,
)
from pipeline.core.story import Story, make_story, raw_links, story_links
from pipeline.formats.readers.input_page import InputPage
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import PendingPayload

MAX_PAGES_PER_LINE: Final = 8  # that the profile stores, as in an archive
MAX_COUNTED_PAGES: Final = boilerplate_keys.FREQUENCY_STEPS[-1]
BUFFER_BYTES: Final = 1 << 20
RECORD_SIZES = Struct(">III")
_EXTRACTED_PAGE = TypeAdapter(ExtractedPage)

BatchProgressCallback = Callable[[str, int], None]
"""Receives the stage and the number of pages that are done."""

PageNumbers = int | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CleanedPage:
    """One page of the output: its id, its site, its extracted page and its clean result.

    `url` is its address, or "" if neither the input nor the page names one.
    """

    id: str | int
    site: str
    extracted_page: ExtractedPage
    result: CleanResult
    url: str = ""

    @property
    def story(self) -> Story:
        """Return the text of the page with its structure."""
        rules = {removed.index: removed.rule for removed in self.result.removed}
        return make_story(self.extracted_page, rules, self.url)


class BatchProfile:
    """The profiles of the sites of a batch: which lines and headlines stand on which pages."""

    def __init__(self) -> None:
        self._lines: dict[int, PageNumbers] = {}
        self._headlines: dict[int, PageNumbers] = {}

    def add(self, site: str, page: int, lines: Iterable[int], headlines: Iterable[int]) -> None:
        """Add what a page shows.

        Args:
            site: The site of the page.
            page: The number of the page.
            lines: The keys of its lines.
            headlines: The keys of its headlines.
        """
        site_key = boilerplate_keys.key_of_normalized(site)
        for key in lines:
            _add_page(self._lines, key ^ site_key, page)
        for key in headlines:
            _add_page(self._headlines, key ^ site_key, page)

    def line_stats(self, site: str, page: int, lines: Iterable[int]) -> dict[int, LineStats]:
        """Return what the other pages of a site say of a page's lines, by the key of the line.

        Args:
            site: The id of the site.
            page: The number of the page, which does not count for its own lines.
            lines: Keys of lines.

        Returns:
            Stats of those lines that other pages have. The others are absent.
        """
        site_key = boilerplate_keys.key_of_normalized(site)
        stats = {}
        for key in lines:
            pages = _count_others(self._lines.get(key ^ site_key, page), page)
            is_headline = _count_others(self._headlines.get(key ^ site_key, page), page) > 0
            if pages or is_headline:
                stats[key] = LineStats(min(pages, MAX_COUNTED_PAGES), is_headline)
        return stats


def _add_page(pages_by_key: dict[int, PageNumbers], key: int, page: int) -> None:
    """Add a page to a line. A line that stands on one page, as most do, costs no tuple."""
    pages = pages_by_key.setdefault(key, page)
    if isinstance(pages, int):
        if pages != page:
            pages_by_key[key] = (pages, page)
    elif len(pages) < MAX_PAGES_PER_LINE and page not in pages:
        pages_by_key[key] = (*pages, page)


def _count_others(pages: PageNumbers, page: int) -> int:
    if isinstance(pages, int):
        return int(pages != page)
    return sum(other != page for other in pages)


class PageBatch(AbstractContextManager["PageBatch"]):
    """Pages that are extracted once and can be cleaned several times.

    Attributes:
        pages: The number of pages that are extracted.
    """

    def __init__(self) -> None:
        self.pages = 0
        self._profile = BatchProfile()
        # By the hash of the URL. A page that was fetched twice must not count as two pages.
        self._numbers: dict[int, int] = {}
        self._spool = _open_spool()

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def extract(self, inputs: Iterable[InputPage], workers: WorkerPool) -> Iterator[int]:
        """Extract all pages.

        Yields:
            The number of pages that are extracted so far.

        Raises:
            DiskError: The temporary folder is full.
        """
        waiting = deque[InputPage]()

        def load_payloads() -> Iterator[PendingPayload]:
            for number, page in enumerate(inputs):
                waiting.append(page)
                yield PendingPayload(RawPage(number, page.body, page.charset, "text/html"), ())

        for _, extracted_page in workers.extract(load_payloads()):
            self._add(waiting.popleft(), extracted_page)
            self.pages += 1
            yield self.pages

    def _add(self, page: InputPage, extracted: ExtractedPage) -> None:
        metadata = extracted.metadata
        site = page.site or _host(page.url) or _host(metadata.canonical_url) or page.fallback_site
        number = self.pages
        if page.url:
            number = self._numbers.setdefault(hash(page.url), number)
        lines = array("q", boilerplate_keys.line_keys(extracted, metadata.title))
        headlines = boilerplate_keys.headline_keys(metadata, AnnouncedMetadata())
        self._profile.add(site, number, lines, headlines)
        fetched_at = page.fetched_at.isoformat() if page.fetched_at else ""
        url = page.url or metadata.canonical_url
        head = json.dumps([page.id, site, number, fetched_at, url]).encode()
        parts = (head, lines.tobytes(), _EXTRACTED_PAGE.dump_json(extracted))
        try:
            self._spool.write(b"".join((RECORD_SIZES.pack(*map(len, parts)), *parts)))
        except OSError as error:
            raise DiskError(
                f"{tempfile.gettempdir()}: the extracted pages cannot be kept"
                f" ({error.strerror}); TMPDIR names another folder"
            ) from None

    def clean(self, cleaning: CleaningOptions | None = None) -> Iterator[CleanedPage]:
        """Clean all pages, in the order of the input.

        Args:
            cleaning: The options of the rules. By default, those of a site without any.
        """
        options, now = cleaning or CleaningOptions(), datetime.now(UTC)
        self._spool.seek(0)
        for _ in range(self.pages):
            sizes = RECORD_SIZES.unpack(self._spool.read(RECORD_SIZES.size))
            head, line_bytes, page_json = (self._spool.read(size) for size in sizes)
            page_id, site, number, fetched_at, url = json.loads(head)
            lines = array("q")
            lines.frombytes(line_bytes)
            extracted = _EXTRACTED_PAGE.validate_json(page_json)
            result = apply_rules.clean_document(
                extracted,
                line_stats=self._profile.line_stats(site, number, lines),
                announced=AnnouncedMetadata(),
                cleaning=options,
                language_hint="",
                timezone="UTC",
                fetched_at=datetime.fromisoformat(fetched_at) if fetched_at else now,
            )
            yield CleanedPage(page_id, site, extracted, result, url)


def clean_batch(
    inputs: Iterable[InputPage], workers: WorkerPool, progress: BatchProgressCallback
) -> Iterator[CleanedPage]:
    """Clean pages.

    The first result comes when all pages are extracted, because each page can say something about
    the lines of the others.

    Args:
        inputs: The pages.
        workers: The processes that extract.
        progress: Receives the progress.

    Raises:
        DiskError: The temporary folder is full.
    """
    with PageBatch() as batch:
        for done in batch.extract(inputs, workers):
            progress("extracting", done)
        for done, page in enumerate(batch.clean(), 1):
            yield page
            progress("cleaning", done)


def to_json(page: CleanedPage) -> dict[str, Any]:
    """Return a page as one line of JSON output.

    Args:
        page: A cleaned page.

    Returns:
        Values of JSON, in the order of `docs/reference/extract-output.md`.
    """
    result, blocks = page.result, page.extracted_page.blocks
    removed_lines = []
    for removed in result.removed:
        text = blocks[removed.index].text
        removed_lines.append({"text": text, "rule": removed.rule, "why": removed.why})
    metadata = _metadata_json(result.metadata)
    lacking = local_times.names_without_zone(page.extracted_page.metadata.published_source)
    for key, name in (("date", local_times.PUBLISHED), ("modified", local_times.MODIFIED)):
        if name in lacking and metadata[key]:  # nobody knows its zone
            metadata[key] = metadata[key].removesuffix("+00:00")
    story = page.story
    links = story_links(raw_links(story.blocks, ()), story.base)
    return {
        "id": page.id,
        "text": result.text,
        **metadata,
        "links": [link._asdict() for link in links],
        "figures": [_figure_json(story, figure) for figure in story.figures],
        "outcome": result.outcome,
        "reason": result.reason,
        "shape": str(page.extracted_page.list_evidence or ""),
        "recovered": page.extracted_page.recovered,
        "readings": page.extracted_page.readings,
        "removed": removed_lines,
    }


def _figure_json(story: Story, figure: Figure) -> dict[str, str]:
    return {
        "image": story.resolve(figure.image),
        "alt": figure.alt,
        "caption": figure.caption,
        "credit": figure.credit,
    }


def _open_spool() -> IO[bytes]:
    """Open the temporary file of a batch, which the batch closes."""
    return tempfile.TemporaryFile(prefix="nightdesk-", buffering=BUFFER_BYTES)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:  # not a URL, for example http://[
        return ""


def _metadata_json(metadata: Metadata) -> dict[str, Any]:
    modified = as_precise(metadata.modified_local, metadata.modified_precision)
    return {
        "title": metadata.title,
        "authors": list(metadata.authors),
        "agency": metadata.agency,
        "date": _date(metadata),
        "date_source": metadata.published_source,
        "date_confidence": metadata.published_confidence,
        "modified": modified.isoformat() if modified else None,
        "modified_source": metadata.modified_source,
        "modified_confidence": metadata.modified_confidence,
        "language": metadata.language,
        "section": metadata.section,
        "tags": list(metadata.tags),
        "description": metadata.description,
        "image": metadata.image,
        "canonical_url": metadata.canonical_url,
        "site_name": metadata.site_name,
        "paywalled": metadata.paywalled,
        "license": metadata.license,
    }


def _date(metadata: Metadata) -> str | None:
    """Return the date of publication, as precise as it is known, in the page's local time.

    If the local time is on another day than the page shows, the result is only that day.
    """
    local = metadata.published_local
    if local is None:
        return None
    day = metadata.publication_day
    if metadata.published_precision == DAY or day != local.date():
        return day.isoformat() if day else None
    return local.isoformat()
