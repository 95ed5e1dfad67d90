"""Parquet out: typed columns, one folder for each site and month, for pandas, DuckDB and whatever else reads Arrow.

Promises folders as Hive names them (`site=courier/month=2026-03`), so that a reader which wants one site or one month opens no
other file. What a folder says is not repeated in its files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pipeline.core.errors import ConfigError
from pipeline.formats.article_record import FIELDS, FRACTIONS, LISTS, NUMBERS, TIMES, article_record
from pipeline.store.read.export_articles import ExportedArticle

HELD: Final = 4000  # articles in memory, of all folders together
FEW_VALUES: Final = ["published_source", "published_precision", "language", "section", "recipe"]
COMPARED: Final = [
    *NUMBERS,
    *FRACTIONS,
    *TIMES,
]  # the least and the largest of texts make small files twice as large
MISSING: Final = (
    "Parquet needs the extra 'parquet', which is not installed: pip install -e '.[parquet]'"
)

Folder = tuple[str, str]  # month and site


def parquet(articles: Iterator[ExportedArticle], target: Path) -> int:
    """A folder of typed files. Articles come newest first, so what is held of later months than the one at hand is complete."""
    rows, written, month = Rows(target), 0, ""
    for article in articles:
        values = article_record(article)
        now = f"{values['published_at'] or values['first_seen_at']:%Y-%m}"
        if now != month:
            rows.write_later_than(now)
        month = now
        rows.add((now, values.pop("site")), values)
        written += 1
    rows.write_later_than("")
    return written


class Rows:
    """Rows on their way into files, by folder."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.schema = _schema()
        self.held: dict[Folder, list[dict[str, Any]]] = {}
        self.total = 0
        self.files: dict[Folder, int] = {}

    def add(self, folder: Folder, values: dict[str, Any]) -> None:
        self.held.setdefault(folder, []).append(values)
        self.total += 1
        if self.total >= HELD:
            self._write(max(self.held, key=lambda each: len(self.held[each])))

    def write_later_than(self, month: str) -> None:
        for folder in [each for each in self.held if each[0] > month]:
            self._write(folder)

    def _write(self, folder: Folder) -> None:
        import pyarrow
        from pyarrow import parquet as files

        rows = self.held.pop(folder)
        self.total -= len(rows)
        number = self.files[folder] = self.files.get(folder, -1) + 1
        month, site = folder
        path = (
            self.target
            / f"site={quote(site, safe='')}"
            / f"month={month}"
            / f"part-{number}.parquet"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pyarrow.Table.from_pylist(rows, self.schema)
        files.write_table(
            table, path, compression="zstd", use_dictionary=FEW_VALUES, write_statistics=COMPARED
        )


def _schema() -> Any:
    """The type of each column. Raises ConfigError where the library is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise ConfigError(MISSING) from None
    kinds = (
        (TIMES, pyarrow.timestamp("us", tz="UTC")), (LISTS, pyarrow.list_(pyarrow.string())), (NUMBERS, pyarrow.int64()),
        (FRACTIONS, pyarrow.float64()),
    )  # fmt: skip
    types = {name: kind for names, kind in kinds for name in names}
    return pyarrow.schema(
        [(name, types.get(name, pyarrow.string())) for name in FIELDS if name != "site"]
    )
