"""The morning after: each Site's last night in numbers, what is wrong with it, what is well again, and nights that never began.

Promises that judging is repeatable, that it reads the archive and never a site, and that a report holds what the ledger holds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from pipeline.config.cron import cron_trigger
from pipeline.config.site import Site
from pipeline.monitoring.baseline import hours_between
from pipeline.monitoring.evaluate import evaluate_night
from pipeline.monitoring.issues import Issue, IssueKind
from pipeline.monitoring.night_stats import Night
from pipeline.store.db.engine import Database
from pipeline.store.monitoring import issues, night_stats
from pipeline.store.monitoring.issues import IssueView
from pipeline.store.read import runs

RHYTHM = 5  # nights from which a Site is expected by its own rhythm, whatever its cron line says
GRACE = timedelta(hours=2)
PATIENCE = timedelta(hours=20)  # behind a cron line, which need not be the one that is used
RECENT = timedelta(hours=30)  # what ended in this time is told as well again


@dataclass(frozen=True, slots=True)
class SiteNightReport:
    """One Site's last night. `night` is None where it never had one."""

    site: str
    night: Night | None
    issues: tuple[IssueView, ...] = ()
    is_balanced: bool = True


@dataclass(frozen=True, slots=True)
class NightReport:
    """All Sites, those in trouble first; and what is well again."""

    at: datetime
    sites: tuple[SiteNightReport, ...]
    recovered: tuple[IssueView, ...] = ()

    @property
    def issues(self) -> tuple[IssueView, ...]:
        return tuple(found for dawn in self.sites for found in dawn.issues)


def evaluate_nights(store: Database, sites: Sequence[Site], now: datetime | None = None) -> None:
    """Reckons what the nights of these Sites came to, and writes what is wrong with the last ones. Raises StoreError."""
    at = now or datetime.now(UTC)
    for site in sites:
        night_stats.compute_night_stats(store, site.id)
        nights = night_stats.load_nights(store, site.id)
        if nights:
            _judge(store, site, nights, at)


def _judge(store: Database, site: Site, nights: Sequence[Night], now: datetime) -> None:
    tonight = nights[-1]
    examined = evaluate_night(nights[:-1], tonight)
    missing, wrong = _missing(site, nights, now), _wrong(store, tonight)
    undecided = set(examined.undecided) - {IssueKind.NO_NIGHT, IssueKind.LEDGER_WRONG}
    issues.save_issues(
        store, site.id, tonight.started_at, (*missing, *wrong, *examined.issues), undecided
    )


def _missing(site: Site, nights: Sequence[Night], now: datetime) -> tuple[Issue, ...]:
    """Whether a night should have begun since the last one, by the Site's own rhythm, or by its cron line."""
    if not site.enabled:
        return ()
    last = nights[-1].started_at
    if len(nights) >= RHYTHM:
        between = sorted(hours_between(nights))
        expected = (
            last + timedelta(hours=max(median(between), between[len(between) * 9 // 10])) + GRACE
        )
    else:
        following = cron_trigger(site.cron, site.timezone).get_next_fire_time(
            None, last + timedelta(minutes=1)
        )
        expected = following + PATIENCE if following else now
    if now <= expected:
        return ()
    sentence = f"no night has begun since {last:%Y-%m-%d %H:%M} UTC"
    cause = "cron or 'nightdesk schedule' does not run, or the machine was off"
    return (
        Issue(
            IssueKind.NO_NIGHT,
            sentence,
            cause,
            "nightdesk doctor",
            {"hours": round((now - last).total_seconds() / 3600)},
        ),
    )


def _wrong(store: Database, tonight: Night) -> tuple[Issue, ...]:
    if not runs.unbalanced_runs(store, [tonight.run]):
        return ()
    sentence = f"the ledger of run {tonight.run} does not add up"
    return (
        Issue(
            IssueKind.LEDGER_WRONG,
            sentence,
            "the archive was changed by other programs",
            "nightdesk verify",
        ),
    )


def build_night_report(store: Database, sites: Collection[str], now: datetime | None = None) -> NightReport:
    """What is known of the last nights of these Sites. Nothing is judged anew."""
    at = now or datetime.now(UTC)
    standing = issues.open_issues(store, sites)
    dawns = []
    for site in sites:
        nights = night_stats.load_nights(store, site, 1)
        own = tuple(
            sorted(
                (each for each in standing if each.site == site), key=lambda each: not each.is_serious
            )
        )
        balanced = not (nights and runs.unbalanced_runs(store, [nights[0].run]))
        dawns.append(SiteNightReport(site, nights[0] if nights else None, own, balanced))
    dawns.sort(key=_by_trouble)
    recovered = tuple(
        each for each in issues.issues_closed_since(store, at - RECENT) if each.site in sites
    )
    return NightReport(at, tuple(dawns), recovered)


def _by_trouble(dawn: SiteNightReport) -> tuple[int, int, str]:
    grave = sum(each.is_serious for each in dawn.issues)
    return -grave, -len(dawn.issues), dawn.site
