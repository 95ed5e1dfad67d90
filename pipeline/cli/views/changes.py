"""How changes look: counts by Site, and single Pages as lines that are taken away and added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from pipeline.cli.console import Cell, plural, say, table
from pipeline.core.models import Outcome
from pipeline.jobs.change_report import COUNTS, Report
from pipeline.jobs.changes import Change

CONTEXT = 1  # lines that stay the same, before and after one that does not


def show_reports(reports: Sequence[Report], *, dry: bool) -> None:
    """The counts of all Sites, and which Rules would strike what is lost."""
    names = [name for name in COUNTS if any(report.counts[name] for report in reports)]
    rows: list[list[Cell]] = [
        [
            report.site,
            report.pages,
            *(report.counts[name] for name in names),
            report.outcomes[Outcome.HELD],
        ]
        for report in reports
    ]
    columns = [*names, "held"]
    table(["Dry run" if dry else "Changes", "pages", *columns], rows)
    rules: Counter[str] = Counter()
    for report in reports:
        rules.update(report.rules)
    if rules:
        say()
        said = ", ".join(f"{name} {number:,}" for name, number in rules.most_common())
        say(f"{'Would lose' if dry else 'Lost'} {plural(sum(rules.values()), 'line')}: {said}.")


def show_samples(reports: Sequence[Report]) -> None:
    """Single Pages of all Sites."""
    for report in reports:
        for change in report.shown:
            say()
            show_change(change, report.site)


def show_change(change: Change, site: str) -> None:
    """One Page: what it loses in red with the rule, what it gains in green."""
    said = ": ".join(part.replace("_", " ") for part in (change.outcome, change.reason) if part)
    say(
        Text.assemble(
            (f"{change.page_id}  {site}  ", "cyan"),
            (change.title or change.url, "bold"),
            (f"  ({said})", "yellow"),
        )
    )
    if change.before is not change.after and change.before is not None and change.after is not None:
        say(f"  {change.before.replace('_', ' ')} → {change.after.replace('_', ' ')}")
    for name, old, new in change.metadata:
        say(
            Text.assemble(
                f"  {name.replace('_', ' ')}: ",
                (old or "none", "red"),
                " → ",
                (new or "none", "green"),
            )
        )
    for sign, line, rule in near(change.diff):
        style = {"-": "red", "+": "green"}.get(sign, "dim")
        say(Text.assemble((f"  {sign} {line}", style), (f"  └ {rule}" if rule else "", "yellow")))


def near(diff: Sequence[tuple[str, str, str]]) -> Iterable[tuple[str, str, str]]:
    """The lines of a diff that change, with what stands next to them."""
    wanted = {
        place
        for number, (sign, _, _) in enumerate(diff)
        if sign != " "
        for place in range(number - CONTEXT, number + CONTEXT + 1)
    }
    last = -1
    for number, line in enumerate(diff):
        if number in wanted:
            if number != last + 1:
                yield " ", "…", ""
            yield line
            last = number
    if wanted and last < len(diff) - 1:
        yield " ", "…", ""


def report_json(report: Report) -> dict[str, Any]:
    """A report for programs."""
    return {
        "site": report.site,
        "pages": report.pages,
        "outcomes": dict(sorted(report.outcomes.items())),
        "counts": {name.replace(" ", "_"): report.counts[name] for name in COUNTS},
        "lost_by_rule": dict(report.rules.most_common()),
        "samples": [change_json(change) for change in report.shown],
    }


def change_json(change: Change) -> dict[str, Any]:
    """A change for programs."""
    values = asdict(change)
    values["metadata"] = {name: {"before": old, "after": new} for name, old, new in change.metadata}
    values["diff"] = [
        {"sign": sign, "line": line, "rule": rule} for sign, line, rule in change.diff
    ]
    return values
