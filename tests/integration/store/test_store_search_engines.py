"""Both databases find the same articles as a plain evaluation of the query over the tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from pipeline.fulltext import matcher, query_language, tokenizer
from pipeline.fulltext.tokenizer import IndexableArticle
from pipeline.store.db.engine import Database
from pipeline.store.search import executor, index, planner
from pipeline.store.search.planner import DEFAULT_LIMITS, SearchLimits
from tests.support.naughty_strings import NAUGHTY_STRINGS

ARTICLES = (
    # language, site, title, text, author, tag
    ("en", "harbour-courier", "Night ferry returns",
     "The ferry left Port Ellery at seven. Café owners cheered.", "Martin Dray", "ferries"),
    ("en", "harbour-courier", "The harbour levy",
     "Levies for ferries, COVID-19, 3.14 and a foo_bar at http://example.org/a-b.",
     "Anna Lee", "harbour levy"),
    ("en", "evening", "Council runs late",
     "The council was running; councillors ran. Night fell on the ferries' old harbour.",
     "Dray Martin", "council"),
    ("en", "evening", "Universities and schools",
     "A school in every street, said the minister: schools need governments that govern.",
     "Lee Martin", "school"),
    ("ru", "stepnoy-vestnik", "Ёлка на площади",
     "Голосование о самой высокой ёлке; найти её помог житель. Йод и война.",
     "Иван Петров", "новый год"),
    ("ru", "stepnoy-vestnik", "Мосты через реку",
     "Новый мост открыли во вторник. О мосте и мостах говорил министр.", "Анна Петрова", "мосты"),
    ("ru", "evening", "Железная дорога",
     "Железные дороги и железной дороги нет. Представители правительства молчали.",
     "Пётр Иванов", "дорога"),
    ("ru", "a.b_c-d", "Учитель школы",
     "Учителя школ и школьники. Школа закрыта, школу откроют.", "Иван Петров", "школа"),
    ("tg", "chashma", "Дар шаҳри Анорбоғ мактаби нав",
     "Ӯ гуфт, ки ҷӯйи обро тоза мекунанд: «қоидаи нав».", "Ҷамшед Қодиров", "шаҳр"),
    ("tg", "chashma", "Дараи зебо",
     "Дар дараи Варзоб роҳи нав сохтанд. Ҷумҳурӣ дар бораи он хабар дод.", "Ғафур Раҳимов", "роҳ"),
    ("tg", "chashma", "Мактаб",
     "Мактабҳо дар шаҳр кушода шуданд; муаллимон дар мактаб ҳастанд.", "Ҷамшед Қодиров", "мактаб"),
    ("zh", "dongfang", "東京都の電車",
     "京都の電車と東京タワー。北京大学的学生说：天气很好。", "山田太郎", "電車"),
    ("ja", "dongfang", "カタカナとひらがな",
     "東京へ行きます。ﾊﾝｶｸ ガギグ。", "山田花子", "東京"),
    ("th", "dongfang", "ภาษาไทย",
     "สวัสดีชาวโลก นักเรียนไปโรงเรียน", "สมชาย", "ไทย"),
    ("fa", "sobh", "رودخانه",
     "می‌گوید که كتاب و کتاب یکی است. سال ۱۴۰۳ و ١٤٠٣.", "علی رضایی", "کتاب"),
    ("he", "sobh", "שָׁלוֹם עולם",
     "העולם מחכה לשלום. مـحـمـد كَتَبَ الدَّرْسَ.", "דוד", "שלום"),
    ("hi", "sobh", "हिन्दी समाचार",
     "भारत में आज नई दिल्ली का मौसम अच्छा है।", "राम", "मौसम"),
    ("uz", "yangi", "Oʻzbekiston yangiliklari",
     "Gʻalaba bogʻi ochildi; maktablar yopildi.", "Oʻtkir", "maktab"),
    ("", "yangi", "",
     "running ferries 🗞 ½ ² ﷺ ㌀ 𞤀𞤁 İstanbul STRASSE straße Łódź", "", ""),
)  # fmt: skip

QUERIES = """
ferry|ferries|FERRY|Ferry|ferry harbour|ferry OR harbour|ferry -harbour|-ferry|-ferry -harbour
"night ferry"|"ferry night"|"night ferries"|"the ferry left" ellery|-"night ferry"|levy|levies
running|runs|ran|schools|govern|government|governm*|gove*|ferr*|harb* -levy|"harbour lev"|cafe
Café|covid-19|3.14|foo_bar|foo|example.org|http://example.org/a-b|council OR (harbour levy)
(ferry OR council) site:evening|site:evening|site:EVENING|site:harbour-courier ferry
site:harbour*|site:a.b_c-d|-site:evening lang:en|lang:en|lang:en-GB ferry|lang:ru OR lang:tg
lang:xx|author:dray|author:"martin dray"|author:martin -author:dray|author:дж|tag:levy
tag:"harbour levy"|tag:"levy harbour"|title:ferry|title:ferries|title:"night ferry"|ёлка|елка
ёлке|ЁЛКИ|е\u0308лка|найти|наити|мост|мосты|мостов|"новый мост"|"новые мосты"|школа|школой
школьник|железная дорога|"железной дороги"|"железная дорога"|министр|правительство|автор:петров
author:петров|author:"Иван Петров"|шаҳр|шахр|шаҳри|шахри|мактаб|мактаби|мактаб*|ӯ|у|чуйи|ҷӯйи
дара|дараи|дар|"дар дараи"|коидаи нав|"қоидаи нав"|ҷумҳурӣ|чумхури|author:кодиров
author:"Ҷамшед Қодиров"|tag:роҳ|東京|京都|京|都|東京都|電車|"電車と東京"|北京大学|北京 -東京
タワー|ハンカク|カキク|ไทย|สวัสดี|โรงเรียน|کتاب|كتاب|گوید|1403|שלום|محمد|كتب|हिन्दी|दिल्ली
oʻzbekiston|bogʻi|istanbul|strasse|lodz|½|ﷺ|after:2024-03-05 author:staff
before:2024-03-05 author:staff|after:2024-03-03 before:2024-03-08 ferry
after:2024-03-10 OR ferry|-(after:2024-03-03 before:2024-03-12) author:staff
after:2025 author:staff|changed:yes|changed:no ferry|changed:3|-changed:2 lang:en
after:2024-03-08 before:2024-03-02 OR school|(before:2024-03-03 OR after:2024-03-15) -ferry
""".replace("\n", "|").strip("|").split("|")  # fmt: skip

START = datetime(2024, 3, 1, 12, tzinfo=UTC)


@cache
def indexable_articles() -> tuple[tuple[int, IndexableArticle], ...]:
    """The articles, one per day, with their order keys."""
    articles = []
    for n, (language, site, title, body, author, tag) in enumerate(ARTICLES):
        at = START + timedelta(days=n)
        source = IndexableArticle(
            n + 1, site, language, title, body, (author, "Staff"), (tag, "news"), 1 + n % 4, at
        )
        articles.append((index.order_key(at, n + 1), source))
    return tuple(articles)


@cache
def tokens_by_key() -> dict[int, matcher.SearchableTokens]:
    """The tokens of each article, newest first."""
    tokens: dict[int, matcher.SearchableTokens] = {}
    for key, article in reversed(indexable_articles()):
        tokens[key] = matcher.searchable_tokens(tokenizer.article_tokens(article))
    return tokens


@pytest.fixture
def indexed(store: Database) -> Database:
    with store.write() as db:
        index.add_articles(db, indexable_articles())
    return store


def found(
    store: Database, query: str, limit: int = 100, limits: SearchLimits = DEFAULT_LIMITS
) -> list[int]:
    with store.read() as db:
        plan = planner.plan_query(db, query_language.parse_query(query), limits)
        assert plan is not None
        return executor.newest_keys(db, plan, limit)


def expected(query: str) -> list[int]:
    tree = query_language.parse_query(query).tree
    if tree is None:
        return []
    return [key for key, tokens in tokens_by_key().items() if matcher.matches(tree, tokens)]


def test_many_queries_find_the_same_on_both_databases(indexed: Database) -> None:
    assert len(set(QUERIES)) > 130
    expected_keys = {query: expected(query) for query in QUERIES}
    assert {query: found(indexed, query) for query in QUERIES} == expected_keys
    assert sum(1 for keys in expected_keys.values() if keys) > 110, "too many queries find nothing"
    assert {query: found(indexed, query, 2) for query in QUERIES} == {
        query: keys[:2] for query, keys in expected_keys.items()
    }


def test_the_index_finds_the_same_without_testing_articles_one_by_one(indexed: Database) -> None:
    limits = SearchLimits(tested_for_prefixes=0, first_candidates=2)
    slow = [query for query in QUERIES if "*" in query or "after" in query or "京" in query]
    assert {query: found(indexed, query, limits=limits) for query in slow} == {
        query: expected(query) for query in slow
    }


def test_many_time_windows_find_the_same_as_one(indexed: Database) -> None:
    limits = SearchLimits(first_window=2, window_growth=2)
    assert {query: found(indexed, query, 3, limits) for query in QUERIES} == {
        query: expected(query)[:3] for query in QUERIES
    }


WORDS = [
    "ferry",
    "ferries",
    "harbour",
    "мост",
    "ёлка",
    "дар",
    "школа",
    "東京",
    "京",
    "ไทย",
    "کتاب",
    "covid-19",
    "foo_bar",
    "½",
    "дара",
]
ATOMS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(WORDS).map(lambda word: word[:3] + "*"),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(
        lambda words: f'"{" ".join(words)}"'
    ),
    st.sampled_from(
        [
            "site:evening",
            "lang:ru",
            "lang:tg",
            "author:петров",
            "tag:news",
            "changed:3",
            "changed:no",
            "title:мост",
        ]
    ),
    st.sampled_from(["after:2024-03-04", "before:2024-03-12", "after:2024-04", "before:2024"]),
    st.sampled_from(NAUGHTY_STRINGS),
)
TREES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(lambda query: f"-({query})"),
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda queries: f"({' OR '.join(queries)})"),
    ),
    max_leaves=8,
)


@given(TREES)
@example("-(京* OR after:2024) -(before:2024-03-12)")
@settings(max_examples=120)
def test_any_query_finds_the_same_as_a_plain_evaluation(indexed: Database, query: str) -> None:
    query = f"{query} author:staff"  # dates alone do not ask the index
    if query_language.parse_query(query).tree is not None:
        assert found(indexed, query) == expected(query)


def test_naughty_strings_raise_neither_as_queries_nor_as_texts(indexed: Database) -> None:
    at = START + timedelta(days=100)
    articles: dict[int, IndexableArticle] = {}
    for page, title in enumerate(NAUGHTY_STRINGS, 1000):
        key = index.order_key(at, page)
        articles[key] = IndexableArticle(
            page, "evening", "en", title, title, (title,), (title,), 1, at
        )
    with indexed.write() as db:
        index.add_articles(db, articles.items())
    not_found = []
    for key, article in articles.items():
        title = article.title
        words = " ".join(f'"{word}"' for word in dict.fromkeys(tokenizer.tokenize(title)[:8]))
        if query_language.parse_query(title).tree is not None:
            found(indexed, title, 5)
        if words and key not in found(indexed, words, 1000):
            not_found.append(title)
    assert not not_found, "an article must be found by its own words"


def test_both_databases_leave_out_the_same_parts_of_a_long_text(
    store: Database,
) -> None:
    body = " ".join(
        ["often"] * 300 + ["rare", "pair"] + [f"w{n}" for n in range(20_000)] + ["last"]
    )
    article = IndexableArticle(1, "evening", "en", "Long", body, (), (), 1, START)
    with store.write() as db:
        index.add_articles(db, [(1 << index.PAGE_BITS, article)])
        assert db.scalar(text("SELECT count(*) FROM article_index")) == 1
    queries = (
        "often",
        "rare pair",
        '"rare pair"',
        '"often rare"',
        '"often often"',
        "last",
        '"w100 w101"',
    )
    assert [bool(found(store, query)) for query in queries] == [
        True,
        True,
        True,
        False,
        True,
        False,
        True,
    ]
