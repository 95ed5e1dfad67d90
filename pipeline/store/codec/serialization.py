"""How values are packed into columns."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import TypeAdapter

from pipeline.core import models
from pipeline.store.codec.compression import compress, decompress

_DRAFT = TypeAdapter(models.ExtractedPage)
_METADATA = TypeAdapter(models.Metadata)
_READ_DRAFT = msgspec.json.Decoder(
    models.ExtractedPage
)  # the same JSON in less than half the time: each clean reads every Draft


def extracted_to_json(draft: models.ExtractedPage) -> bytes:
    """A Draft as it is stored, before it is packed."""
    return _DRAFT.dump_json(draft)


def encode_extracted(draft: models.ExtractedPage) -> tuple[str, bytes]:
    """(coding, packed bytes) of a Draft."""
    return compress(extracted_to_json(draft))


def decode_extracted(coding: str, body: bytes) -> models.ExtractedPage:
    """The Draft as it was."""
    return _READ_DRAFT.decode(decompress(coding, body))


def metadata_to_json(metadata: models.Metadata) -> dict[str, Any]:
    """Metadata as JSON values; what is unknown is left out."""
    values = _METADATA.dump_python(metadata, mode="json", exclude_defaults=True)
    return dict(values)


def metadata_from_json(values: dict[str, Any]) -> models.Metadata:
    """The Metadata as it was."""
    return msgspec.convert(values, models.Metadata)
