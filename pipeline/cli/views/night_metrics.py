"""The last nights as metrics for Prometheus, in the format of its textfile collector."""

from __future__ import annotations

from collections import Counter
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from pipeline.jobs.night_report import NightReport

# Names follow https://prometheus.io/docs/practices/naming/: a prefix, plain words, the unit last.
STATS: Final = {
    "seen": ("seen_urls", "URLs of stories that the last night saw."),
    "new": ("new_stories", "Stories that were fetched for the first time."),
    "changed": ("changed_stories", "Stories that were fetched again and had other bytes."),
    "unchanged": ("unchanged_stories", "Stories that were fetched again and had the same bytes."),
    "redirected": ("redirected_urls", "URLs that lead to another URL."),
    "gone": ("gone_stories", "Stories that the site no longer has."),
    "refused": ("refused_urls", "URLs that were not fetched because of a rule."),
    "failed": ("failed_urls", "URLs that could not be fetched."),
    "deferred": ("deferred_urls", "URLs that were left for a later night."),
    "cleaned": ("cleaned_stories", "New and changed stories that were cleaned."),
    "articles": ("articles", "Cleaned stories that became an article."),
    "revised": ("revised_articles", "Articles that got a new revision."),
    "with_date": ("dated_articles", "Articles with a date of publication."),
    "with_author": ("signed_articles", "Articles with an author."),
    "median_words": ("article_median_words", "Median number of words of an article."),
    "removed_blocks": ("removed_blocks", "Blocks that the rules removed from the articles."),
    "bytes": ("received_bytes", "Bytes that were received."),
    "seconds": ("duration_seconds", "How long the crawl took."),
}


def to_metrics(report: NightReport) -> str:
    """Return the report in the text format of Prometheus, one gauge for each figure."""
    registry = CollectorRegistry()
    for field, (name, description) in STATS.items():
        gauge = Gauge(f"nightdesk_night_{name}", description, ["site"], registry=registry)
        for site in report.sites:
            if site.night is not None:
                gauge.labels(site.site).set(getattr(site.night.stats, field))
    started = Gauge(
        "nightdesk_night_start_timestamp_seconds",
        "When the last night of a site began.",
        ["site"],
        registry=registry,
    )
    for site in report.sites:
        if site.night is not None:
            started.labels(site.site).set(site.night.started_at.timestamp())
    issues = Gauge(
        "nightdesk_open_issues", "Open issues of a site.", ["site", "kind"], registry=registry
    )
    numbers = Counter((issue.site, issue.kind) for issue in report.issues)
    for (site_id, kind), number in numbers.items():
        issues.labels(site_id, kind).set(number)
    unbalanced = Gauge(
        "nightdesk_unbalanced_nights", "Nights whose ledger does not add up.", registry=registry
    )
    unbalanced.set(sum(not site.is_balanced for site in report.sites))
    return generate_latest(registry).decode()
