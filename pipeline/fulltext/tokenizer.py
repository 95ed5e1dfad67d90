"""What stands in the full-text index, made here and not by the databases, so that both give the same answers.

Promises pure functions from a text to tokens: folded words as they are written, in their order; beside them, of Russian and
English texts, their stems. Scripts without spaces between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer) become pairs of
neighbouring letters. All that is no written word bears a MARK or is a PAIR, which no word can hold: what readers type never
meets it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise
from threading import local
from zlib import crc32

from Stemmer import Stemmer

from pipeline.fulltext.normalize import normalize_for_search, split_words

VERSION = "1"  # of what this module makes of a text; another one has to come with a migration that lets all articles wait
MARK = "·"
EVERY_ARTICLE = f"e{MARK}"  # stands in every article
FILLER = MARK  # takes a place, so that what is on both its sides is no phrase
MAX_LETTERS = 250_000  # of a text that are looked at
MAX_WORDS = 15_000  # of a text; PostgreSQL knows 16,383 places
MAX_NAMES = 500  # words of authors, tags and title, each
MAX_BYTES = 900_000  # PostgreSQL refuses a tsvector of more than 1 MiB
MAX_POSITIONS = 255  # places of one word that PostgreSQL keeps; both forget the same others
MAX_WORD_LENGTH = 64  # letters of a word that count
MAX_REVISIONS = 50
SLICES = 64  # of the archive, by page: counts of many matches are estimated from one
PAIRS = (
    1 << 18
)  # kinds of neighbours: few enough for short lists of them, too many for two phrases to share one often
PAIR = "~"  # begins what stands for a pair; no word holds it, and it is shorter than a MARK
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
SCATTER = 0x9E3779B1  # so that no habit of the pages' numbers falls into one slice

# letters that stand beside each other without spaces between words
RUN = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
SPACELESS = re.compile(f"[{RUN}]")
PIECES = re.compile(f"[{RUN}]+|[^{RUN}]+")
SCRIPTS = {"ru": re.compile("[а-я]+"), "en": re.compile("[a-z]+")}
FIELDS = {
    "title": "h",
    "author": "a",
    "tag": "t",
    "site": "s",
    "lang": "l",
    "changed": "c",
}  # and how their tokens begin
SLICE = "slice"  # a field that no query can name
BEGINNINGS = FIELDS | {SLICE: "r"}


_threads = local()


@dataclass(frozen=True, slots=True)
class IndexableArticle:
    """What of an Article is made findable."""

    page_id: int
    site: str
    language: str
    title: str
    body: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    revision_count: int
    sort_time: datetime  # that it is ordered by


@dataclass(frozen=True, slots=True)
class ArticleTokens:
    """Of one Article. `title`, `body` and `names` are in order; the others stand nowhere in particular."""

    title: tuple[str, ...]
    body: tuple[str, ...]
    names: tuple[str, ...]
    marks: tuple[str, ...]


def tokenize(text: str) -> list[str]:
    """The tokens of a text in their order. A run of a script without spaces is its pairs of letters, then its last letter."""
    found = split_words(text)
    if not SPACELESS.search(text) and not SPACELESS.search(" ".join(found)):
        return [word[:MAX_WORD_LENGTH] for word in found]
    return [token for word in found for piece in PIECES.findall(word) for token in _pairs(piece)]


def _pairs(piece: str) -> Iterator[str]:
    if not SPACELESS.match(piece):
        yield piece[:MAX_WORD_LENGTH]
        return
    yield from (piece[n : n + 2] for n in range(len(piece)))


def tokenize_query(text: str) -> tuple[tuple[str, ...], bool]:
    """The tokens to look for where a text is asked for, and whether the last is but a beginning: what ends in a script without
    spaces may go on in the text that is found."""
    found = tuple(tokenize(text))
    if not found or len(found[-1]) != 1 or not SPACELESS.match(found[-1]):
        return found, False
    if (
        len(found) > 1
        and len(found[-2]) == 2
        and found[-2][1] == found[-1]
        and SPACELESS.match(found[-2])
    ):
        return found[:-1], False
    return found, True


@lru_cache(maxsize=1 << 13)
def stem(word: str) -> str:
    """The stem that stands for a word's forms, with its MARK; "" for a word that is neither Cyrillic nor Latin."""
    for language, script in SCRIPTS.items():
        if script.fullmatch(word):
            return MARK + _stem(word, language)
    return ""


@lru_cache(maxsize=1 << 17)
def _stem(word: str, language: str) -> str:
    return str(_stemmer(language).stemWord(word))


def _stemmer(language: str) -> Stemmer:
    """One for each thread, since none may be asked by two at a time; it needs no memory of its own beside ours."""
    own: dict[str, Stemmer] = _threads.__dict__
    if language not in own:
        own[language] = Stemmer(language, 0)
    return own[language]


def word_forms(word: str, others: Iterable[str], language: str) -> list[str]:
    """Those of other words that are forms of a word in a text of this language, the word itself included."""
    script = SCRIPTS.get(primary_language(language))
    wanted = stem(word) if script and script.fullmatch(word) else ""
    begins = word[:2]
    return [
        each
        for each in others
        if each == word or (wanted and each[:2] == begins and stem(each) == wanted)
    ]


def stems(found: Iterable[str], language: str) -> dict[str, str]:
    """The stems of words, with their MARKs, in a text of this language: none where its forms are not known."""
    language = primary_language(language)
    script = SCRIPTS.get(language)
    return (
        {word: MARK + _stem(word, language) for word in found if script.fullmatch(word)}
        if script
        else {}
    )


@lru_cache(maxsize=1024)
def primary_language(language: str) -> str:
    """`en` of `en-GB`."""
    return re.split("[-_]", normalize_for_search(language))[0][:MAX_WORD_LENGTH]


def field_token(field: str, token: str) -> str:
    """A token as it stands in the index for a field."""
    return f"{BEGINNINGS[field]}{MARK}{token}" if field else token


def pair_token(first: str, second: str) -> str:
    """Stands for two tokens beside each other, and for some others: who has it may hold both so, who has not does not."""
    number = crc32(second.encode(), crc32(f"{first} ".encode())) % PAIRS
    return f"{PAIR}{DIGITS[number >> 12]}{DIGITS[number >> 6 & 63]}{DIGITS[number & 63]}"


def pairs(row: Sequence[str]) -> set[str]:
    """The pair tokens of a row of tokens."""
    return {
        pair_token(first, second)
        for first, second in set(pairwise(row))
        if FILLER not in (first, second)
    }


def site_token(site: str) -> str:
    """A Site's id with nothing in it that is not fit for an index."""
    return re.sub(r"[^\w.-]", MARK, normalize_for_search(site))[:MAX_WORD_LENGTH]


def day_token(at: date) -> str:
    return f"d{MARK}{at:%Y%m%d}"


def month_token(at: date) -> str:
    return f"m{MARK}{at:%Y%m}"


def year_token(at: date) -> str:
    return f"y{MARK}{at:%Y}"


def article_tokens(source: IndexableArticle) -> ArticleTokens:
    """All tokens of an Article."""
    budget = _Budget()
    title = budget.take(tokenize(source.title[:MAX_LETTERS])[:MAX_NAMES])
    names = budget.take(
        [
            *_names("title", [source.title]),
            *_names("author", source.authors),
            *_names("tag", source.tags),
        ]
    )
    body = budget.take(tokenize(source.body[:MAX_LETTERS])[:MAX_WORDS], stemmed=True)
    heads = stems(title, source.language)
    bodily = stems(set(body), source.language)
    marks = {
        *heads.values(),
        *bodily.values(),
        *(field_token("title", each) for each in heads.values()),
        *_facets(source),
    }
    return ArticleTokens(title, body, names, tuple(sorted(marks)))


def _names(field: str, values: Sequence[str]) -> list[str]:
    found = list[str]()
    for value in values[:MAX_NAMES]:
        found += [*(field_token(field, token) for token in tokenize(value[:MAX_LETTERS])), FILLER]
        if len(found) > MAX_NAMES:
            break
    return found[:MAX_NAMES]


def _facets(source: IndexableArticle) -> Iterator[str]:
    yield EVERY_ARTICLE
    yield field_token("site", site_token(source.site))
    yield from (day_token(source.sort_time), month_token(source.sort_time), year_token(source.sort_time))
    yield field_token(SLICE, str((source.page_id * SCATTER >> 8) % SLICES))
    if source.language:
        yield field_token("lang", primary_language(source.language))
    yield from (
        field_token("changed", str(number))
        for number in range(2, min(source.revision_count, MAX_REVISIONS) + 1)
    )


class _Budget:
    """How often each token was taken, and how many bytes are left for others."""

    def __init__(self) -> None:
        self._times = Counter[str]()
        self._left = MAX_BYTES

    def take(self, found: Sequence[str], *, stemmed: bool = False) -> tuple[str, ...]:
        """The tokens, as far as there is room; a FILLER for each that was taken too often."""
        each = 2 if stemmed else 1
        if self._has_room(found, each):  # nearly always
            return tuple(found)
        taken = list[str]()
        for token in found:
            times = self._times.get(token, 0)
            if not times:
                self._left -= (len(token.encode()) + 8) * each
            self._left -= 2
            if self._left < 0:
                break
            self._times[token] = times + 1
            taken.append(token if times < MAX_POSITIONS or token == FILLER else FILLER)
        return tuple(taken)

    def _has_room(self, found: Sequence[str], each: int) -> bool:
        """Whether all can be taken as they are; then they are."""
        counts = Counter(found)
        if any(
            number + self._times[token] > MAX_POSITIONS and token != FILLER
            for token, number in counts.items()
        ):
            return False
        size = sum(
            len(token.encode()) + 8 for token in counts if token not in self._times
        ) * each + 2 * len(found)
        if size > self._left:
            return False
        self._left -= size
        self._times.update(counts)
        return True
