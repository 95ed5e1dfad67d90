"""Commands that only read work on read-only media and on a full disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate, sqlite_files
from pipeline.store.db.engine import Database
from tests.support.archive_factory import night, url
from tests.support.cli import nightdesk

READING = (("status",), ("runs",), ("search", "ferry"), ("report",))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    words = [str(mount), "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if mount is None or os.geteuid() or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("only root can mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def home(disk: Path) -> Path:
    """A home folder on that disk with a small archive that nobody writes."""
    (disk / "config" / "sites").mkdir(parents=True)
    (disk / "config" / "nightdesk.toml").write_text('contact = "a@example.org"\n', encoding="utf8")
    site = 'name = "C"\nurl = "https://courier.example/"\nsections = ["https://courier.example/"]\n'
    (disk / "config" / "sites" / "courier.toml").write_text(site, encoding="utf8")
    archive = CrawlSession.open(f"sqlite:///{disk / 'var' / 'nightdesk.db'}")
    night(archive, {url("ferry"): b"<h1>Ferry</h1><p>The ferry left.</p>"})
    archive.close()
    return disk


def fill_disk(folder: Path) -> None:
    with suppress(OSError), (folder / "fill").open("wb", buffering=0) as fill:
        while True:
            fill.write(b"x" * 4096)


@pytest.mark.parametrize("state", ["read-only", "full"])
def test_reading_works_where_nothing_can_be_written(home: Path, state: str) -> None:
    if state == "full":
        fill_disk(home)
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
    for words in READING:
        result = nightdesk(home, *words)
        assert result.code in (0, 1), (words, result.err)
        if words != ("report",):
            assert result.err == ""
        else:
            assert "the report shows the issues as they were last saved" in result.error_line
    refused = nightdesk(home, "report", "courier", "--accept", "all")
    assert refused.code == 4
    assert "cannot be written; check the rights of the file" in refused.error_line


def test_archive_whose_log_holds_changes_is_not_read_without_them(home: Path) -> None:
    file = home / "var" / "nightdesk.db"
    writer = sqlite3.connect(file)
    writer.execute("UPDATE page SET attempts = 7")
    writer.commit()
    shutil.copy(f"{file}-wal", home / "wal")
    writer.close()
    shutil.move(home / "wal", f"{file}-wal")
    subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
    result = nightdesk(home, "status")
    assert result.code == 4
    assert "A copy of an archive at work can be read only where" in result.error_line


def test_connection_without_writing_is_not_kept(home: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
    database = Database(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
    with database.read() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite_files.ReadOnlyConnection)
    subprocess.run(["mount", "-o", "remount,rw", str(home)], check=True)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE page SET attempts = 1")
    assert migrate.version_of(database) == migrate.head()
    database.close()
