"""How changes look: counts by Site, and single Pages as lines that are taken away and added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from pipeline.cli.console import Cell, plural, print_line, print_table
from pipeline.core.models import Outcome
from pipeline.jobs.change_report import COUNTS, ChangeReport
from pipeline.jobs.changes import Change

CONTEXT = 1  # lines that stay the same, before and after one that does not


def print_reports(reports: Sequence[ChangeReport], *, dry: bool) -> None:
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
    print_table(["Dry run" if dry else "Changes", "pages", *columns], rows)
    rules: Counter[str] = Counter()
    for report in reports:
        rules.update(report.rules)
    if rules:
        print_line()
        said = ", ".join(f"{name} {number:,}" for name, number in rules.most_common())
        print_line(f"{'Would lose' if dry else 'Lost'} {plural(sum(rules.values()), 'line')}: {said}.")


def print_samples(reports: Sequence[ChangeReport]) -> None:
    """Single Pages of all Sites."""
    for report in reports:
        for change in report.samples_by_weight:
            print_line()
            print_change(change, report.site)


def print_change(change: Change, site: str) -> None:
    """One Page: what it loses in red with the rule, what it gains in green."""
    said = ": ".join(part.replace("_", " ") for part in (change.outcome, change.reason) if part)
    print_line(
        Text.assemble(
            (f"{change.page_id}  {site}  ", "cyan"),
            (change.title or change.url, "bold"),
            (f"  ({said})", "yellow"),
        )
    )
    if change.before is not change.after and change.before is not None and change.after is not None:
        print_line(f"  {change.before.replace('_', ' ')} → {change.after.replace('_', ' ')}")
    for name, old, new in change.metadata:
        print_line(
            Text.assemble(
                f"  {name.replace('_', ' ')}: ",
                (old or "none", "red"),
                " → ",
                (new or "none", "green"),
            )
        )
    for sign, line, rule in with_context(change.diff):
        style = {"-": "red", "+": "green"}.get(sign, "dim")
        print_line(Text.assemble((f"  {sign} {line}", style), (f"  └ {rule}" if rule else "", "yellow")))


def with_context(diff: Sequence[tuple[str, str, str]]) -> Iterable[tuple[str, str, str]]:
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


def report_json(report: ChangeReport) -> dict[str, Any]:
    """A report for programs."""
    return {
        "site": report.site,
        "pages": report.pages,
        "outcomes": dict(sorted(report.outcomes.items())),
        "counts": {name.replace(" ", "_"): report.counts[name] for name in COUNTS},
        "lost_by_rule": dict(report.rules.most_common()),
        "samples": [change_json(change) for change in report.samples_by_weight],
    }


def change_json(change: Change) -> dict[str, Any]:
    """A change for programs."""
    values = asdict(change)
    values["metadata"] = {name: {"before": old, "after": new} for name, old, new in change.metadata}
    values["diff"] = [
        {"sign": sign, "line": line, "rule": rule} for sign, line, rule in change.diff
    ]
    return values
