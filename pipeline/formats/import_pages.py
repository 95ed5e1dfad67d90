"""An import: pages of files → Sites → the store's door, in steps of bounded size.

Promises that a kill costs at most the step at hand, and that the same command again adds only what is not there yet. Which Site
a page goes to: the one that was asked for, else the one that the archive knows its address by, else the one whose file owns its
host, else one that is named after its host. Cleaning is left to `nightdesk clean` and its like.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from pipeline.config.site import SITE_ID, Site, bare_host
from pipeline.core.errors import NightdeskError
from pipeline.core.models import Outcome, Reason
from pipeline.core.urls import canonical, host_of
from pipeline.formats.readers import incoming
from pipeline.store.crawl import import_session
from pipeline.store.crawl.import_session import Brought, Intake, LeftOut
from pipeline.store.db.engine import Database

STEP: Final = 50  # pages that are kept together
STEP_BYTES: Final = 16 * 1024 * 1024
NAMED: Final = 10_000  # of what was left out; a crawl with all its pictures has millions

Tell = Callable[[int], None]


@dataclass(slots=True)
class Imported:
    """What an import came to."""

    fared: Counter[tuple[Outcome, Reason]] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    left: list[LeftOut] = field(default_factory=list)  # of what was skipped the first NAMED
    named: int = 0  # of these in the ledger; the others are of Sites that no page came in for
    unnamed: list[LeftOut] = field(default_factory=list)
    sites: Counter[str] = field(default_factory=Counter)
    addresses: dict[str, str] = field(
        default_factory=dict
    )  # of each Site the host of its first page, with its scheme
    runs: tuple[int, ...] = ()


def bring(
    store: Database,
    sources: Sequence[Path],
    site: str | None,
    sites: Sequence[Site],
    tell: Tell = lambda _: None,
) -> Imported:
    """Imports WARC files and folders of HTML. Raises ConfigError, StoreError, AlreadyRunning."""
    for source in sources:
        incoming.check(source)
    bringing = Bringing(store, site, sites, tell)
    status, detail = "stopped", "interrupted"
    try:
        bringing.door.open()
        for source in sources:
            bringing.all_of(source)
        bringing.name_left_out()
        status, detail = "finished", skipped_in_words(bringing.done.skipped)
    except NightdeskError as error:
        status, detail = "failed", str(error)
        raise
    finally:
        bringing.done.runs = bringing.door.close(status, detail)
    return bringing.done


def skipped_in_words(skipped: Counter[str]) -> str:
    """`Left out: 12 no HTML, 3 redirect`; "" where nothing was."""
    return (
        f"Left out: {', '.join(f'{number:,} {why}' for why, number in skipped.most_common())}"
        if skipped
        else ""
    )


class Bringing:
    """An import at work: pages are gathered, and kept a step at a time."""

    def __init__(
        self, store: Database, site: str | None, sites: Sequence[Site], tell: Tell
    ) -> None:
        self.store = store
        self.door = Intake(store)
        self.done = Imported()
        self._site = site
        self._sites = sites
        self._tell = tell
        self._step: list[Brought] = []
        self._bytes = 0

    def all_of(self, source: Path) -> None:
        for page in incoming.pages(source, self._lookup):
            if isinstance(page, LeftOut):
                self._leave(page)
                continue
            self._step.append(page)
            self._bytes += len(page.body)
            if len(self._step) >= STEP or self._bytes >= STEP_BYTES:
                self._keep()
        self._keep()

    def name_left_out(self) -> None:
        """In the ledger, as far as they were noted."""
        sites = self._sites_of([each.url for each in self.done.left])
        left = list(zip(sites, self.done.left, strict=True))
        self.done.named = self.door.leave([each for each in left if each[0] in self.done.sites])
        self.done.unnamed = [each for site, each in left if site not in self.done.sites]

    def _leave(self, left: LeftOut) -> None:
        self.done.skipped[left.why] += 1
        if left.url and len(self.done.left) < NAMED:
            self.done.left.append(left)

    def _lookup(self, url: str, at: datetime) -> bytes | None:
        """The bytes of an earlier visit, which may be in the step at hand."""
        here = (
            each.body
            for each in self._step
            if each.at == at and canonical(each.url) == canonical(url)
        )
        return next(here, None) or import_session.body_of(self.store, url, at)

    def _keep(self) -> None:
        kept = list(zip(self._sites_of([page.url for page in self._step]), self._step, strict=True))
        self.done.fared += self.door.keep(kept)
        for site, page in kept:
            self.done.sites[site] += 1
            self.done.addresses.setdefault(site, urlunsplit((*urlsplit(page.url)[:2], "/", "", "")))
        self._step, self._bytes = [], 0
        self._tell(self.done.fared.total())

    def _sites_of(self, urls: Sequence[str]) -> list[str]:
        known = {} if self._site else import_session.sites_of(self.store, urls)
        return [self._site or known.get(url) or site_for(url, self._sites) for url in urls]


def site_for(url: str, sites: Sequence[Site]) -> str:
    """The Site whose file owns the host of a URL, else an id made of the host; "" for what is no URL."""
    try:
        host = bare_host(host_of(canonical(url)))
    except ValueError:
        return ""
    for site in sites:
        if site.owns(url):
            return site.id
    if url.startswith(incoming.FILES):
        return site_id(unquote(urlsplit(url).path).strip("/").partition("/")[0])
    return site_id(host)


def site_id(name: str) -> str:
    """An id for a host or a folder."""
    found = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:63]
    return (
        found
        if SITE_ID.fullmatch(found)
        else f"site-{blake2b(name.encode('utf8', 'replace'), digest_size=4).hexdigest()}"
    )


def site_file(address: str) -> str:
    """A minimal site file for pages that no file describes: its archive can be cleaned, and it is not crawled."""
    name = json.dumps(urlsplit(address).netloc, ensure_ascii=False)
    return (
        "# Made by 'nightdesk import' for pages that came from files; no night crawls it while 'enabled' is false.\n"
        "# Set 'language' and 'timezone' where the pages do not declare them.\n"
        f"name = {name}\nurl = {json.dumps(address)}\nsections = [{json.dumps(address)}]\nenabled = false\n"
    )
