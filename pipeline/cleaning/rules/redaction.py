"""The rule about what the archive had to redact: `nightdesk forget --redact` puts a mark there."""

from __future__ import annotations

from pipeline.cleaning.rules.context import Removals, RuleContext

MARK = "\u27e6redacted\u27e7"  # white square brackets, which no story has around this word


def redaction(context: RuleContext) -> Removals:
    """Find the lines that hold the mark of a redaction."""
    for line in context.kept:
        if MARK in line.block.text:
            yield line.index, "the archive had to redact a part of this line"
