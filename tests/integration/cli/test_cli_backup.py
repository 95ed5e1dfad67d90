"""A backup that is taken while a crawl writes is one whole state of the archive, and can be restored."""

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


def wrong_with(store: Database) -> list[str]:
    return [
        each.sentence
        for each in repair.verify_archive(store, VerifyScope(), VerifiedCounts(), lambda *_: None)
    ]


def count(store: Database, table: str) -> int:
    with store.read() as db:
        return int(db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def restored(store: Database, path: Path, request: pytest.FixtureRequest) -> Database:
    if store.is_sqlite:
        return Database(f"sqlite:///{path}")
    postgres: Postgres = request.getfixturevalue("postgres")
    address = postgres.address(postgres.create())
    for program in backup.find_programs("pg_restore"):  # one of them is new enough
        done = subprocess.run(
            [program, "--no-owner", "-d", address, str(path)],
            capture_output=True,
            check=False,
            timeout=60,
        )
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    return Database(address)


def test_a_backup_taken_during_a_crawl_restores_to_a_whole_archive(
    archive: CrawlSession,
    store: Database,
    home: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    night(archive, {url(f"{n}"): f"Story {n}\nThe ferry left.".encode() * 500 for n in range(60)})
    clean(store)
    over, nights = threading.Event(), [0]

    def crawl() -> None:
        writer = CrawlSession(Database(store.url.render_as_string(hide_password=False)))
        while not over.is_set():
            nights[0] += 1
            night(
                writer,
                {
                    url(f"{nights[0]}-{n}"): f"Night {nights[0]}\n{n} boats.".encode() * 50
                    for n in range(5)
                },
            )
        writer.close()

    crawling = threading.Thread(target=crawl)
    crawling.start()
    wait_until(lambda: nights[0] > 1)
    folder = home / "backups"
    (folder).mkdir()
    stem = "archive" if store.is_sqlite else store.url.database
    ending = "db" if store.is_sqlite else "dump"
    (folder / f"{stem}-20260101T000000Z.{ending}").write_bytes(b"old")
    (folder / f"{stem}-20260101T000001Z.{ending}.part").write_bytes(b"killed")
    (folder / "mine.txt").write_bytes(b"no backup")
    waited: list[int] = []

    def copy_beside_a_writer(of: Database, path: Path, _tell: object) -> None:
        def tell(_stage: str, done: int, of: int) -> None:
            if not waited and done < of:  # between two steps of the copy
                waited.append(nights[0])
                wait_until(lambda: nights[0] > waited[0] + 1)

        copy(of, path, tell)

    copy = backup.write_backup
    monkeypatch.setattr(backup, "write_backup", copy_beside_a_writer)
    monkeypatch.setattr(backup, "PAGES_PER_STEP", 20)
    words = (
        "--database-url",
        store.url.render_as_string(hide_password=False),
        "backup",
        str(folder),
        "--keep",
        "1",
        "--json",
    )
    try:
        done = nightdesk(home, *words)
    finally:
        over.set()
        crawling.join()
    assert waited or not store.is_sqlite, "writers went on while it was copied"
    assert (done.code, done.err) == (0, "")
    made = Path(done.json["backup"])
    assert {path.name for path in folder.iterdir()} == {"mine.txt", made.name}
    again = restored(store, made, request)
    assert wrong_with(again) == wrong_with(store) == []
    assert 60 < count(again, "payload") <= count(store, "payload")
    night(CrawlSession(again), {url("next"): b"The next night\ngoes on."})
    again.close()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_damaged_archive_makes_no_backup_and_older_ones_stay(
    archive: CrawlSession, store: Database, home: Path
) -> None:
    night(archive, {url(f"{n}"): f"Story {n}\nThe ferry left.".encode() * 500 for n in range(20)})
    archive.close()
    store.close()
    assert store.file is not None
    with store.file.open("r+b") as file:
        file.seek(store.file.stat().st_size // 4096 // 2 * 4096)
        file.write(b"\xff" * 8192)
    (home / "backups").mkdir()
    old = home / "backups" / "archive-20260101T000000Z.db"
    old.write_bytes(b"old")
    done = nightdesk(
        home,
        "--database-url",
        f"sqlite:///{store.file}",
        "backup",
        str(home / "backups"),
        "--keep",
        "1",
    )
    assert done.code == 4
    assert "damaged" in done.error_line or "malformed" in done.error_line
    assert [path.name for path in (home / "backups").iterdir()] == [old.name]
