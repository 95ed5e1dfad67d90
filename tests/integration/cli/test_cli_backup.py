"""A backup during a crawl holds one state of the archive, and can be restored."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from pipeline.jobs import repair
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import backup
from pipeline.store.maintenance.faults import VerifiedCounts, VerifyScope
from tests.support.archive_factory import clean, night, url
from tests.support.cli import nightdesk, wait_until

if TYPE_CHECKING:
    from tests.conftest import Postgres


def fault_sentences(database: Database) -> list[str]:
    faults = repair.verify_archive(database, VerifyScope(), VerifiedCounts(), lambda *_: None)
    return [fault.sentence for fault in faults]


def count(database: Database, table: str) -> int:
    with database.read() as db:
        return int(db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def restore(database: Database, path: Path, request: pytest.FixtureRequest) -> Database:
    if database.is_sqlite:
        return Database(f"sqlite:///{path}")
    postgres: Postgres = request.getfixturevalue("postgres")
    address = postgres.address(postgres.create())
    for program in backup.find_programs("pg_restore"):  # one of them is new enough
        command = [program, "--no-owner", "-d", address, str(path)]
        process = subprocess.run(command, capture_output=True, check=False, timeout=60)
        if process.returncode == 0:
            break
    assert process.returncode == 0, process.stderr
    return Database(address)


def backup_words(database: Database, folder: Path) -> tuple[str, ...]:
    url_with_password = database.url.render_as_string(hide_password=False)
    return ("--database-url", url_with_password, "backup", str(folder), "--keep", "1", "--json")


class Writer:
    """Writes nights to an archive in a thread, until `stop` is called."""

    def __init__(self, database: Database) -> None:
        self.nights = 0
        self._url = database.url.render_as_string(hide_password=False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()
        wait_until(lambda: self.nights > 1)

    def wait_for_next_night(self) -> None:
        before = self.nights
        wait_until(lambda: self.nights > before + 1)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        session = CrawlSession(Database(self._url))
        while not self._stop.is_set():
            self.nights += 1
            bodies = {}
            for number in range(5):
                body = f"Night {self.nights}\n{number} boats.".encode() * 50
                bodies[url(f"{self.nights}-{number}")] = body
            night(session, bodies)
        session.close()


def add_stories(archive: CrawlSession, count: int) -> None:
    bodies = {}
    for number in range(count):
        bodies[url(f"{number}")] = f"Story {number}\nThe ferry left.".encode() * 500
    night(archive, bodies)


def test_a_backup_during_a_crawl_restores_to_a_complete_archive(
    archive: CrawlSession,
    store: Database,
    home: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_stories(archive, 60)
    clean(store)
    writer = Writer(store)
    folder = home / "backups"
    folder.mkdir()
    stem = "archive" if store.is_sqlite else store.url.database
    suffix = "db" if store.is_sqlite else "dump"
    (folder / f"{stem}-20260101T000000Z.{suffix}").write_bytes(b"old")
    (folder / f"{stem}-20260101T000001Z.{suffix}.part").write_bytes(b"killed")
    (folder / "mine.txt").write_bytes(b"no backup")
    pauses: list[int] = []
    write_backup = backup.write_backup

    def write_beside_a_writer(database: Database, path: Path, _progress: object) -> None:
        def progress(_stage: str, done: int, total: int) -> None:
            if not pauses and done < total:  # between two steps of the copy
                pauses.append(done)
                writer.wait_for_next_night()

        write_backup(database, path, progress)

    monkeypatch.setattr(backup, "write_backup", write_beside_a_writer)
    monkeypatch.setattr(backup, "PAGES_PER_STEP", 20)
    try:
        result = nightdesk(home, *backup_words(store, folder))
    finally:
        writer.stop()
    assert pauses or not store.is_sqlite, "the writer went on during the copy"
    assert (result.code, result.err) == (0, "")
    new = Path(result.json["backup"])
    assert {path.name for path in folder.iterdir()} == {"mine.txt", new.name}
    copy = restore(store, new, request)
    assert fault_sentences(copy) == fault_sentences(store) == []
    assert 60 < count(copy, "payload") <= count(store, "payload")
    night(CrawlSession(copy), {url("next"): b"The next night\ngoes on."})
    copy.close()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_damaged_archive_makes_no_backup_and_older_backups_stay(
    archive: CrawlSession, store: Database, home: Path
) -> None:
    add_stories(archive, 20)
    archive.close()
    store.close()
    assert store.file is not None
    with store.file.open("r+b") as file:
        file.seek(store.file.stat().st_size // 4096 // 2 * 4096)
        file.write(b"\xff" * 8192)
    folder = home / "backups"
    folder.mkdir()
    old = folder / "archive-20260101T000000Z.db"
    old.write_bytes(b"old")
    result = nightdesk(home, *backup_words(store, folder))
    assert result.code == 4
    assert "damaged" in result.error_line or "malformed" in result.error_line
    assert [path.name for path in folder.iterdir()] == [old.name]
