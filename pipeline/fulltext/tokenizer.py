"""Make the tokens of the full-text index here, so that both databases give the same answers.

A text becomes normalized words in their order; Russian and English texts get the stems of their
words, too. Scripts without spaces between words (Chinese, Japanese, Thai, Lao, Burmese, Khmer)
become pairs of neighbouring letters. All tokens that are no written words have a MARK or begin
with PAIR, which no word can hold, so a typed word never matches them.
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

# Of what this module makes of a text. A new version needs a migration that marks all articles as
# not yet indexed.
VERSION = "1"
MARK = "·"
EVERY_ARTICLE = f"e{MARK}"  # a token of every article
FILLER = MARK  # takes a position, so that its neighbours are no phrase
DAY_PREFIX, MONTH_PREFIX, YEAR_PREFIX = f"d{MARK}", f"m{MARK}", f"y{MARK}"
MAX_LETTERS = 250_000  # of a text that are read
MAX_WORDS = 15_000  # of a text; PostgreSQL has 16,383 positions
MAX_NAMES = 500  # words of authors, tags and title, each
MAX_BYTES = 900_000  # PostgreSQL refuses a tsvector of more than 1 MiB
# Positions of one word that PostgreSQL keeps. The index of SQLite leaves out the same ones.
MAX_POSITIONS = 255
MAX_WORD_LENGTH = 64  # further letters of a word do not count
MAX_REVISIONS = 50
SLICES = 64  # of the archive, by page: one of them gives an estimate of many matches
# Kinds of neighbours: few enough for short lists of articles, too many for two phrases to share one
# often.
PAIRS = 1 << 18
PAIR = "~"  # begins the token of a pair; no word holds it, and it is shorter in UTF-8 than a MARK
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"  # of a pair's number
# Spreads consecutive page numbers over the slices (Knuth's multiplicative hash).
SCATTER = 0x9E3779B1

# Letters of scripts without spaces between words.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
SCRIPT_RUNS = re.compile(f"[{UNSPACED}]+|[^{UNSPACED}]+")
STEMMED_SCRIPTS = {"ru": re.compile("[а-я]+"), "en": re.compile("[a-z]+")}
# The fields of a query, and how their tokens begin.
FIELDS = {
    "title": "h",
    "author": "a",
    "agency": "g",
    "tag": "t",
    "site": "s",
    "lang": "l",
    "changed": "c",
    "edited": "e",
    "gone": "o",
    "rights": "u",
}
YES = "yes"
SLICE = "slice"  # a field that no query can name
FIELD_PREFIXES = FIELDS | {SLICE: "r"}

_stemmers = local()


@dataclass(frozen=True, slots=True)
class IndexableArticle:
    """What the full-text index takes of an article.

    Attributes:
        page_id: The page of the article.
        site: The id of its site.
        language: The code of its language.
        title: Its title.
        body: Its text.
        authors: The names of its authors.
        agencies: The names of the news agencies from which it came.
        tags: Its tags.
        revision_count: How many revisions it has.
        sort_time: The time by which articles are ordered.
        edited: The kinds of its edits.
        is_gone: Whether its page is not there any more.
        rights: The values of `rights:` under which it is found.
    """

    page_id: int
    site: str
    language: str
    title: str
    body: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    revision_count: int
    sort_time: datetime
    agencies: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    is_gone: bool = False
    rights: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArticleTokens:
    """The tokens of one article: `title`, `body` and `names` in order, `marks` without an order."""

    title: tuple[str, ...]
    body: tuple[str, ...]
    names: tuple[str, ...]
    marks: tuple[str, ...]


def tokenize(text: str) -> list[str]:
    """Return the tokens of a text in their order.

    A run of a script without spaces gives its pairs of letters, then its last letter.

    Args:
        text: Any text, normalized or not.

    Returns:
        The tokens, repeated as often as they occur.
    """
    words = split_words(text)
    if not UNSPACED_LETTER.search(text) and not UNSPACED_LETTER.search(" ".join(words)):
        return [word[:MAX_WORD_LENGTH] for word in words]
    tokens: list[str] = []
    for word in words:
        for run in SCRIPT_RUNS.findall(word):
            if UNSPACED_LETTER.match(run):
                tokens += [run[start : start + 2] for start in range(len(run))]
            else:
                tokens.append(run[:MAX_WORD_LENGTH])
    return tokens


def tokenize_query(text: str) -> tuple[tuple[str, ...], bool]:
    """Return the tokens that a typed text asks for.

    Returns:
        The tokens, and whether the last one is only a beginning: the text of an article in a script
        without spaces may go on after it.
    """
    tokens = tuple(tokenize(text))
    if not tokens or not _is_unspaced(tokens[-1], 1):
        return tokens, False
    if len(tokens) > 1 and _is_unspaced(tokens[-2], 2) and tokens[-2][1] == tokens[-1]:
        return tokens[:-1], False
    return tokens, True


def _is_unspaced(token: str, length: int) -> bool:
    return len(token) == length and UNSPACED_LETTER.match(token) is not None


@lru_cache(maxsize=1 << 13)
def stem(word: str) -> str:
    """Return the token for the forms of a word, or "" for a word without known forms.

    Only words of Cyrillic or of Latin letters have known forms.
    """
    for language, script in STEMMED_SCRIPTS.items():
        if script.fullmatch(word):
            return MARK + _stem(word, language)
    return ""


@lru_cache(maxsize=1 << 17)
def _stem(word: str, language: str) -> str:
    return str(_stemmer(language).stemWord(word))


def _stemmer(language: str) -> Stemmer:
    """Return the thread's own stemmer: two threads must not use one at the same time."""
    stemmers: dict[str, Stemmer] = _stemmers.__dict__
    if language not in stemmers:
        stemmers[language] = Stemmer(language, 0)  # without a cache beside that of `_stem`
    return stemmers[language]


def word_forms(word: str, others: Iterable[str], language: str) -> list[str]:
    """Return those of some words that are forms of a word, and the word itself.

    Args:
        word: The word of a query.
        others: The words of a text.
        language: The language of the text.
    """
    script = STEMMED_SCRIPTS.get(primary_language(language))
    wanted = ""
    if script and script.fullmatch(word):
        wanted = stem(word)
    beginning = word[:2]
    forms = []
    for other in others:
        is_form = wanted and other[:2] == beginning and stem(other) == wanted
        if other == word or is_form:
            forms.append(other)
    return forms


def stems_of_words(words: Iterable[str], language: str) -> dict[str, str]:
    """Return the stem token of each word that has one in a text of this language.

    Args:
        words: Normalized words.
        language: The code of the language. Only Russian and English have stems.

    Returns:
        The tokens by word; none for another language.
    """
    language = primary_language(language)
    script = STEMMED_SCRIPTS.get(language)
    if script is None:
        return {}
    return {word: MARK + _stem(word, language) for word in words if script.fullmatch(word)}


@lru_cache(maxsize=1024)
def primary_language(language: str) -> str:
    """Return `en` for `en-GB`."""
    return re.split("[-_]", normalize_for_search(language))[0][:MAX_WORD_LENGTH]


def field_token(field: str, token: str) -> str:
    """Return a token as the index has it for a field."""
    if not field:
        return token
    return f"{FIELD_PREFIXES[field]}{MARK}{token}"


def pair_token(first: str, second: str) -> str:
    """Return the token for two neighbours.

    Other neighbours may share it: an article with the token may hold the phrase, and an article
    without it does not.
    """
    number = crc32(second.encode(), crc32(f"{first} ".encode())) % PAIRS
    return f"{PAIR}{DIGITS[number >> 12]}{DIGITS[number >> 6 & 63]}{DIGITS[number & 63]}"


def pair_tokens(tokens: Sequence[str]) -> set[str]:
    """Return the tokens for all neighbours in a row of tokens."""
    pairs = set()
    for first, second in set(pairwise(tokens)):
        if FILLER not in (first, second):
            pairs.add(pair_token(first, second))
    return pairs


def site_token(site: str) -> str:
    """Return the id of a site without characters that an index cannot hold."""
    return re.sub(r"[^\w.-]", MARK, normalize_for_search(site))[:MAX_WORD_LENGTH]


def day_token(day: date) -> str:
    """Return the token of all articles of a day."""
    return f"{DAY_PREFIX}{day:%Y%m%d}"


def month_token(day: date) -> str:
    """Return the token of all articles of a day's month."""
    return f"{MONTH_PREFIX}{day:%Y%m}"


def year_token(day: date) -> str:
    """Return the token of all articles of a day's year."""
    return f"{YEAR_PREFIX}{day:%Y}"


def article_tokens(article: IndexableArticle) -> ArticleTokens:
    """Return all tokens of an article, within the limits of both databases.

    Args:
        article: The texts and metadata that can be searched.

    Returns:
        Tokens of title, body, names and filters.
    """
    budget = _Budget()
    title = budget.take(tokenize(article.title[:MAX_LETTERS])[:MAX_NAMES])
    names = field_tokens("title", [article.title])
    names += field_tokens("author", article.authors)
    names += field_tokens("agency", article.agencies)
    names += field_tokens("tag", article.tags)
    taken_names = budget.take(names)
    body = budget.take(tokenize(article.body[:MAX_LETTERS])[:MAX_WORDS], has_stems=True)
    title_stems = stems_of_words(title, article.language).values()
    marks = {*title_stems, *stems_of_words(set(body), article.language).values()}
    marks.update(field_token("title", title_stem) for title_stem in title_stems)
    marks.update(facet_tokens(article))
    return ArticleTokens(title, body, taken_names, tuple(sorted(marks)))


def agency_names(agency: str) -> tuple[str, ...]:
    """Return the names in the field `agency` of an article, such as "dpa, AFP"."""
    return tuple(filter(None, agency.split(", ")))


def field_tokens(field: str, values: Sequence[str]) -> list[str]:
    """Return the tokens of a field's values, with a FILLER after each value.

    Args:
        field: One of FIELDS.
        values: Such as the names of the authors.
    """
    tokens: list[str] = []
    for value in values[:MAX_NAMES]:
        tokens += [field_token(field, token) for token in tokenize(value[:MAX_LETTERS])]
        tokens.append(FILLER)
        if len(tokens) > MAX_NAMES:
            break
    return tokens[:MAX_NAMES]


def facet_tokens(article: IndexableArticle) -> Iterator[str]:
    """Yield the tokens for filters: site, dates, slice, language, revisions, edits, presence.

    Args:
        article: The texts and metadata that can be searched.

    Yields:
        Tokens that no text can have.
    """
    yield EVERY_ARTICLE
    yield field_token("site", site_token(article.site))
    yield day_token(article.sort_time)
    yield month_token(article.sort_time)
    yield year_token(article.sort_time)
    yield field_token(SLICE, str((article.page_id * SCATTER >> 8) % SLICES))
    if article.language:
        yield field_token("lang", primary_language(article.language))
    for number in range(2, min(article.revision_count, MAX_REVISIONS) + 1):
        yield field_token("changed", str(number))
    for kind in article.edited:
        yield field_token("edited", kind)
    if article.edited:
        yield field_token("edited", YES)
    if article.is_gone:
        yield field_token("gone", YES)


class _Budget:
    """How often each token was taken, and how many bytes are left for others."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._bytes_left = MAX_BYTES

    def take(self, tokens: Sequence[str], *, has_stems: bool = False) -> tuple[str, ...]:
        """Return the tokens as far as there is room, a FILLER for each that was taken too often.

        Args:
            tokens: The tokens in their order.
            has_stems: Whether each token also needs room for its stem.
        """
        factor = 2 if has_stems else 1
        if self._take_all(tokens, factor):  # nearly always
            return tuple(tokens)
        taken: list[str] = []
        for token in tokens:
            count = self._counts.get(token, 0)
            if not count:
                self._bytes_left -= _entry_bytes(token) * factor
            self._bytes_left -= 2
            if self._bytes_left < 0:
                break
            self._counts[token] = count + 1
            if count >= MAX_POSITIONS:
                token = FILLER
            taken.append(token)
        return tuple(taken)

    def _take_all(self, tokens: Sequence[str], factor: int) -> bool:
        """Take all tokens if there is room for them as they are; tell whether there was."""
        counts = Counter(tokens)
        entry_bytes = 0
        for token, count in counts.items():
            taken = self._counts.get(token, 0)
            if taken + count > MAX_POSITIONS and token != FILLER:
                return False
            if token not in self._counts:
                entry_bytes += _entry_bytes(token)
        size = entry_bytes * factor + 2 * len(tokens)
        if size > self._bytes_left:
            return False
        self._bytes_left -= size
        self._counts.update(counts)
        return True


def _entry_bytes(token: str) -> int:
    return len(token.encode()) + 8
