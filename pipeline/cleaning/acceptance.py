"""Decide whether a cleaned page is an article.

A short story is an article. A list of other pages, a consent wall, what a paywall leaves of a
story, a "page not found", a page that only a browser could build, and an empty page are not; each
has its reason code.
"""

from __future__ import annotations

from math import log

from pipeline.cleaning.rules.context import RuleContext, sum_words
from pipeline.cleaning.rules.phrases import CONSENT, CONSENT_STEMS
from pipeline.cleaning.soft_404s import is_paywall_stub, is_soft_404
from pipeline.core.models import ExtractedPage, Outcome, Reason

MIN_WORDS = 12
LISTING_LINK_SHARE = 0.6  # of the characters of a page
LISTING_LINES = 5
LISTING_PROSE_LINES = 3  # from which a page of links tells a story, too
# Measured on 89 lists and 2,842 articles of sites that the trees had not seen.
LIST_SCORE = 0.5  # log odds, from which a page is a list: a probability of 62 %
# A page with fewer linked lines and no more like modules names few other pages. Its shape has to be
# surer, a probability of 69 %: it may be a recipe, an entry of a dictionary, an offer.
MIN_LINKED_LINES, MAX_FEW_MODULES = 6, 4
SURE_LIST_SCORE = 0.8
MAYBE_LIST = 0.2  # probability, from which a page of nearly only links is a list
LONG_STORY_WORDS = 800  # of prose; of a longer story, the score has to be higher
MAX_PROBABILITY = 0.999
WALL_WORDS = 250
WALL_SHARE = 0.5  # of the words that stand in lines about consent
WALL_PHRASES = 3

Assessment = tuple[Outcome, Reason]


def assess_article(extracted: ExtractedPage, context: RuleContext) -> Assessment:
    """Return the outcome of a page after all rules, and its reason.

    Args:
        extracted: The page before the rules.
        context: Its lines after all rules.
    """
    if extracted.reason not in (Reason.NONE, Reason.NO_TEXT, Reason.SCRIPT_SHELL):
        return Outcome.QUARANTINED, extracted.reason
    reason = _reason_against(extracted, context)
    if reason is not Reason.NONE:
        return Outcome.NOT_ARTICLE, reason
    return Outcome.ARCHIVED, Reason.NONE


def _reason_against(extracted: ExtractedPage, context: RuleContext) -> Reason:
    if is_soft_404(extracted, context):
        return Reason.SOFT_404
    if extracted.reason is Reason.SCRIPT_SHELL:
        return Reason.SCRIPT_SHELL
    if not extracted.blocks:
        return Reason.NO_TEXT
    if not context.cleaning.accept_lists and is_listing(extracted, context):
        return Reason.LISTING
    if _is_consent_wall(context):
        return Reason.CONSENT_WALL
    if is_paywall_stub(extracted, context):
        return Reason.PAYWALL_STUB
    if not context.text:
        return Reason.NO_TEXT
    if context.words < MIN_WORDS:
        return Reason.TOO_SHORT
    return Reason.NONE


def is_listing(extracted: ExtractedPage, context: RuleContext) -> bool:
    """Tell whether a page lists other pages and tells no story.

    Its shape decides. The longer the story that was found on it, and the fewer other pages it
    names, the surer that has to be. Where nearly all lines are links, a shape that may be that of a
    list is enough.

    Args:
        extracted: The page before the rules.
        context: Its lines after the rules.
    """
    evidence = extracted.list_evidence
    if evidence is None:
        return _is_all_links(context)
    is_bare = not evidence.modules and not evidence.linked_lines
    if not evidence.probability or (is_bare and sum_words(context.lines) < MIN_WORDS):
        return False  # a page of a few words names no other pages
    names_few = evidence.modules <= MAX_FEW_MODULES and evidence.linked_lines < MIN_LINKED_LINES
    if evidence.probability >= MAYBE_LIST and _is_all_links(context):
        return True
    probability = min(evidence.probability, MAX_PROBABILITY)
    score = log(probability / (1 - probability))
    excess = max(1.0, sum_words(context.prose) / LONG_STORY_WORDS)
    return score >= (SURE_LIST_SCORE if names_few else LIST_SCORE) + log(excess)


def _is_all_links(context: RuleContext) -> bool:
    size = linked = 0
    for line in context.lines:
        size += len(line.text)
        linked += line.block.linked
    if len(context.lines) < LISTING_LINES or linked < LISTING_LINK_SHARE * size:
        return False
    return len(context.prose) < LISTING_PROSE_LINES


def _is_consent_wall(context: RuleContext) -> bool:
    """Tell whether there is little text, and half of its words stand in lines about consent."""
    if not 0 < context.words <= WALL_WORDS:
        return False
    text = context.text.lower()
    if not any(stem in text for stem in CONSENT_STEMS):
        return False
    consent_words = phrases = 0
    for line in context.kept:
        if count := len(CONSENT.findall(line.text)):
            consent_words += line.words
            phrases += count
    return consent_words >= WALL_SHARE * context.words and phrases >= WALL_PHRASES
