"""Apply the rules to an extracted page: which blocks are the story, and which are removed and why.

The functions are pure and deterministic, and take well under a millisecond for a usual page.
Nothing is deleted: kept and removed blocks together are the extracted page. What other pages of
the site show comes in as LineStats; where they are stored is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b

from pipeline.cleaning.acceptance import assess_article
from pipeline.cleaning.boilerplate_keys import line_stats_digest, normalized_titles
from pipeline.cleaning.metadata_merge import merge_metadata
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

__all__ = ["RULES", "Rule", "RuleContext", "clean_document", "recipe_digest"]

# of what is outside the rules: the choice of metadata, the outcome, where a revision begins
VERSION = 8


def clean_document(
    extracted: ExtractedPage,
    *,
    line_stats: Mapping[int, LineStats],
    announced: AnnouncedMetadata,
    cleaning: CleaningOptions,
    language_hint: str,
    timezone: str,
    fetched_at: datetime,
) -> CleanResult:
    """Apply all rules to an extracted page, choose its metadata and decide its outcome.

    Args:
        extracted: The page as the extractors made it.
        line_stats: What other pages of the site show, by line key.
        announced: What feed or sitemap announced about the page.
        cleaning: Options of the site: its own patterns, and the rules that it leaves out.
        language_hint: The language of the site, for a page that declares none.
        timezone: Name of the site's time zone, for dates that name none.
        fetched_at: The time of the capture, which limits plausible dates.

    Returns:
        The result; no content of a page raises an error.
    """
    metadata = merge_metadata(
        extracted.metadata,
        announced,
        language_hint=language_hint,
        timezone=timezone,
        fetched_at=fetched_at,
    )
    context = RuleContext(
        lines=make_lines(extracted.blocks, line_stats),
        title=metadata.title,
        normalized_titles=normalized_titles(metadata, announced),
        language=metadata.language,
        cleaning=cleaning,
        authors=metadata.authors,
        parts=extracted.parts,
    )
    removed: list[RemovedBlock] = []
    for rule in RULES:
        if rule.name in cleaning.without:
            continue
        reasons: dict[int, str] = {}  # by index; the last reason of a rule counts
        for index, why in rule.find(context):
            if index not in context.removed:
                reasons[index] = why
        removed += [RemovedBlock(index, rule.name, why) for index, why in reasons.items()]
        context = context.with_removed(dict.fromkeys(reasons, rule.name))
    outcome, reason = assess_article(extracted, context)
    return CleanResult(
        recipe=Recipe(extracted.extractors, recipe_digest(cleaning, language_hint, timezone)),
        profile_digest=line_stats_digest(line_stats),
        removed=tuple(sorted(removed, key=lambda block: block.index)),
        metadata=metadata,
        text=context.text,
        outcome=outcome,
        reason=reason,
    )


@lru_cache(maxsize=1024)
def recipe_digest(cleaning: CleaningOptions, language_hint: str = "", timezone: str = "UTC") -> str:
    """Return the second half of a recipe, which changes when a clean text may change.

    Args:
        cleaning: Options of the site.
        language_hint: The language of the site.
        timezone: Name of the site's time zone.
    """
    rules = [f"{rule.name}={rule.version}" for rule in RULES if rule.name not in cleaning.without]
    parts = [f"version={VERSION}", *rules, repr(cleaning.remove), language_hint, timezone]
    if cleaning.accept_lists:
        parts.append("accept_lists")
    return blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()
