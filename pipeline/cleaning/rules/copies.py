"""The rule about copies: some pages send their story once for each kind of screen.

A short line may return on purpose: a question, a refrain, a heading. A sentence does not.
"""

from __future__ import annotations

from heapq import nlargest

from pipeline.cleaning.rules.context import Removals, RuleContext

MIN_WORDS, MIN_LETTERS = 8, 40  # of a line that stands in a text only once
MIN_COPIED_LINES = 2  # in one line that is a copy of several
MIN_COPIED = 0.9  # of such a line
MAX_JOINED = 5  # lines that may be copies of several


def copy(context: RuleContext) -> Removals:
    """Find sentences that stand above in the same text."""
    seen: dict[str, int] = {}
    for line in context.kept:
        if len(line.normalized) < MIN_LETTERS or line.words < MIN_WORDS:
            continue
        first = seen.setdefault(line.normalized, line.index)
        if first != line.index:
            yield line.index, "the same sentence stands above"
    yield from _joined_copies(context, seen)


def _joined_copies(context: RuleContext, seen: dict[str, int]) -> Removals:
    """Find lines that hold nothing but the sentences of several other lines."""
    for text, index in nlargest(MAX_JOINED, seen.items(), key=lambda item: len(item[0])):
        copied = [other for other in seen if other != text and other in text]
        if len(copied) >= MIN_COPIED_LINES and sum(map(len, copied)) >= MIN_COPIED * len(text):
            yield index, "its sentences stand in other lines"
