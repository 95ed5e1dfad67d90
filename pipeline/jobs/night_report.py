"""The morning after: each Site's last night in numbers, what is wrong with it, what is well again, and nights that never began.

Promises that judging is repeatable, that it reads the archive and never a site, and that a report holds what the ledger holds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from pipeline.config.cron import trigger
from pipeline.config.site import Site
from pipeline.monitoring.baseline import gaps
from pipeline.monitoring.evaluate import examine
from pipeline.monitoring.issues import Finding, Trouble
from pipeline.monitoring.night_stats import Night
from pipeline.store.db.engine import Database
from pipeline.store.monitoring import issues, night_stats
from pipeline.store.monitoring.issues import FindingView
from pipeline.store.read import runs

RHYTHM = 5  # nights from which a Site is expected by its own rhythm, whatever its cron line says
GRACE = timedelta(hours=2)
PATIENCE = timedelta(hours=20)  # behind a cron line, which need not be the one that is used
RECENT = timedelta(hours=30)  # what ended in this time is told as well again


@dataclass(frozen=True, slots=True)
class Dawn:
    """One Site's last night. `night` is None where it never had one."""

    site: str
    night: Night | None
    findings: tuple[FindingView, ...] = ()
    is_balanced: bool = True


@dataclass(frozen=True, slots=True)
class Morning:
    """All Sites, those in trouble first; and what is well again."""

    at: datetime
    dawns: tuple[Dawn, ...]
    recovered: tuple[FindingView, ...] = ()

    @property
    def findings(self) -> tuple[FindingView, ...]:
        return tuple(found for dawn in self.dawns for found in dawn.findings)


def judge(store: Database, sites: Sequence[Site], now: datetime | None = None) -> None:
    """Reckons what the nights of these Sites came to, and writes what is wrong with the last ones. Raises StoreError."""
    at = now or datetime.now(UTC)
    for site in sites:
        night_stats.reckon(store, site.id)
        nights = night_stats.nights(store, site.id)
        if nights:
            _judge(store, site, nights, at)


def _judge(store: Database, site: Site, nights: Sequence[Night], now: datetime) -> None:
    tonight = nights[-1]
    examined = examine(nights[:-1], tonight)
    missing, wrong = _missing(site, nights, now), _wrong(store, tonight)
    undecided = set(examined.undecided) - {Trouble.NO_NIGHT, Trouble.LEDGER_WRONG}
    issues.keep(
        store, site.id, tonight.started_at, (*missing, *wrong, *examined.findings), undecided
    )


def _missing(site: Site, nights: Sequence[Night], now: datetime) -> tuple[Finding, ...]:
    """Whether a night should have begun since the last one, by the Site's own rhythm, or by its cron line."""
    if not site.enabled:
        return ()
    last = nights[-1].started_at
    if len(nights) >= RHYTHM:
        between = sorted(gaps(nights))
        expected = (
            last + timedelta(hours=max(median(between), between[len(between) * 9 // 10])) + GRACE
        )
    else:
        following = trigger(site.cron, site.timezone).get_next_fire_time(
            None, last + timedelta(minutes=1)
        )
        expected = following + PATIENCE if following else now
    if now <= expected:
        return ()
    sentence = f"no night has begun since {last:%Y-%m-%d %H:%M} UTC"
    cause = "cron or 'nightdesk schedule' does not run, or the machine was off"
    return (
        Finding(
            Trouble.NO_NIGHT,
            sentence,
            cause,
            "nightdesk doctor",
            {"hours": round((now - last).total_seconds() / 3600)},
        ),
    )


def _wrong(store: Database, tonight: Night) -> tuple[Finding, ...]:
    if not runs.unbalanced(store, [tonight.run]):
        return ()
    sentence = f"the ledger of run {tonight.run} does not add up"
    return (
        Finding(
            Trouble.LEDGER_WRONG,
            sentence,
            "the archive was changed by other programs",
            "nightdesk verify",
        ),
    )


def morning(store: Database, sites: Collection[str], now: datetime | None = None) -> Morning:
    """What is known of the last nights of these Sites. Nothing is judged anew."""
    at = now or datetime.now(UTC)
    standing = issues.open_ones(store, sites)
    dawns = []
    for site in sites:
        nights = night_stats.nights(store, site, 1)
        own = tuple(
            sorted(
                (each for each in standing if each.site == site), key=lambda each: not each.is_grave
            )
        )
        balanced = not (nights and runs.unbalanced(store, [nights[0].run]))
        dawns.append(Dawn(site, nights[0] if nights else None, own, balanced))
    dawns.sort(key=_by_trouble)
    recovered = tuple(
        each for each in issues.closed_since(store, at - RECENT) if each.site in sites
    )
    return Morning(at, tuple(dawns), recovered)


def _by_trouble(dawn: Dawn) -> tuple[int, int, str]:
    grave = sum(each.is_grave for each in dawn.findings)
    return -grave, -len(dawn.findings), dawn.site
