"""A probe of one site: looked at by a child process, its samples cleaned here.

Promises Findings for whatever the site does, and a NightdeskError only where the child itself failed.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.settings import Settings, expand_variables
from pipeline.config.site import CrawlJob, Site
from pipeline.core.errors import ExitCode, NightdeskError
from pipeline.jobs.batch_clean import PageBatch, InputPage, CleanedPage
from pipeline.jobs.child_process import run_child
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.onboarding.proposal import CleanedSample
from pipeline.process_messages import MAX_REQUESTS, MAX_SECONDS, ProbeResult, ProbeJob

GRACE = 150.0  # seconds beyond the probe's own time: its last request may take its full time

Listen = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class SiteProbe:
    """What a site showed, and its samples as the cleaner has them."""

    findings: ProbeResult
    judged: tuple[CleanedSample, ...] = ()
    outputs: tuple[CleanedPage, ...] = ()  # of the samples that have a body; `id` is the sample's URL


async def probe_site(
    settings: Settings,
    site: Site,
    workers: WorkerPool,
    cleaner: asyncio.Lock,
    listen: Listen,
    *,
    known: bool,
) -> SiteProbe:
    """Looks at a site. `known`: its places are those of its file."""
    with tempfile.TemporaryDirectory(prefix="nightdesk-") as folder:
        findings = await _look(settings, site, Path(folder), listen, known=known)
        listen({"event": "cleaning", "samples": len(findings.samples)})
        async with cleaner:  # one site at a time: a clean uses all workers
            outputs = await asyncio.to_thread(_clean, site, findings, Path(folder), workers)
    made = {output.id: output.result for output in outputs}
    judged = tuple(CleanedSample(sample, made.get(sample.url)) for sample in findings.samples)
    return SiteProbe(findings, judged, tuple(outputs))


async def _look(
    settings: Settings, site: Site, folder: Path, listen: Listen, *, known: bool
) -> ProbeResult:
    secrets = {
        name: expand_variables(getattr(site, name), f"{site.id}: '{name}'")
        for name in ("headers", "cookies")
    }
    errand = CrawlJob(
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
    requests = MAX_REQUESTS + (
        len(site.sources) if known else 0
    )  # all places of a file, and what else there is
    job = ProbeJob(
        crawl_job=errand, folder=str(folder), is_known_site=known, requests=requests, seconds=MAX_SECONDS
    )
    errors: list[str] = []

    def take(event: dict[str, Any]) -> None:
        if event["event"] == "error":
            errors.append(str(event["message"]))
        listen(event)

    try:
        code, last_words = await run_child(job.model_dump_json(), take, MAX_SECONDS + GRACE, "probe")
    except TimeoutError:
        raise NightdeskError(
            f"{site.url}: the probe did not end in its time and was stopped"
        ) from None
    path = folder / "findings.json"
    if code == ExitCode.OK and path.is_file():
        return ProbeResult.model_validate_json(path.read_text(encoding="utf8"))
    last = last_words.strip().splitlines()
    why = errors[-1] if errors else (last[-1][:200] if last else f"it died with code {code}")
    raise NightdeskError(f"{site.url}: the probe failed: {why}")


def _clean(site: Site, findings: ProbeResult, folder: Path, workers: WorkerPool) -> Sequence[CleanedPage]:
    """All samples are one batch, so that each teaches what recurs on the others."""

    def inputs() -> Iterator[InputPage]:
        for sample in findings.samples:
            if sample.file:
                body = (folder / sample.file).read_bytes()
                yield InputPage(
                    sample.url,
                    sample.url,
                    site.id,
                    sample.final_url or sample.url,
                    body,
                    sample.charset,
                )

    with PageBatch() as batch:
        for _ in batch.extract(inputs(), workers):
            pass
        return tuple(batch.clean(site.cleaning))
