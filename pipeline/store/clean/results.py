"""Store clean results: the current one of each payload, and those replaced, held or rejected.

Works inside a transaction of `CleanSession`. A payload has at most one current result. A result
that differs from the current one gets a row of its own. A held result is deleted when a later
clean has a result for the same bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select, update

from pipeline.core.clean_values import CleanOutcome, NewResult, UnchangedResult
from pipeline.core.models import CleanResult, ResultStatus
from pipeline.store.codec.serialization import metadata_to_json
from pipeline.store.db.schema import CleanResultRow
from pipeline.store.db.sql import chunks, storable, upsert_ids

COMPARED_COLUMNS: Final = ("text_digest", "chosen_metadata", "outcome", "reason")
CURRENT_COLUMNS: Final = (
    CleanResultRow.page_id,
    CleanResultRow.payload_id,
    CleanResultRow.id,
    CleanResultRow.text_digest,
    CleanResultRow.chosen_metadata,
    CleanResultRow.outcome,
    CleanResultRow.reason,
)
KEY: Final = ("page_id", "payload_id", "run_id")


@dataclass(frozen=True, slots=True)
class CurrentResult:
    """The current result of a payload, as far as the article depends on it."""

    id: int
    text_digest: str
    chosen_metadata: Mapping[str, Any]
    outcome: str
    reason: str

    def is_same_article(self, values: Mapping[str, Any]) -> bool:
        """Return whether the row of another result makes the same article."""
        return all(getattr(self, name) == values[name] for name in COMPARED_COLUMNS)


CurrentResults = dict[int, CurrentResult]  # by payload id


def current_results(db: Connection, pages: Sequence[int]) -> dict[int, CurrentResults]:
    """Return the current results of pages, by page id and payload id.

    Args:
        db: A connection that reads.
        pages: Ids of pages.

    Returns:
        The accepted results. Pages that were never cleaned are absent.
    """
    results: dict[int, CurrentResults] = defaultdict(dict)
    query = select(*CURRENT_COLUMNS).where(CleanResultRow.status == ResultStatus.ACCEPTED)
    for chunk in chunks(pages):
        for page, payload, *values in db.execute(query.where(CleanResultRow.page_id.in_(chunk))):
            results[page][payload] = CurrentResult(*values)
    return results


def save(
    db: Connection,
    run: int,
    outcomes: Sequence[CleanOutcome],
    current: Mapping[int, CurrentResults],
    now: datetime,
) -> dict[int, CurrentResults]:
    """Save the results of a clean.

    Args:
        db: A write transaction.
        run: The run's id.
        outcomes: What the clean made of pages.
        current: The current results of these pages before.
        now: The time of the new results.

    Returns:
        The current results of these pages after it, by page id and payload id.
    """
    changes = _changes(run, outcomes, current, now)
    update_recipes(db, changes.unchanged)
    set_statuses(db, changes.replaced)  # before the new rows, to make room for them
    ids = upsert_ids(db, CleanResultRow, KEY, changes.rows)
    after = {outcome.page_id: dict(current.get(outcome.page_id, {})) for outcome in outcomes}
    for row in changes.rows:
        if row["status"] == ResultStatus.ACCEPTED:
            page_id, payload_id = row["page_id"], row["payload_id"]
            compared = {name: row[name] for name in COMPARED_COLUMNS}
            result_id = ids[page_id, payload_id, run]
            after[page_id][payload_id] = CurrentResult(result_id, **compared)
    return after


@dataclass(frozen=True, slots=True)
class _Changes:
    rows: list[dict[str, Any]]
    unchanged: list[UnchangedResult]
    replaced: list[tuple[int, ResultStatus]]


def _changes(
    run: int,
    outcomes: Sequence[CleanOutcome],
    current: Mapping[int, CurrentResults],
    now: datetime,
) -> _Changes:
    changes = _Changes([], [], [])
    for outcome in outcomes:
        for new in outcome.results:
            values = _values(run, outcome.page_id, new, now)
            before = current.get(outcome.page_id, {}).get(new.payload_id)
            if before is not None and before.is_same_article(values):
                changes.unchanged.append(
                    UnchangedResult(
                        before.id, new.extracted_page_id, new.result, only_recipe_changed=False
                    )
                )
                continue
            if before is not None:
                changes.replaced.append((before.id, ResultStatus.REPLACED))
            changes.rows.append(values | {"status": ResultStatus.ACCEPTED})
        for new in outcome.held:
            values = _values(run, outcome.page_id, new, now)
            changes.rows.append(values | {"status": ResultStatus.HELD})
    return changes


def discard_held(db: Connection, pages: Sequence[int]) -> None:
    """Delete the held results of pages that are cleaned again. No article was made of them."""
    is_held = CleanResultRow.status == ResultStatus.HELD
    for chunk in chunks(pages):
        db.execute(delete(CleanResultRow).where(CleanResultRow.page_id.in_(chunk), is_held))


def set_statuses(db: Connection, statuses: Iterable[tuple[int, ResultStatus]]) -> None:
    """Give results another status, by id. Those that lose the current one are first."""
    in_order = sorted(statuses, key=lambda status: status[1] is ResultStatus.ACCEPTED)
    rows = [{"row": result_id, "to": status} for result_id, status in in_order]
    if rows:
        this_row = CleanResultRow.id == bindparam("row")
        db.execute(update(CleanResultRow).where(this_row).values(status=bindparam("to")), rows)


def update_recipes(db: Connection, results: Sequence[UnchangedResult]) -> None:
    """Write the newer recipe, under which the same articles were made again.

    The rows then say by which rules their blocks are removed today. Most results differ only by
    the recipe, and are not written one by one.

    Args:
        db: A connection in a transaction.
        results: The results that came out the same.
    """
    ids_by_recipe: dict[str, list[int]] = defaultdict(list)
    rows: list[dict[str, Any]] = []
    for unchanged in results:
        if unchanged.only_recipe_changed:
            ids_by_recipe[str(unchanged.result.recipe)].append(unchanged.result_id)
        else:
            values = _recipe_values(unchanged.extracted_page_id, unchanged.result)
            rows.append({"row": unchanged.result_id, **values})
    for recipe, ids in ids_by_recipe.items():
        for chunk in chunks(ids):
            in_chunk = CleanResultRow.id.in_(chunk)
            db.execute(update(CleanResultRow).where(in_chunk).values(recipe=recipe))
    if rows:
        parameters: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "row"}
        this_row = CleanResultRow.id == bindparam("row")
        db.execute(update(CleanResultRow).where(this_row).values(parameters), rows)


def _values(run: int, page_id: int, new: NewResult, now: datetime) -> dict[str, Any]:
    return {
        "page_id": page_id,
        "payload_id": new.payload_id,
        "run_id": run,
        **_recipe_values(new.extracted_page_id, new.result),
        "created_at": now,
        "outcome": new.result.outcome,
        "reason": new.result.reason,
        "chosen_metadata": stored_metadata(new.result),
        "text_digest": new.result.text_digest,
    }


def _recipe_values(extracted_page_id: int, result: CleanResult) -> dict[str, Any]:
    """Return what a result was made of, and how."""
    return {
        "extracted_page_id": extracted_page_id,
        "recipe": str(result.recipe),
        "profile_digest": result.profile_digest,
        "removed": [[block.index, block.rule, storable(block.why)] for block in result.removed],
    }


def stored_metadata(result: CleanResult) -> dict[str, Any]:
    """Return the metadata of a result as they are stored."""
    return dict(_storable_json(metadata_to_json(result.metadata)))


def _storable_json(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _storable_json(item) for key, item in value.items()}
    return value
