"""What is stored comes back as it was, and a value of an unknown format is refused by name."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from pipeline.core.blocks import BlockEmphasis
from pipeline.core.models import (
    Block,
    BlockKind,
    BlockLink,
    DateConfidence,
    ExtractedPage,
    Figure,
    Metadata,
    Recipe,
)
from pipeline.store.codec.compression import compress
from pipeline.store.codec.serialization import (
    UnknownFormat,
    decode_extracted,
    encode_extracted,
    extracted_from_json,
    extracted_to_json,
    metadata_from_json,
    metadata_to_json,
    recipe_from_text,
)

COMPLETE = Metadata(
    title="A seal delays the ferry",
    published_at=datetime(2026, 3, 6, 3, 30, tzinfo=UTC),
    published_source="json-ld",
    published_precision="second",
    published_confidence=DateConfidence.HIGH,
    published_offset=-300,
    published_day=date(2026, 3, 5),
    modified_at=datetime(2026, 3, 6, 4, tzinfo=UTC),
    modified_source="meta",
    modified_confidence=DateConfidence.LOW,
    modified_offset=0,
    paywalled=False,
    sources=(("title", "h1"), ("tags", "json-ld, meta keywords")),
)


def test_all_metadata_come_back() -> None:
    page = decode_extracted(*encode_extracted(ExtractedPage("x", metadata=COMPLETE)))
    for metadata in (page.metadata, metadata_from_json(metadata_to_json(COMPLETE))):
        assert (metadata, metadata.sources) == (COMPLETE, COMPLETE.sources)


def test_fields_that_a_stored_page_lacks_have_their_defaults() -> None:
    stored = (
        b'{"v":1,"extractors": "x", "blocks": [],'
        b' "metadata": {"title": "A seal", "published_at": "2026-03-06T03:30:00Z"}}'
    )
    metadata = decode_extracted(*compress(stored)).metadata
    published_at = datetime(2026, 3, 6, 3, 30, tzinfo=UTC)
    assert metadata == Metadata(title="A seal", published_at=published_at)
    assert metadata.published_offset is None
    assert metadata.published_confidence is DateConfidence.NONE
    assert metadata.paywalled is None


def test_an_extracted_page_that_an_older_version_stored_is_readable() -> None:
    stored = (
        b'{"v":1,"extractors":"x","blocks":[{"kind":"item","text":"Seals","linked":0,"list_size":2,'
        b'"story_probability":0.9,"kept_by_trafilatura":null,"is_summary":false,'
        b'"element_path":"ul > li"}],"metadata":{},"reason":"","detail":"","cost_ms":3}'
    )
    page = decode_extracted(*compress(stored))
    block = Block(BlockKind.ITEM, "Seals", 0, 2, 0.9, None, False, "ul > li")
    assert page == ExtractedPage("x", (block,), cost_ms=3)


def test_structure_links_and_figures_come_back() -> None:
    link = BlockLink(2, 7, "/seals")
    block = Block(BlockKind.TABLE, "A | seals", structure="t1 R2", links=(link,), cells=(1, 0, 5))
    bold = Block(BlockKind.QUOTE, "A seal", emphasis=(BlockEmphasis(2, 6, "b"),))
    code = Block(BlockKind.CODE, "if seal: stay", structure="p3", source="if seal:\n    stay")
    figure = Figure("/seal.jpg", "A seal", "A seal waits", "Ivo Brandt", 1, (1, 2), "q4")
    page = ExtractedPage("x", (block, bold, code), figures=(figure,), base="/news/")
    assert decode_extracted(*encode_extracted(page)) == page


def test_unknown_metadata_take_no_room() -> None:
    assert metadata_to_json(Metadata(title="A seal")) == {"v": 1, "title": "A seal"}


def test_the_number_of_the_format_need_not_come_first() -> None:
    page = ExtractedPage("x", metadata=COMPLETE)
    reordered = b'{"extractors":"x","v":3,' + extracted_to_json(page).split(b",", 2)[2]
    assert extracted_from_json(reordered) == page
    assert extracted_from_json(reordered.decode()) == page


@pytest.mark.parametrize("stored", [b'{"v":4,"extractors":"x"}', b'{"extractors":"x"}', b"{}"])
def test_an_extracted_page_of_an_unknown_format_is_refused_in_one_sentence(stored: bytes) -> None:
    with pytest.raises(
        UnknownFormat, match=r"stored extracted page has .*reads format 1, 2 and 3"
    ) as error:
        decode_extracted(*compress(stored))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("stored", [{"v": 2, "title": "A seal"}, {"title": "A seal"}, {}, []])
def test_metadata_of_an_unknown_format_are_refused_in_one_sentence(stored: object) -> None:
    with pytest.raises(UnknownFormat, match=r"stored metadata has .*reads format 1"):
        metadata_from_json(stored)  # type: ignore[arg-type]


def test_a_recipe_comes_back_and_one_of_an_unknown_format_is_refused() -> None:
    recipe = Recipe("0123456789abcdef", "fedcba9876543210")
    assert recipe_from_text(str(recipe)) == recipe
    assert len(str(recipe)) <= 40, "the column of a recipe is not longer"
    for text in ("0123456789abcdef.fedcba9876543210", "2.a.b", "1.a", ""):
        with pytest.raises(UnknownFormat, match="stored recipe cannot be read"):
            recipe_from_text(text)
