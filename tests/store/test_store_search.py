"""Search: the same answers on both engines, newest first, and no query that can raise."""

from __future__ import annotations

from datetime import timedelta

import pytest
from archiving import DAY, NIGHT, clean, do, night, url
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.store import query
from pipeline.store import search as index
from pipeline.store.archive import Archive
from pipeline.store.articles import order_key
from pipeline.store.engine import Store

STORIES = {
    "oldest": "Night ferry returns\nThe ferry left Port Ellery at seven. Café owners cheered.",
    "tajik": "Дар шаҳри Анорбоғ мактаби нав\nӮ гуфт, ки ҷӯйи обро тоза мекунанд: «қоидаи нав».",
    "russian": "Ёлка на площади\nГолосование о самой высокой ёлке; найти её помог житель. Йод и война.",
    "newest": "The harbour levy\nThe levy for the ferry returns in foo_bar style, COVID-19, 3.14 and http://example.org/a-b.",
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
NASTY = [
    "", " ", '"', '""', '"" ""', "'", "*", "^", "(", ")", "a OR", "NOT", "NEAR(a b)", "a AND", "col:word", "title:", "-", "--",
    "ferry*", "^ferry", "a -b", "{a}", "\\", "%", "_", "&", "|", "!", "a & !b", "a <-> b", ":*", "a:*", "\x00", "a\x00b",
    "\ud800",
    "е\u0308лка", "\u200b", "🗞", "ﷺ", "㌀", "½", "²", "𞤀𞤁", "ÿ" * 5000, "word " * 500, '"' * 501, "—", "…", "à" * 40,
]  # fmt: skip


@pytest.fixture
def articles(archive: Archive, store: Store) -> Store:
    """An archive of a few stories, one a night."""
    for day, (name, body) in enumerate(STORIES.items()):
        night(archive, {url(name): body.encode()}, NIGHT + day * DAY)
    clean(store)
    return store


def found(store: Store, words: str, limit: int = 10, site: str | None = None) -> list[str]:
    return [each.url.rpartition("/")[2] for each in query.find_articles(store, words, limit, site)]


def test_words_and_phrases_find_what_a_reader_means(articles: Store) -> None:
    assert {words: found(articles, words) for words in FINDS} == FINDS


def test_without_words_the_newest_articles_of_all_come(articles: Store) -> None:
    assert found(articles, "") == ["newest", "russian", "tajik", "oldest"]
    assert found(articles, "", limit=2) == ["newest", "russian"]


def test_newest_is_by_the_date_of_publication_and_else_by_the_first_sighting(articles: Store) -> None:
    assert found(articles, "ferry") == ["newest", "oldest"]
    assert order_key(NIGHT + timedelta(seconds=1), 1) > order_key(NIGHT, 2) > order_key(NIGHT, 1)
    assert order_key(NIGHT.replace(year=9999), 1) < 1 << 63
    assert order_key(NIGHT.replace(year=1), 7) == 7


def test_a_site_may_be_asked_alone(archive: Archive, articles: Store) -> None:
    night(archive, {"https://evening.example/evening": b"Evening ferry"}, NIGHT + 9 * DAY, site="evening")
    clean(articles, site="evening")
    assert found(articles, "ferry") == ["evening", "newest", "oldest"]
    assert found(articles, "ferry", site="evening") == ["evening"]
    assert found(articles, "", site="courier", limit=1) == ["newest"]
    assert found(articles, "ferry", site="nobody") == []


COPIES = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 501) INSERT INTO "
COPIED_PAGES = """page (id, site, kind, url, url_key, first_seen_at)
SELECT 1000 + n, site, kind, url || n, 'key ' || n, first_seen_at FROM page, n WHERE site = 'evening' AND kind = 'story'"""
COPIED_ARTICLES = """article (page_id, revision_id, extraction_id, order_key, title, authors, published_source,
published_precision, language, section, tags, image, canonical_url, description, word_count, archived_at)
SELECT 1000 + n, revision_id, extraction_id, order_key + n, title, authors, '', '', '', '', tags, '', '', '', 1, archived_at
FROM article, n WHERE page_id = (SELECT max(page_id) FROM article)"""


def test_a_site_is_found_behind_hundreds_of_articles_of_others(archive: Archive, store: Store) -> None:
    night(archive, {url("first"): b"Ferry first"})
    clean(store)
    night(archive, {"https://evening.example/0": b"Ferry"}, NIGHT + DAY, site="evening")
    clean(store, site="evening")
    content = "rowid, title, body" if store.is_sqlite else "rowid, words"
    some = "'', 'ferry'" if store.is_sqlite else "to_tsvector('simple', 'ferry')"
    do(store, COPIES + COPIED_PAGES)
    do(store, COPIES + COPIED_ARTICLES)
    do(store, f"INSERT INTO article_index ({content}) SELECT order_key, {some} FROM article WHERE page_id > 1000")
    assert found(store, "ferry", site="courier") == ["first"]
    assert len(found(store, "ferry", limit=1000)) == 503


def test_an_edit_is_found_by_its_new_words_alone(archive: Archive, store: Store) -> None:
    night(archive, {url("a"): b"Levy\nApril"})
    clean(store)
    night(archive, {url("a"): b"Levy\nMarch"}, NIGHT + DAY)
    clean(store)
    assert (found(store, "april"), found(store, "march"), found(store, "levy")) == ([], ["a"], ["a"])


def test_no_query_raises(articles: Store) -> None:
    for words in NASTY:
        query.find_articles(articles, words, 5)


@given(st.text(max_size=60))
@example('"ferry" -')
@settings(max_examples=150)
def test_no_text_at_all_raises(articles: Store, words: str) -> None:
    for article in query.find_articles(articles, words, 5):
        assert index.snippet(article.text, index.parse(words))


@given(st.lists(st.sampled_from(WORDS), max_size=5), st.booleans())
@settings(max_examples=60)
def test_more_words_never_find_more(articles: Store, words: list[str], quoted: bool) -> None:
    terms = [f'"{word}"' if quoted else word for word in words]
    sizes = [len(found(articles, " ".join(terms[:number]))) for number in range(1, len(terms) + 1)]
    assert sizes == sorted(sizes, reverse=True)


def test_two_megabytes_of_different_words_are_kept_whole_and_found_by_their_beginning(archive: Archive, store: Store) -> None:
    words = [f"w{number:06x}" for number in range(300_000)]
    body = "Endless list\n" + " ".join(words)
    assert len(body) > 2_000_000
    night(archive, {url("a"): body.encode()})
    assert clean(store) == {"archived": 1}
    (article,) = query.find_articles(store, words[1000], 1)
    assert article.text == body


@pytest.mark.parametrize("letters", ["㌀㌁㌂㌃㌄㌅㌆㌇", "ﷺﷻ"], ids=["squared", "ligatures"])
def test_letters_that_unfold_to_many_do_not_break_the_index(archive: Archive, store: Store, letters: str) -> None:
    alphabet = [chr(0x3300 + n) for n in range(87)] if letters[0] == "㌀" else list(letters)
    words = [a + b + c for a in alphabet for b in alphabet for c in alphabet][:62_000]
    night(archive, {url("a"): ("Ferry\n" + " ".join(words * (62_000 // len(words)))).encode()})
    assert clean(store) == {"archived": 1}
    assert found(store, "ferry") == ["a"]


def test_an_article_whose_index_entry_is_gone_is_still_read_and_cleaned(archive: Archive, articles: Store) -> None:
    do(articles, "DELETE FROM article_index")
    assert found(articles, "ferry") == []
    assert len(found(articles, "")) == 4
    do(articles, "UPDATE page SET touched = true WHERE kind = 'story'")
    clean(articles)
    assert found(articles, "ferry") == ["newest", "oldest"]


@pytest.mark.parametrize(
    ("words", "snippet"),
    [
        ("needle", "before it the Needle stands here. after"),
        ("nothing", "word " * 3),
        ("", "word " * 3),
    ],
)
def test_a_snippet_shows_the_first_word_that_was_asked_for(words: str, snippet: str) -> None:
    text = "word " * 60 + "before it the Needle stands here. " + "after " * 60
    shown = index.snippet(text, index.parse(words))
    assert snippet in shown
    assert len(shown) <= 162
    assert "\n" not in shown


def test_a_snippet_of_a_short_text_is_the_text() -> None:
    assert index.snippet("One\nline  only", index.parse("only")) == "One line only"
    assert index.snippet("", index.parse("only")) == ""
