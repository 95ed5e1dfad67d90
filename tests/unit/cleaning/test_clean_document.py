"""What striking promises: nothing is lost, nothing raises, and no date is believed that cannot be."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleaning.apply_rules import recipe_digest, clean_document
from pipeline.cleaning.boilerplate_keys import line_key
from pipeline.config.site import CleaningOptions
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

VISIT = datetime(2026, 3, 1, tzinfo=UTC)
SENTENCE = "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp."


def struck(
    draft: ExtractedPage, facts: dict[int, LineStats] | None = None, **given: Any
) -> CleanResult:
    options: dict[str, Any] = {
        "facts": facts or {},
        "told": AnnouncedMetadata(),
        "cleaning": CleaningOptions(),
        "language_hint": "",
        "timezone": "UTC",
        "fetched_at": VISIT,
    }
    return clean_document(draft, **(options | given))


def draft_of(*lines: str, linked: bool = False, **metadata: Any) -> ExtractedPage:
    blocks = tuple(Block(BlockKind.PARAGRAPH, line, len(line) if linked else 0) for line in lines)
    return ExtractedPage("x", blocks, Metadata(**metadata))


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
    chance=st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.9, 1.0]),
    is_chosen=st.booleans(),
    is_lede=st.booleans(),
    where=st.sampled_from(["", "div.text > p", "ul > li"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(BLOCKS, max_size=25), st.data())
def test_kept_and_struck_are_the_whole_draft_in_order(
    blocks: list[Block], data: st.DataObject
) -> None:
    known = data.draw(
        st.dictionaries(
            st.sampled_from([b.text for b in blocks] or ["x"]),
            st.builds(LineStats, st.integers(0, 9), st.booleans()),
        )
    )
    facts = {line_key(text): fact for text, fact in known.items()}
    draft = ExtractedPage("x", tuple(blocks), Metadata(title=data.draw(TEXTS)))
    extraction = struck(draft, facts)
    indexes = [cut.index for cut in extraction.removed]
    assert len(set(indexes)) == len(indexes)
    assert set(indexes) <= set(range(len(blocks)))
    kept = [block.text for index, block in enumerate(blocks) if index not in set(indexes)]
    assert extraction.text == "\n".join(kept)
    assert not any(unicodedata.category(char) == "Cc" for char in extraction.text.replace("\n", ""))
    assert extraction == struck(draft, facts)


@pytest.mark.parametrize(
    ("draft", "verdict"),
    [
        (draft_of(SENTENCE, SENTENCE), (Outcome.ARCHIVED, Reason.NONE)),
        (draft_of(), (Outcome.NOT_ARTICLE, Reason.NO_TEXT)),
        (
            ExtractedPage("x", reason=Reason.EXTRACTOR_TIMEOUT),
            (Outcome.QUARANTINED, Reason.EXTRACTOR_TIMEOUT),
        ),
        (draft_of("Only five words stand here."), (Outcome.NOT_ARTICLE, Reason.TOO_SHORT)),
        (
            draft_of(*(f"Headline number {n} about the ferry" for n in range(9)), linked=True),
            (Outcome.NOT_ARTICLE, Reason.LISTING),
        ),
        (
            draft_of(
                "We value your privacy and store cookies on your device.",
                "You may withdraw consent in our privacy policy.",
            ),
            (Outcome.NOT_ARTICLE, Reason.CONSENT_WALL),
        ),
        (
            ExtractedPage("x", reason=Reason.SCRIPT_SHELL),
            (Outcome.NOT_ARTICLE, Reason.SCRIPT_SHELL),
        ),
        (draft_of(title="404 Not Found"), (Outcome.NOT_ARTICLE, Reason.SOFT_404)),
        (
            draft_of(SENTENCE, title="Страница не найдена | Порт"),
            (Outcome.NOT_ARTICLE, Reason.SOFT_404),
        ),
        (draft_of(SENTENCE, title="Саҳифа ёфт нашуд"), (Outcome.NOT_ARTICLE, Reason.SOFT_404)),
        (
            draft_of(
                "Oops! The page you are looking for was not found.",
                "Try the front page, or search for it.",
            ),
            (Outcome.NOT_ARTICLE, Reason.SOFT_404),
        ),
        (
            draft_of(*[SENTENCE] * 8, title="Page not found: how the library lost a book"),
            (Outcome.ARCHIVED, Reason.NONE),
        ),
        (
            draft_of(SENTENCE, title="404 homes without power on Lowmere"),
            (Outcome.ARCHIVED, Reason.NONE),
        ),
        (draft_of(SENTENCE, SENTENCE, paywalled=True), (Outcome.NOT_ARTICLE, Reason.PAYWALL_STUB)),
        (
            draft_of(*[SENTENCE] * 4, "And then the seal…", paywalled=True),
            (Outcome.NOT_ARTICLE, Reason.PAYWALL_STUB),
        ),
        (
            draft_of(*[SENTENCE] * 5, "Subscribe to read on", paywalled=True),
            (Outcome.NOT_ARTICLE, Reason.PAYWALL_STUB),
        ),
        (draft_of(*[SENTENCE] * 5, paywalled=True), (Outcome.ARCHIVED, Reason.NONE)),
        (draft_of(SENTENCE, SENTENCE, paywalled=False), (Outcome.ARCHIVED, Reason.NONE)),
    ],
)
def test_a_page_that_is_no_article_says_why(
    draft: ExtractedPage, verdict: tuple[Outcome, Reason]
) -> None:
    extraction = struck(draft)
    assert (extraction.outcome, extraction.reason) == verdict


def test_a_date_in_the_future_is_dropped_for_what_the_feed_said() -> None:
    future, said = VISIT + timedelta(days=3), VISIT - timedelta(hours=5)
    draft = draft_of(
        SENTENCE, published_at=future, published_source="json-ld", published_precision="second"
    )
    assert struck(draft).metadata.published_at is None
    metadata = struck(draft, told=AnnouncedMetadata(published_at=said, source="feed")).metadata
    assert (metadata.published_at, metadata.published_source) == (said, "feed")


def test_a_wall_clock_is_read_in_the_zone_of_its_site() -> None:
    noon = datetime(2026, 2, 1, 12, tzinfo=UTC)
    draft = draft_of(
        SENTENCE, published_at=noon, published_source="meta?published", published_precision="second"
    )
    metadata = struck(draft, timezone="Asia/Dushanbe").metadata
    assert (metadata.published_at, metadata.published_source) == (noon - timedelta(hours=5), "meta")


def test_the_page_is_believed_before_the_feed_and_a_guess_is_not() -> None:
    page, said = VISIT - timedelta(days=9), VISIT - timedelta(days=1)
    told = AnnouncedMetadata(title="A seal", published_at=said, source="feed")
    declared = draft_of(
        SENTENCE,
        title="A seal | The Specimen",
        published_at=page,
        published_source="meta",
        published_precision="second",
    )
    assert struck(declared, told=told).metadata.published_at == page
    assert struck(declared, told=told).metadata.title == "A seal"
    guessed = replace(
        declared,
        metadata=replace(declared.metadata, published_source="htmldate", published_precision="day"),
    )
    assert struck(guessed, told=told).metadata.published_at == said


def test_a_rule_can_be_left_out_and_the_recipe_says_so() -> None:
    without = CleaningOptions(without=("more-line",))
    assert struck(draft_of(SENTENCE, "All news")).text == SENTENCE
    assert struck(draft_of(SENTENCE, "All news"), cleaning=without).text.endswith("All news")
    assert recipe_digest(without) != recipe_digest(CleaningOptions())
    assert recipe_digest(CleaningOptions(remove=("a",))) != recipe_digest(CleaningOptions())


def test_a_written_address_is_no_mere_link() -> None:
    assert (
        "www.example.org"
        in struck(
            ExtractedPage(
                "x",
                (
                    Block(BlockKind.PARAGRAPH, SENTENCE),
                    Block(BlockKind.PARAGRAPH, "www.example.org", 15),
                ),
            )
        ).text
    )
