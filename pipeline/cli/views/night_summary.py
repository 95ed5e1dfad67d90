"""The summary of a night, read from the ledger, with the proof that the ledger adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pipeline.cli.console import Cell, print_line, print_table
from pipeline.core.formatting import format_counts, plain_words, pluralize
from pipeline.core.models import Outcome, Reason, UrlKind
from pipeline.jobs.results import FailedSource, SiteResult
from pipeline.store import read
from pipeline.store.db.engine import retry_while_unavailable

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

MIN_SHELLS: Final = 3  # pages without text before a site is said to be built by JavaScript
SHELL_SHARE: Final = 0.8  # of the cleaned pages

CRAWL_COLUMNS = (
    Outcome.UNCHANGED,
    Outcome.KNOWN,
    Outcome.REDIRECTED,
    Outcome.GONE,
    Outcome.REFUSED,
    Outcome.FAILED,
    Outcome.DEFERRED,
)
CLEAN_COLUMNS = (
    Outcome.ARCHIVED,
    Outcome.REVISED,
    Outcome.RECLEANED,
    Outcome.HELD,
    Outcome.UNCHANGED,
    Outcome.NOT_ARTICLE,
    Outcome.QUARANTINED,
)
SITE_LINE_OUTCOMES = (
    Outcome.REVISED,
    Outcome.RECLEANED,
    Outcome.HELD,
    Outcome.NOT_ARTICLE,
    Outcome.QUARANTINED,
)
REASON_SENTENCES = {
    "robots": "robots.txt forbids it",
    "robots_unreachable": "robots.txt cannot be fetched, which means no",
    "dns": "its host has no address",
    "connect": "nobody answers there",
    "timeout": "no answer in time",
    "tls": "its certificate or TLS is wrong",
    "not_found": "not found",
    "unreadable": "the answer is neither a feed nor a sitemap",
    "blocked_address": "its address is private; if you want that, set allow_private = true"
    " under [safety]",
    "too_large": "larger than max_bytes",
}

ReasonCounts = Mapping[tuple[str, str], int]  # by (outcome, reason)


@dataclass(frozen=True, slots=True)
class NightRow:
    """One site's night in numbers, from the ledger.

    Attributes:
        result: How the night of the site ended.
        crawled: Stories by outcome and reason.
        cleaned: Pages by outcome and reason.
        removed: Removed blocks by rule.
        near_duplicates: Articles of the night that another page has, too.
    """

    result: SiteResult
    crawled: ReasonCounts
    cleaned: ReasonCounts
    removed: Mapping[str, int]
    near_duplicates: int

    def count_crawled(self, outcome: Outcome) -> int:
        """Return how many stories the crawl ended with this outcome."""
        return _count(self.crawled, outcome)

    def count_cleaned(self, outcome: Outcome) -> int:
        """Return how many pages the clean ended with this outcome."""
        return _count(self.cleaned, outcome)

    @property
    def new(self) -> int:
        """Return how many stories were fetched for the first time."""
        return self.crawled.get((Outcome.FETCHED, Reason.NEW), 0)

    @property
    def changed(self) -> int:
        """Return how many stories were fetched again with other bytes."""
        return self.count_crawled(Outcome.FETCHED) - self.new

    @property
    def seen(self) -> int:
        """Return how many URLs of stories the crawl saw."""
        return sum(self.crawled.values())


def _count(counts: ReasonCounts, outcome: Outcome) -> int:
    return sum(number for (name, _), number in counts.items() if name == outcome)


@dataclass(frozen=True, slots=True)
class NightSummary:
    """A night of all sites, and its runs whose ledger does not add up."""

    rows: tuple[NightRow, ...]
    unbalanced: tuple[int, ...]


def read_summary(database: Database, results: Sequence[SiteResult]) -> NightSummary:
    """Read from the ledger what the nights came to. Waits while the database is unavailable."""
    return retry_while_unavailable(lambda: _read_summary(database, results))


def _read_summary(database: Database, results: Sequence[SiteResult]) -> NightSummary:
    crawl_runs = []
    for result in results:
        if result.crawl is not None and result.crawl.run_id:
            crawl_runs.append(result.crawl.run_id)
    crawled = read.count_reasons_of_runs(database, crawl_runs, UrlKind.STORY)
    rows = tuple(_read_row(database, result, crawled) for result in results)
    return NightSummary(rows, tuple(sorted(read.unbalanced_runs(database, crawl_runs))))


def _read_row(
    database: Database, result: SiteResult, crawled_by_run: Mapping[int, ReasonCounts]
) -> NightRow:
    crawled: ReasonCounts = {}
    cleaned: ReasonCounts = {}
    removed: Mapping[str, int] = {}
    near_duplicates = 0
    if result.crawl is not None and result.crawl.run_id:
        crawled = crawled_by_run.get(result.crawl.run_id, {})
    if result.clean is not None and result.clean.run_id:
        clean_run = result.clean.run_id
        cleaned = read.count_reasons(database, clean_run)
        removed = read.removed_by_rule(database, clean_run)
        near_duplicates = read.count_near_duplicates(database, clean_run)
    return NightRow(result, crawled, cleaned, removed, near_duplicates)


def print_summary(summary: NightSummary, *, crawled: bool) -> None:
    """Print the summary of a night.

    Args:
        summary: What the night came to.
        crawled: Whether the sites were crawled, too, and not only cleaned.
    """
    rows = summary.rows
    print_line()
    if crawled:
        _print_crawl(rows)
        print_line()
    _print_clean(rows)
    _print_removed(rows)
    _print_held(rows)
    _print_near_duplicates(rows)
    if crawled:
        _print_ledger_check(summary)
    for row in rows:
        for sentence in _all_issues(row):
            print_line(f"! {sentence}")


def _print_crawl(rows: Sequence[NightRow]) -> None:
    outcomes = _present_outcomes(CRAWL_COLUMNS, [row.crawled for row in rows])
    lines: list[list[Cell]] = []
    for row in rows:
        counts = map(row.count_crawled, outcomes)
        lines.append([row.result.site, row.seen, row.new, row.changed, *counts])
    columns = ["Crawl", "URLs seen", "new", "changed", *map(str, outcomes)]
    print_table(columns, lines, total=_total_row(lines))


def _print_clean(rows: Sequence[NightRow]) -> None:
    outcomes = _present_outcomes(CLEAN_COLUMNS, [row.cleaned for row in rows])
    if not outcomes:
        print_line("Cleaning: nothing was stale.")
        return
    lines: list[list[Cell]] = []
    for row in rows:
        counts = map(row.count_cleaned, outcomes)
        lines.append([row.result.site, sum(row.cleaned.values()), *counts])
    columns = ["Cleaning", "pages", *map(plain_words, outcomes)]
    print_table(columns, lines, total=_total_row(lines))


def _present_outcomes(
    columns: Sequence[Outcome], counts_by_site: Iterable[ReasonCounts]
) -> list[Outcome]:
    """Return the outcomes that any site has."""
    present = set[str]()
    for counts in counts_by_site:
        present.update(outcome for outcome, _ in counts)
    return [outcome for outcome in columns if outcome in present]


def _total_row(lines: Sequence[Sequence[Cell]]) -> list[Cell] | None:
    if len(lines) < 2:
        return None
    total: list[Cell] = ["total"]
    for column in zip(*(line[1:] for line in lines), strict=True):
        total.append(sum(number for number in column if isinstance(number, int)))
    return total


def _print_removed(rows: Sequence[NightRow]) -> None:
    removed: Counter[str] = Counter()
    for row in rows:
        removed.update(row.removed)
    if removed:
        print_line()
        rules = format_counts(removed.most_common())
        print_line(f"Removed {pluralize(removed.total(), 'block')}: {rules}.")


def _print_held(rows: Sequence[NightRow]) -> None:
    held = sum(row.count_cleaned(Outcome.HELD) for row in rows)
    if held:
        print_line(
            f"Held {pluralize(held, 'page')} that would lose much text: 'nightdesk review' shows"
            " what, and accepts or rejects it."
        )


def _print_ledger_check(summary: NightSummary) -> None:
    unbalanced = summary.unbalanced
    seen = sum(row.seen for row in summary.rows)
    if unbalanced:
        names = ", ".join(map(str, unbalanced))
        number = pluralize(len(unbalanced), "run")
        print_line(f"! The ledger does not add up in {number}: {names}.")
    elif seen:
        outcomes = pluralize(seen, "outcome")
        print_line(f"Ledger: {pluralize(seen, 'URL')} seen, {outcomes}; it adds up.")


def _print_near_duplicates(rows: Sequence[NightRow]) -> None:
    number = sum(row.near_duplicates for row in rows)
    if not number:
        return
    sites = []
    for row in rows:
        if row.near_duplicates:
            sites.append(f"{row.result.site} {row.near_duplicates:,}")
    verb = "is" if number == 1 else "are"
    print_line(
        f"Near-duplicates: {pluralize(number, 'article')} of these {verb} elsewhere, too:"
        f" {', '.join(sites)}."
    )


def issue_sentences(result: SiteResult) -> list[str]:
    """Return what went wrong on a site, one sentence each."""
    sentences = list(result.errors)
    crawl = result.crawl
    if crawl is None:
        return sentences
    if crawl.is_down:
        first = crawl.failed_sources[0]
        sentences.append(
            f"{result.site}: none of its feeds, sitemaps and sections could be read;"
            f" {first.url}: {_explain_failure(first)}"
        )
    else:
        for source in crawl.failed_sources:
            sentences.append(f"{result.site}: {source.url}: {_explain_failure(source)}")
    for url in crawl.empty_sources:
        sentences.append(f"{result.site}: {url} is empty: it shows no link")
    return sentences


def _explain_failure(source: FailedSource) -> str:
    return source.detail or REASON_SENTENCES.get(source.reason, plain_words(source.reason))


def javascript_advice(site: str, cleaned: ReasonCounts) -> list[str]:
    """Return what to do about a site whose pages are empty without JavaScript.

    Args:
        site: The id of the site.
        cleaned: Pages of its last clean by outcome and reason.

    Returns:
        One sentence, or none if the pages hold text.
    """
    shells = cleaned.get((Outcome.NOT_ARTICLE, Reason.SCRIPT_SHELL), 0)
    total = sum(cleaned.values())
    if shells < MIN_SHELLS or shells < SHELL_SHARE * total:
        return []
    pages = pluralize(total, "page")
    sentence = (
        f"{site}: {shells} of {pages} are built by JavaScript and hold no text; set render = true"
        " in its site file; if that is set, look for a print or AMP edition, or set enabled = false"
    )
    return [sentence]


def _all_issues(row: NightRow) -> list[str]:
    return [*issue_sentences(row.result), *javascript_advice(row.result.site, row.cleaned)]


def site_line(result: SiteResult) -> str:
    """Return the line of a finished site."""
    parts = []
    if result.crawl is not None:
        fetched = result.crawl.counts.get(Outcome.FETCHED, 0) - result.crawl.sources_fetched
        parts.append(f"{max(fetched, 0)} fetched")
    if result.clean is not None and result.clean.run_id:
        counts = result.clean.counts
        parts.append(f"{counts.get(Outcome.ARCHIVED, 0)} archived")
        for outcome in SITE_LINE_OUTCOMES:
            if counts.get(outcome):
                parts.append(f"{counts[outcome]} {plain_words(outcome)}")
    else:
        parts.append("nothing to clean")
    issues = issue_sentences(result)
    if issues:
        parts.append(pluralize(len(issues), "issue"))
    return f"{result.site}: {', '.join(parts)} in {result.seconds:.1f} s"


def summary_json(summary: NightSummary) -> list[dict[str, Any]]:
    """Return the summary for programs, one value for each site."""
    return [_row_json(row) for row in summary.rows]


def _row_json(row: NightRow) -> dict[str, Any]:
    result = row.result
    return {
        "site": result.site,
        "crawl_run": result.crawl.run_id if result.crawl else None,
        "clean_run": result.clean.run_id if result.clean else None,
        "seen": row.seen,
        "crawl": _nest_counts(row.crawled),
        "clean": _nest_counts(row.cleaned),
        "removed": row.removed,
        "near_duplicates": row.near_duplicates,
        "issues": _all_issues(row),
        "exit_code": int(result.exit_code),
        "seconds": round(result.seconds, 2),
    }


def _nest_counts(counts: ReasonCounts) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outcome, reason), number in sorted(counts.items()):
        nested.setdefault(outcome, {})[reason] = number
    return nested
