"""Rules about what is left over in a text when the rest of it is gone: copies cut short, headings over nothing, unread markup.

Promises to strike nothing that tells anything which the text does not tell elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.cleaning.rules.context import RuleContext
from pipeline.cleaning.rules.single_lines import announces
from pipeline.core.models import BlockKind

SHORTEST = 20  # characters of a beginning that is no accident
CUT = re.compile(r"\s*(?:\.\.\.|…|\[…\]|\[\.\.\.\])\s*$")
MARKUP = re.compile(r"\[/?[a-z][\w-]*(?:\s+[\w-]+\s*=\s*[^\]]*)\].*|\[/[a-z][\w-]*\]", re.I)

Found = Iterator[tuple[int, str]]


def truncated_teaser(reading: RuleContext) -> Found:
    """The beginning of another line of the page, cut short: the story's own teaser."""
    cut = [
        (line, CUT.sub("", line.text))
        for line in reading.kept
        if line.text.endswith(("...", "…", "]"))
    ]
    for line, beginning in cut:
        others = (other.text for other in reading.kept if other.index != line.index)
        if SHORTEST <= len(beginning) < len(line.text) and any(
            text.startswith(beginning) for text in others
        ):
            yield line.index, "is the beginning of another line, cut short"


def last_heading(reading: RuleContext) -> Found:
    """Headings at the end, with nothing below them."""
    for line in reversed(reading.kept):
        if line.kind is not BlockKind.HEADING or line.ends_sentence or announces(line):
            return
        yield line.index, "is a heading with nothing below it"


def markup(reading: RuleContext) -> Found:
    """Codes in brackets that the site's software should have turned into something."""
    for line in reading.kept:
        if (
            line.text.startswith("[")
            and line.kind is not BlockKind.CODE
            and MARKUP.fullmatch(line.text)
        ):
            yield line.index, "is a code that the site's software left as it was"
