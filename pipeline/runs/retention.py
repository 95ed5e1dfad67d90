"""What a Site's file lets go of, and when: its retention, applied while nobody else is at work on the Site.

Promises that a Site which is being crawled or cleaned is left alone, and that a dry run changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pipeline.errors import AlreadyRunning
from pipeline.extract import EXTRACTORS
from pipeline.sites import Retention
from pipeline.store import ledger, locks, pruning
from pipeline.store.engine import Store
from pipeline.store.pruning import Keep, Spare

Progress = Callable[[str, int, int], None]  # (stage, done, of)


def keep_of(site: str, rules: Retention, now: datetime) -> Keep:
    """What is kept of a Site by its rules; 0 days keep all."""

    def since(days: int) -> datetime | None:
        return now - timedelta(days=days) if days else None

    return Keep(site, since(rules.result_days), since(rules.ledger_days))


def prune_site(store: Store, keep: Keep, progress: Progress, *, dry: bool) -> Spare:
    """Takes out what is not kept, or with `dry` only tells. Raises AlreadyRunning and StoreError."""
    if dry:
        return pruning.spare(store, keep, EXTRACTORS)
    held = []
    try:
        for kind in ("crawl", "clean"):
            try:
                held.append(locks.acquire(store, f"{kind}:{keep.site}"))
            except AlreadyRunning:
                raise AlreadyRunning(ledger.running_since(store, keep.site, kind)) from None
        return pruning.prune(store, keep, EXTRACTORS, progress)
    finally:
        for lock in held:
            lock.release()
