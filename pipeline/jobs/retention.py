"""What a Site's file lets go of, and when: its retention, applied while nobody else is at work on the Site.

Promises that a Site which is being crawled or cleaned is left alone, and that a dry run changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.config.site import RetentionOptions
from pipeline.core.errors import AlreadyRunning
from pipeline.extract import EXTRACTORS
from pipeline.store.db import locks, run_log
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import prune
from pipeline.store.maintenance.prune import RetentionRule, Prunable

Progress = Callable[[str, int, int], None]  # (stage, done, of)


def retention_rule(site: str, rules: RetentionOptions, now: datetime) -> RetentionRule:
    """What is kept of a Site by its rules; 0 days keep all."""

    def since(days: int) -> datetime | None:
        return now - timedelta(days=days) if days else None

    return RetentionRule(site, since(rules.result_days), since(rules.ledger_days))


def prune_site(store: Database, keep: RetentionRule, progress: Progress, *, dry: bool) -> Prunable:
    """Takes out what is not kept, or with `dry` only tells. Raises AlreadyRunning and StoreError."""
    if dry:
        return prune.estimate_prunable(store, keep, EXTRACTORS)
    held = []
    try:
        for kind in ("crawl", "clean"):
            try:
                held.append(locks.acquire(store, f"{kind}:{keep.site}"))
            except AlreadyRunning:
                raise AlreadyRunning(run_log.running_message(store, keep.site, kind)) from None
        return prune.prune_site(store, keep, EXTRACTORS, progress)
    finally:
        for lock in held:
            lock.release()
