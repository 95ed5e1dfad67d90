"""How crawls, cleans and nights ended, as values. This module imports no job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.core.errors import ExitCode

EXIT_CODES_BY_SEVERITY = (
    ExitCode.DISK,
    ExitCode.DATABASE,
    ExitCode.CONFIG,
    ExitCode.PARTLY,
    ExitCode.RUNNING,
)


@dataclass(frozen=True, slots=True)
class FailedSource:
    """A feed, sitemap or section that yielded nothing, and the reason."""

    url: str
    outcome: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """How a crawl ended. `run_id` is 0 if no run was started."""

    site: str
    run_id: int = 0
    status: str = "failed"
    counts: dict[str, int] = field(default_factory=dict)
    message: str = ""
    exit_code: ExitCode = ExitCode.PARTLY
    sources: int = 0  # sources that the crawl requested
    sources_fetched: int = 0  # of these, sources that answered with a new body
    failed_sources: tuple[FailedSource, ...] = ()
    empty_sources: tuple[str, ...] = ()  # URLs of sources that answered and listed no link

    @property
    def is_down(self) -> bool:
        """Tell whether the crawl reached none of the site's sources."""
        return self.sources > 0 and len(self.failed_sources) == self.sources


@dataclass(frozen=True, slots=True)
class CleanRunResult:
    """How a clean ended. `run_id` is 0 if nothing was stale, because then there is no run."""

    site: str
    run_id: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    extracted: int = 0  # payloads


@dataclass(frozen=True, slots=True)
class SiteResult:
    """How a night ended for one site."""

    site: str
    crawl: CrawlResult | None = None
    clean: CleanRunResult | None = None
    errors: tuple[str, ...] = ()
    exit_codes: tuple[ExitCode, ...] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code of this site's night."""
        return worst_exit_code(self.exit_codes)


def worst_exit_code(codes: Sequence[ExitCode]) -> ExitCode:
    """Return one exit code for several.

    A problem of the whole archive takes precedence over a problem of one site.
    """
    for code in EXIT_CODES_BY_SEVERITY:
        if code in codes:
            return code
    return ExitCode.OK
