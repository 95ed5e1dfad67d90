"""Writes what cleaning made of a Page: Extractions, Revisions, the Article and its place in the full-text index.

Works inside a transaction of the shelf. Promises that the rows of a Page always belong together, and that writing the same
result twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from pipeline.model import Extraction, Metadata, Recipe, Revision, count_words
from pipeline.store import search
from pipeline.store.packing import metadata_to_json
from pipeline.store.schema import Article, LedgerEntry, Page
from pipeline.store.schema import Extraction as ExtractionRow
from pipeline.store.schema import Revision as RevisionRow
from pipeline.store.sql import storable, storable_all, upsert
from pipeline.store.values import Cleaned

PAGE_BITS = 29  # of an order key: half a billion Pages share one second at the most


def put(db: Connection, run: int, recipe: Recipe, cleaned: Cleaned) -> None:
    """All rows of one Page."""
    now = datetime.now(UTC)
    ids = {
        payload: _put_extraction(db, cleaned.page_id, payload, draft, made, now) for payload, draft, made in cleaned.extractions
    }
    revisions = _put_revisions(db, cleaned, ids)
    if cleaned.revisions:
        _put_article(db, cleaned, ids, revisions, now)
    else:
        _withdraw(db, cleaned.page_id)
    _drop_surplus(db, cleaned)
    db.execute(
        update(Page)
        .where(Page.id == cleaned.page_id)
        .values(clean_payload_id=cleaned.payload_id, clean_recipe=str(recipe), touched=False)
    )
    entry = {"run_id": run, "page_id": cleaned.page_id, "outcome": cleaned.outcome, "reason": cleaned.reason, "at": now}
    db.execute(upsert(db, LedgerEntry, ["run_id", "page_id"], ["outcome", "reason", "at"]), [entry])


def _put_extraction(db: Connection, page: int, payload: int, draft: int, made: Extraction, now: datetime) -> int:
    values = {
        "page_id": page,
        "payload_id": payload,
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
    changed = [name for name in values if name not in ("page_id", "payload_id", "recipe")]
    statement = upsert(db, ExtractionRow, ["page_id", "payload_id", "recipe"], changed)
    return int(db.execute(statement.values(values).returning(ExtractionRow.id)).scalar_one())


def _storable_json(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _storable_json(item) for key, item in value.items()}
    return value


def _put_revisions(db: Connection, cleaned: Cleaned, extractions: Mapping[int, int]) -> dict[int, int]:
    """Revision ids by number."""
    statement = upsert(
        db, RevisionRow, ["page_id", "number"], ["extraction_id", "title", "text", "first_seen_at", "last_seen_at"]
    )
    ids = {}
    for revision in cleaned.revisions:
        values = _revision_row(cleaned.page_id, revision, extractions[revision.payload_id])
        ids[revision.number] = int(db.execute(statement.values(values).returning(RevisionRow.id)).scalar_one())
    return ids


def _revision_row(page: int, revision: Revision, extraction: int) -> dict[str, Any]:
    return {
        "page_id": page,
        "number": revision.number,
        "extraction_id": extraction,
        "title": storable(revision.title),
        "text": storable(revision.text),
        "first_seen_at": revision.first_seen_at,
        "last_seen_at": revision.last_seen_at,
    }


def _put_article(
    db: Connection, cleaned: Cleaned, extractions: Mapping[int, int], revisions: Mapping[int, int], now: datetime
) -> None:
    current = cleaned.revisions[-1]
    metadata = next(made.metadata for payload, _, made in reversed(cleaned.extractions) if payload == current.payload_id)
    since = metadata.published_at or cleaned.revisions[0].first_seen_at
    values = _article_row(metadata) | {
        "page_id": cleaned.page_id,
        "revision_id": revisions[current.number],
        "extraction_id": extractions[current.payload_id],
        "order_key": order_key(since, cleaned.page_id),
        "word_count": count_words(current.text),
        "archived_at": now,
    }
    before = db.scalar(select(Article.order_key).where(Article.page_id == cleaned.page_id))
    changed = [name for name in values if name not in ("page_id", "archived_at")]
    db.execute(upsert(db, Article, ["page_id"], changed), [values])
    search.unindex(db, before)
    search.index(db, values["order_key"], current.title, current.text)


def _article_row(metadata: Metadata) -> dict[str, Any]:
    return {
        "title": storable(metadata.title),
        "authors": storable_all(metadata.authors),
        "published_at": metadata.published_at,
        "published_source": metadata.published_source,
        "published_precision": metadata.published_precision,
        "modified_at": metadata.modified_at,
        "language": storable(metadata.language)[:16],
        "section": storable(metadata.section),
        "tags": storable_all(metadata.tags),
        "image": storable(metadata.image),
        "canonical_url": storable(metadata.canonical_url),
        "description": storable(metadata.description),
    }


def order_key(at: datetime, page: int) -> int:
    """Newest first is this key descending, and it is unique: 33 bits of seconds, then the Page."""
    seconds = min(max(int(at.timestamp()), 0), (1 << 33) - 1)
    return seconds << PAGE_BITS | page & ((1 << PAGE_BITS) - 1)


def _withdraw(db: Connection, page: int) -> None:
    """A Page that no Payload of it makes an article any more. Its Extractions stay and say why."""
    search.unindex(db, db.scalar(select(Article.order_key).where(Article.page_id == page)))
    db.execute(delete(Article).where(Article.page_id == page))


def _drop_surplus(db: Connection, cleaned: Cleaned) -> None:
    db.execute(delete(RevisionRow).where(RevisionRow.page_id == cleaned.page_id, RevisionRow.number > len(cleaned.revisions)))
