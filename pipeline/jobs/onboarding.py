"""New sites: probed side by side, turned into site files. Known ones: probed again and compared.

Promises a result for every site that was asked for, whatever became of the others; that two sites of one host are not probed at
the same time; and that a file is written whole, loads, and takes no other's place unless that was asked for.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pipeline.config import site as sites
from pipeline.config.settings import Settings
from pipeline.config.site import Site, without_www
from pipeline.core.errors import ConfigError, DiskError, ExitCode, NightdeskError
from pipeline.core.urls import canonicalize, host_of
from pipeline.jobs.nightly import make_log_folder
from pipeline.jobs.probe import SiteProbe, probe_site
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.onboarding.check_site import SiteDifference, compare_with_probe
from pipeline.onboarding.proposal import Proposal, propose_site
from pipeline.onboarding.rejections import is_built_by_scripts, rejection_message
from pipeline.onboarding.site_file_writer import SiteFileOptions, site_file_text
from pipeline.onboarding.site_lists import RequestedSite
from pipeline.process_messages import path_prefix

T = TypeVar("T")
R = TypeVar("R")

PROBE_TIMEOUT = 20.0
PROBE_BYTES = 8 * 1024 * 1024

Listen = Callable[[str, dict[str, Any]], None]  # (url, event)


@dataclass(frozen=True, slots=True)
class ProbedSite:
    """What became of one site that was to be added."""

    listed_site: RequestedSite
    probe: SiteProbe | None = None
    proposal: Proposal | None = None
    problem: str = ""  # a sentence, where there is no proposal
    exit_code: ExitCode = ExitCode.OK

    @property
    def needs_browser(self) -> bool:
        """Whether there is another look worth taking, in a browser."""
        return self.probe is not None and is_built_by_scripts(
            self.probe.findings, self.probe.judged
        )

    def site_file(self, terms: SiteFileOptions) -> str:
        """The site file."""
        assert self.proposal is not None
        assert self.probe is not None
        return site_file_text(self.proposal, self.probe.findings, self.probe.judged, terms)


@dataclass(frozen=True, slots=True)
class SiteCheck:
    """What became of a site that is known."""

    site: Site
    probe: SiteProbe | None = None
    notices: tuple[SiteDifference, ...] = ()
    problem: str = ""


def probe_sites(
    settings: Settings,
    all_wanted: Sequence[RequestedSite],
    terms: SiteFileOptions,
    listen: Listen,
    done: Callable[[ProbedSite], None],
) -> tuple[ProbedSite, ...]:
    """Probes new sites, `settings.crawls` at a time. One Survey for each, in the order given; `done` hears of each at once."""

    async def one(wanted: RequestedSite, workers: WorkerPool, cleaner: asyncio.Lock) -> ProbedSite:
        if wanted.error:
            return ProbedSite(wanted, problem=wanted.error, exit_code=ExitCode.CONFIG)

        async def look(site: Site) -> ProbedSite:
            probe = await probe_site(
                settings,
                site,
                workers,
                cleaner,
                lambda event: listen(wanted.url, event),
                known=False,
            )
            return _surveyed(wanted, site, probe)

        try:
            site = _unknown(wanted, terms)
            found = await look(site)
            if found.needs_browser and _has_browser(settings):
                found = await look(site.model_copy(update={"render": True}))
        except NightdeskError as error:
            return ProbedSite(
                wanted, problem=str(error).removeprefix(f"{wanted.url}: "), exit_code=error.exit_code
            )
        return found

    async def told(wanted: RequestedSite, workers: WorkerPool, cleaner: asyncio.Lock) -> ProbedSite:
        found = await one(wanted, workers, cleaner)
        done(found)
        return found

    return _side_by_side(settings, [(wanted.url, wanted) for wanted in all_wanted], told)


def _surveyed(wanted: RequestedSite, site: Site, probe: SiteProbe) -> ProbedSite:
    proposal = propose_site(probe.findings, probe.judged, wanted.name)
    if proposal is None:
        trouble = rejection_message(probe.findings, probe.judged, rendered=site.render)
        return ProbedSite(wanted, probe, None, trouble, ExitCode.PARTLY)
    return ProbedSite(wanted, probe, replace(proposal, render=site.render))


def _has_browser(settings: Settings) -> bool:
    with suppress(ConfigError):
        return bool(settings.browser_path)
    return False


def _unknown(wanted: RequestedSite, terms: SiteFileOptions) -> Site:
    """As much of a Site as a probe needs."""
    return Site.model_validate(
        {
            "id": "probe",
            "name": "probe",
            "url": wanted.url,
            "feeds": wanted.feeds,
            "sections": () if wanted.feeds else (wanted.url,),
            "politeness": {"delay": terms.delay, "timeout": PROBE_TIMEOUT, "retries": 1},
            "safety": {"allow_private": terms.allow_private, "max_bytes": PROBE_BYTES},
        }
    )


def check_sites(settings: Settings, known: Sequence[Site], listen: Listen) -> tuple[SiteCheck, ...]:
    """Probes known sites again, and compares what they show with what their files say."""

    async def one(site: Site, workers: WorkerPool, cleaner: asyncio.Lock) -> SiteCheck:
        try:
            probe = await probe_site(
                settings, site, workers, cleaner, lambda event: listen(site.id, event), known=True
            )
        except NightdeskError as error:
            return SiteCheck(site, problem=str(error))
        return SiteCheck(site, probe, compare_with_probe(site, probe.findings, probe.judged, datetime.now(UTC)))

    return _side_by_side(settings, [(site.url, site) for site in known], one)


def _side_by_side(
    settings: Settings,
    jobs: Sequence[tuple[str, T]],
    one: Callable[[T, WorkerPool, asyncio.Lock], Awaitable[R]],
) -> tuple[R, ...]:
    """Each job in its turn at its host."""
    make_log_folder(settings.log_folder)

    async def run(workers: WorkerPool) -> tuple[R, ...]:
        children, cleaner = asyncio.Semaphore(settings.crawls), asyncio.Lock()
        hosts: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

        async def in_turn(url: str, job: T) -> R:
            async with hosts[_host(url)], children:
                return await one(job, workers, cleaner)

        return tuple(await asyncio.gather(*(in_turn(url, job) for url, job in jobs)))

    with WorkerPool(settings.worker_processes, settings.page_seconds, settings.page_megabytes) as workers:
        return asyncio.run(run(workers))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def site_of_url(url: str, known: Sequence[Site]) -> Site | None:
    """The site that a URL's front page belongs to already."""
    return next((site for site in known if _home(site.url) == _home(url)), None)


def _home(url: str) -> tuple[str, str]:
    return without_www(host_of(url)), path_prefix(canonicalize(url))


def write_site_file(folder: Path, name: str, text: str, *, replace: bool) -> Path:
    """Writes a site file. Raises ConfigError where it would not load or is there already, DiskError where there is no room."""
    path = folder / f"{name}.toml"
    sites.parse_site(name, text, str(path))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".new")
        try:
            with os.fdopen(handle, "w", encoding="utf8") as stream:
                stream.write(text)
            Path(temporary).chmod(0o644)
            if replace:
                Path(temporary).replace(path)
            else:
                os.link(temporary, path)
        finally:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
    except FileExistsError:
        raise ConfigError(
            f"{path}: is there already; --replace writes it anew, --id takes another name"
        ) from None
    except OSError as error:
        raise DiskError(f"{path}: cannot be written ({error.strerror})") from None
    return path
