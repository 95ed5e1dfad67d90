"""How values are packed into columns."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import TypeAdapter

from pipeline import model
from pipeline.store.coding import pack, unpack

_DRAFT = TypeAdapter(model.Draft)
_METADATA = TypeAdapter(model.Metadata)
_READ_DRAFT = msgspec.json.Decoder(model.Draft)  # the same JSON in less than half the time: each clean reads every Draft


def draft_to_json(draft: model.Draft) -> bytes:
    """A Draft as it is stored, before it is packed."""
    return _DRAFT.dump_json(draft)


def pack_draft(draft: model.Draft) -> tuple[str, bytes]:
    """(coding, packed bytes) of a Draft."""
    return pack(draft_to_json(draft))


def unpack_draft(coding: str, body: bytes) -> model.Draft:
    """The Draft as it was."""
    return _READ_DRAFT.decode(unpack(coding, body))


def metadata_to_json(metadata: model.Metadata) -> dict[str, Any]:
    """Metadata as JSON values; what is unknown is left out."""
    values = _METADATA.dump_python(metadata, mode="json", exclude_defaults=True)
    return dict(values)


def metadata_from_json(values: dict[str, Any]) -> model.Metadata:
    """The Metadata as it was."""
    return msgspec.convert(values, model.Metadata)
