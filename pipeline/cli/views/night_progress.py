"""Progress of a night: bars at a terminal, a line for each finished site elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.cli.console import console, print_line
from pipeline.cli.progress import PlainStages, RichStages
from pipeline.cli.views.night_summary import site_line

if TYPE_CHECKING:
    from pipeline.jobs.results import SiteResult


class PlainProgress(PlainStages):
    """Progress of a night for logs and mails."""

    def crawl(self, site: str, event: dict[str, Any]) -> None:
        """Ignore an event of a crawl: only stages and finished sites are worth a line."""

    def clean(self, site: str, stage: str, done: int, total: int) -> None:
        """Print now and then how far a long clean is."""
        self.update(site, stage, done, total)

    def done(self, result: SiteResult) -> None:
        """Print the line of a finished site."""
        if not self.quiet:
            print_line(site_line(result))


class RichProgress(RichStages):
    """Progress of a night for a person: one bar for each site, first its crawl, then its clean."""

    def crawl(self, site: str, event: dict[str, Any]) -> None:
        """Show an event of a crawl."""
        match event["event"]:
            case "started" | "source":
                self.set_stage(site, "reading feeds and lists")
            case "due":
                self.set_stage(site, "fetching", total=event["count"])
            case "page":
                self.set_stage(site, "fetching", advance=1)

    def clean(self, site: str, stage: str, done: int, total: int) -> None:
        """Show how far a clean is."""
        self.update(site, stage, done, total)

    def done(self, result: SiteResult) -> None:
        """Replace the bar of a finished site with its line."""
        self.finish(result.site, site_line(result))


def night_progress(*, quiet: bool) -> PlainProgress | RichProgress:
    """Return bars at a terminal and lines elsewhere; with `quiet` lines that print nothing."""
    if console.is_terminal and not quiet:
        return RichProgress()
    return PlainProgress(quiet=quiet)
