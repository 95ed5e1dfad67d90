"""What workers do besides extracting. Imported by the process that they fork from, so it knows no database."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline import likeness, memory
from pipeline.model import Draft, Sketch, Told
from pipeline.store.packing import pack_draft
from pipeline.store.values import Packed, Shown
from pipeline.words.rows import Row, row
from pipeline.words.tokens import Source

Made = list[tuple[Row, Sketch | None]]
Pages = Sequence[tuple[int, Told]]


def made_of(dialect: str, sources: Sequence[Source]) -> Made:
    """The rows of the full-text index and the sketches of some texts."""
    return [(row(dialect, source), likeness.sketch(source.body) if source.body else None) for source in sources]


def packed(draft: Draft) -> Packed:
    """A Draft as it is stored."""
    coding, body = pack_draft(draft)
    return Packed(draft.extractors, draft.reason, draft.detail, draft.cost_ms, len(draft.blocks), coding, body)


def shown_by(draft: Draft, pages: Pages) -> Shown:
    """What a Draft of these Pages teaches the memory; that of no Page teaches nothing."""
    if not pages:
        return Shown()
    headlines = {page: memory.headline_keys(draft.metadata, told) for page, told in pages}
    return Shown(memory.line_keys(draft, draft.metadata.title), headlines, memory.containers(draft))
