"""What workers do besides extracting. Imported by the process that they fork from, so it knows no database."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.cleaning import boilerplate_keys, near_duplicates
from pipeline.core.models import AnnouncedMetadata, ExtractedPage, MinHashSketch
from pipeline.fulltext.index_rows import IndexRow, index_row
from pipeline.fulltext.tokenizer import IndexableArticle
from pipeline.store.clean.types import StoredExtraction, PageSignals
from pipeline.store.codec.serialization import encode_extracted

Made = list[tuple[IndexRow, MinHashSketch | None]]
Pages = Sequence[tuple[int, AnnouncedMetadata]]


def index_rows(dialect: str, sources: Sequence[IndexableArticle]) -> Made:
    """The rows of the full-text index and the sketches of some texts."""
    return [
        (index_row(dialect, source), near_duplicates.make_sketch(source.body) if source.body else None)
        for source in sources
    ]


def to_stored_extraction(draft: ExtractedPage) -> StoredExtraction:
    """A Draft as it is stored."""
    coding, body = encode_extracted(draft)
    return StoredExtraction(
        draft.extractors, draft.reason, draft.detail, draft.cost_ms, len(draft.blocks), coding, body
    )


def page_signals(draft: ExtractedPage, pages: Pages) -> PageSignals:
    """What a Draft of these Pages teaches the memory; that of no Page teaches nothing."""
    if not pages:
        return PageSignals()
    headlines = {page: boilerplate_keys.headline_keys(draft.metadata, told) for page, told in pages}
    return PageSignals(
        boilerplate_keys.line_keys(draft, draft.metadata.title),
        headlines,
        boilerplate_keys.container_signals(draft),
    )
