"""Invented archives of any size, for the benchmark of the search.

Words have frequencies by Zipf's law; there are 300 sites, four languages and twenty years. The same
number always gives the same articles. They come with the tokens that the store itself would make,
to be written straight into the tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice

import numpy

from pipeline.fulltext import tokenizer
from pipeline.fulltext.tokenizer import ArticleTokens, IndexableArticle, field_token
from pipeline.store.search.index import order_key

FIRST = datetime(2006, 1, 1, tzinfo=UTC)
DAYS = 20 * 365
SITES = 300
MAX_WORDS = 40_000  # of each language; fewer in a small archive
TEXT_WORDS = 150  # of a text, on average
TITLE_WORDS = 7
REVISED_SHARE = 0.05  # of articles
AUTHORS, TAGS = 3000, 1500
SYLLABLES = {
    "ru": "ва го де жи ко лу мо ни по ра со ту фи хо це ша бо гра сте при вос нов ост ени ать ого",
    "en": (
        "ba cor de fi gan har in jo kel lo men ner or pa qui ra sta ten ul ver wo ing er ation ed"
        " ly"
    ),
    "tg": "да ҳо қо ғи ҷу ӯро шаҳ ба дар хон мар ди ни со ту гу фар зан об ки рӯз мак таб и ӣ он",
    "uz": "bo cha da e fo gʻo ha il jon ki la mu na or pa qo ri si to uz va xo yo za lar ning",
}
SHARES = {"ru": 0.4, "en": 0.3, "tg": 0.2, "uz": 0.1}
# Columns of the rows that `page_row`, `revision_row` and `article_row` return.
PAGE = "id, site, kind, url, url_key, first_seen_at"
REVISION = "id, page_id, number, clean_result_id, title, text, first_seen_at, last_seen_at"
ARTICLE = (
    "page_id, revision_id, clean_result_id, order_key, title, authors, published_at,"
    " published_source, published_precision, language, section, tags, image, canonical_url,"
    " description, word_count, archived_at, index_version"
)
SKETCH = "page_id, site, version, day, shingle_count, minhash, leader_id, similarity"
SKETCH_BYTES = 256


@dataclass(frozen=True)
class GeneratedArticle:
    """One invented article, with its place in the index, its tokens and what it repeats."""

    article: IndexableArticle
    order_key: int
    tokens: ArticleTokens
    leader_id: int | None = None


class Language:
    """The words of one language, frequent ones first, with their tokens and stems."""

    def __init__(self, name: str, random: numpy.random.Generator, size: int) -> None:
        """Invent words.

        Args:
            name: The code of the language.
            random: The source of random numbers.
            size: How many words.
        """
        self.name = name
        syllables = SYLLABLES[name].split()
        words: dict[str, None] = {}
        while len(words) < size:
            length = 1 + min(len(words) // 20, 2) + int(random.integers(0, 3))
            numbers = random.integers(0, len(syllables), length)
            words["".join(syllables[int(number)] for number in numbers)] = None
        self.words = list(words)
        self.tokens = [tokenizer.tokenize(word) for word in self.words]
        all_tokens = set[str]().union(*self.tokens)
        stems = tokenizer.stems_of_words(all_tokens, name)
        self.stems: list[tuple[str, ...]] = []
        for tokens in self.tokens:
            self.stems.append(tuple(stems[token] for token in tokens if token in stems))
        weights = 1.0 / (numpy.arange(1, size + 1) + 2.0)
        self.cumulative_weights = numpy.cumsum(weights / weights.sum())

    def draw(self, random: numpy.random.Generator, count: int) -> list[int]:
        """Return the numbers of some random words; frequent words come more often."""
        numbers = numpy.searchsorted(self.cumulative_weights, random.random(count))
        return [int(number) for number in numpy.minimum(numbers, len(self.words) - 1)]


class Archive:
    """The articles, oldest first, numbered from 1."""

    def __init__(self, number: int) -> None:
        """Invent the languages, sites, authors and tags of an archive with so many articles."""
        self.number = number
        self.random = numpy.random.default_rng(7)
        word_count = min(MAX_WORDS, 1000 + number)
        self.languages = {name: Language(name, self.random, word_count) for name in SYLLABLES}
        site_languages: list[str] = []
        for name, share in SHARES.items():
            site_languages += [name] * int(share * SITES)
        self.sites: list[tuple[str, str]] = []  # name and language, the largest site first
        for site in self.random.permutation(SITES):
            self.sites.append((f"site-{site:03}", site_languages[site]))
        self.authors = [f"{self._name()} {self._name()}" for _ in range(AUTHORS)]
        self.tags = [self._name().lower() for _ in range(TAGS)]

    def _name(self) -> str:
        words = self.languages["ru" if self.random.random() < 0.5 else "en"].words
        return words[int(self.random.integers(500, max(501, len(words) // 2)))].capitalize()

    def __iter__(self) -> Iterator[GeneratedArticle]:
        """Yield all articles; each iteration yields the same ones."""
        self.random = numpy.random.default_rng(11)
        step = timedelta(days=DAYS) / self.number
        for page_id in range(1, self.number + 1):
            yield self._article(page_id, FIRST + step * page_id)

    def _article(self, page_id: int, published_at: datetime) -> GeneratedArticle:
        site, language_name = self.sites[min(int(self.random.pareto(0.7) * 5), SITES - 1)]
        language = self.languages[language_name]
        length = int(self.random.integers(TEXT_WORDS // 2, TEXT_WORDS * 3 // 2))
        numbers = language.draw(self.random, length)
        title_numbers, text_numbers = numbers[:TITLE_WORDS], numbers[TITLE_WORDS:]
        authors = (self.authors[int(self.random.integers(0, AUTHORS))],)
        tags = tuple({self._tag(), self._tag()})
        revisions = 1 + int(self.random.random() < REVISED_SHARE)
        title = " ".join(language.words[number] for number in title_numbers).capitalize()
        text = " ".join(language.words[number] for number in text_numbers)
        article = IndexableArticle(
            page_id, site, language_name, title, text, authors, tags, revisions, published_at
        )
        tokens = _tokens(article, language, title_numbers, text_numbers)
        key = order_key(published_at, page_id)
        return GeneratedArticle(article, key, tokens, leader_of(page_id))

    def _tag(self) -> str:
        return self.tags[min(int(self.random.pareto(0.8) * 3), TAGS - 1)]


def _tokens(
    article: IndexableArticle,
    language: Language,
    title_numbers: Sequence[int],
    text_numbers: Sequence[int],
) -> ArticleTokens:
    """Return the tokens as the tokenizer makes them, from the known tokens of each word."""
    names = [
        *tokenizer.field_tokens("title", [article.title]),
        *tokenizer.field_tokens("author", article.authors),
        *tokenizer.field_tokens("tag", article.tags),
    ]
    marks = set(tokenizer.facet_tokens(article))
    for number in {*title_numbers, *text_numbers}:
        marks.update(language.stems[number])
    for number in title_numbers:
        marks.update(field_token("title", stem) for stem in language.stems[number])
    return ArticleTokens(
        _words_to_tokens(language, title_numbers),
        _words_to_tokens(language, text_numbers),
        tuple(names),
        tuple(sorted(marks)),
    )


def _words_to_tokens(language: Language, numbers: Sequence[int]) -> tuple[str, ...]:
    tokens: list[str] = []
    for number in numbers:
        tokens += language.tokens[number]
    return tuple(tokens)


def batches(
    archive: Iterable[GeneratedArticle], size: int = 5000
) -> Iterator[list[GeneratedArticle]]:
    """Yield the articles of an archive in lists of a size."""
    articles = iter(archive)
    while batch := list(islice(articles, size)):
        yield batch


def page_row(generated: GeneratedArticle) -> tuple[object, ...]:
    """Return the row of the article's page."""
    article = generated.article
    url = f"https://{article.site}.example/{article.page_id}"
    url_key = sha256(url.encode()).hexdigest()[:32]
    return (article.page_id, article.site, "story", url, url_key, article.sort_time)


def revision_row(generated: GeneratedArticle) -> tuple[object, ...]:
    """Return the row of the article's revision."""
    article = generated.article
    return (
        article.page_id,
        article.page_id,
        article.revision_count,
        1,
        article.title,
        article.body,
        article.sort_time,
        article.sort_time,
    )


def article_row(generated: GeneratedArticle) -> tuple[object, ...]:
    """Return the row of the article."""
    article = generated.article
    authors = json.dumps(article.authors, ensure_ascii=False)
    tags = json.dumps(article.tags, ensure_ascii=False)
    word_count = len(generated.tokens.body)
    return (
        *(article.page_id, article.page_id, 1, generated.order_key),
        *(article.title, authors, article.sort_time, "made-up", "second"),
        *(article.language, "", tags, "", "", ""),
        *(word_count, article.sort_time, tokenizer.VERSION),
    )


def leader_of(page_id: int) -> int | None:
    """Return the article that an article repeats: in every other eight, two repeat a third one."""
    eight, place = divmod(page_id - 1, 8)
    return 8 * eight + 5 - eight % 5 if eight % 2 == 0 and place > 5 else None


def sketch_row(generated: GeneratedArticle) -> tuple[object, ...]:
    """Return the row of the article's sketch. Only its story group is of use."""
    article = generated.article
    sketch = b"\1" * SKETCH_BYTES
    similarity = None if generated.leader_id is None else 0.9
    return (article.page_id, article.site, "1", 0, 99, sketch, generated.leader_id, similarity)
