"""The rule about lines that name the authors of the story, or say when an entry of it was posted.

Inside the story it removes no name alone: there, a line with the author's name may be a speaker's.
The entries of a live blog each begin with a time of day and a name, in an element for that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.cleaning.rules.context import Removals, RuleContext, TextLine, plain_words

MAX_BYLINE_WORDS = 20  # with date and place
MAX_OTHER_WORDS = 4  # beside the names and BYLINE_WORDS
BYLINE_WORDS = frozenset((
    "by", "von", "par", "por", "di", "de", "door", "av", "af", "od", "przez", "autor", "autora",
    "autore", "autorin", "auteur", "autrice", "author", "автор", "авторы", "муаллиф", "written",
    "text", "texte", "testo", "texto", "foto", "photo", "photos", "reporting", "story", "updated",
    "published", "posted", "last", "modified", "on", "at", "the", "and", "und", "et", "y", "e", "i",
    "и", "am", "pm", "utc", "gmt", "est", "edt", "cet", "uhr", "um", "le", "il", "el", "jan",
    "january", "feb", "february", "mar", "march", "apr", "april", "may", "jun", "june", "jul",
    "july", "aug", "august", "sep", "sept", "september", "oct", "october", "nov", "november", "dec",
    "december", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "mon",
    "tue", "wed", "thu", "fri", "sat", "sun",
))  # fmt: skip
TIME_OF_DAY = re.compile(r"(?<![\d:.,])(?:[01]?\d|2[0-3])[:.][0-5]\d(?![\d:.,])")
STAMP_MARK = re.compile(
    r"byline|timestamp|author|dateline|posted|published|(?<![a-z])meta(?![a-z])", re.I
)
MAX_STAMP_WORDS = 8
MIN_STAMPS = 2  # one may be a line of the story


def byline(context: RuleContext) -> Removals:
    """Find lines that are the author's name, or a time of day and a name, with little beside it."""
    stamps = [line for line in context.kept if _is_stamp(line)]
    if len(stamps) >= MIN_STAMPS:
        for line in stamps:
            yield line.index, "says when an entry was posted"
    yield from _author_lines(context, stamps)


def _is_stamp(line: TextLine) -> bool:
    if line.words > MAX_STAMP_WORDS or line.ends_sentence or not TIME_OF_DAY.search(line.text):
        return False
    return STAMP_MARK.search(line.block.element_path) is not None


def _author_lines(context: RuleContext, stamps: Sequence[TextLine]) -> Removals:
    """Find lines before and after the story that are the author's name."""
    names = sorted(map(plain_words, context.authors), key=len, reverse=True)
    prose = context.prose
    if not names or not prose:
        return
    for line in context.kept:
        is_in_story = prose[0].index < line.index < prose[-1].index
        if is_in_story or line.is_prose or line in stamps:
            continue
        if _is_byline(line, names):
            yield line.index, "names the author of the story"


def _is_byline(line: TextLine, names: list[str]) -> bool:
    if line.words > MAX_BYLINE_WORDS:
        return False
    wording = f" {plain_words(line.text)} "
    rest = wording
    for name in names:
        if " " in name:
            rest = rest.replace(f" {name} ", "  ")
    if rest == wording:
        return False
    other_words = 0
    for word in rest.split():
        other_words += word not in BYLINE_WORDS and not word[0].isdigit()
    return other_words <= MAX_OTHER_WORDS
