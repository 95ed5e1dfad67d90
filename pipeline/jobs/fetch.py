"""Archive single pages now: each is fetched under the rules of its site, cleaned and indexed.

A page that belongs to no site is archived under the site `saved`. Its file describes no
publication: no night crawls it, and it may have pages of any host.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.config.settings import Settings
from pipeline.config.site import Site, load_site
from pipeline.core.errors import AlreadyRunning, ConfigError, DiskError, ExitCode
from pipeline.core.formatting import format_duration
from pipeline.core.models import Link, Outcome, Reason, UrlKind
from pipeline.core.outcomes import REASON_MEANINGS
from pipeline.core.urls import canonicalize, host_of, url_key
from pipeline.jobs.clean import CleanRequest, clean_site
from pipeline.jobs.crawl import CrawlRequest, crawl_site
from pipeline.jobs.results import CrawlResult
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store import read
from pipeline.store.clean.types import CleanScope
from pipeline.store.crawl.session import running_crawl_message
from pipeline.store.db.engine import Database, retry_while_unavailable
from pipeline.store.read import PageView

SAVED_ID = "saved"
SAVED_SITE_FILE = """\
# Made by 'nightdesk fetch' for single pages of sites that have no file. No night crawls it.
# Its [politeness], [safety] and [cleaning] hold for all these pages.
name = "Saved pages"
url = "https://saved.invalid/"
sections = ["https://saved.invalid/"]
enabled = false
"""
WAIT_SECONDS = 600.0
WAIT_STEP = 0.5  # seconds between two looks at whether the site is free
MAX_SITES_IN_A_ROW = 5  # to which redirects of one page may lead

FOREIGN = (Reason.OFF_SITE, Reason.BLOCKED_ADDRESS)  # another site may have such a page

WaitCallback = Callable[[str], None]
"""Receives a sentence that says what is waited for."""


@dataclass(frozen=True, slots=True)
class FetchedUrl:
    """What became of a URL that somebody asked for.

    Attributes:
        url: The URL as it was asked for.
        site: The id of the site under which it was archived.
        page: Its page, or the page to which it redirects; None if there is none.
        outcome: How the fetch ended.
        reason: Why.
        problem: A sentence that says why there is no article of what was fetched; "" if there is.
        exit_code: The exit code for this URL.
    """

    url: str
    site: str
    page: PageView | None
    outcome: str = ""
    reason: str = ""
    problem: str = ""
    exit_code: ExitCode = ExitCode.OK


def fetch_urls(
    settings: Settings,
    database: Database,
    urls: Sequence[str],
    sites: Sequence[Site],
    on_wait: WaitCallback,
    wait_seconds: float = WAIT_SECONDS,
) -> tuple[FetchedUrl, ...]:
    """Fetch and clean single pages.

    Args:
        settings: The settings of the installation.
        database: The archive.
        urls: The URLs.
        sites: All sites that have a file.
        on_wait: Receives a sentence when another command has to end first.
        wait_seconds: How long to wait for another command that crawls or cleans the same site.

    Returns:
        A result for each different URL, in their order.

    Raises:
        ConfigError: A URL cannot be fetched, or the file of the site `saved` is wrong.
        DiskError: The file of the site `saved` cannot be written.
    """
    for url in urls:
        try:
            canonicalize(url)
        except ValueError as error:
            raise ConfigError(f"{url}: is {error}; give the address of a page") from None
    job = _FetchJob(settings, database, sites, on_wait, wait_seconds)
    return job.run(tuple(dict.fromkeys(urls)))


@dataclass(slots=True)
class _CrawlLog:
    """How the crawls of the requested pages ended."""

    details: dict[str, str] = field(default_factory=dict)  # of each fetched page, by URL key
    results: dict[str, CrawlResult] = field(default_factory=dict)  # the last one, by site

    def receive(self, _site: str, event: dict[str, object]) -> None:
        if event.get("event") == "page":
            self.details[url_key(str(event["url"]))] = str(event.get("detail", ""))


class _FetchJob:
    def __init__(
        self,
        settings: Settings,
        database: Database,
        sites: Sequence[Site],
        on_wait: WaitCallback,
        wait_seconds: float,
    ) -> None:
        self._settings = settings
        self._database = database
        self._sites = {site.id: site for site in sites}
        self._on_wait = on_wait
        self._wait_until = time.monotonic() + wait_seconds
        self._log = _CrawlLog()

    def run(self, urls: Sequence[str]) -> tuple[FetchedUrl, ...]:
        wanted = {url: url for url in urls}  # the URL to fetch, by the one that was asked for
        sites: dict[str, str] = {}
        for _ in range(MAX_SITES_IN_A_ROW):
            assigned = {url: self._site_of(target) for url, target in wanted.items()}
            sites |= {url: site.id for url, site in assigned.items()}
            self._crawl(wanted, assigned)
            wanted = self._leads_to_other_sites(wanted)
            if not wanted:
                break
        pages = {url: self._final_page(url) for url in urls}
        self._clean([page for page in pages.values() if page is not None])
        return tuple(self._result(url, sites[url], pages[url]) for url in urls)

    def _site_of(self, url: str) -> Site:
        """Return the site of a URL: the one that has its page, else one that owns its host."""
        page = read.find_page(self._database, url)
        if page is not None and page.digest and page.site in self._sites:
            return self._sites[page.site]
        owners = [site for site in self._sites.values() if site.owns(canonicalize(url))]
        owners = [site for site in owners if site.id != SAVED_ID]
        for site in owners:
            if not site.decide(Link(url), UrlKind.SECTION).reason:
                return site
        if owners:
            return owners[0]
        if SAVED_ID not in self._sites:
            self._sites[SAVED_ID] = load_saved_site(self._settings.sites_folder)
        return self._sites[SAVED_ID]

    def _crawl(self, wanted: Mapping[str, str], assigned: Mapping[str, Site]) -> None:
        urls_by_site: dict[str, list[str]] = defaultdict(list)
        for url, site in assigned.items():
            urls_by_site[site.id].append(wanted[url])
        for site_id, urls in urls_by_site.items():
            self._wait_for_crawl(site_id)
            site = self._sites[site_id]
            if site_id == SAVED_ID:
                site = _with_hosts_of(site, urls)
            crawl = crawl_site(
                self._settings, site, self._log.receive, CrawlRequest(urls=tuple(urls))
            )
            self._log.results[site_id] = asyncio.run(crawl)

    def _wait_for_crawl(self, site_id: str) -> None:
        """Wait for the end of another crawl of a site. The crawl that follows may be refused."""
        message = running_crawl_message(self._database, site_id)
        self._say_wait(message)
        while message and self._may_wait():
            message = running_crawl_message(self._database, site_id)

    def _say_wait(self, message: str) -> None:
        seconds = self._wait_until - time.monotonic()
        if message and seconds > 0:
            running, at_most = (
                message.partition(";")[0],
                format_duration(timedelta(seconds=seconds)),
            )
            self._on_wait(f"{running}; waiting for its end, for up to {at_most}")

    def _may_wait(self) -> bool:
        """Wait a moment. Return False where the time is up."""
        if time.monotonic() >= self._wait_until:
            return False
        time.sleep(WAIT_STEP)
        return True

    def _leads_to_other_sites(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Return the targets on other hosts to which pages redirect."""
        targets: dict[str, str] = {}
        for url, target in wanted.items():
            page = self._final_page(target)
            if page is None or url_key(page.url) == url_key(target):
                continue
            if page.outcome == Outcome.REFUSED and page.reason in FOREIGN:
                targets[url] = page.url
        return targets

    def _final_page(self, url: str) -> PageView | None:
        page = read.find_page(self._database, url)
        return None if page is None else read.follow_redirects(self._database, page)

    def _clean(self, pages: Sequence[PageView]) -> None:
        ids: dict[str, list[int]] = defaultdict(list)
        for page in pages:
            if page.digest and page.site in self._sites:
                ids[page.site].append(page.id)
        settings = self._settings
        with WorkerPool(1, settings.page_seconds, settings.page_megabytes) as workers:
            for site_id, page_ids in ids.items():
                request = CleanRequest(scope=CleanScope(pages=tuple(page_ids)))
                self._clean_site(self._sites[site_id], workers, request)

    def _clean_site(self, site: Site, workers: WorkerPool, request: CleanRequest) -> None:
        def ignore(_stage: str, _done: int, _total: int) -> None:
            pass

        has_said = False
        while True:
            try:
                retry_while_unavailable(
                    lambda: clean_site(self._database, site, workers, ignore, request)
                )
                return
            except AlreadyRunning as running:
                if not has_said:
                    self._say_wait(str(running))
                has_said = True
                if not self._may_wait():
                    raise

    def _result(self, url: str, site: str, page: PageView | None) -> FetchedUrl:
        crawl = self._log.results[site]
        if page is None or url_key(page.url) not in self._log.details:
            problem = crawl.message or f"{url}: was not fetched; the log of {site} says why"
            if page is not None and page.kind != UrlKind.STORY:
                does = "" if page.kind == UrlKind.PICTURE else ", which lists stories"
                problem = f"{url}: is a {page.kind} of {page.site}{does}"
            code = crawl.exit_code if crawl.exit_code is not ExitCode.OK else ExitCode.PARTLY
            return FetchedUrl(url, site, page, problem=problem, exit_code=code)
        problem = self._problem(url, page)
        return FetchedUrl(
            url,
            page.site,
            page,
            page.outcome,
            page.reason,
            problem,
            ExitCode.PARTLY if problem else ExitCode.OK,
        )

    def _problem(self, url: str, page: PageView) -> str:
        """Return why there is no article of what was fetched; "" if there is one."""
        where = url if url_key(url) == url_key(page.url) else f"{url} leads to {page.url}, which"
        if page.outcome not in (Outcome.FETCHED, Outcome.UNCHANGED):
            detail = self._log.details[url_key(page.url)]
            why = detail or _meaning(page.reason) or page.outcome
            return f"{where}: was not archived ({page.reason or page.outcome}): {why}"
        explanation = read.explain_page(self._database, page)
        if explanation is None:
            return f"{where}: is stored, but not cleaned; 'nightdesk clean {page.site}' does it"
        live = explanation.origin.live if explanation.origin is not None else None
        if live is not None:
            return (
                f"{where}: is stored, but no article ({live.state}): {_meaning(live.state)}"
                f" The article {page.id} stays as it was before"
            )
        if explanation.outcome == Outcome.ARCHIVED:
            return ""
        return (
            f"{where}: is stored, but no article ({explanation.reason}):"
            f" {_meaning(explanation.reason)} 'nightdesk explain {page.id}' shows each line"
        )


def load_saved_site(folder: Path) -> Site:
    """Return the site of single pages. Its file is written where there is none.

    Args:
        folder: The folder of the site files.

    Raises:
        ConfigError: The file is wrong.
        DiskError: The file cannot be written.
    """
    path = folder / f"{SAVED_ID}.toml"
    if not path.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(SAVED_SITE_FILE, encoding="utf8")
        except OSError as error:
            raise DiskError(f"{path}: cannot be written ({error.strerror})") from None
    return load_site(path)


def _with_hosts_of(site: Site, urls: Sequence[str]) -> Site:
    """Return the site `saved` with the hosts of its pages, as if it were their publication."""
    parts = urlsplit(canonicalize(urls[0]))
    front_page = f"{parts.scheme}://{parts.netloc}/"
    hosts = tuple(dict.fromkeys(host_of(canonicalize(url)) for url in urls))
    return site.model_copy(update={"url": front_page, "hosts": hosts, "sections": (front_page,)})


def _meaning(reason: str) -> str:
    try:
        return REASON_MEANINGS[Reason(reason)][1]
    except (KeyError, ValueError):
        return ""
