"""How many Drafts a clean holds at a time."""

from __future__ import annotations

from typing import cast

import pytest

from pipeline.model import Block, BlockKind, Draft, Metadata
from pipeline.runs import clean
from pipeline.store.values import Undrafted

PAYLOAD = cast(Undrafted, None)


def draft(blocks: int) -> Draft:
    return Draft("test", (Block(BlockKind.PARAGRAPH, "A line."),) * blocks, Metadata())


def test_drafts_are_written_many_at_a_time_and_long_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "DRAFTS", 3)
    monkeypatch.setattr(clean, "BLOCKS", 100)
    made = [(PAYLOAD, draft(blocks)) for blocks in (1, 1, 1, 60, 60, 1, 500, 2)]
    batches = [[len(each.blocks) for _, each in batch] for batch in clean._batches(iter(made))]
    assert batches == [[1, 1, 1], [60, 60], [1, 500], [2]]
