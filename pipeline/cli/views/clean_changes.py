"""What a clean or a review changes: counts for each site, and single pages line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.text import Text

from pipeline.cli.console import Cell, print_line, print_table
from pipeline.core.formatting import format_counts, format_if, plain_words, pluralize
from pipeline.core.models import Outcome
from pipeline.jobs.change_report import COUNTS, ChangeReport
from pipeline.jobs.changes import Change

CONTEXT: Final = 1  # unchanged lines before and after a changed one
LINE_STYLES: Final = {"-": "red", "+": "green"}
GAP: Final = (" ", "…", "")  # stands for lines that are left out

DiffLine = tuple[str, str, str]  # (sign " ", "-" or "+", line, rule)


def print_reports(reports: Sequence[ChangeReport], *, dry_run: bool) -> None:
    """Print the counts of all sites, and which rules remove the lines that are lost.

    Args:
        reports: One report for each site.
        dry_run: Whether the changes are only a preview.
    """
    title, verb = "Changes", "Lost"
    if dry_run:
        title, verb = "Dry run", "Would lose"
    counts: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    for report in reports:
        counts.update(report.counts)
        rules.update(report.rules)
    names = [name for name in COUNTS if counts[name]]
    rows: list[list[Cell]] = []
    for report in reports:
        site_counts = [report.counts[name] for name in names]
        rows.append([report.site, report.pages, *site_counts, report.outcomes[Outcome.HELD]])
    print_table([title, "pages", *names, "held"], rows)
    if rules:
        by_rule = format_counts(rules.most_common())
        print_line()
        print_line(f"{verb} {pluralize(rules.total(), 'line')}: {by_rule}.")


def print_samples(reports: Sequence[ChangeReport]) -> None:
    """Print single pages of all sites."""
    for report in reports:
        for change in report.samples_by_weight:
            print_line()
            print_change(change, report.site)


def print_change(change: Change, site: str) -> None:
    """Print one page: lost lines in red with their rule, new lines in green."""
    codes = map(plain_words, filter(None, (change.outcome, change.reason)))
    print_line(
        Text.assemble(
            (f"{change.page_id}  {site}  ", "cyan"),
            (change.title or change.url, "bold"),
            (f"  ({': '.join(codes)})", "yellow"),
        )
    )
    if change.before is not change.after and change.before is not None and change.after is not None:
        print_line(f"  {plain_words(change.before)} → {plain_words(change.after)}")
    for name, old, new in change.metadata:
        field = f"  {plain_words(name)}: "
        print_line(Text.assemble(field, (old or "none", "red"), " → ", (new or "none", "green")))
    for sign, line, rule in with_context(change.diff):
        style = LINE_STYLES.get(sign, "dim")
        marker = format_if("  └ {}", rule)
        print_line(Text.assemble((f"  {sign} {line}", style), (marker, "yellow")))


def with_context(diff: Sequence[DiffLine]) -> Iterator[DiffLine]:
    """Yield the changed lines of a diff with the lines next to them, and a gap for the rest."""
    wanted = set[int]()
    for number, (sign, _, _) in enumerate(diff):
        if sign != " ":
            wanted.update(range(number - CONTEXT, number + CONTEXT + 1))
    last = -1
    for number, line in enumerate(diff):
        if number not in wanted:
            continue
        if number != last + 1:
            yield GAP
        yield line
        last = number
    if wanted and last < len(diff) - 1:
        yield GAP


def report_json(report: ChangeReport) -> dict[str, Any]:
    """Return a report for programs."""
    return {
        "site": report.site,
        "pages": report.pages,
        "outcomes": dict(sorted(report.outcomes.items())),
        "counts": {name.replace(" ", "_"): report.counts[name] for name in COUNTS},
        "lost_by_rule": dict(report.rules.most_common()),
        "samples": [change_json(change) for change in report.samples_by_weight],
    }


def change_json(change: Change) -> dict[str, Any]:
    """Return the change of one page for programs."""
    values = asdict(change)
    metadata = {name: {"before": old, "after": new} for name, old, new in change.metadata}
    diff = [{"sign": sign, "line": line, "rule": rule} for sign, line, rule in change.diff]
    return values | {"metadata": metadata, "diff": diff}
