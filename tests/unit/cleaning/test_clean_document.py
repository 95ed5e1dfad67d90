"""Cleaning loses nothing, never raises, and accepts no impossible date."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleaning.apply_rules import clean_document, recipe_digest
from pipeline.cleaning.boilerplate_keys import line_key
from pipeline.cleaning.rules.registry import RULES
from pipeline.config.site import CleaningOptions
from pipeline.core.clean_values import OPTIONAL_RULES
from pipeline.core.models import (
    AnnouncedMetadata,
    Block,
    BlockKind,
    CleanResult,
    ExtractedPage,
    LineStats,
    Metadata,
    Outcome,
    Reason,
)

FETCHED_AT = datetime(2026, 3, 1, tzinfo=UTC)
SENTENCE = "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp."


def cleaned(
    extracted: ExtractedPage, line_stats: dict[int, LineStats] | None = None, **given: Any
) -> CleanResult:
    options: dict[str, Any] = {
        "line_stats": line_stats or {},
        "announced": AnnouncedMetadata(),
        "cleaning": CleaningOptions(),
        "language_hint": "",
        "timezone": "UTC",
        "fetched_at": FETCHED_AT,
    }
    return clean_document(extracted, **(options | given))


def page_of(*lines: str, linked: bool = False, **metadata: Any) -> ExtractedPage:
    blocks = tuple(Block(BlockKind.PARAGRAPH, line, len(line) if linked else 0) for line in lines)
    return ExtractedPage("x", blocks, Metadata(**metadata))


def numbered_sentences(count: int) -> list[str]:
    return [f"{SENTENCE} It was seal number {number}." for number in range(count)]


WORDS = st.sampled_from(
    [
        "All news",
        "Read also: a headline",
        "Log in",
        "http://a.example",
        SENTENCE,
        "Войдите",
        "Lowmere wins",
        "A:",
    ]
)
TEXTS = st.one_of(
    WORDS,
    st.text(min_size=1, max_size=80).map(
        lambda text: "".join(c for c in text if c.isprintable()) or "x"
    ),
)
BLOCKS = st.builds(
    Block,
    kind=st.sampled_from(list(BlockKind)),
    text=TEXTS,
    linked=st.integers(0, 100),
    list_size=st.integers(0, 9),
    story_probability=st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.9, 1.0]),
    kept_by_trafilatura=st.booleans(),
    is_summary=st.booleans(),
    element_path=st.sampled_from(["", "div.text > p", "ul > li"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(BLOCKS, max_size=25), st.data())
def test_kept_and_removed_blocks_are_the_whole_page_in_order(
    blocks: list[Block], data: st.DataObject
) -> None:
    known = data.draw(
        st.dictionaries(
            st.sampled_from([b.text for b in blocks] or ["x"]),
            st.builds(LineStats, st.integers(0, 9), st.booleans()),
        )
    )
    line_stats = {line_key(text): stats for text, stats in known.items()}
    extracted = ExtractedPage("x", tuple(blocks), Metadata(title=data.draw(TEXTS)))
    result = cleaned(extracted, line_stats)
    indexes = [removed.index for removed in result.removed]
    assert len(set(indexes)) == len(indexes)
    assert set(indexes) <= set(range(len(blocks)))
    kept = [block.text for index, block in enumerate(blocks) if index not in set(indexes)]
    assert result.text == "\n".join(kept)
    assert not any(unicodedata.category(char) == "Cc" for char in result.text.replace("\n", ""))
    assert result == cleaned(extracted, line_stats)


@pytest.mark.parametrize(
    ("extracted", "expected"),
    [
        (page_of(*numbered_sentences(2)), (Outcome.ARCHIVED, Reason.NONE)),
        (page_of(), (Outcome.NOT_ARTICLE, Reason.NO_TEXT)),
        (
            ExtractedPage("x", reason=Reason.EXTRACTOR_TIMEOUT),
            (Outcome.QUARANTINED, Reason.EXTRACTOR_TIMEOUT),
        ),
        (page_of("Only five words stand here."), (Outcome.NOT_ARTICLE, Reason.TOO_SHORT)),
        (
            page_of(*(f"Headline number {n} about the ferry" for n in range(9)), linked=True),
            (Outcome.NOT_ARTICLE, Reason.LISTING),
        ),
        (
            page_of(
                "We value your privacy and store cookies on your device.",
                "You may withdraw consent in our privacy policy.",
            ),
            (Outcome.NOT_ARTICLE, Reason.CONSENT_WALL),
        ),
        (
            ExtractedPage("x", reason=Reason.SCRIPT_SHELL),
            (Outcome.NOT_ARTICLE, Reason.SCRIPT_SHELL),
        ),
        (page_of(title="404 Not Found"), (Outcome.NOT_ARTICLE, Reason.SOFT_404)),
        (
            page_of(SENTENCE, title="Страница не найдена | Порт"),
            (Outcome.NOT_ARTICLE, Reason.SOFT_404),
        ),
        (page_of(SENTENCE, title="Саҳифа ёфт нашуд"), (Outcome.NOT_ARTICLE, Reason.SOFT_404)),
        (
            page_of(
                "Oops! The page you are looking for was not found.",
                "Try the front page, or search for it.",
            ),
            (Outcome.NOT_ARTICLE, Reason.SOFT_404),
        ),
        (
            page_of(*numbered_sentences(8), title="Page not found: how the library lost a book"),
            (Outcome.ARCHIVED, Reason.NONE),
        ),
        (
            page_of(SENTENCE, title="404 homes without power on Lowmere"),
            (Outcome.ARCHIVED, Reason.NONE),
        ),
        (
            page_of(*numbered_sentences(2), paywalled=True),
            (Outcome.NOT_ARTICLE, Reason.PAYWALL_STUB),
        ),
        (
            page_of(*numbered_sentences(4), "And then the seal…", paywalled=True),
            (Outcome.NOT_ARTICLE, Reason.PAYWALL_STUB),
        ),
        (
            page_of(*numbered_sentences(5), "Subscribe to read on", paywalled=True),
            (Outcome.NOT_ARTICLE, Reason.PAYWALL_STUB),
        ),
        (page_of(*numbered_sentences(5), paywalled=True), (Outcome.ARCHIVED, Reason.NONE)),
        (page_of(*numbered_sentences(2), paywalled=False), (Outcome.ARCHIVED, Reason.NONE)),
    ],
)
def test_a_page_that_is_no_article_has_its_reason(
    extracted: ExtractedPage, expected: tuple[Outcome, Reason]
) -> None:
    result = cleaned(extracted)
    assert (result.outcome, result.reason) == expected


def test_a_future_date_is_replaced_by_the_announced_one() -> None:
    future, announced_at = FETCHED_AT + timedelta(days=3), FETCHED_AT - timedelta(hours=5)
    extracted = page_of(
        SENTENCE, published_at=future, published_source="json-ld", published_precision="second"
    )
    assert cleaned(extracted).metadata.published_at is None
    metadata = cleaned(
        extracted, announced=AnnouncedMetadata(published_at=announced_at, source="feed")
    ).metadata
    assert (metadata.published_at, metadata.published_source) == (announced_at, "feed")


def test_a_time_without_a_zone_is_read_in_the_zone_of_its_site() -> None:
    noon = datetime(2026, 2, 1, 12, tzinfo=UTC)
    extracted = page_of(
        SENTENCE, published_at=noon, published_source="meta?published", published_precision="second"
    )
    metadata = cleaned(extracted, timezone="Asia/Dushanbe").metadata
    assert (metadata.published_at, metadata.published_source) == (noon - timedelta(hours=5), "meta")


def test_the_page_comes_before_the_feed_and_the_feed_before_a_guess() -> None:
    page, announced_at = FETCHED_AT - timedelta(days=9), FETCHED_AT - timedelta(days=1)
    announced = AnnouncedMetadata(title="A seal", published_at=announced_at, source="feed")
    declared = page_of(
        SENTENCE,
        title="A seal | The Specimen",
        published_at=page,
        published_source="meta",
        published_precision="second",
    )
    assert cleaned(declared, announced=announced).metadata.published_at == page
    assert cleaned(declared, announced=announced).metadata.title == "A seal"
    guessed = replace(
        declared,
        metadata=replace(declared.metadata, published_source="htmldate", published_precision="day"),
    )
    assert cleaned(guessed, announced=announced).metadata.published_at == announced_at


def test_leaving_out_a_rule_changes_the_recipe() -> None:
    without = CleaningOptions(without=("more-line",))
    assert cleaned(page_of(SENTENCE, "All news")).text == SENTENCE
    assert cleaned(page_of(SENTENCE, "All news"), cleaning=without).text.endswith("All news")
    assert recipe_digest(without) != recipe_digest(CleaningOptions())
    assert recipe_digest(CleaningOptions(remove=("a",))) != recipe_digest(CleaningOptions())


def test_a_written_address_stays() -> None:
    assert (
        "www.example.org"
        in cleaned(
            ExtractedPage(
                "x",
                (
                    Block(BlockKind.PARAGRAPH, SENTENCE),
                    Block(BlockKind.PARAGRAPH, "www.example.org", 15),
                ),
            )
        ).text
    )


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        ("Advertisement", False),
        ("Advertisement - Continue Reading Below", False),
        ("Ad – feedback", False),
        ("Advertisement: the ministry explains its new campaign", True),
    ],
)
def test_a_mark_of_an_advertisement_is_a_prompt(line: str, is_kept: bool) -> None:
    assert (line in cleaned(page_of(SENTENCE, line)).text) is is_kept


def entries(path: str, *stamps: str) -> ExtractedPage:
    blocks = []
    for number, stamp in enumerate(stamps):
        blocks.append(Block(BlockKind.PARAGRAPH, stamp, element_path=path))
        blocks.append(Block(BlockKind.PARAGRAPH, numbered_sentences(9)[number]))
    return ExtractedPage("x", tuple(blocks), Metadata())


@pytest.mark.parametrize(
    "stamps", [("12:40 Inger Holm", "10:15 Pelle Ruus"), ("2d ago / 7:58 AM UTC", "9.05 by staff")]
)
def test_the_time_and_name_above_entries_of_a_live_blog_are_removed(
    stamps: tuple[str, ...],
) -> None:
    result = cleaned(entries("section.post > div.post-meta", *stamps))
    assert result.text.split("\n") == numbered_sentences(2)


@pytest.mark.parametrize(
    ("path", "stamps"),
    [
        ("div.programme > p", ("12:40 Inger Holm", "14:15 Pelle Ruus")),  # of a timetable
        ("section.post > div.post-meta", ("12:40 Inger Holm",)),  # one alone
        ("section.post > div.post-meta", ("Inger Holm", "Pelle Ruus")),
        ("div.author-text > p", ("The vote was 6:5.", "It began at 12:40.")),
    ],
)
def test_other_short_lines_with_a_time_or_name_stay(path: str, stamps: tuple[str, ...]) -> None:
    result = cleaned(entries(path, *stamps))
    assert set(stamps) <= set(result.text.split("\n"))


def test_a_site_may_leave_out_each_rule_but_that_of_redactions() -> None:
    names = [rule.name for rule in RULES]
    assert ["redaction", *OPTIONAL_RULES] == names
