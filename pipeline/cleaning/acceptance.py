"""Whether what is left is an article: the outcome of an Extraction.

Promises a reason for each page that is none. A short story is a story; a page of links, a consent wall, what a paywall leaves,
a "page not found", a page that only a browser could build and an empty page are not.
"""

from __future__ import annotations

from pipeline.cleaning.rules.context import TextLine, RuleContext
from pipeline.cleaning.rules.phrases import CONSENT, CONSENT_STEMS
from pipeline.cleaning.soft_404s import is_soft_404, is_paywall_stub
from pipeline.core.models import ExtractedPage, Outcome, Reason

FEWEST_WORDS = 12
LISTING_LINKED = 0.6  # share of a page's characters that are linked
LISTING_LINES = 5
WALL_WORDS = 250
WALL_SHARE = 0.5

Verdict = tuple[Outcome, Reason]


def assess_article(draft: ExtractedPage, reading: RuleContext, text: str) -> Verdict:
    """Outcome and reason of a Draft after all rules."""
    if draft.reason not in (Reason.NONE, Reason.NO_TEXT, Reason.SCRIPT_SHELL):
        return Outcome.QUARANTINED, draft.reason
    if is_soft_404(draft, reading):
        return Outcome.NOT_ARTICLE, Reason.SOFT_404
    if draft.reason is Reason.SCRIPT_SHELL:
        return Outcome.NOT_ARTICLE, Reason.SCRIPT_SHELL
    if not draft.blocks:
        return Outcome.NOT_ARTICLE, Reason.NO_TEXT
    if _is_listing(reading):
        return Outcome.NOT_ARTICLE, Reason.LISTING
    if _is_wall(reading.kept):
        return Outcome.NOT_ARTICLE, Reason.CONSENT_WALL
    if is_paywall_stub(draft, reading):
        return Outcome.NOT_ARTICLE, Reason.PAYWALL_STUB
    if not text:
        return Outcome.NOT_ARTICLE, Reason.NO_TEXT
    if reading.words < FEWEST_WORDS:
        return Outcome.NOT_ARTICLE, Reason.TOO_SHORT
    return Outcome.ARCHIVED, Reason.NONE


def _is_listing(reading: RuleContext) -> bool:
    """Most of the page is links, and what is not tells no story."""
    size = sum(len(line.text) for line in reading.lines)
    linked = sum(line.block.linked for line in reading.lines)
    if len(reading.lines) < LISTING_LINES or linked < LISTING_LINKED * size:
        return False
    return sum(line.is_prose for line in reading.kept) < 3


def _is_wall(kept: tuple[TextLine, ...]) -> bool:
    """Little text, and half of its lines speak of consent."""
    words = sum(line.words for line in kept)
    if not 0 < words <= WALL_WORDS:
        return False
    text = "\n".join(line.text for line in kept).lower()
    if not any(stem in text for stem in CONSENT_STEMS):
        return False
    about = sum(line.words for line in kept if CONSENT.search(line.text))
    return (
        about >= WALL_SHARE * words and sum(len(CONSENT.findall(line.text)) for line in kept) >= 3
    )
