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

from pipeline.cleaning.acceptance import assess_article
from pipeline.cleaning.boilerplate_keys import line_stats_digest
from pipeline.cleaning.metadata_merge import merge_metadata, normalized_titles
from pipeline.cleaning.rules.context import RuleContext, make_lines
from pipeline.cleaning.rules.registry import RULES, Rule
from pipeline.config.site import CleaningOptions
from pipeline.core.models import (
    AnnouncedMetadata,
    CleanResult,
    ExtractedPage,
    LineStats,
    Recipe,
    RemovedBlock,
)

__all__ = ["RULES", "RuleContext", "Rule", "recipe_digest", "clean_document"]

VERSION = 4  # of what stands outside the rules: choosing metadata, judging outcomes


def clean_document(
    page: ExtractedPage,
    *,
    line_stats: Mapping[int, LineStats],
    announced: AnnouncedMetadata,
    cleaning: CleaningOptions,
    language_hint: str,
    timezone: str,
    fetched_at: datetime,
) -> CleanResult:
    """The Extraction of a Draft under today's rules."""
    metadata = merge_metadata(
        page.metadata, announced, language_hint=language_hint, timezone=timezone, fetched_at=fetched_at
    )
    reading = RuleContext(
        lines=make_lines(page.blocks, line_stats),
        title=metadata.title,
        normalized_titles=normalized_titles(metadata, announced),
        language=metadata.language,
        cleaning=cleaning,
        authors=metadata.authors,
    )
    strikes: list[RemovedBlock] = []
    for rule in RULES:
        if rule.name in cleaning.without:
            continue
        found = {index: why for index, why in rule.find(reading) if index not in reading.removed}
        strikes += (RemovedBlock(index, rule.name, why) for index, why in found.items())
        reading = reading.with_removed(dict.fromkeys(found, rule.name))
    text = "\n".join(line.text for line in reading.kept)
    outcome, reason = assess_article(page, reading, text)
    return CleanResult(
        recipe=Recipe(page.extractors, recipe_digest(cleaning, language_hint, timezone)),
        profile_digest=line_stats_digest(line_stats),
        removed=tuple(sorted(strikes, key=lambda strike: strike.index)),
        metadata=metadata,
        text=text,
        outcome=outcome,
        reason=reason,
    )


@lru_cache(maxsize=1024)
def recipe_digest(cleaning: CleaningOptions, language_hint: str = "", timezone: str = "UTC") -> str:
    """The second half of a Recipe: rules in force with their versions, and what the Site's file says of its texts."""
    rules = [f"{rule.name}={rule.version}" for rule in RULES if rule.name not in cleaning.without]
    parts = [f"craft={VERSION}", *rules, repr(cleaning.remove), language_hint, timezone]
    return blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()
