"""Probe one site: a child process requests it, and its sample pages are cleaned here."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.settings import Settings, expand_variables
from pipeline.config.site import Site
from pipeline.core.errors import ExitCode, NightdeskError
from pipeline.formats.readers.input_page import InputPage
from pipeline.jobs.batch_clean import CleanedPage, PageBatch
from pipeline.jobs.crawl import MAX_LAST_LINE
from pipeline.jobs.crawlers.child_process import EventCallback, run_child
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.onboarding.proposal import CleanedSample
from pipeline.process_messages import MAX_REQUESTS, MAX_SECONDS, CrawlJob, ProbeJob, ProbeResult

GRACE_SECONDS = 150.0  # beyond the probe's own limit: its last request may take its full time
RESULT_FILE = "result.json"


@dataclass(frozen=True, slots=True)
class SiteProbe:
    """What a site showed.

    Attributes:
        result: What the child process found.
        samples: The sample pages, each with its clean result if it has one.
        cleaned_pages: The sample pages that have a body. Their `id` is the sample's URL.
    """

    result: ProbeResult
    samples: tuple[CleanedSample, ...] = ()
    cleaned_pages: tuple[CleanedPage, ...] = ()


async def probe_site(
    settings: Settings,
    site: Site,
    workers: WorkerPool,
    one_clean: asyncio.Lock,
    on_event: EventCallback,
    *,
    known: bool,
) -> SiteProbe:
    """Probe one site.

    Args:
        settings: The settings of the installation.
        site: The site; of a new site, as much as is known.
        workers: The processes that extract.
        one_clean: Held during a clean, because a clean uses all workers.
        on_event: Receives each event of the child.
        known: Whether the sources of `site` come from a site file.

    Raises:
        NightdeskError: The child process failed. What the site does is in the result.
    """
    with tempfile.TemporaryDirectory(prefix="nightdesk-") as folder:
        result = await _run_probe(settings, site, Path(folder), on_event, known=known)
        on_event({"event": "cleaning", "samples": len(result.samples)})
        async with one_clean:
            pages = await asyncio.to_thread(_clean_samples, site, result, Path(folder), workers)
    results_by_url = {page.id: page.result for page in pages}
    samples = []
    for sample in result.samples:
        samples.append(CleanedSample(sample, results_by_url.get(sample.url)))
    return SiteProbe(result, tuple(samples), tuple(pages))


async def _run_probe(
    settings: Settings, site: Site, folder: Path, on_event: EventCallback, *, known: bool
) -> ProbeResult:
    job = _probe_job(settings, site, folder, known=known)
    errors: list[str] = []

    def receive(event: dict[str, Any]) -> None:
        if event["event"] == "error":
            errors.append(str(event["message"]))
        on_event(event)

    seconds = MAX_SECONDS + GRACE_SECONDS
    child_exit = await run_child(job.model_dump_json(), receive, seconds, "probe")
    if child_exit.is_timeout:
        raise NightdeskError(f"{site.url}: the probe did not end in its time and was stopped")
    path = folder / RESULT_FILE
    if child_exit.code == ExitCode.OK and path.is_file():
        return ProbeResult.model_validate_json(path.read_text(encoding="utf8"))
    if errors:
        reason = errors[-1]
    elif child_exit.last_line:
        reason = child_exit.last_line[:MAX_LAST_LINE]
    else:
        reason = f"it died with code {child_exit.code}"
    raise NightdeskError(f"{site.url}: the probe failed: {reason}")


def _probe_job(settings: Settings, site: Site, folder: Path, *, known: bool) -> ProbeJob:
    secrets = {}
    for name in ("headers", "cookies"):
        secrets[name] = expand_variables(getattr(site, name), f"{site.id}: '{name}'")
    crawl_job = CrawlJob(
        site=site.model_copy(update=secrets),
        database_url="",
        user_agent=settings.sent_user_agent,
        log_file=str(settings.log_folder / "probe.log"),
        log_level=settings.log_level,
        log_format=settings.log_format,
        log_megabytes=settings.log_megabytes,
        log_files=settings.log_files,
        log_days=settings.log_days,
        chromium=settings.browser_path if site.render else "",
    )
    # All sources of a site file are requested, and further ones besides.
    requests = MAX_REQUESTS + (len(site.sources) if known else 0)
    return ProbeJob(
        crawl_job=crawl_job,
        folder=str(folder),
        is_known_site=known,
        requests=requests,
        seconds=MAX_SECONDS,
    )


def _clean_samples(
    site: Site, result: ProbeResult, folder: Path, workers: WorkerPool
) -> Sequence[CleanedPage]:
    """Clean all samples as one batch, so that lines which recur are recognized."""

    def load_pages() -> Iterator[InputPage]:
        for sample in result.samples:
            if not sample.file:
                continue
            yield InputPage(
                sample.url,
                sample.url,
                site.id,
                sample.final_url or sample.url,
                (folder / sample.file).read_bytes(),
                sample.charset,
            )

    with PageBatch() as batch:
        for _ in batch.extract(load_pages(), workers):
            pass
        return tuple(batch.clean(site.cleaning))
