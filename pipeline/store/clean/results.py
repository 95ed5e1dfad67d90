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
from pipeline.store.clean.types import CleanOutcome, UnchangedResult, NewResult
from pipeline.store.codec.serialization import metadata_to_json
from pipeline.store.db.schema import CleanResultRow
from pipeline.store.db.sql import chunks, storable, upsert_ids

COMPARED_COLUMNS = ("text_digest", "chosen_metadata", "outcome", "reason")  # what makes the Article
KEY = ("page_id", "payload_id", "run_id")


@dataclass(frozen=True, slots=True)
class CurrentResult:
    """The row that stands for a Payload, as far as an Article is made of it."""

    id: int
    text_digest: str
    chosen_metadata: Mapping[str, Any]
    outcome: str
    reason: str


CurrentResults = dict[int, CurrentResult]  # by Payload


def current_results(db: Connection, pages: Sequence[int]) -> dict[int, CurrentResults]:
    """What stands on these Pages: page → payload → row."""
    found: dict[int, CurrentResults] = defaultdict(dict)
    columns = (getattr(CleanResultRow, name) for name in ("page_id", "payload_id", "id", *COMPARED_COLUMNS))
    query = select(*columns).where(CleanResultRow.status == ResultStatus.ACCEPTED)
    for chunk in chunks(pages):
        for page, payload, *rest in db.execute(query.where(CleanResultRow.page_id.in_(chunk))):
            found[page][payload] = CurrentResult(*rest)
    return found


def save(
    db: Connection,
    run: int,
    results: Sequence[CleanOutcome],
    stands: Mapping[int, CurrentResults],
    now: datetime,
) -> dict[int, CurrentResults]:
    """Writes the results of a clean and returns what stands then: page → payload → row."""
    rows, same, replaced = (
        list[dict[str, Any]](),
        list[UnchangedResult](),
        list[tuple[int, ResultStatus]](),
    )
    for cleaned in results:
        for new in cleaned.results:
            values = _values(run, cleaned.page_id, new, now)
            before = stands.get(cleaned.page_id, {}).get(new.payload_id)
            if before is not None and all(
                getattr(before, name) == values[name] for name in COMPARED_COLUMNS
            ):
                same.append(
                    UnchangedResult(before.id, new.extracted_page_id, new.result, only_recipe_changed=False)
                )
                continue
            if before is not None:
                replaced.append((before.id, ResultStatus.REPLACED))
            rows.append(values | {"status": ResultStatus.ACCEPTED})
        for new in cleaned.held:
            values = _values(run, cleaned.page_id, new, now)
            rows.append(values | {"status": ResultStatus.HELD})
    update_recipes(db, same)
    set_statuses(db, replaced)  # they make room
    ids = upsert_ids(db, CleanResultRow, KEY, rows)
    after = {cleaned.page_id: dict(stands.get(cleaned.page_id, {})) for cleaned in results}
    for row in rows:
        if row["status"] == ResultStatus.ACCEPTED:
            number = ids[row["page_id"], row["payload_id"], run]
            after[row["page_id"]][row["payload_id"]] = CurrentResult(
                number, **{name: row[name] for name in COMPARED_COLUMNS}
            )
    return after


def discard_held(db: Connection, pages: Sequence[int]) -> None:
    """Forgets what was held of Pages that are cleaned once more: nothing was ever made of it."""
    for chunk in chunks(pages):
        db.execute(
            delete(CleanResultRow).where(
                CleanResultRow.page_id.in_(chunk), CleanResultRow.status == ResultStatus.HELD
            )
        )


def set_statuses(db: Connection, moves: Iterable[tuple[int, ResultStatus]]) -> None:
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


def update_recipes(db: Connection, results: Sequence[UnchangedResult]) -> None:
    """The same Articles by a newer Recipe: the rows say by which rules their lines are struck today. Most are as they were but
    for the name of the Recipe, and are not written one by one."""
    same: dict[str, list[int]] = defaultdict(list)
    for each in results:
        if each.only_recipe_changed:
            same[str(each.result.recipe)].append(each.result_id)
    for recipe, ids in same.items():
        for chunk in chunks(ids):
            db.execute(
                update(CleanResultRow).where(CleanResultRow.id.in_(chunk)).values(recipe=recipe)
            )
    rows = [
        {"row": each.result_id, **_recipe_values(each.extracted_page_id, each.result)}
        for each in results
        if not each.only_recipe_changed
    ]
    if rows:
        values: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "row"}
        db.execute(
            update(CleanResultRow).where(CleanResultRow.id == bindparam("row")).values(values), rows
        )


def _values(run: int, page: int, new: NewResult, now: datetime) -> dict[str, Any]:
    return {
        "page_id": page,
        "payload_id": new.payload_id,
        "run_id": run,
        **_recipe_values(new.extracted_page_id, new.result),
        "created_at": now,
        "outcome": new.result.outcome,
        "reason": new.result.reason,
        "chosen_metadata": stored_metadata(new.result),
        "text_digest": new.result.text_digest,
    }


def _recipe_values(draft: int, made: CleanResult) -> dict[str, Any]:
    """What a result was made of, and by what."""
    return {
        "extracted_page_id": draft,
        "recipe": str(made.recipe),
        "profile_digest": made.profile_digest,
        "removed": [[strike.index, strike.rule, storable(strike.why)] for strike in made.removed],
    }


def stored_metadata(made: CleanResult) -> dict[str, Any]:
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
