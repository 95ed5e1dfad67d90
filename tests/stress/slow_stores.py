"""What may be slow in a store: the profile of a site that has millions of lines.

Each size gets its own archive, which is deleted in the end. A part of a clean is measured. Its time
may hardly grow with what the profile knows. `tests.bench.search` measures searches.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pipeline.store.clean import line_sightings
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from tests.stress.growth import Case

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PAGES = 50  # in one batch of a clean
LINES = 40  # on each page
SPREAD = 2_654_435_761  # keys are hashes, spread over the whole index


def cases() -> Iterator[Case]:
    """Yield the cases."""
    sizes = tuple(100_000 * 2**n for n in range(5))
    yield Case(
        "the profile of a site, by known lines",
        _fill_profile,
        _clean_batches,
        sizes,
        seconds=3,
        megabytes=100,
    )


def _fill_profile(lines: int) -> tempfile.TemporaryDirectory[str]:
    """Create an archive whose profile knows this number of lines, each on one page."""
    folder = tempfile.TemporaryDirectory(prefix="nd-profile-")
    path = Path(folder.name) / "archive.db"
    migrate.ensure(Database(f"sqlite:///{path}"))
    pages = lines // LINES
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = OFF")
        rows = (
            (n, "courier", "story", f"https://courier.example/{n}", f"{n:032x}", str(NOW), str(NOW))
            for n in range(1, pages + 1)
        )
        db.executemany(
            "INSERT INTO page (id, site, kind, url, url_key, first_seen_at, profile_updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        known = (
            ("courier", n * SPREAD % 2**62, "line", 1 + n // LINES % pages) for n in range(lines)
        )
        db.executemany("INSERT OR IGNORE INTO line_sighting VALUES (?, ?, ?, ?)", sorted(known))
        db.commit()
    return folder


def _clean_batches(folder: tempfile.TemporaryDirectory[str]) -> str:
    """Run ten batches of a clean: load the facts of lines, add new lines, and delete old ones."""
    store = Database(f"sqlite:///{folder.name}/archive.db")
    known = 0
    for batch in range(10):
        keys = {page: _line_keys(page) for page in range(1, PAGES + 1)}
        with store.write() as db:
            known += sum(map(len, line_sightings.stats(db, "courier", keys).values()))
            new = {}
            for page, lines in keys.items():
                changed = tuple(line + batch for line in lines)
                new[page] = line_sightings.PageSightings(lines=changed)
            line_sightings.add(db, "courier", new, NOW)
            line_sightings.forget_old(db, "courier", line_sightings.WINDOW_PAGES, PAGES)
    store.close()
    return f"{known} facts"


def _line_keys(page: int) -> tuple[int, ...]:
    return tuple((page * 977 + n) * SPREAD % 2**62 for n in range(LINES))
