"""Queries as people type them: operators, typos, URLs, quotes, letters that a keyboard lacks."""

from __future__ import annotations

import pytest

from pipeline.store import read
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.conftest import GrowOnce
from tests.support.archive_factory import DAY, NIGHT, clean, night, url

STORIES = {
    "night-ferry-returns": "Night ferry returns\nThe last ferry left the harbour at seven.",
    "levy/": "Harbour levy passed\nThe council voted for the levy; don't panic, said the mayor.",
    "art?id=5": "School bridge closed\nThe old bridge by the school is closed for the winter.",
    "yolka": "Ёлка на площади\nГолосование о самой высокой ёлке началось во вторник.",
    "shahr": "Дар шаҳри Анорбоғ мактаби нав\nӮ гуфт, ки ҷӯйи обро тоза мекунанд.",
    "uz": "O‘zbekiston yangiliklari\nG‘alaba bog‘i ochildi.",
}
FERRY, LEVY, BRIDGE, TREE, TOWN, UZBEK = STORIES
# What is typed → the stories that are found, newest first
TYPED: dict[str, tuple[str, ...]] = {
    "ferry harbour": (FERRY,),
    "ferry OR levy": (LEVY, FERRY),
    "ferry | levy": (LEVY, FERRY),
    "harbour AND levy": (LEVY,),
    "harbour NOT levy": (FERRY,),
    "harbour -levy": (FERRY,),
    "harbour and levy": (),  # a word, as in other search engines
    "(ferry OR levy) council": (LEVY,),
    '"night ferry"': (FERRY,),
    "“night ferry”": (FERRY,),
    "«night ferry»": (FERRY,),
    "„night ferry“": (FERRY,),
    "'night ferry'": (FERRY,),
    "‘ferry night’": (),
    '"night ferry': (FERRY,),
    "don't panic": (LEVY,),
    "FERRY": (FERRY,),
    "School": (BRIDGE,),
    "harb*": (LEVY, FERRY),
    "елка": (TREE,),
    "Голосование": (TREE,),
    "«самой высокой ёлке»": (TREE,),
    "шахри анорбог": (TOWN,),
    "чуйи обро": (TOWN,),
    "o'zbekiston": (UZBEK,),
    "o’zbekiston bog’i": (UZBEK,),
    "since:2024-03-02 until:2024-03-02": (LEVY,),
    "after:2024-03-02 before:2024-03-03": (LEVY,),
    "until:2024-03-02 ferry": (FERRY,),
    "title:levy site:courier": (LEVY,),
    "https://courier.example/night-ferry-returns": (FERRY,),
    "http://www.courier.example/night-ferry-returns/": (FERRY,),
    "courier.example/night-ferry-returns?utm_source=mail#top": (FERRY,),
    " https://courier.example/levy ": (LEVY,),
    "https://courier.example/art?fbclid=1&id=5": (BRIDGE,),
    "https://courier.example/art?id=6": (),
    "https://courier.example/nothing": (),
}
# What is typed and not found → what is suggested
SUGGESTED = {
    "fery harbour": "ferry harbour",
    "ferrry": "ferry",
    "hrabour levy": "harbour levy",
    'title:briidge "night feryr"': 'title:bridge "night ferry"',
    "голосавание": "голосование",
    "ferry zzzzzz": "",
    "ferry council": "",  # the archive has both words
    "fry": "",  # too short to guess
}


def build(store: Database, archive: CrawlSession) -> None:
    for number, (name, text) in enumerate(STORIES.items()):
        night(archive, {url(name): text.encode()}, NIGHT + number * DAY)
    clean(store)


@pytest.fixture
def filled(store: Database, archive: CrawlSession, grow_once: GrowOnce) -> Database:
    grow_once(lambda: build(store, archive))
    return store


def test_what_is_typed_finds_what_is_meant(filled: Database) -> None:
    names = {url(name): name for name in STORIES}
    for typed, expected in TYPED.items():
        hits = read.search_articles(filled, typed).hits
        assert tuple(names[hit.article.url] for hit in hits) == expected, typed


def test_a_word_that_no_article_has_is_corrected_by_the_words_of_the_archive(
    filled: Database,
) -> None:
    for typed, suggestion in SUGGESTED.items():
        assert not read.search_articles(filled, typed).hits, typed
        assert read.suggest_query(filled, typed) == suggestion, typed
        if suggestion:
            has_hits = bool(read.search_articles(filled, suggestion).hits)
            assert has_hits or "title" in typed, suggestion


def test_unknown_sites_are_said_with_the_nearest_one(filled: Database) -> None:
    page = read.search_articles(filled, "ferry site:currier -site:gazzzzz")
    assert page.query.notes == (
        "The archive knows no site 'currier'; did you mean 'courier'?",
        "The archive knows no site 'gazzzzz'; there are: courier",
    )
    assert read.search_articles(filled, "ferry site:cour*").query.notes == ()


@pytest.mark.parametrize("engine", ["sqlite"])
def test_pages_of_urls_are_found_in_any_spelling_by_all_readers(filled: Database) -> None:
    page = read.find_page(filled, "http://m.courier.example/levy?utm_medium=x")
    assert page is not None
    assert page.url == url(LEVY)
    assert read.find_page(filled, "levy") is None
    assert read.find_page(filled, "https://[") is None
