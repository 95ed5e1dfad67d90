"""Lines outside the story are removed; lines with something in their favour stay."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.cleaning.apply_rules import clean_document
from pipeline.config.site import CleaningOptions
from pipeline.core.models import AnnouncedMetadata, Block, BlockKind, ExtractedPage, Metadata

FETCHED_AT = datetime(2026, 3, 1, tzinfo=UTC)
STORY_PATH = "div.text > p"
PROSE = "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp."


def line(
    text: str,
    probability: float,
    *,
    taken: bool = True,
    is_summary: bool = False,
    path: str = STORY_PATH,
    kind: BlockKind = BlockKind.PARAGRAPH,
) -> Block:
    return Block(
        kind,
        text,
        story_probability=probability,
        kept_by_trafilatura=taken,
        is_summary=is_summary,
        element_path=path,
    )


def kept(*blocks: Block) -> list[str]:
    extracted = ExtractedPage("x", blocks, Metadata(title="A seal delays the ferry"))
    result = clean_document(
        extracted,
        line_stats={},
        announced=AnnouncedMetadata(),
        cleaning=CleaningOptions(),
        language_hint="",
        timezone="UTC",
        fetched_at=FETCHED_AT,
    )
    assert all(removed.why for removed in result.removed)
    return result.text.split("\n") if result.text else []


def test_an_improbable_line_is_removed_whether_or_not_trafilatura_took_it() -> None:
    assert kept(line(PROSE, 0.9), line("Ada Lund writes on the sea.", 0.3, path="div.bio > p")) == [
        PROSE
    ]
    assert kept(
        line(PROSE, 0.9),
        line("Ada Lund writes on the sea.", 0.1, taken=False, path="div.bio > p"),
    ) == [PROSE]


def test_the_summary_stays_whatever_its_probability() -> None:
    summary = line(
        "Nobody wished to wake the animal.",
        0.0,
        taken=False,
        is_summary=True,
        path="header.top > p",
    )
    assert kept(summary, line(PROSE, 0.9)) == [summary.text, PROSE]


def test_a_caption_is_no_summary() -> None:
    caption = line(
        "The seal on the ramp, on Tuesday.",
        0.0,
        taken=False,
        is_summary=True,
        kind=BlockKind.CAPTION,
    )
    assert kept(caption, line(PROSE, 0.9)) == [PROSE]


def test_a_short_line_in_the_story_stays_in_the_element_of_its_neighbours() -> None:
    assert kept(line(PROSE, 0.9), line("Never.", 0.3), line(PROSE + " Then.", 0.9)) == [
        PROSE,
        "Never.",
        PROSE + " Then.",
    ]
    assert kept(line(PROSE, 0.9), line("Never.", 0.1), line(PROSE + " Then.", 0.9)) == [
        PROSE,
        PROSE + " Then.",
    ]
    in_box = line("Never.", 0.3, path="div.box > p")
    assert kept(line(PROSE, 0.9), in_box, line(PROSE + " Then.", 0.9)) == [PROSE, PROSE + " Then."]
    assert kept(line(PROSE, 0.9), line("Never.", 0.3)) == [PROSE], (
        "after the story there is no neighbour"
    )


def test_a_heading_stays_above_a_line_of_the_same_element() -> None:
    heading = line("What the pilots say", 0.3, path="div.text > h3", kind=BlockKind.HEADING)
    assert kept(line(PROSE, 0.9), heading, line(PROSE + " Then.", 0.9)) == [
        PROSE,
        heading.text,
        PROSE + " Then.",
    ]
    other = line("Most read", 0.3, path="aside.list > h3", kind=BlockKind.HEADING)
    assert kept(line(PROSE, 0.9), other, line(PROSE + " Then.", 0.9)) == [PROSE, PROSE + " Then."]


def test_an_announced_list_stays() -> None:
    items = [
        line(text, 0.3, path="ul > li", kind=BlockKind.ITEM)
        for text in ("the bakery", "the customs house")
    ]
    assert kept(line(PROSE, 0.9), line("The bridge is seen from:", 0.8), *items) == [
        PROSE, "The bridge is seen from:", "the bakery", "the customs house",
    ]  # fmt: skip
    assert kept(line(PROSE, 0.9), *items) == [PROSE]
    likely = line("the salt store", 0.8, path="ul > li", kind=BlockKind.ITEM)
    assert kept(line(PROSE, 0.9), line("The bridge is seen from:", 0.8), likely, *items)[2:] == [
        "the salt store", "the bakery", "the customs house",
    ], "the whole list is announced"  # fmt: skip


def test_doubtful_lines_stay_where_most_of_trafilaturas_lines_would_go() -> None:
    doubtful = [line(f"{PROSE} {n}", 0.3, path="td > p") for n in range(3)]
    assert kept(line(PROSE, 0.6), *doubtful) == [
        PROSE, *(f"{PROSE} {n}" for n in range(3)),
    ]  # fmt: skip
    not_taken = [line(f"{PROSE} {n}", 0.3, taken=False, path="td > p") for n in range(3)]
    assert kept(line(PROSE, 0.6), *not_taken) == [PROSE]


def test_trafilatura_is_right_where_no_line_is_probable() -> None:
    assert kept(line(PROSE, 0.01), line("Short.", 0.0)) == [PROSE, "Short."]
    assert kept(line("No sentence here", 0.01), line("nor here", 0.0)) == []
