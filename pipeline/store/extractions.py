"""Results of cleaning as rows: which one stands for each Payload of a Page, and which were replaced, held or rejected.

Works inside a transaction of the shelf. Promises that one result at the most stands for a Payload, that a result which differs
from the standing one never takes its row, and that what was held is dropped when a later clean has a word on the same bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from pipeline.model import Extraction, Standing
from pipeline.store.packing import metadata_to_json
from pipeline.store.schema import Extraction as ExtractionRow
from pipeline.store.sql import chunks, storable, upsert
from pipeline.store.values import Cleaned

COMPARED = ("text_digest", "chosen", "outcome", "reason")  # what makes the Article
KEY = ("page_id", "payload_id", "run_id")


@dataclass(frozen=True, slots=True)
class Stand:
    """The row that stands for a Payload, as far as an Article is made of it."""

    id: int
    text_digest: str
    chosen: Mapping[str, Any]
    outcome: str
    reason: str


Stands = dict[int, Stand]  # by Payload


def standing(db: Connection, pages: Sequence[int]) -> dict[int, Stands]:
    """What stands on these Pages: page → payload → row."""
    found: dict[int, Stands] = defaultdict(dict)
    columns = (getattr(ExtractionRow, name) for name in ("page_id", "payload_id", "id", *COMPARED))
    query = select(*columns).where(ExtractionRow.verdict == Standing.ACCEPTED)
    for chunk in chunks(pages):
        for page, payload, *rest in db.execute(query.where(ExtractionRow.page_id.in_(chunk))):
            found[page][payload] = Stand(*rest)
    return found


def put(db: Connection, run: int, cleaned: Cleaned, stands: Stands, now: datetime) -> Stands:
    """Writes the results of a clean and returns what stands then."""
    after = dict(stands)
    for payload, draft, made in cleaned.extractions:
        values = _values(run, cleaned.page_id, payload, draft, made, now)
        before = stands.get(payload)
        if before is not None and all(getattr(before, name) == values[name] for name in COMPARED):
            _confirm(db, before.id, values)
            continue
        if before is not None:
            move(db, [(before.id, Standing.REPLACED)])
        row = _insert(db, values, Standing.ACCEPTED)
        after[payload] = Stand(row, **{name: values[name] for name in COMPARED})
    for payload, draft, made in cleaned.held:
        _insert(db, _values(run, cleaned.page_id, payload, draft, made, now), Standing.HELD)
    return after


def drop_held(db: Connection, pages: Sequence[int]) -> None:
    """Forgets what was held of Pages that are cleaned once more: nothing was ever made of it."""
    for chunk in chunks(pages):
        db.execute(delete(ExtractionRow).where(ExtractionRow.page_id.in_(chunk), ExtractionRow.verdict == Standing.HELD))


def move(db: Connection, moves: Iterable[tuple[int, Standing]]) -> None:
    """Gives results another standing; those that make room go first."""
    rows = [{"row": row, "to": to} for row, to in sorted(moves, key=lambda each: each[1] is Standing.ACCEPTED)]
    if rows:
        statement = update(ExtractionRow).where(ExtractionRow.id == bindparam("row")).values(verdict=bindparam("to"))
        db.execute(statement, rows)


def _confirm(db: Connection, row: int, values: Mapping[str, Any]) -> None:
    """The same Article by a newer recipe: the row says by which rules its lines are struck today."""
    changed = {name: values[name] for name in ("draft_id", "recipe", "memory", "struck")}
    db.execute(update(ExtractionRow).where(ExtractionRow.id == row).values(changed))


def _insert(db: Connection, values: Mapping[str, Any], verdict: Standing) -> int:
    row = {**values, "verdict": verdict}
    statement = upsert(db, ExtractionRow, KEY, [name for name in row if name not in KEY])
    return int(db.execute(statement.values(row).returning(ExtractionRow.id)).scalar_one())


def _values(run: int, page: int, payload: int, draft: int, made: Extraction, now: datetime) -> dict[str, Any]:
    return {
        "page_id": page,
        "payload_id": payload,
        "run_id": run,
        "draft_id": draft,
        "recipe": str(made.recipe),
        "memory": made.memory,
        "made_at": now,
        "outcome": made.outcome,
        "reason": made.reason,
        "struck": [[strike.index, strike.rule, storable(strike.why)] for strike in made.struck],
        "chosen": _storable_json(metadata_to_json(made.metadata)),
        "text_digest": made.text_digest,
    }


def _storable_json(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _storable_json(item) for key, item in value.items()}
    return value
