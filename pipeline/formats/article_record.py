"""An article as one flat record, with the same fields in every export format."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from pipeline.store.read.export_articles import ExportedArticle
from pipeline.story.markdown import to_markdown

TIMES: Final = ("published_at", "modified_at", "first_seen_at", "last_seen_at")
LISTS: Final = ("authors", "tags")
NUMBERS: Final = ("id", "word_count", "revisions", "story_group", "copies")
FRACTIONS: Final = ("similarity",)
FIELDS: Final = (
    "id",
    "site",
    "url",
    "canonical_url",
    "title",
    "authors",
    "published_at",
    "published_source",
    "published_precision",
    "modified_at",
    "language",
    "section",
    "tags",
    "image",
    "description",
    "text",
    "markdown",
    "word_count",
    "first_seen_at",
    "last_seen_at",
    "revisions",
    "story_group",
    "similarity",
    "copies",
    "payload_sha256",
    "recipe",
    "text_sha256",
)


def article_record(exported: ExportedArticle) -> dict[str, Any]:
    """Return the values of FIELDS in their order.

    Values are texts, numbers, lists of texts and times with a zone. An unknown value is None.
    """
    article = exported.article
    other_values = {
        "canonical_url": exported.canonical_url,
        "description": exported.description,
        "markdown": to_markdown(exported.story) if exported.story is not None else None,
        "payload_sha256": exported.payload,
        "recipe": exported.recipe,
        "text_sha256": text_sha256(article.text),
    }
    record: dict[str, Any] = {}
    for name in FIELDS:
        if name in other_values:
            record[name] = other_values[name]
        elif name in LISTS:
            record[name] = list(getattr(article, name))
        else:
            record[name] = getattr(article, name)
    return record


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8 as hex digits."""
    return sha256(text.encode("utf8", "surrogatepass")).hexdigest()


def format_timestamp(time: datetime | None) -> str | None:
    """Return a time as 2026-11-03T16:10:00Z, with microseconds if there are any."""
    return time.isoformat().replace("+00:00", "Z") if time else None
