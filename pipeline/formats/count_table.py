"""Counts of several queries as rows of a table, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pipeline.formats.writers.csv import safe_cell
from pipeline.store.read import CountTable, column_names

Value = str | int | float
TOTAL = "all"  # the one row of a table that is not divided
STORIES = "all stories"


def count_rows(table: CountTable, *, share: bool = False) -> Iterator[list[Value]]:
    """Yield the header and the rows: the label, and the count of each query.

    Args:
        table: The counts.
        share: Add the share of each query, 0 to 1, and the number of all stories. Without any
            story the share is 0.
    """
    names = column_names([query.text for query in table.queries], (table.by, STORIES))
    header: list[Value] = [table.by or "total", *names]
    if share:
        header += [f"{name} (share)" for name in names]
        header.append(STORIES)
    yield header
    for row in table.rows:
        yield _row(row.label, row.counts, row.stories, share)
    if not table.by:
        totals = tuple(query.total for query in table.queries)
        yield _row(TOTAL, totals, table.stories, share)


def _row(label: str, counts: tuple[int, ...], stories: int, share: bool) -> list[Value]:
    row: list[Value] = [label, *counts]
    if share:
        row += [count / stories if stories else 0.0 for count in counts]
        row.append(stories)
    return row


def count_csv(table: CountTable, *, share: bool = False) -> str:
    """Return the rows as CSV with a header."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for row in count_rows(table, share=share):
        writer.writerow([safe_cell(value) for value in row])
    return stream.getvalue()
