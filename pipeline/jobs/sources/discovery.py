"""Read the stored sources of a site again, in a child process: they may hang or crash a parser."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.errors import ExitCode
from pipeline.jobs.crawl import CrawlRequest, close_run_of_dead_child, crawl_job
from pipeline.jobs.crawlers.child_process import run_child
from pipeline.jobs.progress import SiteEventCallback

MAX_SECONDS = 4 * 3600.0  # a sitemap of 50,000 URLs takes about a second a version
MAX_LAST_LINE = 200  # characters of the child's last line that a message quotes


@dataclass(frozen=True, slots=True)
class DiscoverResult:
    """What reading the stored sources of a site again brought.

    Attributes:
        site: The site.
        run_id: The run; 0 if none was started.
        sources: Sources that were read.
        versions: Their stored versions.
        damaged: Versions whose bytes are damaged.
        queued: Stories that the next crawl fetches.
        known: Links to stories that the archive has, or has tried to fetch.
        refused: Links that the rules refuse.
        message: Why it failed; "" if it did not.
        exit_code: The exit code.
    """

    site: str
    run_id: int = 0
    sources: int = 0
    versions: int = 0
    damaged: int = 0
    queued: int = 0
    known: int = 0
    refused: int = 0
    message: str = ""
    exit_code: ExitCode = ExitCode.OK

    @classmethod
    def from_event(cls, site: str, run_id: int, event: dict[str, Any]) -> DiscoverResult:
        """Return the result that a child reported at its end."""
        return cls(
            site,
            run_id,
            sources=event["sources"],
            versions=event["versions"],
            damaged=event["damaged"],
            queued=event["queued"],
            known=event["known"],
            refused=event["refused"],
        )


@dataclass(slots=True)
class _DiscoverEvents:
    """What the child has reported so far."""

    run_id: int = 0
    error: str = ""
    end: dict[str, Any] = field(default_factory=dict)

    def add(self, event: dict[str, Any]) -> None:
        match event.get("event"):
            case "started":
                self.run_id = event["run"]
            case "rediscovered":
                self.end = event
            case "error":
                self.error = event["message"]


async def discover_again(
    settings: Settings, site: Site, on_event: SiteEventCallback, since: datetime | None = None
) -> DiscoverResult:
    """Queue the stories of a site that its stored sources list and that were missed.

    Args:
        settings: The settings of the installation.
        site: The site, whose file says what is a story now.
        on_event: Receives each event of the child.
        since: Read only what the site has shown since this time. None reads everything.

    Returns:
        What was found, or why it failed.

    Raises:
        ConfigError: The settings are not complete.
    """
    job = crawl_job(settings, site, CrawlRequest(since=since))
    events = _DiscoverEvents()

    def receive(event: dict[str, Any]) -> None:
        events.add(event)
        on_event(site.id, event)

    child_exit = await run_child(job.model_dump_json(), receive, MAX_SECONDS, "discover")
    code, last_line = child_exit.code, child_exit.last_line
    if child_exit.is_timeout:
        code = int(ExitCode.PARTLY)
        events.error = f"{site.id}: stopped after {MAX_SECONDS / 3600:.0f} hours"
    if code == ExitCode.OK and events.end:
        return DiscoverResult.from_event(site.id, events.run_id, events.end)
    if events.run_id:
        close_run_of_dead_child(settings, site)
    message = events.error or f"{site.id}: died with code {code}: {last_line[:MAX_LAST_LINE]}"
    return DiscoverResult(site.id, events.run_id, message=message, exit_code=_exit_code(code))


def _exit_code(code: int) -> ExitCode:
    try:
        return ExitCode(code) if code else ExitCode.PARTLY
    except ValueError:
        return ExitCode.PARTLY
