"""How many Drafts a clean holds at a time."""

from __future__ import annotations

import pytest

from pipeline.core.models import Block, BlockKind, ExtractedPage, Metadata
from pipeline.jobs import clean
from pipeline.jobs.workers import tasks
from pipeline.store.clean.types import PageSignals


def made(blocks: int) -> clean.Made:
    return (
        1,
        tasks.to_stored_extraction(
            ExtractedPage("test", (Block(BlockKind.PARAGRAPH, "A line."),) * blocks, Metadata())
        ),
        PageSignals(),
    )


def test_drafts_are_written_many_at_a_time_and_long_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clean, "DRAFTS", 3)
    monkeypatch.setattr(clean, "BLOCKS", 100)
    batches = clean._batches(made(blocks) for blocks in (1, 1, 1, 60, 60, 1, 500, 2))
    assert [[draft.blocks for _, draft, _ in batch] for batch in batches] == [
        [1, 1, 1],
        [60, 60],
        [1, 500],
        [2],
    ]
