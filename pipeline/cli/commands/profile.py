"""`nightdesk profile`: what the archive has learnt of a site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer

from pipeline.cli.console import Cell, format_day, print_json, print_line, print_table
from pipeline.cli.context import AsJson, get_context
from pipeline.core.formatting import pluralize
from pipeline.jobs.site_profile import ContainerReport, FrequentLine, site_profile_report
from pipeline.store import read

EXAMPLES: Final = (
    "nightdesk profile gazette",
    "nightdesk profile gazette --limit 100",
)
MAX_CONTAINERS: Final = 10  # containers that are printed; --json has all


def profile(
    context: typer.Context,
    site: Annotated[str, typer.Argument(metavar="SITE", help="The id of a site.")],
    limit: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="How many lines to show.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Show a site's profile: the containers that hold its stories, and its most frequent lines."""
    app = get_context(context)
    database = app.open_archive()
    app.check_site_name(database, site)
    report = site_profile_report(database, site, limit)
    if as_json:
        print_json(asdict(report))
        return
    _print_containers(report.containers)
    rows: list[list[Cell]] = []
    for line in report.lines:
        text = line.text or "(not in the newest bytes of any page)"
        rows.append([_page_count(line), _rules(line), text])
    print_table(["Pages", "Removed from these by", "Line"], rows)
    print_line()
    print_line(
        f"{pluralize(report.known_lines, 'line')} of {pluralize(report.pages, 'page')} known,"
        f" {report.repeated_lines:,} of them on several pages."
    )
    print_line(
        f"{pluralize(report.headlines, 'headline')} known,"
        f" {report.repeated_headlines:,} of them also a line of another page."
    )


def _print_containers(containers: Sequence[ContainerReport]) -> None:
    """Print where stories stand: containers in use first, then retired ones."""
    main = [container for container in containers if container.main_pages]
    main.sort(key=lambda container: container.is_retired)
    if not main:
        return
    rows: list[list[Cell]] = []
    for container in main[:MAX_CONTAINERS]:
        until = format_day(container.last_main_at) if container.is_retired else "in use"
        rows.append(
            [container.name, container.main_pages, format_day(container.first_main_at), until]
        )
    print_table(["Stories are in", "Pages", "From", "Until"], rows)
    never = sum(not container.story_pages for container in containers)
    print_line(
        f"{pluralize(len(containers), 'container')} known; {never:,} of them never held a story."
    )
    print_line()


def _page_count(line: FrequentLine) -> str:
    # A profile counts no further pages of a line.
    return f"{line.pages}+" if line.pages >= read.MAX_PAGES_PER_LINE else str(line.pages)


def _rules(line: FrequentLine) -> str:
    parts = [f"{rule} {number}" for rule, number in line.removed]
    if line.kept:
        parts.append(f"kept {line.kept}")
    return ", ".join(parts)
