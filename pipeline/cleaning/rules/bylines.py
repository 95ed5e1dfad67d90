"""The rule about lines that name the authors of the story.

Inside the story it removes nothing: there, a line with the author's name may be a speaker's.
"""

from __future__ import annotations

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


def byline(context: RuleContext) -> Removals:
    """Find lines before and after the story that are the author's name with little beside it."""
    names = sorted(map(plain_words, context.authors), key=len, reverse=True)
    prose = context.prose
    if not names or not prose:
        return
    for line in context.kept:
        is_in_story = prose[0].index < line.index < prose[-1].index
        if not is_in_story and not line.is_prose and _is_byline(line, names):
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
