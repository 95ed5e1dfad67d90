"""Write CSV for spreadsheets: UTF-8 with a byte order mark, and one header line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pipeline.formats.article_record import FIELDS, LISTS, text_record
from pipeline.formats.atomic_files import open_output
from pipeline.store.read.export_articles import ExportedArticle

# A spreadsheet computes a cell that starts with one of these (OWASP, "CSV Injection").
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_csv(articles: Iterator[ExportedArticle], target: Path) -> int:
    """Write articles as CSV, and return how many there are.

    Lists are joined by `; `. An apostrophe is put before a cell that a spreadsheet would compute.
    """
    count = 0
    with (
        open_output(target) as binary,
        io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(FIELDS)
        for article in articles:
            record = flat_record(article)
            writer.writerow([safe_cell(value) for value in record.values()])
            count += 1
    return count


def flat_record(article: ExportedArticle) -> dict[str, Any]:
    """Return the record of an article with times and lists as text."""
    record = text_record(article)
    for name in LISTS:
        record[name] = "; ".join(record[name])
    return record


def safe_cell(value: Any) -> Any:
    """Return a value that no spreadsheet computes: an apostrophe stands before a formula."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value
