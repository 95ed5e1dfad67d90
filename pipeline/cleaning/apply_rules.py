"""Draft → Extraction: which Blocks are the story, which are struck and why, and which metadata is believed.

Promises: pure, deterministic, never raises for what a Draft holds, well under a millisecond for a usual
page. Nothing is deleted: kept and struck Blocks together are the Draft. What other pages hold comes in as
Facts; what they are kept in is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b

from pipeline.cleaning.acceptance import judge
from pipeline.cleaning.boilerplate_keys import facts_digest
from pipeline.cleaning.metadata_merge import choose, title_spellings
from pipeline.cleaning.rules.context import Reading, lines_of
from pipeline.cleaning.rules.registry import RULES, Rule
from pipeline.config.site import Cleaning
from pipeline.core.models import (
    AnnouncedMetadata,
    CleanResult,
    ExtractedPage,
    LineStats,
    Recipe,
    RemovedBlock,
)

__all__ = ["RULES", "Reading", "Rule", "digest", "strike"]

VERSION = 4  # of what stands outside the rules: choosing metadata, judging outcomes


def strike(
    draft: ExtractedPage,
    *,
    facts: Mapping[int, LineStats],
    told: AnnouncedMetadata,
    cleaning: Cleaning,
    language_hint: str,
    timezone: str,
    fetched_at: datetime,
) -> CleanResult:
    """The Extraction of a Draft under today's rules."""
    metadata = choose(
        draft.metadata, told, language_hint=language_hint, timezone=timezone, fetched_at=fetched_at
    )
    reading = Reading(
        lines=lines_of(draft.blocks, facts),
        title=metadata.title,
        titles=title_spellings(metadata, told),
        language=metadata.language,
        cleaning=cleaning,
        authors=metadata.authors,
    )
    strikes: list[RemovedBlock] = []
    for rule in RULES:
        if rule.name in cleaning.without:
            continue
        found = {index: why for index, why in rule.find(reading) if index not in reading.struck}
        strikes += (RemovedBlock(index, rule.name, why) for index, why in found.items())
        reading = reading.after(dict.fromkeys(found, rule.name))
    text = "\n".join(line.text for line in reading.kept)
    outcome, reason = judge(draft, reading, text)
    return CleanResult(
        recipe=Recipe(draft.extractors, digest(cleaning, language_hint, timezone)),
        memory=facts_digest(facts),
        removed=tuple(sorted(strikes, key=lambda strike: strike.index)),
        metadata=metadata,
        text=text,
        outcome=outcome,
        reason=reason,
    )


@lru_cache(maxsize=1024)
def digest(cleaning: Cleaning, language_hint: str = "", timezone: str = "UTC") -> str:
    """The second half of a Recipe: rules in force with their versions, and what the Site's file says of its texts."""
    rules = [f"{rule.name}={rule.version}" for rule in RULES if rule.name not in cleaning.without]
    parts = [f"craft={VERSION}", *rules, repr(cleaning.strike), language_hint, timezone]
    return blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()
