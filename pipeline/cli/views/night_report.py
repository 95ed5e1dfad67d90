"""How a morning report looks: as text, as HTML for a mail, as JSON, and as metrics for Prometheus.

Promises one order everywhere: what is wrong comes first, the sites in trouble before the others.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from pipeline.cli.console import Cell, plural, print_line, size, print_table, format_time
from pipeline.jobs.night_report import SiteNightReport, NightReport
from pipeline.monitoring.night_stats import Figures
from pipeline.store.monitoring.issues import FindingView

COLUMNS = (
    "Site", "Last night (UTC)", "", "Seen", "New", "Changed", "Unchanged", "Archived", "Revised", "No article", "Gone",
    "Refused", "Failed", "Dated", "Signed", "Words", "Struck", "Bytes", "Time", "Ledger",
)  # fmt: skip
TEMPLATES = Path(__file__).parents[1] / "templates"


def report_headline(morning: NightReport) -> str:
    """The report in one line."""
    grave = {found.site for found in morning.issues if found.is_grave}
    looks = {found.site for found in morning.issues} - grave
    never = sum(dawn.night is None for dawn in morning.sites)
    parts = [f"{plural(len(grave), 'site')} in trouble"] if grave else []
    parts += [f"{plural(len(looks), 'site')} worth a look"] if looks else []
    parts += [f"{plural(never, 'site')} never crawled"] if never else []
    well = len(morning.sites) - len(grave) - len(looks) - never
    return "Nightdesk: " + ", ".join(
        [*parts, f"{plural(well, 'site')} well"]
        if parts
        else [f"all {len(morning.sites)} sites are well"]
    )


def ledger_sentence(morning: NightReport) -> str:
    """Whether the ledgers add up."""
    wrong = [str(dawn.night.run) for dawn in morning.sites if dawn.night and not dawn.is_balanced]
    return (
        f"The ledgers of runs {', '.join(wrong)} do not add up."
        if wrong
        else "The ledgers of these nights add up."
    )


def print_report(morning: NightReport) -> None:
    """The report for people."""
    print_line(Text(report_headline(morning), style="bold"))
    for found in morning.issues:
        print_line(
            Text.assemble(
                (f"{found.site}: ", "bold"),
                (issue_sentence(found), "red" if found.is_grave else "yellow"),
            )
        )
        more = f"    {found.kind} since {found.opened_at:%Y-%m-%d}; more: {found.command}"
        print_line(Text(more, style="dim"))
    for found in morning.recovered:
        print_line(
            Text(
                f"{found.site}: well again: {found.kind}, which lasted since {found.opened_at:%Y-%m-%d}",
                style="green",
            )
        )
    print_line()
    print_table(*report_columns(morning))
    print_line()
    print_line(ledger_sentence(morning))


def report_columns(morning: NightReport) -> tuple[list[str], list[list[Cell]]]:
    """The nights as columns and rows, without columns that say nothing of any site."""
    rows = [site_row(dawn) for dawn in morning.sites]
    kept = [n for n in range(len(COLUMNS)) if n < 2 or any(each[n] not in (0, "") for each in rows)]
    return [COLUMNS[n] for n in kept], [[each[n] for n in kept] for each in rows]


def issue_sentence(found: FindingView) -> str:
    """What is wrong, and the likely cause."""
    return f"{found.sentence}." + (f" Likely: {found.cause}." if found.cause else "")


def site_row(dawn: SiteNightReport) -> list[Cell]:
    """One site's night as cells."""
    if dawn.night is None:
        return [dawn.site, "never", *[""] * (len(COLUMNS) - 2)]
    figures = dawn.night.figures
    return [
        dawn.site, format_time(dawn.night.started_at), "" if dawn.night.status == "finished" else dawn.night.status,
        figures.seen, figures.new, figures.changed, figures.unchanged, figures.articles, figures.revised,
        figures.judged - figures.articles, figures.gone, figures.refused, figures.failed,
        format_share(figures.dates, figures), format_share(figures.signed, figures), figures.words, figures.struck,
        size(figures.bytes), f"{figures.seconds // 60}:{figures.seconds % 60:02}", "adds up" if dawn.is_balanced else "wrong",
    ]  # fmt: skip


def format_share(part: int, figures: Figures) -> str:
    """Of the night's articles."""
    return f"{part / figures.articles:.0%}" if figures.articles else ""


def to_html(morning: NightReport) -> str:
    """The report as a document of its own, for a mail or a file."""
    from jinja2 import (
        Environment,
        FileSystemLoader,
        StrictUndefined,
    )  # who reads text need not wait for it

    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    columns, cells = report_columns(morning)
    rows = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in each] for each in cells]
    return made.get_template("morning.html").render(
        morning=morning,
        headline=report_headline(morning),
        proof=ledger_sentence(morning),
        columns=columns,
        rows=rows,
    )


def to_json(morning: NightReport) -> dict[str, Any]:
    """The report for programs."""
    return {
        "at": morning.at,
        "headline": report_headline(morning),
        "sites": [_dawn_json(dawn) for dawn in morning.sites],
        "recovered": [_finding_json(found) for found in morning.recovered],
    }


def _dawn_json(dawn: SiteNightReport) -> dict[str, Any]:
    night = dawn.night
    told = (
        {
            "run": night.run,
            "started_at": night.started_at,
            "status": night.status,
            "detail": night.detail,
        }
        if night
        else None
    )
    return {
        "site": dawn.site,
        "night": told | {"ledger_adds_up": dawn.is_balanced, "figures": night.figures.to_json()}
        if night and told
        else None,
        "findings": [_finding_json(found) for found in dawn.issues],
    }


def _finding_json(found: FindingView) -> dict[str, Any]:
    return asdict(found) | {"grave": found.is_grave}


GAUGES = (
    "seen", "new", "changed", "unchanged", "redirected", "gone", "refused", "failed", "deferred", "judged", "articles",
    "revised", "dates", "signed", "words", "struck", "bytes", "seconds",
)  # fmt: skip


def to_metrics(morning: NightReport) -> str:
    """The report in the text format of Prometheus, as for the textfile collector of its node exporter."""
    lines = [
        "# HELP nightdesk_night A figure of the last night of a site.",
        "# TYPE nightdesk_night gauge",
    ]
    nights = [(_label(dawn.site), dawn.night) for dawn in morning.sites if dawn.night]
    for site, night in nights:
        lines += [
            f'nightdesk_night{{site="{site}",figure="{name}"}} {getattr(night.figures, name)}'
            for name in GAUGES
        ]
    lines += [
        "# HELP nightdesk_night_started When the last night of a site began.",
        "# TYPE nightdesk_night_started gauge",
    ]
    lines += [
        f'nightdesk_night_started{{site="{site}"}} {night.started_at.timestamp():.0f}'
        for site, night in nights
    ]
    lines += [
        "# HELP nightdesk_finding What is wrong with a site.",
        "# TYPE nightdesk_finding gauge",
    ]
    for dawn in morning.sites:
        for kind in dict.fromkeys(found.kind for found in dawn.issues):
            number = sum(found.kind == kind for found in dawn.issues)
            lines.append(f'nightdesk_finding{{site="{_label(dawn.site)}",kind="{kind}"}} {number}')
    lines += [
        "# HELP nightdesk_ledger_wrong Nights whose ledger does not add up.",
        "# TYPE nightdesk_ledger_wrong gauge",
    ]
    lines.append(f"nightdesk_ledger_wrong {sum(not dawn.is_balanced for dawn in morning.sites)}")
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
