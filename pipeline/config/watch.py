"""A watch: a search that somebody follows, and where its new matches are sent."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

WEBHOOK: Final = "webhook+"  # begins the address of a webhook: webhook+https://example.org/hook


class Watch(BaseModel):
    """One `[[watch]]` of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: Annotated[str, StringConstraints(pattern=r"^[\w][\w .-]{0,63}$")]
    """Name of the watch in messages. Another query under the same name begins anew."""
    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    """Search whose new matches are sent."""
    to: Annotated[list[str], Field(min_length=1)]
    """URLs of Apprise, or `webhook+https://…`. `${NAME}` stands for an environment variable."""
    every: Literal["night", "week"] = "night"
    """How often a message is sent, if there is something new."""
    changes: bool = False
    """Whether changes of the articles that match are sent, too."""
    secret: str = ""
    """Key with which requests to webhooks are signed (HMAC-SHA256)."""

    @model_validator(mode="after")
    def _sign_webhooks(self) -> Self:
        if any(address.startswith(WEBHOOK) for address in self.to) and not self.secret:
            raise ValueError("a webhook needs 'secret', with which its requests are signed")
        return self
