"""An article as one flat record, with the same fields in every export format."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from pipeline.core.local_times import DAY
from pipeline.core.rights.statements import license_of, to_texts
from pipeline.store.read.export_articles import ExportedArticle
from pipeline.store.read.origins import ArticleOrigin
from pipeline.story.markdown import to_markdown

TIMES: Final = ("published_at", "modified_at", "first_seen_at", "last_seen_at", "live_since")
DAYS: Final = ("published_day",)
LISTS: Final = ("authors", "tags", "part_urls", "part_sha256", "rights")
NUMBERS: Final = ("id", "word_count", "revisions", "story_group", "copies", "parts_missing")
FRACTIONS: Final = ("similarity",)
FIELDS: Final = (
    "id",
    "site",
    "url",
    "canonical_url",
    "title",
    "authors",
    "agency",
    "published_at",
    "published_source",
    "published_precision",
    "published_day",
    "modified_at",
    "modified_precision",
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
    "part_urls",
    "part_sha256",
    "parts_missing",
    "live_state",
    "live_since",
    "rights",
    "license",
)


def article_record(exported: ExportedArticle) -> dict[str, Any]:
    """Return the values of FIELDS in their order.

    Values are texts, numbers, lists of texts, days and times with a zone. An unknown value is None.
    """
    article = exported.article
    other_values = {
        "canonical_url": exported.canonical_url,
        "description": exported.description,
        "markdown": to_markdown(exported.story) if exported.story is not None else None,
        "payload_sha256": exported.payload,
        "recipe": exported.recipe,
        "text_sha256": text_sha256(article.text),
        "rights": to_texts(article.rights),
        "license": license_of(article.rights) or None,
        **_origin_values(exported.origin),
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


def _origin_values(origin: ArticleOrigin) -> dict[str, Any]:
    """Return the parts of a story in several pages, and what its page shows today instead."""
    return {
        "part_urls": [part.url for part in origin.parts],
        "part_sha256": [part.digest for part in origin.parts],
        "parts_missing": origin.missing_parts,
        "live_state": None if origin.live is None else origin.live.state,
        "live_since": None if origin.live is None else origin.live.since,
    }


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8 as hex digits."""
    return sha256(text.encode("utf8", "surrogatepass")).hexdigest()


def text_record(exported: ExportedArticle) -> dict[str, Any]:
    """Return the record of an article with days and times as text.

    A date without a time is written as its day: 2026-11-03.
    """
    record = article_record(exported)
    for name in TIMES:
        precision = record.get(f"{name.removesuffix('_at')}_precision", "")
        if record[name] and precision == DAY:
            record[name] = record[name].date().isoformat()
        else:
            record[name] = format_timestamp(record[name])
    for name in DAYS:
        record[name] = record[name].isoformat() if record[name] else None
    return record


def format_timestamp(time: datetime | None) -> str | None:
    """Return a time as 2026-11-03T16:10:00Z, with microseconds if there are any."""
    return time.isoformat().replace("+00:00", "Z") if time else None
