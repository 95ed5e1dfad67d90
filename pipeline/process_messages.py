"""Messages between a parent process and its crawler child: the jobs, and the result of a probe.

A child reads its job as one JSON line from standard input. All values go through JSON unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import Field

from pipeline.config.site import FrozenModel, Site
from pipeline.core.models import Outcome, Reason, UrlKind
from pipeline.core.urls import path_prefix

MAX_REQUESTS = 40  # of one probe, including robots.txt and redirects
MAX_SECONDS = 180.0
MAX_SAMPLES = 10
MIN_LINKS_BELOW = 3  # so many links under a site's path are enough to leave out the others
SHELL_WORDS, SHELL_ANCHORS = 120, 10  # a page with fewer of both and with scripts is a shell


class CrawlJob(FrozenModel):
    """All that a child process needs to crawl one site."""

    site: Site
    database_url: str
    user_agent: str
    log_file: str = ""
    """Path of the log; "" stands for standard error."""
    log_level: str = "INFO"
    log_format: str = "text"
    log_megabytes: float = 10.0
    """Size of one log file, after which a new one starts."""
    log_files: int = 5
    """Older log files that are kept."""
    log_days: int = 90
    """Days that an older log file is kept."""
    chromium: str = ""
    """Path of the browser, if the site is rendered."""
    data_folder: str = ""
    """Folder on whose disk `free_megabytes` are left free."""
    free_megabytes: int = 0
    since: datetime | None = None
    """Start of a back-fill, which reads sitemaps only, and of them nothing older than this."""
    force: bool = False
    """Whether to fetch all that sources list and all young stories, whatever is due."""
    urls: tuple[str, ...] = ()
    """Single pages to fetch in place of the sources and of what is due."""


class DiscoveryMethod(StrEnum):
    """How a probe came to a source."""

    GIVEN = "given"  # typed in, in the list, or in the site's file
    DECLARED = "declared"  # the front page declares it to feed readers
    LINKED = "linked"  # the front page links to it
    ROBOTS = "robots.txt"
    USUAL = "usual"  # a common path for such a source
    INDEX = "index"  # a child of a sitemap index
    FRONT = "front page"
    MENU = "menu"
    NEXT = "next page"  # on which a section goes on


class ProbeJob(FrozenModel):
    """All that a child process needs to probe a site."""

    crawl_job: CrawlJob
    """The job with as much of the site as is known. The probe does not open the archive."""
    folder: str
    """Folder for the bodies of the samples and for `result.json`."""
    is_known_site: bool = False
    """Whether the site has a file. If not, its only source is the URL that the user typed in."""
    requests: int = MAX_REQUESTS
    seconds: float = MAX_SECONDS


class RememberedLink(FrozenModel):
    """A link as a probe reports it."""

    url: str
    title: str = ""
    is_dated: bool = False


class ProbedSource(FrozenModel):
    """A source that the probe fetched, and what it listed."""

    url: str
    kind: UrlKind
    discovered_by: DiscoveryMethod
    outcome: Outcome
    reason: Reason = Reason.NONE
    detail: str = ""
    status: int | None = None
    title: str = ""
    """Title of a feed."""
    link_count: int = 0
    """Number of all links; `links` may hold fewer."""
    links: tuple[RememberedLink, ...] = ()
    children: tuple[str, ...] = ()
    """URLs of a sitemap index."""
    is_news: bool = False
    """Whether it is a news sitemap."""
    newest: datetime | None = None
    next_page: str = ""
    """URL of the page on which a section goes on."""
    utc_offsets: dict[int, int] = Field(default_factory=dict)
    """Minutes east of UTC in its dates, and how often each occurs."""

    @property
    def works(self) -> bool:
        """Return whether the source was fetched."""
        return self.outcome is Outcome.FETCHED


class FrontPage(FrozenModel):
    """The front page of a site."""

    url: str
    """URL after redirects."""
    outcome: Outcome
    reason: Reason = Reason.NONE
    detail: str = ""
    status: int | None = None
    title: str = ""
    site_name: str = ""
    language: str = ""
    generator: str = ""
    cms: str = ""
    words: int = 0
    anchors: int = 0
    scripts: int = 0
    feeds: tuple[str, ...] = ()
    """Feeds that the page declares."""
    feed_links: tuple[str, ...] = ()
    """Anchors that look like feeds."""
    menu: tuple[RememberedLink, ...] = ()

    @property
    def needs_javascript(self) -> bool:
        """Return whether only JavaScript fills the page."""
        return self.words < SHELL_WORDS and self.anchors < SHELL_ANCHORS and self.scripts > 0


class SamplePage(FrozenModel):
    """A page that looked like a story, fetched so that it can be cleaned."""

    url: str
    found_on: UrlKind
    outcome: Outcome
    reason: Reason = Reason.NONE
    detail: str = ""
    status: int | None = None
    final_url: str = ""
    """URL after redirects."""
    charset: str = ""
    file: str = ""
    """File of the body in the job's folder; "" if there is no body."""


class ProbeResult(FrozenModel):
    """What a probe found."""

    front: FrontPage
    sources: tuple[ProbedSource, ...] = ()
    samples: tuple[SamplePage, ...] = ()
    crawl_delay: float = 0.0
    """Seconds that robots.txt asks for."""
    requests: int = 0
    seconds: float = 0.0
    stop_reason: str = ""
    """Why the probe ended before it was complete."""


def links_below(links: Iterable[RememberedLink], home_url: str) -> tuple[RememberedLink, ...]:
    """Return the links under the path of a site, or all links if there are few of these.

    A front page may have a deeper path than its stories.
    """
    all_links = tuple(links)
    prefix = path_prefix(home_url)
    below = tuple(link for link in all_links if urlsplit(link.url).path.startswith(prefix))
    if len(below) >= min(MIN_LINKS_BELOW, len(all_links)):
        return below
    return all_links
