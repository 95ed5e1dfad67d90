"""The rows of a table are kept or dropped together."""

from __future__ import annotations

import pytest

from pipeline.core.models import STORY_THRESHOLD, BlockKind, Metadata, RawPage
from pipeline.extract import extract
from pipeline.extract.features.line_features import LineFeatures
from pipeline.extract.html import parse_html
from pipeline.extract.tables import with_whole_tables
from pipeline.extract.text_lines import read_lines

PARAGRAPHS = [
    "The harbour town of Lowmere has a new council, and no party has a majority in it.",
    "The votes were counted until three in the morning, because a seal lay before the town hall.",
    "Talks about a coalition begin on Monday, and the mayor stays in office until they end.",
    "The turnout was higher than in any election since the bridge was built, the clerk said.",
]
ROWS = [("Party", "Votes"), ("Harbour List", "4,210"), ("Greens", "1,204"), ("Others", "311")]


def story(parts: list[str]) -> dict[str, float]:
    body = f"<article><h1>Lowmere votes</h1>{''.join(parts)}</article>"
    head = "<title>Lowmere votes</title>"
    page = extract(RawPage(1, f"<html><head>{head}</head><body>{body}</body></html>".encode()))
    tables = [block for block in page.blocks if block.kind is BlockKind.TABLE]
    return {block.text: block.story_probability for block in tables}


def table(cell: str = "{}") -> str:
    rows = ["".join(f"<td>{cell.format(text)}</td>" for text in row) for row in ROWS]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


@pytest.mark.parametrize("place", [1, 2, 3, 4])
@pytest.mark.parametrize("frame", ["{}", "<figure>{}</figure>", "<div class=t>{}</div>"])
def test_a_table_of_the_story_is_kept_whole(place: int, frame: str) -> None:
    parts = [f"<p>{text}</p>" for text in PARAGRAPHS]
    rows = story([*parts[:place], frame.format(table()), *parts[place:]])
    assert list(rows) == [" | ".join(row) for row in ROWS]
    assert len(set(rows.values())) == 1
    assert min(rows.values()) >= STORY_THRESHOLD


def test_a_table_of_links_has_one_probability_and_is_not_raised() -> None:
    parts = [f"<p>{text}</p>" for text in PARAGRAPHS]
    rows = story([*parts, table('<a href="/x">{}</a>')])
    assert len(set(rows.values())) <= 1
    assert max(rows.values(), default=0.0) < STORY_THRESHOLD


@pytest.mark.parametrize(("probability", "expected"), [(0.3, 0.6), (0.1, 0.6), (0.9, 0.9)])
def test_a_table_beside_the_story_belongs_to_it(probability: float, expected: float) -> None:
    prose = "".join(f"<p>{text}</p>" for text in PARAGRAPHS)
    body = f"<article>{prose}{table()}</article><aside>{table()}</aside>"
    tree = parse_html(f"<html><body>{body}</body></html>".encode())
    assert tree is not None
    lines = LineFeatures(read_lines(tree), Metadata())
    first, last = len(PARAGRAPHS), len(PARAGRAPHS) + 2 * len(ROWS)
    probabilities = dict.fromkeys(range(first), 0.9)
    probabilities |= dict.fromkeys(range(first, last), probability)
    joined = with_whole_tables(lines, probabilities)
    in_story = [joined[i] for i in range(first, first + len(ROWS))]
    beside = [joined[i] for i in range(first + len(ROWS), last)]
    assert in_story == pytest.approx([expected] * len(ROWS))
    assert beside == pytest.approx([probability] * len(ROWS))
