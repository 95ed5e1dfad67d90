"""What a second probe of a known site found: its sources, and what differs from the site file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.text import Text

from pipeline.cli.console import Cell, format_day, print_line, print_table
from pipeline.cli.views.probe_report import (
    probe_json,
    short_url,
    source_answer,
    source_kind,
    source_links,
    story_count,
)
from pipeline.jobs.onboarding import SiteCheck
from pipeline.onboarding.check_site import Severity
from pipeline.onboarding.source_selection import allowed_links
from pipeline.process_messages import DiscoveryMethod, ProbedSource

COLUMNS: Final = ("Site", "Source", "Address", "Answer", "Links", "Stories", "Newest")
STYLES: Final = {Severity.BROKEN: "red", Severity.CHANGED: "yellow", Severity.NEW: "green"}


def is_broken(check: SiteCheck) -> bool:
    """Return whether the site file no longer works."""
    return any(difference.severity is Severity.BROKEN for difference in check.differences)


def print_checks(checks: Sequence[SiteCheck]) -> None:
    """Print a table of all sources, then what differs from the site files."""
    rows: list[list[Cell]] = []
    for check in checks:
        sources = check.probe.result.sources if check.probe else ()
        for source in sources:
            if source.discovered_by is DiscoveryMethod.GIVEN:
                rows.append(_source_row(check, source))
    if rows:
        print_table(COLUMNS, rows)
        print_line()
    for check in checks:
        if not check.error:
            _print_differences(check)


def _source_row(check: SiteCheck, source: ProbedSource) -> list[Cell]:
    site = check.site
    return [
        site.id,
        source_kind(source),
        short_url(source.url, site.url),
        source_answer(source),
        source_links(source),
        len(allowed_links(source, site)),
        format_day(source.newest),
    ]


def _print_differences(check: SiteCheck) -> None:
    site = check.site.id
    for difference in check.differences:
        severity = (f"{difference.severity}  ", STYLES[difference.severity])
        line = f"{difference.key}: {difference.sentence}"
        print_line(Text.assemble(f"{site}: ", severity, line))
    if not check.differences:
        samples = check.probe.samples if check.probe else ()
        stories = f"; {story_count(samples)}" if samples else ""
        print_line(f"{site}: as its file says{stories}.")


def check_json(check: SiteCheck) -> dict[str, Any]:
    """Return a check for programs."""
    values: dict[str, Any] = {
        "site": check.site.id,
        "error": check.error,
        "differences": check.differences,
    }
    if check.probe is not None:
        values |= probe_json(check.probe)
    return values
