"""The commands about cleaning: clean, with a look before the leap, and what the archive of a site teaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.cli.commands import worker
from pipeline.cli.commands.crawl import exit_with_code, run_with_progress, run_and_print
from pipeline.cli.commands.worker import Enqueue
from pipeline.cli.console import Cell, print_error, plural, print_json, print_line, print_table
from pipeline.cli.context import AsJson, AppContext, get_context
from pipeline.cli.views import changes
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.jobs import memory_report
from pipeline.jobs.change_report import ChangeReport
from pipeline.jobs.changes import Change
from pipeline.jobs.clean import CleanRequest, Tell, require_rule
from pipeline.store.clean import line_memory
from pipeline.store.clean.types import Scope

SAMPLES = 3  # pages of a site that a dry run shows
DIFFS = 100  # pages of a site that --diff shows
CONTAINERS = 10  # of a site that are shown; --json has all

Since = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="Only pages published or first seen since that day (UTC).",
    ),
]
Samples = Annotated[
    int | None,
    typer.Option(
        min=0,
        help=f"How many pages of a site to show, the most changed first; {SAMPLES}, with --diff {DIFFS}.",
    ),
]


def clean(
    context: typer.Context,
    sites: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SITE", help="Sites by id; all by default, also those that are not crawled."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is not stale.")] = False,
    since: Since = None,
    rule: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Only pages of whose present text this rule struck something."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show each page that changes, line by line.")
    ] = False,
    samples: Samples = None,
    enqueue: Enqueue = False,
    as_json: AsJson = False,
) -> None:
    """Clean whatever is stale: new pages, and all pages after a change of rules, versions or site options."""
    here = get_context(context)
    chosen = here.sites(
        sites or (), also_disabled=True
    )  # what was imported is cleaned again like all else
    day = since.replace(tzinfo=UTC) if since else None
    scope = Scope(everything, day, require_rule(rule) if rule else "")
    shown = samples if samples is not None else DIFFS if diff else SAMPLES if dry_run else 0
    if enqueue:
        if dry_run or shown:
            raise ConfigError(
                "--enqueue hands the work to workers elsewhere, who show nothing; leave out --dry-run and --diff"
            )
        worker.enqueue_cleans(here, chosen, CleanRequest(scope), as_json=as_json)
        return
    if dry_run:
        _preview(here, chosen, scope, shown, as_json)
    reports = {site.id: ChangeReport(site.id, shown) for site in chosen}
    tell = _teller(reports) if shown else None
    run_and_print(
        here,
        chosen,
        as_json=as_json,
        crawled=False,
        plan=CleanRequest(scope, on_change=tell),
        changed=reports if shown else None,
    )


def _teller(reports: dict[str, ChangeReport]) -> Tell:
    def tell(site: str, change: Change) -> None:
        reports[site].add(change)

    return tell


def _preview(here: AppContext, sites: Sequence[Site], scope: Scope, samples: int, as_json: bool) -> None:
    """A dry run, which ends the command."""
    reports = {site.id: ChangeReport(site.id, samples) for site in sites}
    store = here.open_archive()
    nights = run_with_progress(
        here, store, sites, as_json=as_json, crawled=False, plan=CleanRequest(scope, True, _teller(reports))
    )
    found = [report for report in reports.values() if report.pages]
    if as_json:
        print_json([changes.report_json(report) for report in reports.values()])
    elif not found:
        print_line(
            "Dry run: no page would be cleaned."
            + ("" if scope.everything else " --all takes also those that are not stale.")
        )
    else:
        changes.print_reports(found, dry=True)
        changes.print_samples(found)
        print_line()
        print_line("Nothing was changed.")
    for night in nights:
        for sentence in night.errors:
            print_error(sentence)
    store.close()
    exit_with_code(here, nights)


def memory(
    context: typer.Context,
    site: Annotated[str, typer.Argument(metavar="SITE", help="A site by its id.")],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many lines.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what a site's archive teaches: which containers hold its stories, and the lines that stand on most of its pages,
    with what the rules make of them."""
    here = get_context(context)
    store = here.open_archive()
    here.check_site_name(store, site)
    found = memory_report.site_profile_report(store, site, limit)
    if as_json:
        print_json(asdict(found))
        return
    _show_containers(found)
    rows = [
        [_pages(line), _struck(line), line.text or "(on no page's newest bytes)"]
        for line in found.lines
    ]
    print_table(["Pages", "Struck on these by", "Line"], rows)
    print_line()
    print_line(
        f"{plural(found.lines_known, 'line')} known of {plural(found.pages, 'page')}, {found.lines_repeated:,} of them on several pages."
    )
    print_line(
        f"{plural(found.headlines, 'headline')} known, {found.quoted:,} of them met as a line on another page."
    )


def _show_containers(found: memory_report.SiteProfileReport) -> None:
    """Where stories stand: what is in use first, and then what was."""
    mains = sorted((each for each in found.containers if each.pages), key=lambda each: each.is_retired)
    rows: list[list[Cell]] = [
        [each.name, each.pages, _day(each.first_at), _day(each.last_at) if each.is_retired else "in use"]
        for each in mains
    ]
    if rows:
        print_table(["Stories stand in", "Pages", "From", "Until"], rows[:CONTAINERS])
        never = sum(1 for each in found.containers if not each.pages_with_story)
        print_line(
            f"{plural(len(found.containers), 'container')} known; {never:,} of them never held a story."
        )
        print_line()


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else ""


def _pages(line: memory_report.FrequentLine) -> str:
    return f"{line.pages}+" if line.pages >= line_memory.KEPT else str(line.pages)


def _struck(line: memory_report.FrequentLine) -> str:
    said = [f"{rule} {number}" for rule, number in line.removed] + (
        [f"kept {line.kept}"] if line.kept else []
    )
    return ", ".join(said)
