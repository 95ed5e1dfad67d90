"""`nightdesk status`: every site on one line, and whether the ledgers add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.text import Text

from pipeline.cli.console import Cell, console, format_time, print_json, print_line, print_table
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.views.night_report import issue_sentence
from pipeline.cli.views.night_summary import javascript_advice
from pipeline.cli.views.queue_status import print_queue_if_used
from pipeline.core.formatting import format_if
from pipeline.core.models import Outcome
from pipeline.store import read
from pipeline.store.read import IssueView, SiteStatus

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

EXAMPLES: Final = ("nightdesk status",)
COLUMNS: Final = (
    "Site", "URLs", "Stored", "Articles", "Due now", "Last crawl (UTC)", "", "Ledger",
)  # fmt: skip

IssuesBySite = Mapping[str, Sequence[IssueView]]


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show every site on one line, sites with issues first, and whether the ledgers add up."""
    database = get_context(context).open_archive()
    open_issues = _open_issues(database)
    statuses = sorted(
        read.site_statuses(database, datetime.now(UTC)),
        key=lambda status: _by_severity(status, open_issues.get(status.site, ())),
    )
    advice = {status.site: _advice(database, status) for status in statuses}
    if as_json:
        print_json([_status_json(status, open_issues, advice) for status in statuses])
        return
    print_table(COLUMNS, [_row(status) for status in statuses])
    print_line()
    for site in statuses:
        for issue in sorted(open_issues.get(site.site, ()), key=lambda issue: not issue.is_serious):
            print_line(f"! {issue.site}: {issue_sentence(issue)}")
    for sentences in advice.values():
        for sentence in sentences:
            print_line(f"! {sentence}")
    print_line(_ledger_sentence(statuses))
    print_queue_if_used(database)
    if console.is_terminal:
        print_line(Text(f"Archive: {database.name}", style="dim"))


def _open_issues(database: Database) -> IssuesBySite:
    issues_by_site: dict[str, list[IssueView]] = defaultdict(list)
    for issue in read.open_issues(database):
        issues_by_site[issue.site].append(issue)
    return issues_by_site


def _advice(database: Database, status: SiteStatus) -> list[str]:
    clean = status.last.get("clean")
    if clean is None or not clean.counts.get(Outcome.NOT_ARTICLE):
        return []
    return javascript_advice(status.site, read.count_reasons(database, clean.id))


def _by_severity(
    status: SiteStatus, open_issues: Sequence[IssueView]
) -> tuple[bool, int, bool, int, str]:
    crawl = status.last.get("crawl")
    is_well = crawl is not None and crawl.status in ("finished", "running")
    serious = sum(issue.is_serious for issue in open_issues)
    return not status.unbalanced, -serious, is_well, -len(open_issues), status.site


def _status_json(
    status: SiteStatus, open_issues: IssuesBySite, advice: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    values = asdict(status)
    return values | {"advice": advice[status.site], "issues": open_issues.get(status.site, [])}


def _row(status: SiteStatus) -> list[Cell]:
    ledger = "adds up"
    if status.unbalanced:
        ledger = f"wrong: run {', '.join(map(str, status.unbalanced))}"
    counts: list[Cell] = [status.pages, status.stored, status.articles, status.due]
    return [status.site, *counts, *_last_crawl(status), ledger]


def _last_crawl(status: SiteStatus) -> list[str]:
    crawl = status.last.get("crawl")
    if crawl is None:
        return ["never", ""]
    return [format_time(crawl.started_at), crawl.status + format_if(": {}", crawl.detail)]


def _ledger_sentence(statuses: Sequence[SiteStatus]) -> str:
    unbalanced: list[str] = []
    for status in statuses:
        unbalanced.extend(map(str, status.unbalanced))
    if unbalanced:
        return f"The ledgers of runs {', '.join(unbalanced)} do not add up."
    return "The ledgers of the last runs add up."
