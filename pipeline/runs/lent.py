"""What workers are lent besides pages. Imported by the process that they fork from, so it knows no database."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline import likeness
from pipeline.model import Sketch
from pipeline.words.rows import Row, row
from pipeline.words.tokens import Source

Made = list[tuple[Row, Sketch | None]]


def made_of(dialect: str, sources: Sequence[Source]) -> Made:
    """The rows of the full-text index and the sketches of some texts."""
    return [(row(dialect, source), likeness.sketch(source.body) if source.body else None) for source in sources]
