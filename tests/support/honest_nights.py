"""Honest nights of an archive, and what else an operator does to it. Nobody forges anything."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from pipeline.core.errors import StoreError
from pipeline.evidence import keys
from pipeline.jobs.evidence.checkpoints import announce_key, declare_restore, rotate_key
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate, run_log
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import LedgerEntryRow, PageRow, RunRow
from pipeline.store.maintenance import copy_archive, prune, recompress, repair
from pipeline.store.maintenance.log_report import OutsideView
from pipeline.store.maintenance.verify_log import verify_log
from tests.support.archive_factory import (
    FAILED,
    FEED,
    GONE,
    NOT_MODIFIED,
    RECIPE,
    SITE,
    Recipe,
    Reply,
    capture,
    clean,
    links,
    url,
)
from tests.support.sealed_archive import checkpoint

PAGES = 12
VERIFY_EVERY = 20  # nights
SEED = 21


@dataclass
class HonestResult:
    """What the nights came to."""

    counts: dict[str, int] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)
    verifications: int = 0

    @property
    def summary(self) -> str:
        """What was done, in numbers."""
        return ", ".join(f"{number} {name}" for name, number in sorted(self.counts.items()))


class HonestArchive:
    """An archive that moves, is restored, and goes on."""

    def __init__(self, folder: Path, key: keys.SigningKey) -> None:
        self.folder = folder
        self.key = key
        self.number = 0
        self.result = HonestResult()
        self.views: list[OutsideView] = []
        self.random = random.Random(SEED)
        self.store = self._open()
        self.backup: Path | None = None

    def _open(self) -> Database:
        self.number += 1
        store = Database(f"sqlite:///{self.folder / f'honest-{self.number}.db'}")
        migrate.ensure(store)
        return store

    def count(self, name: str) -> None:
        """Count something that was done."""
        self.result.counts[name] = self.result.counts.get(name, 0) + 1

    def a_night(self) -> None:
        """Crawl some pages, as the sites and the weather want it."""
        replies: dict[str, bytes | Reply] = {}
        for number in self.random.sample(range(PAGES), 6):
            bodies = f"Story {number}\nVersion {self.random.randrange(3)}".encode()
            others = (GONE, FAILED, NOT_MODIFIED, Reply(bodies), Reply(bodies), Reply(bodies))
            replies[url(f"s{number}")] = self.random.choice(others)
        archive, at = CrawlSession(self.store), datetime.now(UTC)
        run = archive.start_run(SITE)
        feed = Reply(f"feed {self.random.randrange(4)} of {at:%H:%M:%S}".encode())
        source = archive.register_source(run, FEED)
        archive.save_source(run, capture(source, feed, at), links(*replies), FEED.kind)
        for due in archive.lease_due(run, 1000):
            if due.url in replies:
                reply = replies[due.url]
                assert isinstance(reply, Reply)
                archive.save_capture(run, capture(due, reply, at), at)
        archive.finish_run(run, "finished")
        archive.close()
        self.count("nights")

    def a_kill(self) -> None:
        """Leave a run open, as a killed process does."""
        with self.store.write() as db:
            run_log.open_run(db, SITE, self.random.choice(("crawl", "clean")))
        self.count("kills")

    def a_clean(self) -> None:
        """Clean, sometimes with other rules."""
        rules = f"rules-{self.random.randrange(3)}"
        clean(self.store, Recipe(RECIPE.extractors, rules), remove="Version 2")
        self.count("cleans")

    def a_compaction(self) -> None:
        """Compress again."""
        recompress.recompress_site(self.store, SITE, lambda *_: None)
        self.count("compactions")

    def a_prune(self) -> None:
        """Delete old results, ledgers and versions of sources."""
        now = datetime.now(UTC) - timedelta(milliseconds=200)
        rule = prune.RetentionRule(SITE, now, now, now)
        prune.prune_site(self.store, rule, "extractors-2", lambda *_: None, signer=self.key)
        self.count("prunes")

    def a_repair(self) -> None:
        """Lose an entry of a ledger to a bad disk, and count the ledger again."""
        last = select(RunRow.id).where(RunRow.kind == "crawl", RunRow.finished_at.is_not(None))
        with self.store.write() as db:
            run = db.scalar(last.order_by(RunRow.id.desc()).limit(1))
            entry = select(LedgerEntryRow.page_id).join(
                PageRow, PageRow.id == LedgerEntryRow.page_id
            )
            unseen = entry.where(LedgerEntryRow.run_id == run, LedgerEntryRow.outcome == "deferred")
            page = db.scalar(unseen.limit(1))
            if page is None:
                return
            table = LedgerEntryRow.__table__
            db.execute(
                table.delete().where(table.c.run_id == run, table.c.page_id == page)  # type: ignore[attr-defined]
            )
        assert run is not None
        repair.recount_run(self.store, run, self.key)
        self.count("repairs")

    def a_backup(self) -> None:
        """Copy the file."""
        self.store.close()
        self.backup = self.folder / "backup.db"
        shutil.copy(str(self.store.file), self.backup)
        self.count("backups")

    def a_restore(self) -> None:
        """Put the backup in the place of the archive, and say so."""
        if self.backup is None:
            return
        self.store.close()
        shutil.copy(self.backup, str(self.store.file))
        for name in ("-wal", "-shm"):
            Path(f"{self.store.file}{name}").unlink(missing_ok=True)
        self.backup = None
        self.store = Database(f"sqlite:///{self.store.file}")
        try:
            declare_restore(self.store, "the disk failed", self.key)
        except StoreError:  # a backup from before the last key
            return
        self.count("declared restores")

    def a_move(self) -> None:
        """Hand the archive over to a copy, and go on there."""
        with self.store.read() as db:
            if db.scalar(select(RunRow.id).where(RunRow.status == "running").limit(1)):
                return
        before, self.store = self.store, None  # type: ignore[assignment]
        self.store = self._open()
        copy_archive.copy_rows(before, self.store, hand_over=True, signer=self.key)
        before.close()
        self.backup = None
        self.count("moves")

    def a_new_key(self) -> None:
        """Replace the key; the old one signs that."""
        new = keys.new_key()
        rotate_key(self.store, self.key, new)
        self.key = new
        self.backup = None
        self.count("new keys")

    def verify(self) -> None:
        """Verify the log against all checkpoints so far."""
        report = verify_log(self.store, self.views)
        self.result.verifications += 1
        for fault in report.faults:
            self.result.alarms.append(f"night {self.result.counts['nights']}: {fault.sentence}")


def live(
    folder: Path, key: keys.SigningKey, nights: int, *, every_night: bool = False
) -> HonestResult:
    """Live through nights, and verify the log again and again.

    Args:
        folder: A folder for the archives.
        key: The key of the archive.
        nights: How many nights.
        every_night: Let all happen within a few nights, and verify the log once at the end.
    """
    archive = HonestArchive(folder, key)
    for number in range(nights):
        archive.a_night()
        if number == 0:
            announce_key(archive.store, key)
        happenings = (
            (0.7, archive.a_clean),
            (0.1, archive.a_kill),
            (0.02, archive.a_compaction),
            (0.05, archive.a_prune),
            (0.05, archive.a_repair),
            (0.03, archive.a_backup),
            (0.01, archive.a_restore),
            (0.004, archive.a_move),
            (0.005, archive.a_new_key),
        )
        for chance, happen in happenings:
            often = every_night and number % len(happenings) == happenings.index((chance, happen))
            if often or archive.random.random() < chance:
                happen()
        archive.views.append(checkpoint(archive.store, archive.key))
        is_due = number % VERIFY_EVERY == VERIFY_EVERY - 1
        if number == nights - 1 or is_due:
            archive.verify()
        if archive.result.alarms:
            break
    archive.store.close()
    return archive.result
