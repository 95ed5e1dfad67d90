"""What a probe of a site is asked and what it answers: the values that the crawler's child and its parent exchange.

Promises frozen values that go through JSON unchanged. What is asked in which order is the crawler's business; what follows from
the answers is decided in `onboard`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import Field

from pipeline.config.site import CrawlJob, Table, bare_host
from pipeline.core.models import Outcome, Reason, UrlKind
from pipeline.core.urls import host_of

REQUESTS = 40  # of one probe, robots.txt and redirects included
SECONDS = 180.0
SAMPLES = 10
SHARED = frozenset({
    "blogspot.com", "wordpress.com", "github.io", "gitlab.io", "substack.com", "livejournal.com", "medium.com", "tumblr.com",
    "narod.ru", "ucoz.ru", "ucoz.net", "wixsite.com", "weebly.com", "ghost.io", "netlify.app", "pages.dev", "vercel.app",
})  # fmt: skip  # under which every name is somebody else's


class Way(StrEnum):
    """How a place came to be looked at."""

    GIVEN = "given"  # typed in, in the list, or in the site's file
    DECLARED = "declared"  # the front page names it to feed readers
    LINKED = "linked"  # the front page links to it
    ROBOTS = "robots.txt"
    USUAL = "usual"  # where such things usually are
    INDEX = "index"  # a sitemap of an index
    FRONT = "front page"
    MENU = "menu"


class ProbeJob(Table):
    """All that a child process needs to probe a site; it reads it as one JSON line from its standard input."""

    errand: CrawlJob  # its site is as much as is known; the archive is not opened
    folder: str  # for the bodies of the samples, and for `findings.json`
    known: bool = False  # whether the site's places are those of its file, or only stand for the address that was typed in
    requests: int = REQUESTS
    seconds: float = SECONDS


class Seen(Table):
    """A Link as a probe remembers it."""

    url: str
    title: str = ""
    is_dated: bool = False


class Probed(Table):
    """A place that was asked, and what it yielded."""

    url: str
    kind: UrlKind
    way: Way
    outcome: Outcome
    reason: Reason = Reason.NONE
    detail: str = ""
    status: int | None = None
    title: str = ""  # of a feed
    total: int = 0  # links, also those that are not remembered
    links: tuple[Seen, ...] = ()
    children: tuple[str, ...] = ()  # of a sitemap index
    is_news: bool = False  # a news sitemap
    newest: datetime | None = None
    clocks: dict[int, int] = Field(
        default_factory=dict
    )  # minutes east of UTC in its dates → how often

    @property
    def works(self) -> bool:
        return self.outcome is Outcome.FETCHED


class Front(Table):
    """The front page."""

    url: str  # where redirects ended
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
    feeds: tuple[str, ...] = ()  # declared
    feed_links: tuple[str, ...] = ()  # anchors that look like feeds
    menu: tuple[Seen, ...] = ()

    @property
    def is_shell(self) -> bool:
        """Whether the page is one that only JavaScript fills."""
        return self.words < 120 and self.anchors < 10 and self.scripts > 0


class Sample(Table):
    """A page that looked like a story, fetched to be cleaned."""

    url: str
    found_on: UrlKind
    outcome: Outcome
    reason: Reason = Reason.NONE
    detail: str = ""
    status: int | None = None
    landed: str = ""  # where redirects ended
    charset: str = ""
    file: str = ""  # in the job's folder; "" where there is no body


class Findings(Table):
    """What a probe found."""

    front: Front
    places: tuple[Probed, ...] = ()
    samples: tuple[Sample, ...] = ()
    crawl_delay: float = 0.0  # as robots.txt asks
    requests: int = 0
    seconds: float = 0.0
    ended: str = ""  # why it ended before all was asked


def domain_of(url: str) -> str:
    """The end of a host that its sister hosts share: `example.org` of `www.example.org` and `news.example.org`. A guess that
    needs no list: three labels where the last two are short, as in `bbc.co.uk`."""
    try:
        host = bare_host(urlsplit(url).hostname or "")
        port = host_of(url).rpartition(":")[2] if ":" in host_of(url) else ""
    except ValueError:
        return ""
    labels = host.split(".")
    if labels[-1].isdigit() or len(labels) < 3:
        return f"{host}:{port}" if port else host
    if ".".join(labels[-2:]) in SHARED:
        return f"{host}:{port}" if port else host
    keep = (
        3
        if len(labels[-1]) == 2
        and labels[-2] in ("co", "com", "org", "net", "gov", "ac", "edu", "or", "ne")
        else 2
    )
    return ".".join(labels[-keep:]) + (f":{port}" if port else "")


def scope_of(url: str) -> str:
    """The path below which a site lives: `/ru/` of `https://example.org/ru/index.html`, "/" of a whole host."""
    path = urlsplit(url).path
    segments = [each for each in path.split("/") if each]
    if segments and "." in segments[-1] and not path.endswith("/"):
        segments.pop()
    return f"/{'/'.join(segments)}/" if segments else "/"


def within(links: Iterable[Seen], home: str) -> tuple[Seen, ...]:
    """The links below a site's own path, if there are a few; else all: a front page may lie deeper than its stories."""
    all_links, scope = tuple(links), scope_of(home)
    inside = tuple(link for link in all_links if urlsplit(link.url).path.startswith(scope))
    return inside if len(inside) >= min(3, len(all_links)) else all_links
