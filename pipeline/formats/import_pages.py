"""Import pages that others archived: read files, choose a site for each page, save in batches.

A kill costs at most one batch, and the same command again adds only what is missing. Cleaning is
left to `nightdesk clean`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pipeline.config.site import Site
from pipeline.core.errors import ConfigError, NightdeskError
from pipeline.core.models import Outcome, Reason
from pipeline.core.site_ids import make_site_id, site_id_from_name
from pipeline.core.urls import canonicalize, host_of, without_www
from pipeline.formats.import_filter import ALL_PAGES, ImportFilter, unknown_host
from pipeline.formats.import_position import NO_POSITIONS, ImportPosition, ImportPositions
from pipeline.formats.readers.compression import decompressed
from pipeline.formats.readers.import_input import UNKNOWN_URL, check_source, read_source
from pipeline.formats.readers.input_page import NOT_WANTED
from pipeline.formats.readers.warc import WarcPosition, count_page_hosts
from pipeline.store.crawl import import_session
from pipeline.store.crawl.import_session import ImportedPage, ImportSession, SkippedRecord
from pipeline.store.db.engine import Database


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """Sizes of a batch, and how many skipped records are remembered.

    A crawl with all its pictures has millions of records that are no page.
    """

    batch_pages: int = 50
    batch_bytes: int = 16 * 1024 * 1024
    remembered_skips: int = 10_000
    skips_per_position: int = 2_000


DEFAULT_IMPORT_LIMITS: Final = ImportLimits()

MAX_NEW_HOSTS: Final = 5  # for which site files are written without being asked

ProgressCallback = Callable[[int], None]
"""Receives the number of pages so far."""


@dataclass(slots=True)
class ImportResult:
    """The result of an import.

    Attributes:
        outcomes: How often each outcome occurred.
        skipped: How often each problem occurred.
        skipped_records: The first records that were skipped.
        logged_skips: How many of these are in a ledger. The others are of sites without any page.
        unlogged_skips: These others.
        sites: Pages of each site.
        site_urls: The front page of each site, by the host of its first page.
        runs: Ids of the runs.
        resumed: Records that an interrupted import of the same files had done.
        resumed_sites: The sites that these had pages of.
    """

    outcomes: Counter[tuple[Outcome, Reason]] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    skipped_records: list[SkippedRecord] = field(default_factory=list)
    logged_skips: int = 0
    unlogged_skips: list[SkippedRecord] = field(default_factory=list)
    sites: Counter[str] = field(default_factory=Counter)
    site_urls: dict[str, str] = field(default_factory=dict)
    runs: tuple[int, ...] = ()
    resumed: int = 0
    resumed_sites: set[str] = field(default_factory=set)


def import_pages(
    database: Database,
    sources: Sequence[Path],
    site_id: str | None,
    sites: Sequence[Site],
    progress: ProgressCallback = lambda _: None,
    limits: ImportLimits = DEFAULT_IMPORT_LIMITS,
    wanted: ImportFilter = ALL_PAGES,
    positions: ImportPositions = NO_POSITIONS,
) -> ImportResult:
    """Import WARC files and folders of HTML.

    Args:
        database: The archive.
        sources: The files and folders.
        site_id: The site of all pages; by default each page gets the site of its URL.
        sites: All sites that have a file.
        progress: Receives the number of pages after each batch.
        limits: Sizes of a batch.
        wanted: Which pages are wanted.
        positions: Where an interrupted import of the same files goes on.

    Raises:
        ConfigError: If a source cannot be imported.
        StoreError: If the archive cannot be written.
        AlreadyRunning: If another import runs.
    """
    for source in sources:
        check_source(source)
    importer = PageImporter(
        database, SiteChooser(database, site_id, sites), progress, limits, wanted, positions
    )
    status = "stopped"
    detail = "interrupted"
    try:
        importer.session.open()
        for source in sources:
            importer.import_source(source)
        importer.log_skipped()
        status = "finished"
        detail = skipped_summary(importer.result.skipped)
    except NightdeskError as error:
        status = "failed"
        detail = str(error)
        raise
    finally:
        importer.result.runs = importer.session.close(status, detail)
    return importer.result


def skipped_summary(skipped: Counter[str]) -> str:
    """Return `Skipped: 12 no HTML, 3 redirect`, or "" if nothing was skipped."""
    parts = [f"{count:,} {problem}" for problem, count in skipped.most_common()]
    return f"Skipped: {', '.join(parts)}" if parts else ""


def count_new_hosts(
    sources: Sequence[Path], sites: Sequence[Site], wanted: ImportFilter
) -> Counter[str]:
    """Count the wanted pages of WARC files by those hosts that no site file owns.

    Args:
        sources: The files; folders are passed over.
        sites: All sites that have a file.
        wanted: Which pages are wanted.

    Raises:
        ConfigError: If a source cannot be imported.
    """
    counts = Counter[str]()
    for source in sources:
        check_source(source)
        if source.is_dir():
            continue
        try:
            with source.open("rb") as stream:
                counts += count_page_hosts(
                    decompressed(stream),
                    wanted.problem_of_fetch,
                    lambda url: unknown_host(url, sites),
                )
        except OSError as error:
            raise ConfigError(f"{source}: cannot be read: {error.strerror or error}") from None
    return counts


class SiteChooser:
    """Chooses the site of a page.

    That is the requested site, else the one that has the URL in the archive, else the one whose
    file owns the host, else a new one that is named after the host.
    """

    def __init__(self, database: Database, site_id: str | None, sites: Sequence[Site]) -> None:
        self._database = database
        self._site_id = site_id
        self._sites = sites
        self._new_ids: dict[str, str] = {}  # by host or folder

    def choose(self, urls: Sequence[str]) -> list[str]:
        """Return the id of the site of each URL; "" for something that is no URL."""
        if self._site_id:
            return [self._site_id] * len(urls)
        known = import_session.sites_of(self._database, urls)
        return [known.get(url) or self._site_of(url) for url in urls]

    def _site_of(self, url: str) -> str:
        try:
            host = without_www(host_of(canonicalize(url)))
        except ValueError:
            return ""
        if url.startswith(UNKNOWN_URL):
            folder = unquote(urlsplit(url).path).strip("/").partition("/")[0]
            return site_id_from_name(folder)
        for site in self._sites:
            if site.owns(url):
                return site.id
        if host not in self._new_ids:
            taken = {*(site.id for site in self._sites), *self._new_ids.values()}
            self._new_ids[host] = make_site_id(f"http://{host}/", taken=taken)
        return self._new_ids[host]


class PageImporter:
    """Collects pages and saves them in batches."""

    def __init__(
        self,
        database: Database,
        site_chooser: SiteChooser,
        progress: ProgressCallback,
        limits: ImportLimits,
        wanted: ImportFilter,
        positions: ImportPositions,
    ) -> None:
        self.session = ImportSession(database)
        self.result = ImportResult()
        self._database = database
        self._site_chooser = site_chooser
        self._progress = progress
        self._limits = limits
        self._wanted = wanted
        self._positions = positions
        self._batch: list[ImportedPage] = []
        self._batch_bytes = 0

    def import_source(self, source: Path) -> None:
        """Import the wanted pages of a file or folder, from where an earlier import ended."""
        earlier = self._positions.load(source)
        self.result.resumed += earlier.records
        self.result.resumed_sites.update(earlier.site_urls)
        self.result.site_urls |= earlier.site_urls
        position = WarcPosition(earlier.records)
        skipped = 0
        for record in read_source(source, self._find_body, wanted=self._wanted, position=position):
            if isinstance(record, SkippedRecord):
                self._remember_skipped(record)
                skipped += 1
                if skipped % self._limits.skips_per_position == 0:
                    self._save_up_to(source, position)
                continue
            self._batch.append(record)
            self._batch_bytes += len(record.body)
            is_full = len(self._batch) >= self._limits.batch_pages
            if is_full or self._batch_bytes >= self._limits.batch_bytes:
                self._save_up_to(source, position)
        self._save_batch()
        self._positions.remove(source)

    def _save_up_to(self, source: Path, position: WarcPosition) -> None:
        self._save_batch()
        done = ImportPosition(position.records, self.result.site_urls)
        self._positions.save(source, done)

    def log_skipped(self) -> None:
        """Add the skipped records that were remembered to the ledgers of their sites."""
        records = self.result.skipped_records
        site_ids = self._site_chooser.choose([record.url for record in records])
        to_log: list[tuple[str, SkippedRecord]] = []
        for site_id, record in zip(site_ids, records, strict=True):
            if site_id in self.result.sites:
                to_log.append((site_id, record))
            else:
                self.result.unlogged_skips.append(record)
        self.result.logged_skips = self.session.record_skipped(to_log)

    def _remember_skipped(self, record: SkippedRecord) -> None:
        self.result.skipped[record.detail] += 1
        if record.detail in NOT_WANTED:  # the user left it out, so no ledger has it
            return
        if record.url and len(self.result.skipped_records) < self._limits.remembered_skips:
            self.result.skipped_records.append(record)

    def _find_body(self, url: str, fetched_at: datetime) -> bytes | None:
        """Return the bytes of an earlier fetch, which may be in the current batch."""
        for page in self._batch:
            if page.fetched_at == fetched_at and canonicalize(page.url) == canonicalize(url):
                return page.body
        return import_session.body_of(self._database, url, fetched_at)

    def _save_batch(self) -> None:
        pages = self._batch
        site_ids = self._site_chooser.choose([page.url for page in pages])
        self.result.outcomes += self.session.save_pages(list(zip(site_ids, pages, strict=True)))
        self._count_pages(zip(site_ids, pages, strict=True))
        self._batch = []
        self._batch_bytes = 0
        self._progress(self.result.outcomes.total())

    def _count_pages(self, pages: Iterable[tuple[str, ImportedPage]]) -> None:
        for site_id, page in pages:
            self.result.sites[site_id] += 1
            parts = urlsplit(page.url)
            self.result.site_urls.setdefault(site_id, f"{parts.scheme}://{parts.netloc}/")


def minimal_site_file(url: str) -> str:
    """Return a site file for pages that no file describes.

    Its archive can be cleaned, and no night crawls it.
    """
    name = json.dumps(urlsplit(url).netloc, ensure_ascii=False)
    quoted_url = json.dumps(url)
    return (
        "# Made by 'nightdesk import' for imported pages. No night crawls the site while 'enabled'"
        " is false.\n"
        "# Set 'language' and 'timezone' if the pages do not declare them.\n"
        f"name = {name}\n"
        f"url = {quoted_url}\n"
        f"sections = [{quoted_url}]\n"
        "enabled = false\n"
    )
