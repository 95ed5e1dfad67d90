"""Made-up archives of any size for the benchmark of the search: words by Zipf's law, 300 sites, four languages, twenty years.

Promises the same articles for the same number, written straight into the tables, with the tokens that the store itself
would make.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
WORDS = 40_000  # of each language, fewer in a small archive
LENGTH = 150  # words of a text, on average
AUTHORS, TAGS = 3000, 1500
SYLLABLES = {
    "ru": "ва го де жи ко лу мо ни по ра со ту фи хо це ша бо гра сте при вос нов ост ени ать ого",
    "en": "ba cor de fi gan har in jo kel lo men ner or pa qui ra sta ten ul ver wo ing er ation ed ly",
    "tg": "да ҳо қо ғи ҷу ӯро шаҳ ба дар хон мар ди ни со ту гу фар зан об ки рӯз мак таб и ӣ он",
    "uz": "bo cha da e fo gʻo ha il jon ki la mu na or pa qo ri si to uz va xo yo za lar ning",
}
SHARES = {"ru": 0.4, "en": 0.3, "tg": 0.2, "uz": 0.1}


@dataclass(frozen=True)
class Made:
    """One made-up article, with its place and its tokens."""

    source: IndexableArticle
    key: int
    tokens: ArticleTokens


class Language:
    """Words, the frequent ones first, and what the store makes of them."""

    def __init__(self, name: str, random: numpy.random.Generator, size: int) -> None:
        self.name = name
        syllables = SYLLABLES[name].split()
        found: dict[str, None] = {}
        while len(found) < size:
            length = 1 + min(len(found) // 20, 2) + int(random.integers(0, 3))
            found[
                "".join(syllables[int(n)] for n in random.integers(0, len(syllables), length))
            ] = None
        self.words = list(found)
        self.tokens = [tokenizer.tokenize(word) for word in self.words]
        stems = tokenizer.stems_of_words({token for cut in self.tokens for token in cut}, name)
        self.stems = [tuple(stems[token] for token in cut if token in stems) for cut in self.tokens]
        weights = 1.0 / (numpy.arange(1, size + 1) + 2.0)
        self.borders = numpy.cumsum(weights / weights.sum())

    def drawn(self, random: numpy.random.Generator, number: int) -> list[int]:
        return [
            int(n)
            for n in numpy.minimum(
                numpy.searchsorted(self.borders, random.random(number)), len(self.words) - 1
            )
        ]


class Archive:
    """The articles, oldest first, numbered from 1."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.random = numpy.random.default_rng(7)
        self.languages = {
            name: Language(name, self.random, min(WORDS, 1000 + number)) for name in SYLLABLES
        }
        spoken = [name for name, share in SHARES.items() for _ in range(int(share * SITES))]
        self.sites = [(f"site-{n:03}", spoken[n]) for n in self.random.permutation(SITES)]
        self.authors = [f"{self._name()} {self._name()}" for _ in range(AUTHORS)]
        self.tags = [self._name().lower() for _ in range(TAGS)]

    def _name(self) -> str:
        language = self.languages["ru" if self.random.random() < 0.5 else "en"]
        return language.words[
            int(self.random.integers(500, max(501, len(language.words) // 2)))
        ].capitalize()

    def __iter__(self) -> Iterator[Made]:
        self.random = numpy.random.default_rng(11)
        step = timedelta(days=DAYS) / self.number
        for page in range(1, self.number + 1):
            yield self._made(page, FIRST + step * page)

    def _made(self, page: int, at: datetime) -> Made:
        site, name = self.sites[min(int(self.random.pareto(0.7) * 5), SITES - 1)]
        language = self.languages[name]
        words = language.drawn(self.random, int(self.random.integers(LENGTH // 2, LENGTH * 3 // 2)))
        head, body = words[:7], words[7:]
        authors = (self.authors[int(self.random.integers(0, AUTHORS))],)
        tags = tuple({self.tags[min(int(self.random.pareto(0.8) * 3), TAGS - 1)] for _ in range(2)})
        revisions = 1 + int(self.random.random() < 0.05)
        title, text = (" ".join(language.words[n] for n in each) for each in (head, body))
        source = IndexableArticle(
            page, site, name, title.capitalize(), text, authors, tags, revisions, at
        )
        return Made(source, order_key(at, page), _tokens(source, language, head, body))


def _tokens(
    source: IndexableArticle, language: Language, head: Sequence[int], body: Sequence[int]
) -> ArticleTokens:
    """As `tokens.of_article` makes them, from what is known of each word."""
    title = tuple(token for n in head for token in language.tokens[n])
    names = [
        *tokenizer.field_tokens("title", [source.title]),
        *tokenizer.field_tokens("author", source.authors),
        *tokenizer.field_tokens("tag", source.tags),
    ]
    marks = {stem for n in {*head, *body} for stem in language.stems[n]}
    marks.update(field_token("title", stem) for n in head for stem in language.stems[n])
    marks.update(tokenizer.facet_tokens(source))
    return ArticleTokens(
        title,
        tuple(token for n in body for token in language.tokens[n]),
        tuple(names),
        tuple(sorted(marks)),
    )


def batches(archive: Archive, size: int = 5000) -> Iterator[list[Made]]:
    articles = iter(archive)
    while batch := list(islice(articles, size)):
        yield batch


def page_row(made: Made) -> tuple[object, ...]:
    url = f"https://{made.source.site}.example/{made.source.page_id}"
    return (
        made.source.page_id,
        made.source.site,
        "story",
        url,
        sha256(url.encode()).hexdigest()[:32],
        made.source.sort_time,
    )


def revision_row(made: Made) -> tuple[object, ...]:
    source = made.source
    return (
        source.page_id,
        source.page_id,
        source.revision_count,
        1,
        source.title,
        source.body,
        source.sort_time,
        source.sort_time,
    )


def article_row(made: Made) -> tuple[object, ...]:
    source = made.source
    names = (
        json.dumps(source.authors, ensure_ascii=False),
        json.dumps(source.tags, ensure_ascii=False),
    )
    words = len(made.tokens.body)
    return (
        source.page_id, source.page_id, 1, made.key, source.title, names[0], source.sort_time, "made-up", "second", source.language, "",
        names[1], "", "", "", words, source.sort_time, tokenizer.VERSION,
    )  # fmt: skip


PAGE = "id, site, kind, url, url_key, first_seen_at"
REVISION = "id, page_id, number, clean_result_id, title, text, first_seen_at, last_seen_at"
ARTICLE = (
    "page_id, revision_id, clean_result_id, order_key, title, authors, published_at, published_source, published_precision,"
    " language, section, tags, image, canonical_url, description, word_count, archived_at, index_version"
)
