"""Rules about remnants of other texts: truncated copies, headings over nothing, unread markup.

They remove nothing that tells what the rest of the text does not tell.
"""

from __future__ import annotations

import re

from pipeline.cleaning.rules.context import Removals, RuleContext, TextLine
from pipeline.cleaning.rules.single_lines import announces_list
from pipeline.core.models import BlockKind

MIN_BEGINNING = 20  # characters of a beginning that two lines do not share by accident
ELLIPSIS_ENDINGS = ("...", "…", "]")
ELLIPSIS = re.compile(r"\s*(?:\.\.\.|…|\[…\]|\[\.\.\.\])\s*$")
MARKUP = re.compile(r"\[/?[a-z][\w-]*(?:\s+[\w-]+\s*=\s*[^\]]*)\].*|\[/[a-z][\w-]*\]", re.I)


def truncated_teaser(context: RuleContext) -> Removals:
    """Find the beginning of another line of the page, cut short: the story's own teaser."""
    for line in context.kept:
        if not line.text.endswith(ELLIPSIS_ENDINGS):
            continue
        beginning = ELLIPSIS.sub("", line.text)
        is_cut = MIN_BEGINNING <= len(beginning) < len(line.text)
        if is_cut and _begins_other_line(beginning, line, context):
            yield line.index, "is the beginning of another line, cut short"


def _begins_other_line(beginning: str, line: TextLine, context: RuleContext) -> bool:
    for other in context.kept:
        if other.index != line.index and other.text.startswith(beginning):
            return True
    return False


def last_heading(context: RuleContext) -> Removals:
    """Find headings at the end, with nothing below them."""
    for line in reversed(context.kept):
        if line.kind is not BlockKind.HEADING or line.ends_sentence or announces_list(line):
            return
        yield line.index, "is a heading with nothing below it"


def markup(context: RuleContext) -> Removals:
    """Find codes in brackets that the site's software should have replaced."""
    for line in context.kept:
        if not line.text.startswith("[") or line.kind is BlockKind.CODE:
            continue
        if MARKUP.fullmatch(line.text):
            yield line.index, "is a code that the site's software left as it was"
