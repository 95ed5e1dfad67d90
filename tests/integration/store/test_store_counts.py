"""Counts equal a plain evaluation of each query over the tokens of each article."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from random import Random

import pytest

from pipeline.core.errors import ConfigError
from pipeline.fulltext import matcher, query_language, tokenizer
from pipeline.fulltext.matcher import SearchableTokens
from pipeline.fulltext.query_language import And, Node, Not, Or, Term
from pipeline.fulltext.tokenizer import IndexableArticle
from pipeline.store import read
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.site_labels import load_labels, save_labels
from pipeline.store.search import index
from tests.bench.generated_archive import GeneratedArticle
from tests.bench.search import fill
from tests.conftest import GrowOnce

SITES = {
    "courier": (("group", "local"), ("group", "wire"), ("country", "gb")),
    "evening": (("group", "local"), ("country", "gb")),
    "vestnik": (("group", "wire"), ("country", "kz")),
    "chashma": (("country", "tj"),),
    "plain": (),
}
WORDS = ["ferry", "levy", "harbour", "council", "school", "bridge", "strike", "seal", "market"]
START = datetime(2024, 12, 28, 20, tzinfo=UTC)
NUMBER = 120


@dataclass(frozen=True)
class Known:
    """An article with the tokens that the index has of it, and its story group."""

    article: IndexableArticle
    tokens: SearchableTokens
    group: int


def known_articles() -> list[Known]:
    random = Random(5)
    known: list[Known] = []
    for number in range(1, NUMBER + 1):
        article = IndexableArticle(
            page_id=number,
            site=random.choice(list(SITES)),
            language=random.choice(["en", "ru"]),
            title=" ".join(random.sample(WORDS, 3)),
            body=" ".join(random.choices(WORDS, k=12)),
            authors=(random.choice(["Anna Lee", "Martin Dray"]),),
            tags=(random.choice(WORDS),),
            revision_count=random.choice([1, 1, 1, 2]),
            sort_time=START + timedelta(hours=7 * random.randrange(NUMBER)),
        )
        tokens = matcher.searchable_tokens(tokenizer.article_tokens(article))
        group = random.choice([number, number, 1 + random.randrange(number)])
        known.append(Known(article, tokens, group))
    leaders = {each.article.page_id: each.group for each in known}
    return [Known(each.article, each.tokens, leaders[each.group]) for each in known]


KNOWN = known_articles()
LEADERS = {each.article.page_id: each.group for each in KNOWN}


def group_of(page: int) -> int:
    """Return the leader of a page: a leader follows nobody."""
    while LEADERS[page] != page:
        page = LEADERS[page]
    return page


def build(store: Database) -> None:
    save_labels(store, SITES)
    articles: list[GeneratedArticle] = []
    for each in KNOWN:
        article = each.article
        key = index.order_key(article.sort_time, article.page_id)
        leader = group_of(article.page_id)
        tokens = tokenizer.article_tokens(article)
        leader_id = None if leader == article.page_id else leader
        articles.append(GeneratedArticle(article, key, tokens, leader_id))
    fill(store, articles)


@pytest.fixture
def counted(store: Database, archive: CrawlSession, grow_once: GrowOnce) -> Database:
    grow_once(lambda: build(store))
    return store


def sites_with(label: tuple[str, str]) -> list[str]:
    return [site for site, labels in SITES.items() if label in labels]


def is_match(node: Node, known: Known) -> bool:
    """Evaluate a query as plainly as possible; groups and countries are looked up here."""
    match node:
        case And(nodes):
            return all(is_match(child, known) for child in nodes)
        case Or(nodes):
            return any(is_match(child, known) for child in nodes)
        case Not(child):
            return not is_match(child, known)
        case Term(tokens, ("group" | "country") as kind):
            return known.article.site in sites_with((kind, tokens[0]))
    return matcher.matches(node, known.tokens)


def labels_of(known: Known, by: str) -> list[str]:
    day = known.article.sort_time.date()
    match by:
        case "day":
            return [f"{day}"]
        case "week":
            return [f"{day - timedelta(days=day.weekday())}"]
        case "month":
            return [f"{day:%Y-%m}"]
        case "year":
            return [f"{day:%Y}"]
        case "site":
            return [known.article.site]
    labels = [value for kind, value in SITES[known.article.site] if kind == by]
    return labels or ["(none)"]


def expected_counts(query: str, by: str, unique: bool) -> tuple[int, dict[str, int]]:
    tree = query_language.parse_query(query).tree
    by_time = sorted(KNOWN, key=lambda each: (each.article.sort_time, each.article.page_id))
    counts: Counter[str] = Counter()
    seen: set[int] = set()
    total = 0
    for known in by_time:
        if tree is not None and not is_match(tree, known):
            continue
        group = group_of(known.article.page_id)
        if unique and group in seen:
            continue
        seen.add(group)
        total += 1
        counts.update(labels_of(known, by))
    return total, dict(counts)


def queries() -> Iterator[str]:
    """Yield 100 queries of all kinds."""
    random = Random(3)
    filters = ("site:courier", "lang:ru", "group:local", "group:wire", "country:gb", "changed:yes")
    dates = ("after:2025-01-05", "before:2025-01-20", "after:2025", "before:2025-01")
    yield from ("", "group:none", "-group:local", "site:cour*", "ferr*", "-ferry")
    yield from ("group:wire OR country:tj", "-(group:wire -country:kz) levy", "after:2025-01 ferr*")
    while True:
        one, two = random.sample(WORDS, 2)
        yield random.choice((one, f"{one} {two}", f"{one} OR {two}", f'"{one} {two}"', f"-{one}"))
        yield f"{one} {random.choice(filters)}"
        yield f"{one} {random.choice(dates)} -{random.choice(filters)}"
        yield f"({one} | {two}) {random.choice(filters)} {random.choice(dates)}"


QUERIES = list(islice(queries(), 100))


@pytest.mark.parametrize("unique", [False, True])
def test_counts_equal_a_plain_evaluation(counted: Database, unique: bool) -> None:
    units = cycle(read.COUNT_UNITS)
    matched = 0
    for start in range(0, 100, 5):
        group, by = QUERIES[start : start + 5], next(units)
        table = read.count_queries(counted, group, by=by, unique=unique)
        for number, query in enumerate(group):
            total, counts = expected_counts(query, by, unique)
            assert table.queries[number].total == total, query
            rows = {row.label: row.counts[number] for row in table.rows if row.counts[number]}
            assert rows == counts, (query, by)
            matched += bool(total)
        total, counts = expected_counts("", by, unique)
        assert table.stories == total
        assert all(row.stories == counts.get(row.label, 0) for row in table.rows)
    assert matched > 80, "too many queries find nothing"


def test_counts_within_a_query_are_those_of_both(counted: Database) -> None:
    table = read.count_queries(counted, ["ferry", "", "levy OR seal"], within="group:local lang:en")
    for query in table.queries:
        text = f"({query.text}) group:local lang:en" if query.text else "group:local lang:en"
        assert query.total == expected_counts(text, "site", False)[0]
    assert table.stories == table.queries[1].total
    assert read.count_queries(counted, ["ferry"], within="???").stories == 0


@pytest.mark.parametrize("engine", ["sqlite"])
def test_unknown_names_are_said_with_the_nearest_one(counted: Database) -> None:
    table = read.count_queries(counted, ["group:locla", "country:xx", "site:courier"])
    notes = [query.notes for query in table.queries]
    assert notes[0] == ("The archive knows no group 'locla'; did you mean 'local'?",)
    assert notes[1] == ("The archive knows no country 'xx'; there are: gb, kz, tj",)
    assert notes[2] == ()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_wrong_units_and_numbers_of_queries_are_refused_in_one_sentence(counted: Database) -> None:
    with pytest.raises(ConfigError, match="by: 'hour' is unknown; there are: day, week"):
        read.count_queries(counted, ["ferry"], by="hour")
    with pytest.raises(ConfigError, match="1 to 20 queries, and got 0"):
        read.count_queries(counted, [])


def test_labels_are_written_only_where_they_changed(store: Database) -> None:
    save_labels(store, SITES)
    save_labels(store, {"plain": (("country", "tj"),), "chashma": ()})
    with store.read() as db:
        assert load_labels(db, "country") == {
            "courier": ("gb",),
            "evening": ("gb",),
            "plain": ("tj",),
            "vestnik": ("kz",),
        }
        assert load_labels(db, "group")["courier"] == ("local", "wire")


def test_lists_show_each_story_once_at_its_newest_article(counted: Database) -> None:
    newest_first = sorted(
        KNOWN, key=lambda each: (each.article.sort_time, each.article.page_id), reverse=True
    )
    members: dict[int, list[int]] = {}
    for each in newest_first:
        members.setdefault(group_of(each.article.page_id), []).append(each.article.page_id)
    shown: list[read.Headline] = []
    before = None
    while page := read.newest_headlines(counted, 7, before=before):
        shown += page
        before = page[-1].key
    assert [headline.id for headline in shown] == [pages[0] for pages in members.values()]
    assert len(shown) < len(KNOWN)
    for headline, pages in zip(shown, members.values(), strict=True):
        assert [other.id for other in headline.also] == pages[1:13]
        assert headline.also_count == len(pages) - 1


def test_days_and_stories_have_their_neighbours(counted: Database) -> None:
    days = sorted({each.article.sort_time.date() for each in KNOWN})
    for earlier, day, later in zip(days, days[1:], days[2:], strict=False):
        assert read.neighbour_days(counted, day) == (earlier, later)
    assert read.neighbour_days(counted, days[0])[0] is None
    listed = read.newest_headlines(counted, 500, day=days[3])
    assert {headline.at.date() for headline in listed} == {days[3]}
    by_time = sorted(KNOWN, key=lambda each: (each.article.sort_time, each.article.page_id))
    pages = [each.article.page_id for each in by_time]
    newer, older = read.neighbours(counted, pages[5])
    assert newer is not None
    assert older is not None
    assert (newer.id, older.id) == (pages[6], pages[4])
    assert read.neighbours(counted, pages[0])[1] is None
    assert read.neighbours(counted, 10**6) == (None, None)
