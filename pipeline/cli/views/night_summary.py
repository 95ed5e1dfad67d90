"""The summary of a night: read from the ledger, which has the last word, and proved to add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.cli.console import Cell, plural, print_line, print_table
from pipeline.cli.views.advice import javascript_advice
from pipeline.core.models import Outcome, Reason, UrlKind
from pipeline.jobs.crawl import FailedSource
from pipeline.jobs.nightly import SiteResult
from pipeline.store.clean.near_duplicates import count_copies
from pipeline.store.db.engine import Database, patiently
from pipeline.store.read import runs as history

CRAWLED = (
    Outcome.UNCHANGED, Outcome.KNOWN, Outcome.REDIRECTED, Outcome.GONE, Outcome.REFUSED, Outcome.FAILED,
    Outcome.DEFERRED,
)  # fmt: skip
CLEANED = (
    Outcome.ARCHIVED, Outcome.REVISED, Outcome.RECLEANED, Outcome.HELD, Outcome.UNCHANGED, Outcome.NOT_ARTICLE,
    Outcome.QUARANTINED,
)  # fmt: skip
SENTENCES = {
    "robots": "robots.txt forbids it",
    "robots_unreachable": "robots.txt could not be had, which means no",
    "dns": "its host has no address",
    "connect": "nobody answers there",
    "timeout": "no answer in time",
    "tls": "its certificate or TLS is wrong",
    "not_found": "not found",
    "unreadable": "what it answers is neither a feed nor a sitemap",
    "blocked_address": "its address is private; set allow_private under [safety] if that is meant",
    "too_large": "larger than max_bytes",
}


@dataclass(frozen=True, slots=True)
class NightRow:
    """One Site's night in numbers, out of the ledger: stories by (outcome, reason)."""

    night: SiteResult
    crawled: dict[tuple[str, str], int]
    cleaned: dict[tuple[str, str], int]
    struck: dict[str, int]
    copies: int

    def crawl(self, outcome: Outcome) -> int:
        return sum(number for (found, _), number in self.crawled.items() if found == outcome)

    def clean(self, outcome: Outcome) -> int:
        return sum(number for (found, _), number in self.cleaned.items() if found == outcome)

    @property
    def new(self) -> int:
        return self.crawled.get((Outcome.FETCHED, Reason.NEW), 0)

    @property
    def changed(self) -> int:
        return self.crawl(Outcome.FETCHED) - self.new

    @property
    def seen(self) -> int:
        return sum(self.crawled.values())


@dataclass(frozen=True, slots=True)
class NightSummary:
    """A night of all Sites, and the Runs of it whose ledger does not add up."""

    rows: tuple[NightRow, ...]
    unbalanced: tuple[int, ...]


def read_summary(store: Database, nights: Sequence[SiteResult]) -> NightSummary:
    """The nights as the ledger tells them. Waits, as they did, where the database is away."""
    return patiently(lambda: _read(store, nights))


def _read(store: Database, nights: Sequence[SiteResult]) -> NightSummary:
    runs = [night.crawl.run_id for night in nights if night.crawl and night.crawl.run_id]
    return NightSummary(
        tuple(_row(store, night) for night in nights),
        tuple(sorted(history.unbalanced(store, runs))),
    )


def _row(store: Database, night: SiteResult) -> NightRow:
    crawl = night.crawl.run_id if night.crawl else 0
    clean = night.clean.run_id if night.clean else 0
    return NightRow(
        night,
        history.reasons(store, crawl, UrlKind.STORY) if crawl else {},
        history.reasons(store, clean) if clean else {},
        history.struck(store, clean) if clean else {},
        count_copies(store, clean) if clean else 0,
    )


def print_summary(summary: NightSummary, *, crawled: bool) -> None:
    """The summary of a night."""
    each = summary.rows
    print_line()
    if crawled:
        _show_crawl(each)
        print_line()
    _show_clean(each)
    _show_struck(each)
    _show_held(each)
    _show_copies(each)
    if crawled:
        _show_proof(summary)
    for row in each:
        for sentence in (*issue_sentences(row.night), *javascript_advice(row.night.site, row.cleaned)):
            print_line(f"! {sentence}")


def _show_crawl(each: Sequence[NightRow]) -> None:
    names = [outcome for outcome in CRAWLED if any(row.crawl(outcome) for row in each)]
    lines: list[list[Cell]] = [
        [row.night.site, row.seen, row.new, row.changed, *(row.crawl(name) for name in names)]
        for row in each
    ]
    print_table(["Crawl", "URLs seen", "new", "changed", *map(str, names)], lines, last=_sum(lines))


def _show_clean(each: Sequence[NightRow]) -> None:
    names = [outcome for outcome in CLEANED if any(row.clean(outcome) for row in each)]
    if not names:
        print_line("Cleaning: nothing was stale.")
        return
    lines: list[list[Cell]] = [
        [row.night.site, sum(row.cleaned.values()), *(row.clean(name) for name in names)]
        for row in each
    ]
    print_table(
        ["Cleaning", "pages", *(name.replace("_", " ") for name in names)], lines, last=_sum(lines)
    )


def _sum(lines: list[list[Cell]]) -> list[Cell] | None:
    if len(lines) < 2:
        return None
    columns = zip(*(line[1:] for line in lines), strict=True)
    return [
        "total",
        *(sum(number for number in column if isinstance(number, int)) for column in columns),
    ]


def _show_struck(each: Sequence[NightRow]) -> None:
    struck: Counter[str] = Counter()
    for row in each:
        struck.update(row.struck)
    if struck:
        print_line()
        rules = ", ".join(f"{name} {number:,}" for name, number in struck.most_common())
        print_line(f"Struck {plural(sum(struck.values()), 'block')}: {rules}.")


def _show_held(each: Sequence[NightRow]) -> None:
    held = sum(row.clean(Outcome.HELD) for row in each)
    if held:
        print_line(
            f"Held {plural(held, 'page')} that would lose much: 'nightdesk review' shows what, and accepts or rejects it."
        )


def _show_proof(summary: NightSummary) -> None:
    wrong = summary.unbalanced
    seen = sum(row.seen for row in summary.rows)
    if wrong:
        print_line(
            f"! The ledger does not add up in {plural(len(wrong), 'run')}: {', '.join(map(str, wrong))}."
        )
    elif seen:
        print_line(f"Ledger: {plural(seen, 'URL')} seen, {plural(seen, 'outcome')}; it adds up.")


def _show_copies(each: Sequence[NightRow]) -> None:
    found = sum(row.copies for row in each)
    if found:
        sites = ", ".join(f"{row.night.site} {row.copies:,}" for row in each if row.copies)
        print_line(
            f"Near-copies: {plural(found, 'article')} of these stand{'s' if found == 1 else ''} elsewhere, too: {sites}."
        )


def issue_sentences(night: SiteResult) -> list[str]:
    """What went wrong on a Site, one sentence each."""
    found = list(night.errors)
    if night.crawl is not None:
        if night.crawl.is_down:
            trouble = night.crawl.failed_sources[0]
            found.append(
                f"{night.site}: none of its feeds, sitemaps and sections could be read; {trouble.url}: {_why(trouble)}"
            )
        else:
            found += [
                f"{night.site}: {trouble.url}: {_why(trouble)}" for trouble in night.crawl.failed_sources
            ]
        found += [f"{night.site}: {url} is empty: it shows no link" for url in night.crawl.empty_sources]
    return found


def _why(trouble: FailedSource) -> str:
    return trouble.detail or SENTENCES.get(trouble.reason, trouble.reason.replace("_", " "))


def site_line(night: SiteResult) -> str:
    """A finished Site on one line."""
    parts = []
    if night.crawl is not None:
        fetched = night.crawl.counts.get(Outcome.FETCHED, 0) - _places_fetched(night)
        parts.append(f"{max(fetched, 0)} fetched")
    if night.clean is not None and night.clean.run_id:
        counts = night.clean.counts
        parts.append(f"{counts.get(Outcome.ARCHIVED, 0)} archived")
        rest = (
            Outcome.REVISED,
            Outcome.RECLEANED,
            Outcome.HELD,
            Outcome.NOT_ARTICLE,
            Outcome.QUARANTINED,
        )
        parts += [
            f"{counts[outcome]} {outcome.replace('_', ' ')}"
            for outcome in rest
            if counts.get(outcome)
        ]
    else:
        parts.append("nothing to clean")
    trouble = issue_sentences(night)
    parts += [plural(len(trouble), "trouble")] if trouble else []
    return f"{night.site}: {', '.join(parts)} in {night.seconds:.1f} s"


def _places_fetched(night: SiteResult) -> int:
    crawl = night.crawl
    return crawl.sources_fetched if crawl else 0


def summary_json(summary: NightSummary) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "site": row.night.site,
            "crawl_run": row.night.crawl.run_id if row.night.crawl else None,
            "clean_run": row.night.clean.run_id if row.night.clean else None,
            "seen": row.seen,
            "crawl": _nested(row.crawled),
            "clean": _nested(row.cleaned),
            "struck": row.struck,
            "copies": row.copies,
            "troubles": [*issue_sentences(row.night), *javascript_advice(row.night.site, row.cleaned)],
            "exit_code": int(row.night.exit_code),
            "seconds": round(row.night.seconds, 2),
        }
        for row in summary.rows
    ]


def _nested(counts: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outcome, reason), number in sorted(counts.items()):
        nested.setdefault(outcome, {})[reason] = number
    return nested
