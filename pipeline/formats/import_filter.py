"""Choose pages of an import by host, by known sites, by time and by language.

A record is judged by its URL and time before its body is read, so that a file of millions of
records costs little more than its decompression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from pipeline.config.site import Site
from pipeline.core.urls import canonicalize, host_of, without_www
from pipeline.formats.readers.input_page import RecordProblem

DetectLanguage = Callable[[bytes, str], str]
"""Returns the language of a page, as two letters or "", by its bytes and declared charset."""


def no_language(body: bytes, charset: str) -> str:
    """Return no language: what an import without a choice of languages uses."""
    return ""


@dataclass(frozen=True)
class ImportFilter:
    """Which pages of an import are wanted.

    Attributes:
        hosts: Only of these hosts and of those below them; () for all.
        sites: Only of these sites; None for all.
        since: Only fetched at this time or later.
        until: Only fetched before this time.
        languages: Only in these languages, as two letters; () for all.
        detect_language: Finds the language of a page.
    """

    hosts: tuple[str, ...] = ()
    sites: tuple[Site, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None
    languages: tuple[str, ...] = ()
    detect_language: DetectLanguage = no_language

    def key(self) -> str:
        """Return a text that is another one for each choice of pages."""
        site_ids = None if self.sites is None else [site.id for site in self.sites]
        return repr((self.hosts, site_ids, self.since, self.until, self.languages))

    def problem_of_fetch(self, url: str, fetched_at: datetime | None) -> RecordProblem | None:
        """Return why a page is not wanted, as far as its URL and time tell; None if it may be."""
        if fetched_at is not None:
            is_early = self.since is not None and fetched_at < self.since
            if is_early or (self.until is not None and fetched_at >= self.until):
                return RecordProblem.OTHER_TIME
        if not self.hosts and self.sites is None:
            return None
        host = page_host(url)
        if self.hosts and not any(_is_below(host, wanted) for wanted in self.hosts):
            return RecordProblem.OTHER_HOST
        if self.sites is not None and not any(site.owns(url) for site in self.sites):
            return RecordProblem.UNKNOWN_SITE
        return None

    def problem_of_page(self, body: bytes, charset: str) -> RecordProblem | None:
        """Return why a page is not wanted by its language; None if it is wanted."""
        if self.languages and self.detect_language(body, charset) not in self.languages:
            return RecordProblem.OTHER_LANGUAGE
        return None


ALL_PAGES = ImportFilter()


@lru_cache(maxsize=50_000)
def page_host(url: str) -> str:
    """Return the host of a URL without `www.`, or "" for something that is no URL."""
    try:
        return without_www(host_of(canonicalize(url)))
    except ValueError:
        return ""


def unknown_host(url: str, sites: Sequence[Site]) -> str:
    """Return the host of a URL that no site owns; "" if one does, or if it is no URL."""
    host = page_host(url)
    return "" if not host or any(site.owns(url) for site in sites) else host


def _is_below(host: str, wanted: str) -> bool:
    return host == wanted or host.endswith(f".{wanted}")
