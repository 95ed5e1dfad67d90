"""Evaluate the last night of each site, and collect the results into a report.

An evaluation reads the archive and never a site, so it can be repeated. It finds issues of the
night, nights that are missing, and ledgers that do not add up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median

from pipeline.config.cron import cron_trigger
from pipeline.config.site import Site
from pipeline.monitoring.baseline import hours_between
from pipeline.monitoring.evaluate import evaluate_night
from pipeline.monitoring.issues import Issue, IssueKind
from pipeline.monitoring.night_stats import Night
from pipeline.store.db.engine import Database
from pipeline.store.db.sql import chunks
from pipeline.store.monitoring import issues, night_stats
from pipeline.store.monitoring.issues import IssueView
from pipeline.store.read import runs

# From this number of nights on, the rhythm of a site decides when its next night is expected.
# Before, its cron line decides.
MIN_NIGHTS_FOR_RHYTHM = 5
RHYTHM_GRACE = timedelta(hours=2)
CRON_GRACE = timedelta(hours=20)  # long, because another cron line may start the night
SITES_PER_QUERY = 25
RECOVERED_FOR = timedelta(hours=30)  # a report names issues that were closed within this time


@dataclass(frozen=True, slots=True)
class SiteNightReport:
    """The last night of one site. `night` is None if it never had one."""

    site: str
    night: Night | None
    issues: tuple[IssueView, ...] = ()
    is_balanced: bool = True


@dataclass(frozen=True, slots=True)
class NightReport:
    """The last nights of several sites, those with the most serious issues first."""

    at: datetime
    sites: tuple[SiteNightReport, ...]
    recovered: tuple[IssueView, ...] = ()

    @property
    def issues(self) -> tuple[IssueView, ...]:
        """Return the open issues of all sites."""
        site_issues: list[IssueView] = []
        for site in self.sites:
            site_issues += site.issues
        return tuple(site_issues)


def evaluate_nights(database: Database, sites: Sequence[Site], now: datetime | None = None) -> None:
    """Compute the statistics of nights, and save the issues of the last night of each site.

    Raises:
        StoreError: The database cannot be read or written.
    """
    at = now or datetime.now(UTC)
    for batch in chunks(sites, SITES_PER_QUERY):
        _evaluate_sites(database, batch, at)


def _evaluate_sites(database: Database, sites: Sequence[Site], now: datetime) -> None:
    ids = [site.id for site in sites]
    night_stats.compute_night_stats(database, ids)
    nights = night_stats.nights_by_site(database, ids)
    if not nights:
        return
    accepted = issues.accepted_issues(database, list(nights))
    last_runs = [of_site[-1].run for of_site in nights.values()]
    unbalanced = runs.unbalanced_runs(database, last_runs)
    found: list[issues.NightIssues] = []
    for site in sites:
        if site.id in nights:
            accepted_of_site = accepted.get(site.id, {})
            found.append(
                _evaluate_last_night(site, nights[site.id], accepted_of_site, unbalanced, now)
            )
    issues.save_issues(database, found)


def build_night_report(
    database: Database, sites: Collection[str], now: datetime | None = None
) -> NightReport:
    """Return what is known of the last nights of some sites. Nothing is evaluated again.

    Args:
        database: The archive.
        sites: The ids of the sites.
        now: The time of the report.
    """
    at = now or datetime.now(UTC)
    open_issues = issues.open_issues(database, sites)
    nights = night_stats.nights_by_site(database, sites, 1)
    unbalanced = runs.unbalanced_runs(database, [of_site[-1].run for of_site in nights.values()])
    reports = []
    for site in sites:
        site_nights = [_as_it_is_now(database, night) for night in nights.get(site, ())]
        reports.append(_site_report(site, site_nights, open_issues, unbalanced))
    closed = issues.issues_closed_since(database, at - RECOVERED_FOR)
    recovered = tuple(issue for issue in closed if issue.site in sites)
    return NightReport(at, tuple(sorted(reports, key=_by_severity)), recovered)


def _as_it_is_now(database: Database, night: Night) -> Night:
    """Return a night whose process has died as interrupted, as `status` and `runs` show it."""
    if night.status != "running" or not runs.has_died(database, "crawl", night.site):
        return night
    return replace(night, status="interrupted", detail=runs.DIED)


def _site_report(
    site: str,
    nights: Sequence[Night],
    open_issues: Sequence[IssueView],
    unbalanced: Collection[int],
) -> SiteNightReport:
    site_issues = [issue for issue in open_issues if issue.site == site]
    site_issues.sort(key=lambda issue: not issue.is_serious)
    if not nights:
        return SiteNightReport(site, None, tuple(site_issues))
    is_balanced = nights[-1].run not in unbalanced
    return SiteNightReport(site, nights[-1], tuple(site_issues), is_balanced)


def _by_severity(report: SiteNightReport) -> tuple[int, int, str]:
    serious = sum(issue.is_serious for issue in report.issues)
    return -serious, -len(report.issues), report.site


def _evaluate_last_night(
    site: Site,
    nights: Sequence[Night],
    accepted: Mapping[tuple[str, str], datetime],
    unbalanced: Collection[int],
    now: datetime,
) -> issues.NightIssues:
    tonight = nights[-1]
    evaluation = evaluate_night(nights[:-1], tonight, accepted)
    night_issues = (
        *_missing_night(site, nights, now),
        *_unbalanced_ledger(tonight, unbalanced),
        *evaluation.issues,
    )
    undecided = set(evaluation.undecided) - {IssueKind.NO_NIGHT, IssueKind.LEDGER_WRONG}
    return issues.NightIssues(site.id, tonight.started_at, night_issues, undecided)


def _missing_night(site: Site, nights: Sequence[Night], now: datetime) -> tuple[Issue, ...]:
    last = nights[-1].started_at
    if not site.enabled or now <= _expected_start(site, nights, now):
        return ()
    issue = Issue(
        IssueKind.NO_NIGHT,
        f"no night has begun since {last:%Y-%m-%d %H:%M} UTC",
        "cron or 'nightdesk schedule' does not run, or the machine was off",
        "nightdesk doctor",
        {"hours": round((now - last).total_seconds() / 3600)},
    )
    return (issue,)


def _expected_start(site: Site, nights: Sequence[Night], now: datetime) -> datetime:
    """Return when the next night has begun at the latest, by the site's rhythm or cron line."""
    last = nights[-1].started_at
    if len(nights) >= MIN_NIGHTS_FOR_RHYTHM:
        hours = sorted(hours_between(nights))
        ninth_decile = hours[len(hours) * 9 // 10]
        return last + timedelta(hours=max(median(hours), ninth_decile)) + RHYTHM_GRACE
    trigger = cron_trigger(site.cron, site.timezone)
    following: datetime | None = trigger.get_next_fire_time(None, last + timedelta(minutes=1))
    if following is None:
        return now
    return following + CRON_GRACE


def _unbalanced_ledger(tonight: Night, unbalanced: Collection[int]) -> tuple[Issue, ...]:
    if tonight.run not in unbalanced:
        return ()
    issue = Issue(
        IssueKind.LEDGER_WRONG,
        f"the ledger of run {tonight.run} does not add up",
        "the archive was changed by other programs",
        "nightdesk verify",
    )
    return (issue,)
