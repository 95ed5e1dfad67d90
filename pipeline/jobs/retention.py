"""Prune a site by the retention rules of its file, while no other command works on the site."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta

from pipeline.config.site import RetentionOptions
from pipeline.core.errors import AlreadyRunning
from pipeline.extract import EXTRACTORS
from pipeline.jobs.progress import ProgressCallback
from pipeline.store.db import locks, run_log
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence.events import Signer
from pipeline.store.maintenance import prune
from pipeline.store.maintenance.prune import Prunable, RetentionRule


def retention_rule(site: str, options: RetentionOptions, now: datetime) -> RetentionRule:
    """Return what is kept of a site.

    Args:
        site: The id of the site.
        options: The retention of the site's file, in days; 0 days keep everything.
        now: The time from which the days count.
    """
    results_since = _days_before(now, options.result_days)
    ledgers_since = _days_before(now, options.ledger_days)
    sources_since = _days_before(now, options.source_days)
    return RetentionRule(site, results_since, ledgers_since, sources_since)


def estimate(database: Database, rule: RetentionRule) -> Prunable:
    """Return what `prune_site` would delete now.

    Raises:
        StoreError: The database cannot be read.
    """
    return prune.estimate_prunable(database, rule, EXTRACTORS)


def prune_site(
    database: Database,
    rule: RetentionRule,
    progress: ProgressCallback,
    signer: Signer | None = None,
) -> Prunable:
    """Delete what a rule does not keep.

    Args:
        database: The archive.
        rule: The rule.
        progress: Receives the progress.
        signer: The key of the archive: see `jobs.evidence.load_signer`.

    Raises:
        AlreadyRunning: Another command crawls or cleans the site.
        StoreError: The database cannot be read or written.
    """
    with ExitStack() as held_locks:
        for kind in ("crawl", "clean"):
            try:
                lock = locks.acquire(database, f"{kind}:{rule.site}")
            except AlreadyRunning:
                message = run_log.running_message(database, rule.site, kind)
                raise AlreadyRunning(message) from None
            held_locks.callback(lock.release)
        return prune.prune_site(database, rule, EXTRACTORS, progress, signer=signer)


def _days_before(now: datetime, days: int) -> datetime | None:
    return now - timedelta(days=days) if days else None
