"""What stands outside the story goes; what has something in its favour stays."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.cleaning.apply_rules import clean_document
from pipeline.config.site import CleaningOptions
from pipeline.core.models import AnnouncedMetadata, Block, BlockKind, ExtractedPage, Metadata

VISIT = datetime(2026, 3, 1, tzinfo=UTC)
WHERE = "div.text > p"
PROSE = "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp."


def line(
    text: str,
    chance: float,
    *,
    chosen: bool = True,
    lede: bool = False,
    where: str = WHERE,
    kind: BlockKind = BlockKind.PARAGRAPH,
) -> Block:
    return Block(
        kind,
        text,
        story_probability=chance,
        kept_by_trafilatura=chosen,
        is_summary=lede,
        element_path=where,
    )


def kept(*blocks: Block) -> list[str]:
    draft = ExtractedPage("x", blocks, Metadata(title="A seal delays the ferry"))
    made = clean_document(
        draft,
        line_stats={},
        announced=AnnouncedMetadata(),
        cleaning=CleaningOptions(),
        language_hint="",
        timezone="UTC",
        fetched_at=VISIT,
    )
    assert all(cut.why for cut in made.removed)
    return made.text.split("\n") if made.text else []


def test_an_unlikely_line_goes_whoever_took_it() -> None:
    assert kept(
        line(PROSE, 0.9), line("Ada Lund writes on the sea.", 0.3, where="div.bio > p")
    ) == [PROSE]
    assert kept(
        line(PROSE, 0.9),
        line("Ada Lund writes on the sea.", 0.1, chosen=False, where="div.bio > p"),
    ) == [PROSE]


def test_the_summary_stays_whatever_its_chance() -> None:
    lede = line(
        "Nobody wished to wake the animal.", 0.0, chosen=False, lede=True, where="header.top > p"
    )
    assert kept(lede, line(PROSE, 0.9)) == [lede.text, PROSE]


def test_a_caption_is_no_summary() -> None:
    caption = line(
        "The seal on the ramp, on Tuesday.", 0.0, chosen=False, lede=True, kind=BlockKind.CAPTION
    )
    assert kept(caption, line(PROSE, 0.9)) == [PROSE]


def test_a_short_line_in_the_midst_stays_where_its_neighbours_stand() -> None:
    assert kept(line(PROSE, 0.9), line("Never.", 0.3), line(PROSE + " Then.", 0.9)) == [
        PROSE,
        "Never.",
        PROSE + " Then.",
    ]
    assert kept(line(PROSE, 0.9), line("Never.", 0.1), line(PROSE + " Then.", 0.9)) == [
        PROSE,
        PROSE + " Then.",
    ]
    assert kept(line(PROSE, 0.9), line("Never.", 0.3, where="div.box > p"), line(PROSE, 0.9)) == [
        PROSE,
        PROSE,
    ]
    assert kept(line(PROSE, 0.9), line("Never.", 0.3)) == [PROSE], (
        "behind the story there is no midst"
    )


def test_a_heading_stays_above_a_line_of_its_own_box() -> None:
    heading = line("What the pilots say", 0.3, where="div.text > h3", kind=BlockKind.HEADING)
    assert kept(line(PROSE, 0.9), heading, line(PROSE + " Then.", 0.9)) == [
        PROSE,
        heading.text,
        PROSE + " Then.",
    ]
    other = line("Most read", 0.3, where="aside.list > h3", kind=BlockKind.HEADING)
    assert kept(line(PROSE, 0.9), other, line(PROSE + " Then.", 0.9)) == [PROSE, PROSE + " Then."]


def test_a_list_that_the_story_announces_stays() -> None:
    items = [
        line(text, 0.3, where="ul > li", kind=BlockKind.ITEM)
        for text in ("the bakery", "the customs house")
    ]
    assert kept(line(PROSE, 0.9), line("The bridge is seen from:", 0.8), *items) == [
        PROSE, "The bridge is seen from:", "the bakery", "the customs house",
    ]  # fmt: skip
    assert kept(line(PROSE, 0.9), *items) == [PROSE]
    likely = line("the salt store", 0.8, where="ul > li", kind=BlockKind.ITEM)
    assert kept(line(PROSE, 0.9), line("The bridge is seen from:", 0.8), likely, *items)[2:] == [
        "the salt store", "the bakery", "the customs house",
    ], "a list is announced to its end"  # fmt: skip


def test_where_most_of_the_extractors_choice_would_go_its_doubtful_lines_stay() -> None:
    assert kept(line(PROSE, 0.6), *(line(f"{PROSE} {n}", 0.3, where="td > p") for n in range(3))) == [
        PROSE, *(f"{PROSE} {n}" for n in range(3)),
    ]  # fmt: skip
    unheard = [line(f"{PROSE} {n}", 0.3, chosen=False, where="td > p") for n in range(3)]
    assert kept(line(PROSE, 0.6), *unheard) == [PROSE]


def test_where_nothing_is_likely_the_extractor_is_believed() -> None:
    assert kept(line(PROSE, 0.01), line("Short.", 0.0)) == [PROSE, "Short."]
    assert kept(line("No sentence here", 0.01), line("nor here", 0.0)) == []
