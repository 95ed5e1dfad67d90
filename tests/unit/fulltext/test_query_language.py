"""The query language: what a text asks for, its description, and that no text raises an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fulltext import query_language
from pipeline.fulltext.query_language import MAX_TERMS, describe, parse_query

DESCRIPTIONS = {
    "harbour levy": "harbour and levy",
    '"night ferry" -levy': '"night ferry" and not levy',
    "a OR b c": "a or (b and c)",
    "(a OR b) c": "(a or b) and c",
    "-(a OR b) c": "not (a or b) and c",
    "-(-a)": "a",
    "a OR": "a",
    "OR a or b": "a and or and b",
    "((a)) )b(": "a and b",
    "a AND b": "a and b",
    "AND a AND AND b AND": "a and b",
    "a AND b OR c": "(a and b) or c",
    "a | b": "a or b",
    "a|b c": "a or (b and c)",
    "|| a | | b |": "a or b",
    "NOT a b": "not a and b",
    "a AND NOT b": "a and not b",
    "a NOT (b | c)": "a and not (b or c)",
    "NOT NOT a": "a",
    "NOT -a": "a",
    'NOT "a b"': 'not "a b"',
    "NOT site:x": "not site x",
    "(NOT) a": "a",
    "a NOT": "a",
    "and not a": "and and not and a",
    '"a AND b | c"': '"a and b c"',
    "-AND -NOT": "not and and not not",
    "title:OR": "title or",
    "harb*": "harb…",
    "h*": "h",
    '"harb*"': '"harb"',
    "Ҷумҳурӣ Ёлка": "чумхури and елка",
    "foo:bar covid-19": '"foo bar" and "covid 19"',
    "“Night ferry”": '"night ferry"',
    "SITE:Harbour-Courier lang:en-GB": "site harbour-courier and language en",
    'author:"Martin Dray" tag:levy': 'author "martin dray" and tag levy',
    "title:ferr*": "title ferr…",
    "after:2026 before:2026-3": "dated from 2026-01-01 and dated before 2026-03-01",
    "-after:2026-02-28": "dated before 2026-02-28",
    "changed:yes changed:no": "at least 2 revisions and not at least 2 revisions",
    "changed:3": "at least 3 revisions",
    "since:2026-03 until:2026-03": "dated from 2026-03-01 and dated before 2026-04-01",
    "until:2024-02-28 until:2025": "dated before 2024-02-29 and dated before 2026-01-01",
    "until:9999": '"until 9999"',
    "group:State-Media country:TJ": "group state-media and country tj",
    "«ночной паром» ‘two words’ 'one'": '"ночной паром" and "two words" and one',
    "o‘zbek g‘alaba don't": '"o zbek" and "g alaba" and "don t"',
    "site: x": "site and x",
    "東京都": '"東京 京都"',
    "京": "京…",
    '"東京 tower"': '"東京 京 tower"',
    '— - "" () * \x00 \ud800': "nothing that can be looked for",
    " ": "all articles",
}


def test_a_query_is_parsed_as_the_language_defines() -> None:
    assert {text: describe(parse_query(text)) for text in DESCRIPTIONS} == DESCRIPTIONS


@pytest.mark.parametrize(
    "text",
    [
        "after:2026-13",
        "before:2026-02-30",
        "after:soon",
        "changed:1",
        "changed:maybe",
        "lang:russian",
    ],
)
def test_a_filter_with_a_wrong_value_becomes_words_with_a_note(text: str) -> None:
    query = parse_query(text)
    assert describe(query).startswith('"')
    assert text.partition(":")[0] in query.notes[0]


def test_what_exceeds_a_limit_is_left_out_with_a_note() -> None:
    long_query = parse_query("word " * 100)
    assert len(list(query_language.positive_terms(long_query.tree))) == MAX_TERMS
    assert len(long_query.notes) == 1
    assert len(parse_query("x" * 100_000).notes) == 1
    assert len(parse_query('"word ' + "more " * 300).tree.tokens) <= query_language.MAX_PHRASE_WORDS  # type: ignore[union-attr]


@given(st.text(alphabet='ab"*-|():ANDORT sitefrлё東\x00\ud800“', max_size=80))
def test_every_text_is_a_query(text: str) -> None:
    assert describe(parse_query(text))


def test_a_filter_without_a_value_becomes_a_word_with_a_note() -> None:
    assert parse_query("author: levy").notes == (
        "'author:' is looked for as a word, since no value follows it.",
    )
    assert parse_query('"author:" author:levy authors:').notes == ()


def test_filters_can_be_taken_off_one_by_one() -> None:
    query = 'ferry -site:courier (lang:en OR NOT tag:"old quay") since:2026 «a b»'
    filters = query_language.query_filters(query)
    assert [each.text for each in filters] == [
        "-site:courier",
        "lang:en",
        'NOT tag:"old quay"',
        "since:2026",
    ]
    assert filters[0].rest == 'ferry (lang:en OR NOT tag:"old quay") since:2026 «a b»'
    assert describe(parse_query(filters[2].rest)) == (
        'ferry and not site courier and language en and dated from 2026-01-01 and "a b"'
    )
    assert query_language.query_filters("ferry") == ()
    assert query_language.without_dates("a since:2026 until:2027-01 b -before:2025") == "a b"
