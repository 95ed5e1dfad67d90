"""Probe new sites and make their site files; probe known sites again and compare.

Every site gets a result, whatever happens to the others. Two sites of one host are not probed at
the same time.
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
from typing import TypeVar
from urllib.parse import urlsplit

from pipeline.config import site as sites
from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError, DiskError, ExitCode, NightdeskError
from pipeline.core.urls import canonicalize, host_of, path_prefix, without_www
from pipeline.jobs.nightly import make_log_folder
from pipeline.jobs.probe import SiteProbe, probe_site
from pipeline.jobs.progress import SiteEventCallback
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.onboarding.check_site import SiteDifference, compare_with_probe
from pipeline.onboarding.proposal import Proposal
from pipeline.onboarding.proposal_builder import propose_site
from pipeline.onboarding.rejections import is_built_by_scripts, rejection_message
from pipeline.onboarding.site_file_writer import SiteFileOptions, site_file_text
from pipeline.onboarding.site_lists import RequestedSite

PROBE_TIMEOUT = 20.0  # seconds of one request
MAX_PROBE_BYTES = 8 * 1024 * 1024  # of one response

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ProbedSite:
    """The result for a site that is to be added.

    Attributes:
        requested: The site as it was requested.
        probe: What it showed, if it could be probed.
        proposal: The proposed site file, if there is one.
        error: A sentence that says why there is no proposal.
        exit_code: The exit code for this site.
    """

    requested: RequestedSite
    probe: SiteProbe | None = None
    proposal: Proposal | None = None
    error: str = ""
    exit_code: ExitCode = ExitCode.OK

    @property
    def needs_browser(self) -> bool:
        """Tell whether it is worth probing the site again with a browser."""
        if self.probe is None:
            return False
        return is_built_by_scripts(self.probe.result, self.probe.samples)

    def site_file(self, options: SiteFileOptions) -> str:
        """Return the text of the site file. There must be a proposal."""
        assert self.proposal is not None
        assert self.probe is not None
        return site_file_text(self.proposal, self.probe.result, self.probe.samples, options)


@dataclass(frozen=True, slots=True)
class SiteCheck:
    """The result for a known site: what differs from its file, or why it could not be probed."""

    site: Site
    probe: SiteProbe | None = None
    differences: tuple[SiteDifference, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class _ProbeTools:
    """What all probes share."""

    settings: Settings
    workers: WorkerPool
    one_clean: asyncio.Lock
    on_event: SiteEventCallback

    async def probe(self, site: Site, name: str, *, known: bool) -> SiteProbe:
        return await probe_site(
            self.settings,
            site,
            self.workers,
            self.one_clean,
            lambda event: self.on_event(name, event),
            known=known,
        )


def probe_sites(
    settings: Settings,
    requested_sites: Sequence[RequestedSite],
    options: SiteFileOptions,
    on_event: SiteEventCallback,
    on_result: Callable[[ProbedSite], None],
) -> tuple[ProbedSite, ...]:
    """Probe new sites in parallel, `settings.crawls` at a time.

    Args:
        settings: The settings of the installation.
        requested_sites: The sites.
        options: How to probe, and what goes into the site files.
        on_event: Receives the URL of a site and an event of its probe.
        on_result: Receives each result at once.

    Returns:
        One result for each site, in the order of `requested_sites`.
    """

    async def probe(requested: RequestedSite, tools: _ProbeTools) -> ProbedSite:
        probed = await _probe_requested(requested, options, tools)
        on_result(probed)
        return probed

    jobs = [(requested.url, requested) for requested in requested_sites]
    return _in_parallel(settings, jobs, on_event, probe)


def check_sites(
    settings: Settings, known_sites: Sequence[Site], on_event: SiteEventCallback
) -> tuple[SiteCheck, ...]:
    """Probe known sites again, and compare what they show with their files.

    Args:
        settings: The settings of the installation.
        known_sites: The sites.
        on_event: Receives the id of a site and an event of its probe.

    Returns:
        One result for each site, in the order of `known_sites`.
    """
    jobs = [(site.url, site) for site in known_sites]
    return _in_parallel(settings, jobs, on_event, _check_known)


def site_of_url(url: str, known_sites: Sequence[Site]) -> Site | None:
    """Return the known site whose front page a URL belongs to."""
    for site in known_sites:
        if _home_page(site.url) == _home_page(url):
            return site
    return None


def write_site_file(folder: Path, name: str, text: str, *, replace: bool) -> Path:
    """Write a site file, completely or not at all.

    Args:
        folder: The folder of the site files.
        name: The id of the site.
        text: The text of the file.
        replace: Whether to replace a file that exists.

    Raises:
        ConfigError: The text is not valid, or the file exists.
        DiskError: The file cannot be written.
    """
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
            f"{path}: is there already; --replace replaces it, --id takes another name"
        ) from None
    except OSError as error:
        raise DiskError(f"{path}: cannot be written ({error.strerror})") from None
    return path


async def _probe_requested(
    requested: RequestedSite, options: SiteFileOptions, tools: _ProbeTools
) -> ProbedSite:
    """Probe a new site, a second time with a browser if it needs one."""
    if requested.error:
        return ProbedSite(requested, error=requested.error, exit_code=ExitCode.CONFIG)
    try:
        site = _provisional_site(requested, options)
        probe = await tools.probe(site, requested.url, known=False)
        probed = _propose(requested, site, probe)
        if probed.needs_browser and _has_browser(tools.settings):
            site = site.model_copy(update={"render": True})
            probe = await tools.probe(site, requested.url, known=False)
            probed = _propose(requested, site, probe)
    except NightdeskError as error:
        message = str(error).removeprefix(f"{requested.url}: ")
        return ProbedSite(requested, error=message, exit_code=error.exit_code)
    return probed


async def _check_known(site: Site, tools: _ProbeTools) -> SiteCheck:
    try:
        probe = await tools.probe(site, site.id, known=True)
    except NightdeskError as error:
        return SiteCheck(site, error=str(error))
    differences = compare_with_probe(site, probe.result, probe.samples, datetime.now(UTC))
    return SiteCheck(site, probe, differences)


def _propose(requested: RequestedSite, site: Site, probe: SiteProbe) -> ProbedSite:
    proposal = propose_site(probe.result, probe.samples, requested.name)
    if proposal is None:
        error = rejection_message(probe.result, probe.samples, rendered=site.render)
        return ProbedSite(requested, probe, None, error, ExitCode.PARTLY)
    return ProbedSite(requested, probe, replace(proposal, render=site.render))


def _has_browser(settings: Settings) -> bool:
    with suppress(ConfigError):
        return bool(settings.browser_path)
    return False


def _provisional_site(requested: RequestedSite, options: SiteFileOptions) -> Site:
    """Return as much of a site as a probe needs."""
    return Site.model_validate(
        {
            "id": "probe",
            "name": "probe",
            "url": requested.url,
            "feeds": requested.feeds,
            "sitemaps": requested.sitemaps,
            "sections": () if requested.feeds else (requested.url,),
            "politeness": {"delay": options.delay, "timeout": PROBE_TIMEOUT, "retries": 1},
            "safety": {"allow_private": options.allow_private, "max_bytes": MAX_PROBE_BYTES},
        }
    )


def _in_parallel(
    settings: Settings,
    jobs: Sequence[tuple[str, T]],
    on_event: SiteEventCallback,
    run_job: Callable[[T, _ProbeTools], Awaitable[R]],
) -> tuple[R, ...]:
    """Run jobs in parallel, one at a time for each host.

    Args:
        settings: The settings of the installation.
        jobs: The URL and the argument of each job.
        on_event: Receives the events of the probes.
        run_job: Runs one job.
    """
    make_log_folder(settings.log_folder)

    async def run_all(workers: WorkerPool) -> tuple[R, ...]:
        slots = asyncio.Semaphore(settings.crawls)
        host_locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        tools = _ProbeTools(settings, workers, asyncio.Lock(), on_event)

        async def run_in_turn(url: str, job: T) -> R:
            async with host_locks[_host(url)], slots:
                return await run_job(job, tools)

        return tuple(await asyncio.gather(*(run_in_turn(url, job) for url, job in jobs)))

    with WorkerPool(
        settings.worker_processes, settings.page_seconds, settings.page_megabytes
    ) as workers:
        return asyncio.run(run_all(workers))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _home_page(url: str) -> tuple[str, str]:
    return without_www(host_of(url)), path_prefix(canonicalize(url))
