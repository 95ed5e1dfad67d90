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

from pipeline.config.settings import Settings, filled_in
from pipeline.config.site import CrawlJob, Site
from pipeline.core.errors import ExitCode, NightdeskError
from pipeline.jobs.batch_clean import Batch, Input, Output
from pipeline.jobs.child_process import run_child
from pipeline.jobs.workers.pool import Workers
from pipeline.onboarding.proposal import Judged
from pipeline.process_messages import REQUESTS, SECONDS, Findings, ProbeJob

GRACE = 150.0  # seconds beyond the probe's own time: its last request may take its full time

Listen = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Probe:
    """What a site showed, and its samples as the cleaner has them."""

    findings: Findings
    judged: tuple[Judged, ...] = ()
    outputs: tuple[Output, ...] = ()  # of the samples that have a body; `id` is the sample's URL


async def probe_site(
    settings: Settings,
    site: Site,
    workers: Workers,
    cleaner: asyncio.Lock,
    listen: Listen,
    *,
    known: bool,
) -> Probe:
    """Looks at a site. `known`: its places are those of its file."""
    with tempfile.TemporaryDirectory(prefix="nightdesk-") as folder:
        findings = await _look(settings, site, Path(folder), listen, known=known)
        listen({"event": "cleaning", "samples": len(findings.samples)})
        async with cleaner:  # one site at a time: a clean uses all workers
            outputs = await asyncio.to_thread(_clean, site, findings, Path(folder), workers)
    made = {output.id: output.extraction for output in outputs}
    judged = tuple(Judged(sample, made.get(sample.url)) for sample in findings.samples)
    return Probe(findings, judged, tuple(outputs))


async def _look(
    settings: Settings, site: Site, folder: Path, listen: Listen, *, known: bool
) -> Findings:
    secrets = {
        name: filled_in(getattr(site, name), f"{site.id}: '{name}'")
        for name in ("headers", "cookies")
    }
    errand = CrawlJob(
        site=site.model_copy(update=secrets),
        database_url="",
        user_agent=settings.agent,
        log_file=str(settings.log_folder / "probe.log"),
        log_level=settings.log_level,
        log_format=settings.log_format,
        log_megabytes=settings.log_megabytes,
        log_files=settings.log_files,
        log_days=settings.log_days,
        chromium=settings.browser if site.render else "",
    )
    requests = REQUESTS + (
        len(site.places) if known else 0
    )  # all places of a file, and what else there is
    job = ProbeJob(
        errand=errand, folder=str(folder), known=known, requests=requests, seconds=SECONDS
    )
    errors: list[str] = []

    def take(event: dict[str, Any]) -> None:
        if event["event"] == "error":
            errors.append(str(event["message"]))
        listen(event)

    try:
        code, last_words = await run_child(job.model_dump_json(), take, SECONDS + GRACE, "probe")
    except TimeoutError:
        raise NightdeskError(
            f"{site.url}: the probe did not end in its time and was stopped"
        ) from None
    path = folder / "findings.json"
    if code == ExitCode.OK and path.is_file():
        return Findings.model_validate_json(path.read_text(encoding="utf8"))
    last = last_words.strip().splitlines()
    why = errors[-1] if errors else (last[-1][:200] if last else f"it died with code {code}")
    raise NightdeskError(f"{site.url}: the probe failed: {why}")


def _clean(site: Site, findings: Findings, folder: Path, workers: Workers) -> Sequence[Output]:
    """All samples are one batch, so that each teaches what recurs on the others."""

    def inputs() -> Iterator[Input]:
        for sample in findings.samples:
            if sample.file:
                body = (folder / sample.file).read_bytes()
                yield Input(
                    sample.url,
                    sample.url,
                    site.id,
                    sample.landed or sample.url,
                    body,
                    sample.charset,
                )

    with Batch() as batch:
        for _ in batch.draft(inputs(), workers):
            pass
        return tuple(batch.strike(site.cleaning))
