"""How many extracted pages a clean saves at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.core.models import Block, BlockKind, ExtractedPage, Metadata
from pipeline.jobs.clean_steps.extract_payloads import save_extracted
from pipeline.jobs.workers.tasks import ExtractedPayload, to_stored_extraction
from pipeline.store.clean.line_sightings import PageSightings
from pipeline.store.clean.types import PageSignals, StoredExtraction


class RecordingSession:
    """Record the batches that are saved, as numbers of blocks."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def save_extracted(
        self,
        extracted: Sequence[tuple[int, StoredExtraction]],
        _sightings: Mapping[int, PageSightings] | None,
    ) -> None:
        self.batches.append([extraction.block_count for _, extraction in extracted])


def extracted_payload(blocks: int) -> ExtractedPayload:
    page = ExtractedPage("test", (Block(BlockKind.PARAGRAPH, "A line."),) * blocks, Metadata())
    return ExtractedPayload(1, to_stored_extraction(page), PageSignals())


def test_many_extracted_pages_are_saved_at_a_time_but_few_long_ones() -> None:
    session = RecordingSession()
    payloads = [extracted_payload(blocks) for blocks in (1, 1, 1, 60, 60, 1, 500, 2)]
    sizes = save_extracted(session, payloads, max_pages=3, max_blocks=100)  # type: ignore[arg-type]
    assert list(sizes) == [3, 2, 2, 1]
    assert session.batches == [[1, 1, 1], [60, 60], [1, 500], [2]]
