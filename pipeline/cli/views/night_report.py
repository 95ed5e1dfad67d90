"""The night report as text, as HTML for a mail, and as JSON. Issues come first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pipeline.cli.console import Cell, console, format_time, print_line, print_table
from pipeline.core.formatting import format_if, format_size, pluralize
from pipeline.jobs.night_report import NightReport, SiteNightReport
from pipeline.monitoring.night_stats import NightStats

if TYPE_CHECKING:
    from pipeline.store.read import IssueView

COLUMNS = (
    "Site", "Last night (UTC)", "Status", "Seen", "New", "Changed", "Unchanged", "Archived",
    "Revised", "No article", "Gone", "Refused", "Failed", "Dated", "Signed", "Words", "Removed",
    "Bytes", "Time", "Ledger",
)  # fmt: skip
MAX_CHECKED_SITES = 5  # that are named; with more of them all sites are probed
ALWAYS_SHOWN = 2  # columns, also on a narrow terminal
NOTHING = (0, "", "finished", "adds up")  # cells that a narrow terminal may leave out
COLUMN_GAP = 2  # spaces between two columns
TEMPLATES = Path(__file__).parents[1] / "templates"


def report_headline(report: NightReport) -> str:
    """Return the report in one line."""
    serious = {issue.site for issue in report.issues if issue.is_serious}
    other = {issue.site for issue in report.issues} - serious
    never = sum(site.night is None for site in report.sites)
    parts = []
    if serious:
        parts.append(f"{pluralize(len(serious), 'site')} with serious issues")
    if other:
        parts.append(f"{pluralize(len(other), 'site')} worth a look")
    if never:
        parts.append(f"{pluralize(never, 'site')} never crawled")
    if not parts:
        return f"Nightdesk: all {len(report.sites)} sites are well"
    well = len(report.sites) - len(serious) - len(other) - never
    return f"Nightdesk: {', '.join(parts)}, {pluralize(well, 'site')} well"


def ledger_sentence(report: NightReport) -> str:
    """Return whether the ledgers add up."""
    unbalanced = []
    for site in report.sites:
        if site.night is not None and not site.is_balanced:
            unbalanced.append(str(site.night.run))
    if unbalanced:
        return f"The ledgers of runs {', '.join(unbalanced)} do not add up."
    return "The ledgers of these nights add up."


def issue_sentence(issue: IssueView) -> str:
    """Return what is wrong, and the likely cause."""
    return f"{issue.sentence}.{format_if(' Likely: {}.', issue.cause)}"


def print_report(report: NightReport) -> None:
    """Print the report for people."""
    print_line(Text(report_headline(report), style="bold"))
    for issue in report.issues:
        style = "red" if issue.is_serious else "yellow"
        sentence = (issue_sentence(issue), style)
        print_line(Text.assemble((f"{issue.site}: ", "bold"), sentence))
        more = f"    {issue.kind} since {issue.opened_at:%Y-%m-%d}; more: {issue.command}"
        print_line(Text(more, style="dim"))
    print_next_step(report.issues)
    for issue in report.recovered:
        line = f"{issue.site}: well again: {issue.kind}, which began {issue.opened_at:%Y-%m-%d}"
        print_line(Text(line, style="green"))
    print_line()
    columns, rows = report_columns(report)
    if console.is_terminal and _table_width(columns, rows) > console.width:
        columns, rows = _without_empty_columns(columns, rows)
    print_table(columns, rows)
    print_line()
    print_line(ledger_sentence(report))


def print_next_step(issues: Sequence[IssueView]) -> None:
    """Print the command that probes the sites with serious issues again."""
    sites = sorted({issue.site for issue in issues if issue.is_serious})
    if not sites:
        return
    names = " ".join(sites) if len(sites) <= MAX_CHECKED_SITES else ""
    command = f"nightdesk check {names}".rstrip()
    print_line(f"Next: '{command}' probes what is broken, and shows what has changed there.")


def report_columns(report: NightReport) -> tuple[list[str], list[list[Cell]]]:
    """Return the headings and rows of the table. The columns are the same for every night."""
    return list(COLUMNS), [site_row(site) for site in report.sites]


def _table_width(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> int:
    lines = [list(columns), *(list(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return sum(widths) + COLUMN_GAP * len(columns)


def _without_empty_columns(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> tuple[list[str], list[list[Cell]]]:
    """Leave out the columns that say nothing of any site, for a terminal that is too narrow."""
    numbers = []
    for number in range(len(columns)):
        if number < ALWAYS_SHOWN or any(row[number] not in NOTHING for row in rows):
            numbers.append(number)
    return [columns[number] for number in numbers], [_select(row, numbers) for row in rows]


def _select(row: Sequence[Cell], numbers: Sequence[int]) -> list[Cell]:
    return [row[number] for number in numbers]


def site_row(site: SiteNightReport) -> list[Cell]:
    """Return the last night of one site as cells, one for each of `COLUMNS`."""
    night = site.night
    if night is None:
        return [site.site, "never", *[""] * (len(COLUMNS) - ALWAYS_SHOWN)]
    stats = night.stats
    minutes, seconds = divmod(stats.seconds, 60)
    return [
        site.site,
        format_time(night.started_at),
        night.status,
        stats.seen,
        stats.new,
        stats.changed,
        stats.unchanged,
        stats.articles,
        stats.revised,
        stats.cleaned - stats.articles,
        stats.gone,
        stats.refused,
        stats.failed,
        _format_share(stats.with_date, stats),
        _format_share(stats.with_author, stats),
        stats.median_words,
        stats.removed_blocks,
        format_size(stats.bytes),
        f"{minutes}:{seconds:02}",
        "adds up" if site.is_balanced else "wrong",
    ]


def _format_share(articles: int, stats: NightStats) -> str:
    return f"{articles / stats.articles:.0%}" if stats.articles else ""


def to_html(report: NightReport) -> str:
    """Return the report as one HTML document without scripts and further files."""
    # Only this form needs Jinja, which takes 50 ms to load.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    columns, rows = report_columns(report)
    return environment.get_template("night_report.html").render(
        report=report,
        headline=report_headline(report),
        ledger_sentence=ledger_sentence(report),
        columns=columns,
        rows=[list(map(_html_cell, row)) for row in rows],
    )


def _html_cell(cell: Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def to_json(report: NightReport) -> dict[str, Any]:
    """Return the report for programs."""
    return {
        "at": report.at,
        "headline": report_headline(report),
        "sites": [_site_json(site) for site in report.sites],
        "recovered": [issue_json(issue) for issue in report.recovered],
    }


def _site_json(site: SiteNightReport) -> dict[str, Any]:
    night = None
    if site.night is not None:
        night = {
            "run": site.night.run,
            "started_at": site.night.started_at,
            "status": site.night.status,
            "detail": site.night.detail,
            "ledger_adds_up": site.is_balanced,
            "stats": site.night.stats.to_json(),
        }
    issues = [issue_json(issue) for issue in site.issues]
    return {"site": site.site, "night": night, "issues": issues}


def issue_json(issue: IssueView) -> dict[str, Any]:
    """Return an issue for programs."""
    return asdict(issue) | {"serious": issue.is_serious}
