"""Write Parquet: typed columns, in one folder for each site and month.

The folders have Hive's names (`site=courier/month=2026-03`), so a reader of one site or month
opens no other file. Files do not repeat what their folder says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pipeline.core.errors import ConfigError
from pipeline.formats.article_record import (
    DAYS,
    FIELDS,
    FRACTIONS,
    LISTS,
    NUMBERS,
    TIMES,
    article_record,
)
from pipeline.store.read.export_articles import ExportedArticle

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Partition:
    """The folder of a file."""

    site: str
    month: str  # as 2026-03


@dataclass(frozen=True, slots=True)
class ParquetOptions:
    """How rows become files.

    Attributes:
        row_size: Returns the size of a row, by which `file_size` and `memory_size` are measured.
        file_size: Size from which the rows of a folder are written as a file.
        memory_size: Size from which the largest folder in memory is written as a file.
        dictionary_columns: Columns with few different values.
        statistics_columns: Columns whose least and largest values are stored. For long texts,
            these make small files twice as large.
        page_bytes: Bytes of a column that are compressed together; None for the default.
    """

    row_size: Callable[[Row], int]
    file_size: int
    memory_size: int
    dictionary_columns: Sequence[str]
    statistics_columns: Sequence[str] = ()
    page_bytes: int | None = None


ARTICLE_OPTIONS: Final = ParquetOptions(
    row_size=lambda _: 1,
    file_size=4000,
    memory_size=4000,
    dictionary_columns=(
        "published_source",
        "published_precision",
        "modified_precision",
        "agency",
        "language",
        "section",
        "recipe",
    ),
    statistics_columns=(*NUMBERS, *FRACTIONS, *TIMES),
)


def import_pyarrow() -> Any:
    """Return the library.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        raise ConfigError(
            "Parquet needs the extra 'parquet', which is not installed:"
            " pip install 'nightdesk[parquet]'"
        ) from None
    return pyarrow


def write_parquet(articles: Iterator[ExportedArticle], target: Path) -> int:
    """Write a folder of articles, and return how many there are.

    Articles come newest first. When a new month starts, the files of later months are complete.
    """
    writer = PartitionedWriter(target, _article_schema(), ARTICLE_OPTIONS)
    count = 0
    month = ""
    for article in articles:
        record = article_record(article)
        article_month = f"{record['published_at'] or record['first_seen_at']:%Y-%m}"
        if article_month != month:
            writer.write_months_after(article_month)
        month = article_month
        writer.add(Partition(record.pop("site"), month), record)
        count += 1
    writer.close()
    return count


def write_parquet_file(articles: Iterator[ExportedArticle], target: Path) -> int:
    """Write articles as one file, with their sites as a column, and return how many there are."""
    pyarrow = import_pyarrow()
    from pyarrow import parquet

    schema = _article_schema().append(pyarrow.field("site", pyarrow.string()))
    count = 0
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        while batch := list(islice(articles, ARTICLE_OPTIONS.file_size)):
            rows = [article_record(article) for article in batch]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
            count += len(rows)
    return count


class PartitionedWriter:
    """Collects rows by folder, and writes a file when a folder or the memory has enough of them."""

    def __init__(self, target: Path, schema: Any, options: ParquetOptions) -> None:
        self._target = target
        self._schema = schema
        self._options = options
        self._rows: dict[Partition, list[Row]] = {}
        self._sizes: dict[Partition, int] = {}
        self._memory_size = 0
        self._file_counts: dict[Partition, int] = {}

    def add(self, partition: Partition, row: Row) -> None:
        """Add a row to a folder."""
        self._rows.setdefault(partition, []).append(row)
        row_size = self._options.row_size(row)
        size = self._sizes.get(partition, 0) + row_size
        self._sizes[partition] = size
        self._memory_size += row_size
        if size >= self._options.file_size:
            self._write(partition)
        elif self._memory_size >= self._options.memory_size:
            self._write(max(self._sizes, key=self._sizes.__getitem__))

    def write_months_after(self, month: str) -> None:
        """Write the rows of all later months."""
        for partition in list(self._rows):
            if partition.month > month:
                self._write(partition)

    def close(self) -> None:
        """Write all rows that are left."""
        for partition in list(self._rows):
            self._write(partition)

    def _write(self, partition: Partition) -> None:
        number = self._file_counts.get(partition, 0)
        self._file_counts[partition] = number + 1
        path = partition_path(self._target, partition, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        table = import_pyarrow().Table.from_pylist(self._rows.pop(partition), self._schema)
        self._memory_size -= self._sizes.pop(partition)
        write_table(table, path, self._options)


def partition_path(target: Path, partition: Partition, number: int) -> Path:
    """Return the path of a file of a folder."""
    site_folder = target / f"site={quote(partition.site, safe='')}"
    return site_folder / f"month={partition.month}" / f"part-{number}.parquet"


def write_table(table: Any, path: Path, options: ParquetOptions) -> None:
    """Write a table of pyarrow as one file."""
    from pyarrow import parquet

    names = table.column_names
    parquet.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=[name for name in options.dictionary_columns if name in names],
        write_statistics=[name for name in options.statistics_columns if name in names],
        data_page_size=options.page_bytes,
    )


def _article_schema() -> Any:
    pyarrow = import_pyarrow()
    types = dict.fromkeys(FIELDS, pyarrow.string())
    types.update(dict.fromkeys(TIMES, pyarrow.timestamp("us", tz="UTC")))
    types.update(dict.fromkeys(DAYS, pyarrow.date32()))
    types.update(dict.fromkeys(LISTS, pyarrow.list_(pyarrow.string())))
    types.update(dict.fromkeys(NUMBERS, pyarrow.int64()))
    types.update(dict.fromkeys(FRACTIONS, pyarrow.float64()))
    del types["site"]  # the folder says it
    return pyarrow.schema(list(types.items()))
