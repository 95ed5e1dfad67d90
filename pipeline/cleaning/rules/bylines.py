"""The rule about lines that name the story's authors.

Promises to leave names alone where the story is told: in its midst a line with the author's name may be a speaker's.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.cleaning.rules.context import TextLine, RuleContext, plain_words

LONGEST = 20  # words of a byline with its date and place
OTHERS = 4  # words beside the names that say neither that this is a byline nor when it was written
AROUND = frozenset((
    "by", "von", "par", "por", "di", "de", "door", "av", "af", "od", "przez", "autor", "autora", "autore", "autorin",
    "auteur", "autrice", "author", "автор", "авторы", "муаллиф", "written", "text", "texte", "testo", "texto", "foto",
    "photo", "photos", "reporting", "story", "updated", "published", "posted", "last", "modified", "on", "at", "the",
    "and", "und", "et", "y", "e", "i", "и", "am", "pm", "utc", "gmt", "est", "edt", "cet", "uhr", "um", "le", "il", "el",
    "jan", "january", "feb", "february", "mar", "march", "apr", "april", "may", "jun", "june", "jul", "july", "aug",
    "august", "sep", "sept", "september", "oct", "october", "nov", "november", "dec", "december", "monday", "tuesday",
    "wednesday", "thursday", "friday", "saturday", "sunday", "mon", "tue", "wed", "thu", "fri", "sat", "sun",
))  # fmt: skip


def byline(reading: RuleContext) -> Iterator[tuple[int, str]]:
    """Lines before and behind the story that are the author's name with hardly anything beside it."""
    names = sorted((plain_words(name) for name in reading.authors), key=len, reverse=True)
    told = [line.index for line in reading.kept if line.is_prose]
    if not names or not told:
        return
    for line in reading.kept:
        if not told[0] < line.index < told[-1] and not line.is_prose and _is_byline(line, names):
            yield line.index, "names the author of the story"


def _is_byline(line: TextLine, names: list[str]) -> bool:
    if line.words > LONGEST:
        return False
    wording = f" {plain_words(line.text)} "
    bare = wording
    for name in names:
        if " " in name:
            bare = bare.replace(f" {name} ", "  ")
    if bare == wording:
        return False
    return sum(word not in AROUND and not word[0].isdigit() for word in bare.split()) <= OTHERS
