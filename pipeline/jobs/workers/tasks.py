"""What worker processes do besides extraction.

The process from which workers fork imports this module, so it must not import a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from pipeline.cleaning import boilerplate_keys, near_duplicates
from pipeline.core.models import AnnouncedMetadata, ExtractedPage, MinHashSketch
from pipeline.fulltext.index_rows import IndexRow, index_row
from pipeline.fulltext.tokenizer import IndexableArticle
from pipeline.store.clean.types import PageSignals, StoredExtraction
from pipeline.store.codec.serialization import encode_extracted


@dataclass(frozen=True, slots=True)
class ExtractedPayload:
    """What the extractors made of one payload, ready to be saved."""

    payload_id: int
    extraction: StoredExtraction
    signals: PageSignals


@dataclass(frozen=True, slots=True)
class PreparedArticle:
    """The row of the full-text index of an article, and its sketch; None if it has no text."""

    index_row: IndexRow
    sketch: MinHashSketch | None


def text_key(text: str) -> bytes:
    """Return the key of a text, which is the same in all processes."""
    return blake2b(text.encode("utf8", "surrogatepass"), digest_size=16).digest()


def prepare_articles(dialect: str, articles: Sequence[IndexableArticle]) -> list[PreparedArticle]:
    """Return the index rows and sketches of articles.

    Args:
        dialect: "sqlite" or "postgresql".
        articles: The articles.
    """
    prepared = []
    for article in articles:
        sketch = near_duplicates.make_sketch(article.body) if article.body else None
        prepared.append(PreparedArticle(index_row(dialect, article), sketch))
    return prepared


def to_stored_extraction(page: ExtractedPage) -> StoredExtraction:
    """Return an extracted page as it is stored."""
    codec, body = encode_extracted(page)
    return StoredExtraction(
        page.extractors,
        page.reason,
        page.detail,
        page.cost_ms,
        len(page.blocks),
        codec,
        body,
    )


def page_signals(
    extracted: ExtractedPage, pages: Sequence[tuple[int, AnnouncedMetadata]]
) -> PageSignals:
    """Return what an extracted page adds to the profile of its site.

    Args:
        extracted: The extracted page.
        pages: The ids of the pages that had this payload, each with what its links announced.

    Returns:
        The signals; none if no page had this payload.
    """
    if not pages:
        return PageSignals()
    headlines = {}
    for page_id, announced in pages:
        headlines[page_id] = boilerplate_keys.headline_keys(extracted.metadata, announced)
    return PageSignals(
        boilerplate_keys.line_keys(extracted, extracted.metadata.title),
        headlines,
        boilerplate_keys.container_signals(extracted),
    )
