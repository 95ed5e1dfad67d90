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

from pipeline.core.models import CleanResult, ResultStatus
from pipeline.store.clean.types import CleanOutcome, Confirmed
from pipeline.store.codec.serialization import metadata_to_json
from pipeline.store.db.schema import CleanResultRow
from pipeline.store.db.sql import chunks, storable, upsert_ids

COMPARED = ("text_digest", "chosen_metadata", "outcome", "reason")  # what makes the Article
KEY = ("page_id", "payload_id", "run_id")


@dataclass(frozen=True, slots=True)
class Stand:
    """The row that stands for a Payload, as far as an Article is made of it."""

    id: int
    text_digest: str
    chosen_metadata: Mapping[str, Any]
    outcome: str
    reason: str


Stands = dict[int, Stand]  # by Payload


def standing(db: Connection, pages: Sequence[int]) -> dict[int, Stands]:
    """What stands on these Pages: page → payload → row."""
    found: dict[int, Stands] = defaultdict(dict)
    columns = (getattr(CleanResultRow, name) for name in ("page_id", "payload_id", "id", *COMPARED))
    query = select(*columns).where(CleanResultRow.status == ResultStatus.ACCEPTED)
    for chunk in chunks(pages):
        for page, payload, *rest in db.execute(query.where(CleanResultRow.page_id.in_(chunk))):
            found[page][payload] = Stand(*rest)
    return found


def put(
    db: Connection,
    run: int,
    results: Sequence[CleanOutcome],
    stands: Mapping[int, Stands],
    now: datetime,
) -> dict[int, Stands]:
    """Writes the results of a clean and returns what stands then: page → payload → row."""
    rows, same, replaced = (
        list[dict[str, Any]](),
        list[Confirmed](),
        list[tuple[int, ResultStatus]](),
    )
    for cleaned in results:
        for payload, draft, made in cleaned.results:
            values = _values(run, cleaned.page_id, payload, draft, made, now)
            before = stands.get(cleaned.page_id, {}).get(payload)
            if before is not None and all(
                getattr(before, name) == values[name] for name in COMPARED
            ):
                same.append(Confirmed(before.id, draft, made, is_as_it_was=False))
                continue
            if before is not None:
                replaced.append((before.id, ResultStatus.REPLACED))
            rows.append(values | {"status": ResultStatus.ACCEPTED})
        for payload, draft, made in cleaned.held:
            rows.append(
                _values(run, cleaned.page_id, payload, draft, made, now)
                | {"status": ResultStatus.HELD}
            )
    confirm(db, same)
    move(db, replaced)  # they make room
    ids = upsert_ids(db, CleanResultRow, KEY, rows)
    after = {cleaned.page_id: dict(stands.get(cleaned.page_id, {})) for cleaned in results}
    for row in rows:
        if row["status"] == ResultStatus.ACCEPTED:
            number = ids[row["page_id"], row["payload_id"], run]
            after[row["page_id"]][row["payload_id"]] = Stand(
                number, **{name: row[name] for name in COMPARED}
            )
    return after


def drop_held(db: Connection, pages: Sequence[int]) -> None:
    """Forgets what was held of Pages that are cleaned once more: nothing was ever made of it."""
    for chunk in chunks(pages):
        db.execute(
            delete(CleanResultRow).where(
                CleanResultRow.page_id.in_(chunk), CleanResultRow.status == ResultStatus.HELD
            )
        )


def move(db: Connection, moves: Iterable[tuple[int, ResultStatus]]) -> None:
    """Gives results another standing; those that make room go first."""
    rows = [
        {"row": row, "to": to}
        for row, to in sorted(moves, key=lambda each: each[1] is ResultStatus.ACCEPTED)
    ]
    if rows:
        statement = (
            update(CleanResultRow)
            .where(CleanResultRow.id == bindparam("row"))
            .values(status=bindparam("to"))
        )
        db.execute(statement, rows)


def confirm(db: Connection, results: Sequence[Confirmed]) -> None:
    """The same Articles by a newer Recipe: the rows say by which rules their lines are struck today. Most are as they were but
    for the name of the Recipe, and are not written one by one."""
    same: dict[str, list[int]] = defaultdict(list)
    for each in results:
        if each.is_as_it_was:
            same[str(each.extraction.recipe)].append(each.result_id)
    for recipe, ids in same.items():
        for chunk in chunks(ids):
            db.execute(
                update(CleanResultRow).where(CleanResultRow.id.in_(chunk)).values(recipe=recipe)
            )
    rows = [
        {"row": each.result_id, **_how(each.extracted_page_id, each.extraction)}
        for each in results
        if not each.is_as_it_was
    ]
    if rows:
        values: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "row"}
        db.execute(
            update(CleanResultRow).where(CleanResultRow.id == bindparam("row")).values(values), rows
        )


def _values(
    run: int, page: int, payload: int, draft: int, made: CleanResult, now: datetime
) -> dict[str, Any]:
    return {
        "page_id": page,
        "payload_id": payload,
        "run_id": run,
        **_how(draft, made),
        "created_at": now,
        "outcome": made.outcome,
        "reason": made.reason,
        "chosen_metadata": chosen(made),
        "text_digest": made.text_digest,
    }


def _how(draft: int, made: CleanResult) -> dict[str, Any]:
    """What a result was made of, and by what."""
    return {
        "extracted_page_id": draft,
        "recipe": str(made.recipe),
        "profile_digest": made.profile_digest,
        "removed": [[strike.index, strike.rule, storable(strike.why)] for strike in made.removed],
    }


def chosen(made: CleanResult) -> dict[str, Any]:
    """The Metadata of a result as they are stored."""
    return dict(_storable_json(metadata_to_json(made.metadata)))


def _storable_json(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _storable_json(item) for key, item in value.items()}
    return value
