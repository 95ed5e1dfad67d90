"""What a verification finds, and how much of the archive it looks at."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from pipeline.core.models import UrlKind
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import PageRow
from pipeline.store.db.sql import chunks

if TYPE_CHECKING:
    from sqlalchemy.orm import InstrumentedAttribute

BATCH_SIZE = 200  # rows of one small transaction
PAGE_BATCH_SIZE = 5000  # rows of one transaction that reads no bodies
STORED = (PageRow.kind == UrlKind.STORY, PageRow.payload_id.is_not(None))


class RepairKind(StrEnum):
    """What it takes to repair a fault."""

    NONE = ""  # nothing helps
    DICTIONARY = "dictionary"
    EXTRACTED_PAGE = "extracted_page"
    RESULT = "result"
    ARTICLE = "article"
    CHANGE = "change"  # an article whose changes are not listed as they are
    INDEX = "index"  # an article that the full-text index does not have
    ORPHAN = "orphan"  # an index row of no article
    FULLTEXT = "fulltext"  # the full-text index itself
    LEDGER = "ledger"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        kind: database, dictionary, payload, extracted_page, result, article, change, index,
            ledger, count or page.
        id: The id of the row, or 0.
        sentence: What is wrong.
        repair: What it takes to repair it.
        pages: The pages that it concerns.
    """

    kind: str
    id: int
    sentence: str
    repair: RepairKind = RepairKind.NONE
    pages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyScope:
    """How much to look at.

    Attributes:
        since: Only rows that were stored or made at this time or later.
        sample: Of these, a random sample of so many rows of each kind.
    """

    since: datetime | None = None
    sample: int | None = None


EVERYTHING = VerifyScope()


@dataclass(slots=True)
class VerifiedCounts:
    """How many rows of each kind were looked at."""

    rows: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, number: int) -> int:
        """Add rows of a kind, and return how many there are now."""
        self.rows[kind] = self.rows.get(kind, 0) + number
        return self.rows[kind]


@dataclass(frozen=True, slots=True)
class IdBatch:
    """A few ids of a table, and how many there are in all."""

    ids: Sequence[int]
    total: int


def id_batches(
    database: Database,
    id_column: InstrumentedAttribute[int],
    time_column: InstrumentedAttribute[datetime] | None,
    scope: VerifyScope,
    size: int = BATCH_SIZE,
) -> Iterator[IdBatch]:
    """Iterate over the ids of a table that are in the scope, in order and a few at a time.

    Args:
        id_column: The column of the ids.
        time_column: The column that `scope.since` is about. None means that it does not apply.
        scope: Which rows to look at.
        size: The largest number of ids in a batch.
    """
    conditions = []
    if time_column is not None and scope.since is not None:
        conditions.append(time_column >= scope.since)
    with database.read() as db:
        extent = select(func.min(id_column), func.max(id_column), func.count())
        first, last, total = db.execute(extent.where(*conditions)).one()
    if not total:
        return
    query = select(id_column).where(*conditions).order_by(id_column)
    if scope.sample is not None and scope.sample < total:
        sample_size = min(scope.sample, last + 1 - first)
        sample = sorted(random.sample(range(first, last + 1), sample_size))
        for chunk in chunks(sample, size):
            with database.read() as db:
                ids = db.scalars(query.where(id_column.in_(chunk))).all()
            yield IdBatch(ids, len(sample))
        return
    after = first - 1
    while True:
        with database.read() as db:
            ids = db.scalars(query.where(id_column > after).limit(size)).all()
        if not ids:
            return
        yield IdBatch(ids, total)
        after = ids[-1]
