"""The responses of the API about the log, field by field."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipeline.web.api_schemas import ApiModel


class LeafOut(ApiModel):
    """A leaf of the log with its private fields, and the proof that it is there."""

    number: int = Field(description="The number of the leaf, from 0")
    size: int = Field(description="The size of the log that the proof is for")
    leaf: str = Field(description="The leaf itself, RFC 8785 JSON")
    salt: str = Field(description="The salt of its commit, Base64")
    fields: dict[str, Any] = Field(description="Its private fields")
    path: tuple[str, ...] = Field(description="The audit path, lowest node first, Base64")


class ConsistencyOut(ApiModel):
    """The proof that the log of one size extends that of another (RFC 6962)."""

    old_size: int = Field(description="The size of the older log")
    size: int = Field(description="The size of the newer log")
    proof: tuple[str, ...] = Field(description="Hashes, Base64")


class CheckpointsOut(ApiModel):
    """The newest checkpoint of the log, for witnesses."""

    checkpoint: str = Field("", description="A signed note of C2SP; empty without a log")
    key: str = Field("", description="The public key that signs now, Base64; empty without one")
    keys: tuple[LeafOut, ...] = Field((), description="The events that made or replaced a key")
    restores: tuple[LeafOut, ...] = Field((), description="The declared restores of backups")
    consistency: ConsistencyOut | None = Field(
        None, description="The proof from `after`; null without `after`"
    )
