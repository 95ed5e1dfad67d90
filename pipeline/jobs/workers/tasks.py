"""What workers do besides extracting. Imported by the process that they fork from, so it knows no database."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.cleaning import boilerplate_keys, near_duplicates
from pipeline.core.models import AnnouncedMetadata, ExtractedPage, MinHashSketch
from pipeline.fulltext.index_rows import Row, row
from pipeline.fulltext.tokenizer import Source
from pipeline.store.clean.types import Packed, Shown
from pipeline.store.codec.serialization import pack_draft

Made = list[tuple[Row, MinHashSketch | None]]
Pages = Sequence[tuple[int, AnnouncedMetadata]]


def made_of(dialect: str, sources: Sequence[Source]) -> Made:
    """The rows of the full-text index and the sketches of some texts."""
    return [
        (row(dialect, source), near_duplicates.sketch(source.body) if source.body else None)
        for source in sources
    ]


def packed(draft: ExtractedPage) -> Packed:
    """A Draft as it is stored."""
    coding, body = pack_draft(draft)
    return Packed(
        draft.extractors, draft.reason, draft.detail, draft.cost_ms, len(draft.blocks), coding, body
    )


def shown_by(draft: ExtractedPage, pages: Pages) -> Shown:
    """What a Draft of these Pages teaches the memory; that of no Page teaches nothing."""
    if not pages:
        return Shown()
    headlines = {page: boilerplate_keys.headline_keys(draft.metadata, told) for page, told in pages}
    return Shown(
        boilerplate_keys.line_keys(draft, draft.metadata.title),
        headlines,
        boilerplate_keys.containers(draft),
    )
