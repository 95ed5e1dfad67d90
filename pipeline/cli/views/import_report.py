"""What an import of pages came to, for people and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pipeline.cli.console import print_line, print_table
from pipeline.core.formatting import pluralize
from pipeline.formats.import_pages import ImportResult, skipped_summary

MAX_HOSTS: Final = 20  # of a file with many, that are printed
MAX_SHOWN: Final = 10  # skipped records that are printed; --json lists them all


def result_json(result: ImportResult, written: Sequence[Path]) -> dict[str, Any]:
    """Return the result for programs.

    Args:
        result: What the import came to.
        written: Site files that were written.
    """
    outcomes = []
    for (outcome, reason), number in result.outcomes.most_common():
        outcomes.append({"outcome": outcome, "reason": reason, "records": number})
    skipped_urls = []
    for record in result.skipped_records:
        skipped_urls.append({"url": record.url, "why": record.detail, "status": record.status})
    return {
        "records": result.outcomes.total(),
        "resumed_records": result.resumed,
        "outcomes": outcomes,
        "skipped": dict(result.skipped.most_common()),
        "skipped_urls": skipped_urls,
        "sites": dict(sorted(result.sites.items())),
        "site_files": [str(path) for path in written],
        "runs": result.runs,
    }


def print_hosts(counts: Counter[str]) -> None:
    """Print the hosts with most pages, and how many more there are."""
    print_table(["Host", "Pages"], counts.most_common(MAX_HOSTS))
    hidden = len(counts) - MAX_HOSTS
    if hidden > 0:
        print_line(f"and {hidden:,} more hosts; --json lists them all")


def print_result(result: ImportResult, written: Sequence[Path]) -> None:
    """Print the result for people.

    Args:
        result: What the import came to.
        written: Site files that were written.
    """
    outcomes = []
    for (outcome, reason), number in result.outcomes.most_common():
        outcomes.append(f"{number:,} {outcome} ({reason})")
    pages = pluralize(result.outcomes.total(), "page")
    sites = pluralize(len(result.sites), "site")
    if result.resumed:
        print_line(f"Went on after {pluralize(result.resumed, 'record')} of an earlier import.")
    print_line(f"{pages} of {sites}: {', '.join(outcomes) or 'nothing'}.")
    if result.skipped:
        print_line(f"{skipped_summary(result.skipped)}.")
    if result.logged_skips:
        command = f"nightdesk runs {result.runs[0]}"
        if len(result.runs) > 1:
            command += f", and {pluralize(len(result.runs) - 1, 'run')} more"
        print_line(
            f"The ledger has {pluralize(result.logged_skips, 'URL')} of these, each with its"
            f" outcome: {command}."
        )
    for record in result.unlogged_skips[:MAX_SHOWN]:
        print_line(f"  {record.detail}: {record.url}")
    hidden = len(result.unlogged_skips) - MAX_SHOWN
    if hidden > 0:
        print_line(f"  and {hidden:,} more of sites without an imported page; --json lists them.")
    if written:
        files = pluralize(len(written), "site file")
        print_line(f"{files} made in {written[0].parent}; these sites are not crawled.")
