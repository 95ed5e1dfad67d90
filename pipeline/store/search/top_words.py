"""The words that set the articles of a query apart from the rest of the archive.

A word is scored by how many articles have it, on both sides, with the log-likelihood ratio of
Dunning (1993, "Accurate Methods for the Statistics of Surprise and Coincidence"). Both sides are
samples, so the cost does not grow with the archive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from json import dumps
from math import log

from sqlalchemy import Connection, func, select, text

from pipeline.fulltext import query_language, tokenizer
from pipeline.fulltext.excerpts import WORD
from pipeline.fulltext.query_language import Node, Or, Query, Term, positive_terms
from pipeline.fulltext.tokenizer import MARK, SLICE, SLICES
from pipeline.store.db.article_view import articles_by_order_key
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow
from pipeline.store.search import executor, planner

MAX_MATCHES = 300  # newest articles of the query that are read
REST_SIZE = 1000  # articles of the rest, spread over the archive
MAX_WORDS = 30
MIN_ARTICLES = 2  # a word of one article says nothing of a query
MIN_LETTERS = 3
MAX_SPELLED = 40  # articles in which the spelling of the words is looked up
CANDIDATES = 4  # words that are looked at for each one that is returned
WORDS_SQL = {
    "sqlite": (
        "SELECT title || ' ' || body FROM json_each(:keys)"
        " CROSS JOIN article_index ON article_index.rowid = json_each.value"
    ),
    "postgresql": (
        "SELECT array_to_string(tsvector_to_array(ts_filter(words, '{d}')), ' ')"
        " FROM article_index WHERE rowid = ANY(:keys)"
    ),
}


@dataclass(frozen=True, slots=True)
class TopWord:
    """A word as articles of the query spell it.

    Attributes:
        word: The word.
        articles: How many of the read articles of the query have it.
        share: The same as a share of them, 0 to 1.
        rest_share: The share of the other articles that have it, 0 to 1.
        score: The log-likelihood ratio; 10.83 stands for a probability of 0.001 by chance.
    """

    word: str
    articles: int
    share: float
    rest_share: float
    score: float


def top_words(database: Database, query: str, limit: int = MAX_WORDS) -> tuple[TopWord, ...]:
    """Return the words by which the articles of a query differ most from all others.

    Words of the query itself are left out. The newest MAX_MATCHES articles are read.

    Args:
        query: The query.
        limit: The largest number of words.
    """
    parsed = query_language.parse_query(query)
    with database.read() as db:
        plan = planner.plan_query(db, parsed)
        if plan is None:
            return ()
        keys = executor.newest_keys(db, plan, MAX_MATCHES)
        candidates = _sample_of_all(db)
        rest = sorted(set(candidates) - executor.matching_keys(db, plan, candidates))
        matched = _count_articles(db, keys)
        others = _count_articles(db, rest)
        best = _best_words(matched, len(keys), others, len(rest), _forms(parsed), limit)
        spelled = _spelling(db, keys[:MAX_SPELLED], [word for word, _ in best])
    words: list[TopWord] = []
    for word, score in best:
        share = matched[word] / len(keys)
        rest_share = others[word] / len(rest) if rest else 0.0
        words.append(
            TopWord(spelled.get(word, word), matched[word], share, rest_share, round(score, 2))
        )
    return tuple(words)


def _sample_of_all(db: Connection) -> list[int]:
    """Return the keys of articles from all times, by the slices in which the index has them."""
    total = db.scalar(select(func.count()).select_from(ArticleRow)) or 1
    slices = min(SLICES, -(-SLICES * REST_SIZE // total))
    terms: tuple[Node, ...] = tuple(Term((str(number),), SLICE) for number in range(slices))
    plan = planner.plan_query(db, Query("", Or(terms) if len(terms) > 1 else terms[0]))
    assert plan is not None
    return executor.all_keys(db, plan)[: 2 * REST_SIZE]


def _count_articles(db: Connection, keys: Sequence[int]) -> Counter[str]:
    """Count how many of some articles have each word."""
    counts: Counter[str] = Counter()
    if not keys:
        return counts
    is_sqlite = db.dialect.name == "sqlite"
    parameter = dumps(keys) if is_sqlite else list(keys)
    for line in db.scalars(text(WORDS_SQL[db.dialect.name]), {"keys": parameter}):
        counts.update(set(line.split()))
    return counts


def _forms(query: Query) -> set[str]:
    """Return the words of a query, by the token that all their forms share."""
    forms: set[str] = set()
    for term in positive_terms(query.tree):
        forms.update(_form(token) for token in term.tokens)
    return forms


def _form(word: str) -> str:
    return tokenizer.stem(word) or word


def _best_words(
    matched: Counter[str],
    matches: int,
    others: Counter[str],
    rest: int,
    excluded: set[str],
    limit: int,
) -> list[tuple[str, float]]:
    scores: list[tuple[float, str]] = []
    for word, number in matched.items():
        is_word = len(word) >= MIN_LETTERS and MARK not in word and not word.isdecimal()
        if number < MIN_ARTICLES or not is_word:
            continue
        score = _log_likelihood(number, matches, others[word], rest)
        if score > 0:
            scores.append((score, word))
    best: list[tuple[str, float]] = []
    taken = set(excluded)
    for score, word in sorted(scores, key=lambda item: (-item[0], item[1]))[: CANDIDATES * limit]:
        form = _form(word)
        if form not in taken and len(best) < limit:
            taken.add(form)
            best.append((word, score))
    return best


def _log_likelihood(one: int, ones: int, two: int, twos: int) -> float:
    """Return the log-likelihood ratio of one share of `ones` and another of `twos`.

    Returns:
        The ratio; 0.0 where the first share is not the larger one.
    """
    if one * twos <= two * ones:
        return 0.0
    together = (one + two) / (ones + twos)
    score = 0.0
    for number, total in ((one, ones), (two, twos)):
        for count, share in ((number, together), (total - number, 1 - together)):
            if count:
                score += count * log(count / (total * share))
    return 2 * score


def _spelling(db: Connection, keys: Sequence[int], words: Iterable[str]) -> dict[str, str]:
    """Return how some articles spell normalized words: the most frequent spelling of each."""
    wanted = set(words)
    spellings: dict[str, Counter[str]] = {word: Counter() for word in wanted}
    for article in articles_by_order_key(db, keys):
        for match in WORD.finditer(f"{article.title}\n{article.text}"):
            tokens = tokenizer.tokenize(match.group())
            if len(tokens) == 1 and tokens[0] in wanted:
                spellings[tokens[0]][match.group()] += 1
    spelled: dict[str, str] = {}
    for word, counts in spellings.items():
        if counts:
            spelled[word] = counts.most_common(1)[0][0]
    return spelled
