"""An article as exports spell it: one flat record, the same fields in every format."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from pipeline.store.read.export_articles import ExportedArticle

TIMES: Final = ("published_at", "modified_at", "first_seen_at", "last_seen_at")
LISTS: Final = ("authors", "tags")
NUMBERS: Final = ("id", "word_count", "revisions", "story_group", "copies")
FRACTIONS: Final = ("similarity",)
FIELDS: Final = (
    "id", "site", "url", "canonical_url", "title", "authors", "published_at", "published_source", "published_precision",
    "modified_at", "language", "section", "tags", "image", "description", "text", "word_count", "first_seen_at", "last_seen_at",
    "revisions", "story_group", "similarity", "copies", "payload_sha256", "recipe", "text_sha256",
)  # fmt: skip


def article_record(found: ExportedArticle) -> dict[str, Any]:
    """The values of FIELDS, in their order: texts, numbers, lists of texts and aware times; None where nothing is known."""
    article = found.article
    own = {
        "canonical_url": found.canonical_url,
        "description": found.description,
        "payload_sha256": found.payload,
        "recipe": found.recipe,
        "text_sha256": text_sha256(article.text),
    }
    values = {name: own[name] if name in own else getattr(article, name) for name in FIELDS}
    return values | {name: list(values[name]) for name in LISTS}


def text_sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8, hex."""
    return sha256(text.encode("utf8", "surrogatepass")).hexdigest()


def format_timestamp(at: datetime | None) -> str | None:
    """A time as 2026-11-03T16:10:00Z, with microseconds where there are some."""
    return at.isoformat().replace("+00:00", "Z") if at else None
