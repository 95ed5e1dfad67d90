"""What commands say of the bytes from which a text was made, and of what the page shows today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.cli.console import format_time
from pipeline.core.formatting import format_size, pluralize

if TYPE_CHECKING:
    from pipeline.store.read import ArticleOrigin


def origin_lines(origin: ArticleOrigin | None) -> Iterator[tuple[str, str]]:
    """Yield the lines of a head, each with its name."""
    if origin is None:
        return
    for part in origin.parts:
        yield f"Part {part.number}", f"{part.url}, {part.digest[:16]}…, {format_size(part.size)}"
    if origin.part_missing:
        parts = pluralize(origin.missing_parts, "part")
        yield "Missing", f"part_missing: {parts} of the story could not be fetched yet"
    if origin.live is not None:
        since = f"since {format_time(origin.live.since)} UTC"
        if origin.live.state == "gone":
            yield "Gone", f"{since}: the site no longer has it"
        else:
            yield "Live page", f"{origin.live.state} {since}; the text is from before"


def origin_json(origin: ArticleOrigin | None) -> dict[str, Any]:
    """Return the fields of an article that say what it was made of."""
    if origin is None:
        return {"digest": "", "parts": [], "part_missing": False, "live": None}
    return {
        "digest": origin.digest,
        "parts": [asdict(part) for part in origin.parts],
        "part_missing": origin.part_missing,
        "live": None if origin.live is None else asdict(origin.live),
    }
