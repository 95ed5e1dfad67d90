"""What was packed by an older version is read, and what is packed comes back as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime

from pipeline.core.models import DateConfidence, ExtractedPage, Metadata
from pipeline.store.codec.compression import compress
from pipeline.store.codec.serialization import (
    metadata_from_json,
    metadata_to_json,
    encode_extracted,
    decode_extracted,
)

WHOLE = Metadata(
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


def test_all_that_is_known_of_a_date_comes_back() -> None:
    for found in (
        decode_extracted(*encode_extracted(ExtractedPage("x", metadata=WHOLE))).metadata,
        metadata_from_json(metadata_to_json(WHOLE)),
    ):
        assert (found, found.sources) == (WHOLE, WHOLE.sources)


def test_a_draft_of_an_older_version_is_read_and_knows_no_more_than_it_did() -> None:
    old = b'{"extractors": "x", "blocks": [], "metadata": {"title": "A seal", "published_at": "2026-03-06T03:30:00Z"}}'
    metadata = decode_extracted(*compress(old)).metadata
    assert metadata == Metadata(
        title="A seal", published_at=datetime(2026, 3, 6, 3, 30, tzinfo=UTC)
    )
    assert (metadata.published_offset, metadata.published_confidence, metadata.paywalled) == (
        None,
        DateConfidence.NONE,
        None,
    )


def test_what_is_unknown_takes_no_room() -> None:
    assert metadata_to_json(Metadata(title="A seal")) == {"title": "A seal"}
