"""Search returns the same results on both databases, newest first, and no query raises."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from pipeline.core.errors import ConfigError
from pipeline.fulltext import tokenizer
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.schema import ArticleRow
from pipeline.store.read import pages as page_reader
from pipeline.store.search import facets, index, search
from pipeline.store.search.exact_names import ExactName
from pipeline.store.search.index import order_key
from tests.conftest import GrowOnce
from tests.support.archive_factory import DAY, NIGHT, clean, do, dump, night, rows, url

STORIES = {
    "oldest": "Night ferry returns\nThe ferry left Port Ellery at seven. Café owners cheered.",
    "tajik": "Дар шаҳри Анорбоғ мактаби нав\nӮ гуфт, ки ҷӯйи обро тоза мекунанд: «қоидаи нав».",
    "russian": (
        "Ёлка на площади\nГолосование о самой высокой ёлке; найти её помог житель. Йод и война."
    ),
    "newest": (
        "The harbour levy\nThe levy for the ferry returns in foo_bar style,"
        " COVID-19, 3.14 and http://example.org/a-b."
    ),
}
FINDS: dict[str, list[str]] = {
    "ferry": ["newest", "oldest"],
    "FERRY": ["newest", "oldest"],
    "ferry levy": ["newest"],
    "levy": ["newest"],
    "ferries": [],
    '"ferry returns"': ["newest", "oldest"],
    '"returns ferry"': [],
    '"the ferry left" ellery': ["oldest"],
    '"ferry returns': ["newest", "oldest"],
    "cafe": ["oldest"],
    "Café": ["oldest"],
    "шаҳри": ["tajik"],
    "шахри": ["tajik"],
    "анорбог": ["tajik"],
    "чуйи": ["tajik"],
    "у гуфт": ["tajik"],
    "коидаи": ["tajik"],
    "елка": ["russian"],
    "ЁЛКА": ["russian"],
    "е\u0308лка": ["russian"],
    "ёлке голосование": ["russian"],
    "найти": ["russian"],
    "наити": [],
    "йод": ["russian"],
    "нав": ["tajik"],
    '"мактаби нав"': ["tajik"],
    "foo_bar": ["newest"],
    "covid-19": ["newest"],
    "3.14": ["newest"],
    "example.org": ["newest"],
    "—": [],
}
WORDS = ["ferry", "levy", "шахри", "ёлка", "returns", "foo_bar", "3.14", "𞤀𞤁", "½", "ﷺ", "²", "the"]


@pytest.fixture
def articles(archive: CrawlSession, store: Database, grow_once: GrowOnce) -> Database:
    """An archive of a few stories, one per night."""

    def nights() -> None:
        for day, (name, body) in enumerate(STORIES.items()):
            night(archive, {url(name): body.encode()}, NIGHT + day * DAY)
        clean(store)

    grow_once(nights)
    return store


def found(store: Database, words: str, limit: int = 10, site: str | None = None) -> list[str]:
    articles = page_reader.find_articles(store, words, limit, site)
    return [article.url.rpartition("/")[2] for article in articles]


def test_words_and_phrases_find_the_right_articles(articles: Database) -> None:
    assert {words: found(articles, words) for words in FINDS} == FINDS


def test_an_empty_query_finds_the_newest_articles(articles: Database) -> None:
    assert found(articles, "") == ["newest", "russian", "tajik", "oldest"]
    assert found(articles, "", limit=2) == ["newest", "russian"]


def test_the_order_is_by_publication_or_else_by_the_first_fetch(
    articles: Database,
) -> None:
    assert found(articles, "ferry") == ["newest", "oldest"]
    assert order_key(NIGHT + timedelta(seconds=1), 1) > order_key(NIGHT, 2) > order_key(NIGHT, 1)
    assert order_key(NIGHT.replace(year=9999), 1) < 1 << 63
    assert order_key(NIGHT.replace(year=1), 7) == 7


def test_a_search_can_be_restricted_to_one_site(archive: CrawlSession, articles: Database) -> None:
    night(
        archive,
        {"https://evening.example/evening": b"Evening ferry"},
        NIGHT + 9 * DAY,
        site="evening",
    )
    clean(articles, site="evening")
    assert found(articles, "ferry") == ["evening", "newest", "oldest"]
    assert found(articles, "ferry", site="evening") == ["evening"]
    assert found(articles, "", site="courier", limit=1) == ["newest"]
    assert found(articles, "ferry", site="nobody") == []


def test_an_edited_article_is_found_only_by_its_new_words(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {url("a"): b"Levy\nApril"})
    clean(store)
    night(archive, {url("a"): b"Levy\nMarch"}, NIGHT + DAY)
    clean(store)
    assert (found(store, "april"), found(store, "march"), found(store, "levy")) == (
        [],
        ["a"],
        ["a"],
    )


@pytest.mark.trial_on_postgresql
@given(st.text(max_size=60))
@example('"ferry" -')
@settings(max_examples=100)
def test_no_text_raises_as_a_query(articles: Database, words: str) -> None:
    assert search.search_articles(articles, words, 5, order="rank").description


@pytest.mark.trial_on_postgresql
@given(st.lists(st.sampled_from(WORDS), max_size=5), st.booleans())
@settings(max_examples=60)
def test_more_words_never_find_more(articles: Database, words: list[str], quoted: bool) -> None:
    terms = [f'"{word}"' if quoted else word for word in words]
    sizes = [len(found(articles, " ".join(terms[:number]))) for number in range(1, len(terms) + 1)]
    assert sizes == sorted(sizes, reverse=True)


def test_a_text_of_two_megabytes_is_stored_whole_and_found_by_its_first_words(
    archive: CrawlSession, store: Database
) -> None:
    words = [f"w{number:06x}" for number in range(300_000)]
    body = "Endless list\n" + " ".join(words)
    assert len(body) > 2_000_000
    night(archive, {url("a"): body.encode()})
    assert clean(store) == {"archived": 1}
    (article,) = page_reader.find_articles(store, words[1000], 1)
    assert article.text == body


@pytest.mark.parametrize("letters", ["㌀㌁㌂㌃㌄㌅㌆㌇", "ﷺﷻ"], ids=["squared", "ligatures"])
def test_letters_that_normalize_to_many_letters_do_not_break_the_index(
    archive: CrawlSession, store: Database, letters: str
) -> None:
    alphabet = [chr(0x3300 + n) for n in range(87)] if letters[0] == "㌀" else list(letters)
    words = [a + b + c for a in alphabet for b in alphabet for c in alphabet][:62_000]
    night(archive, {url("a"): ("Ferry\n" + " ".join(words * (62_000 // len(words)))).encode()})
    assert clean(store) == {"archived": 1}
    assert found(store, "ferry") == ["a"]


def test_an_article_without_index_row_is_still_read_and_cleaned(
    archive: CrawlSession, articles: Database
) -> None:
    do(articles, "DELETE FROM article_index")
    assert found(articles, "ferry") == []
    assert len(found(articles, "")) == 4
    do(articles, "UPDATE page SET needs_clean = true WHERE kind = 'story'")
    clean(articles)
    assert found(articles, "ferry") == ["newest", "oldest"]


def pages(store: Database, words: str, order: str) -> list[list[str]]:
    """All pages of two hits."""
    names: list[list[str]] = []
    after = ""
    while not names or after:
        page = search.search_articles(store, words, 2, order=order, after=after)
        names.append([hit.article.url.rpartition("/")[2] for hit in page.hits])
        after = page.next
        assert not after or after == page.hits[-1].cursor
    return names


def all_pages(store: Database, words: str, order: str) -> list[str]:
    return [name for page in pages(store, words, order) for name in page]


@pytest.mark.parametrize("order", search.ORDERS)
def test_a_page_starts_where_the_last_one_ended_although_articles_come_in(
    archive: CrawlSession, store: Database, order: str
) -> None:
    for n in range(5):
        night(archive, {url(f"a{n}"): f"Story {n}\nferry {'ferry ' * n}".encode()}, NIGHT + n * DAY)
    clean(store)
    names = ["a4", "a3", "a2", "a1", "a0"]
    assert pages(store, "ferry", order) == [names[:2], names[2:4], names[4:]]
    first = search.search_articles(store, "ferry", 2, order=order)
    night(archive, {url("a9"): b"New\nferry ferry ferry"}, NIGHT + 9 * DAY)
    clean(store)
    second = search.search_articles(store, "ferry", 2, order=order, after=first.next)
    assert [hit.article.url.rpartition("/")[2] for hit in second.hits] == names[2:4]


def test_rank_gives_a_title_more_weight_than_the_text(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {url("titled"): b"Ferry levy\nWhat it costs."}, NIGHT)
    night(archive, {url("often"): b"Prices\nferry and ferry " + b"other words " * 5}, NIGHT + DAY)
    night(archive, {url("once"): b"Weather\nferry " + b"other words " * 20}, NIGHT + 2 * DAY)
    clean(store)
    assert all_pages(store, "ferry", "rank") == ["titled", "often", "once"]
    assert all_pages(store, "ferry", "newest") == ["once", "often", "titled"]
    assert all_pages(store, "site:courier", "rank") == ["once", "often", "titled"], (
        "without words the newest article comes first"
    )


CURSORS = [
    "x",
    "-",
    "é",
    "\ud800",
    "bi4x",
    "cjE",
    "bi45OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5",
    "A" * 9000,
]


def test_an_invalid_cursor_is_refused_with_a_sentence(articles: Database) -> None:
    for cursor in CURSORS:
        try:
            assert search.search_articles(articles, "ferry", 2, after=cursor).query
        except ConfigError as error:
            assert "is not a cursor" in str(error)  # noqa: PT017


def test_few_matches_are_counted_exactly(articles: Database) -> None:
    counts = facets.count_matches(articles, "ferry OR ёлка")
    assert (counts.total, counts.exact, counts.sites, counts.unit) == (
        3,
        True,
        (("courier", 3),),
        "day",
    )
    assert [number for _, number in counts.over_time] == [1, 0, 1, 1]
    assert sum(number for _, number in facets.count_matches(articles, "").over_time) == 4
    assert facets.count_matches(articles, "nobody") == facets.FacetCounts(0, True)


def test_many_matches_are_estimated_from_one_slice(
    archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer, "SLICES", 1)  # then all articles are in the first slice
    night(archive, {url(str(n)): b"Ferry" for n in range(4)})
    clean(store)
    for query_text in ("ferry", ""):
        counts = facets.count_matches(store, query_text, exact_limit=2)
        assert (counts.total, counts.exact, counts.sites) == (4 * 64, False, (("courier", 4 * 64),))
        assert [number for _, number in counts.over_time] == [4 * 64]


def test_unindexed_articles_are_indexed_in_steps(articles: Database) -> None:
    before = dump(articles)
    do(
        articles,
        "DELETE FROM article_index WHERE rowid IN"
        " (SELECT order_key FROM article WHERE title LIKE 'The%')",
    )
    do(articles, "UPDATE article SET index_version = ''")
    assert (
        index.count_unindexed(articles),
        index.count_unindexed(articles, "courier"),
        index.count_unindexed(articles, "evening"),
    ) == (4, 4, 0)
    assert [index.index_pending(articles, "courier", batch_size=3) for _ in range(3)] == [3, 1, 0]
    assert index.count_unindexed(articles) == 0
    assert dump(articles) == before


def test_articles_without_pair_tokens_are_found_before_and_after_they_are_indexed_again(
    articles: Database,
) -> None:
    before = dump(articles)
    do(articles, "UPDATE article SET index_version = ''")
    if not articles.is_sqlite:
        words = "SELECT words::text FROM article_index ORDER BY rowid"
        with_pairs = rows(articles, words)
        pairs = "ARRAY(SELECT lexeme FROM unnest(words) WHERE lexeme LIKE '~%')"
        do(articles, f"UPDATE article_index SET words = ts_delete(words, {pairs})")
        assert rows(articles, words) != with_pairs
    for pending in (4, 0):
        assert index.count_unindexed(articles) == pending
        assert {words: found(articles, words) for words in FINDS} == FINDS
        index.index_pending(articles)
    assert dump(articles) == before


def test_an_exact_author_is_not_one_whose_name_holds_more(articles: Database) -> None:
    authors = (["Ana Li"], ["Maria Ana Li"], ["Bo Chen", "ANA LÍ"], ["Ana", "Li"])
    pages = rows(articles, "SELECT page_id FROM article ORDER BY page_id")
    with articles.write() as db:
        for (page,), names in zip(pages, authors, strict=True):
            change = update(ArticleRow).where(ArticleRow.page_id == page)
            db.execute(change.values(authors=names, index_version=""))
    while index.index_pending(articles):
        pass
    query, exact = 'author:"ana li"', ExactName("author", "Ana Li")
    wanted = [pages[2][0], pages[0][0]]
    by_words = search.search_articles(articles, query)
    found = search.search_articles(articles, query, 1, exact=exact)
    following = search.search_articles(articles, query, 1, after=found.next, exact=exact)
    assert len(by_words.hits) == 3
    assert [hit.article.id for hit in (*found.hits, *following.hits)] == wanted
    assert not following.next
    assert facets.count_matches(articles, query, exact=exact).total == 2
    tag = ExactName("tag", "Ana Li")
    assert not search.search_articles(articles, query, exact=tag).hits
