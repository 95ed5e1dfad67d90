"""Changes of a story are told by their kind, and what a page changes by itself is none."""

from __future__ import annotations

from time import process_time

import pytest

from pipeline.changes.classify import StoryVersion, find_edits
from pipeline.changes.spelling import edit_distance
from pipeline.core.changes.kinds import ChangeKind, Passage

FIRST = "The council met on Monday, and 12 members voted for the harbour levy."
SECOND = "Nobody knows what 9,4 million visitors of the harbour will pay in April."
THIRD = "“It is a missed opportunity,” said the mayor. The debate goes on."
TEXT = "\n".join((FIRST, SECOND, THIRD))

NOTES = {
    "en": "Correction: The vote was on Monday and not on Tuesday.",
    "en 2": "An earlier version of this article misspelled the name of the mayor.",
    "en 3": "This story has been corrected.",
    "ru": "Уточнение: голосование было в понедельник, а не во вторник.",
    "ru 2": "В предыдущей версии текста была указана неверная сумма.",
    "de": "In einer früheren Version dieses Artikels stand eine falsche Zahl.",
    "fr": "Une version précédente de cet article donnait un autre chiffre.",
    "es": "Una versión anterior de este artículo daba otra cifra.",
    "pt": "Uma versão anterior desta reportagem trazia outro número.",
    "it": "Una precedente versione di questo articolo riportava un altro dato.",
    "nl": "In een eerdere versie van dit artikel stond een ander getal.",
    "pl": "Sprostowanie: głosowanie odbyło się w poniedziałek.",
    "uk": "Виправлення: голосування було в понеділок.",
    "tr": "Düzeltme: Oylama pazartesi günü yapıldı.",
    "kk": "Түзету: дауыс беру дүйсенбіде өтті.",
    "ky": "Оңдоо: добуш берүү дүйшөмбүдө болду.",
    "uz": "Tuzatish: ovoz berish dushanba kuni boʻldi.",
    "tg": "Ислоҳ: овоздиҳӣ рӯзи душанбе буд.",
    "ar": "تصحيح: جرى التصويت يوم الاثنين.",
    "fa": "اصلاحیه: رای‌گیری روز دوشنبه بود.",
    "zh": "更正：投票于星期一举行。",
    "ja": "訂正：投票は月曜日に行われました。",
}
CHURN = [
    ("1,204 views", "1,377 views"),
    ("Views: 98", "Views: 101"),
    ("Updated 5 minutes ago", "Updated 3 hours ago"),
    ("By Jane Doe · 5 minutes ago", "By Jane Doe · 2 hours ago"),
    ("Last updated: 3 March 2026, 12:30 GMT", "Last updated: 4 March 2026, 08:10 GMT"),
    ("12 comments", "48 comments"),
    ("3 min read", "4 min read"),
    ("Просмотров: 120", "Просмотров: 3 410"),
    ("Обновлено: 12:30, 5 марта 2026", "Обновлено: 14:45, 5 марта 2026"),
    ("15 минут назад", "2 часа назад"),
    ("vor 5 Minuten", "vor 2 Stunden"),
    ("il y a 5 minutes", "il y a 3 heures"),
    ("hace 5 minutos", "hace 2 horas"),
    ("há 5 minutos", "há 2 horas"),
    ("5 minuti fa", "2 ore fa"),
    ("5 dakika önce", "2 saat önce"),
    ("5 хвилин тому", "2 години тому"),
    ("5 минут бұрын", "2 сағат бұрын"),
    ("5 daqiqa oldin", "2 soat oldin"),
    ("5 дақиқа пеш", "2 соат пеш"),
    ("منذ 5 دقائق", "منذ 2 ساعات"),
    ("5 دقیقه پیش", "2 ساعت پیش"),
    ("5分钟前", "2小时前"),
    ("5分前", "2時間前"),
    ("4821", "4822"),
]


def edits(old: str, new: str, *titles: str) -> list[tuple[str, int, int]]:
    old_title, new_title = titles or ("A levy", "A levy")
    found = find_edits(StoryVersion(old_title, old), StoryVersion(new_title, new))
    return [(str(edit.kind), edit.words_lost, edit.words_gained) for edit in found]


def evidence(old: str, new: str) -> tuple[Passage, ...]:
    (edit,) = find_edits(StoryVersion("A levy", old), StoryVersion("A levy", new))
    return edit.evidence


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("12 members", "13 members", "number"),
        ("9,4 million", "7,8 million", "number"),
        ("9,4 million", "1 200 300", "number"),
        ("9,4 million", "9,4 billion", "number"),
        ("harbour levy", "harbor levy", "typo"),
        ("opportunity", "oportunity", "typo"),
        ("Nobody knows", "Nobody konws", "typo"),
        ("Monday, and", "Monday and", "typo"),
        ("the harbour levy", "the the harbour levy", "typo"),
        ("goes on", "goeson", "typo"),
        ("Monday", "Tuesday", "text"),
        ("a missed", "not a missed", "text"),
        ("will pay", "may pay", "text"),
        ("voted for", "voted not for", "text"),
        ("Nobody knows", "Everybody knows", "text"),
        ("12 members", "13 councillors", "text"),
        ("missed", "legal", "text"),
    ],
)
def test_a_replaced_passage_is_told_by_its_kind(before: str, after: str, kind: str) -> None:
    assert TEXT.count(before) == 1
    assert [found[0] for found in edits(TEXT, TEXT.replace(before, after))] == [kind]


@pytest.mark.parametrize(
    ("old", "new"),
    [("likely", "unlikely"), ("capable", "incapable"), ("now", "not"), ("вероятно", "невероятно")],
)
def test_a_small_difference_that_makes_another_word_is_no_typo(old: str, new: str) -> None:
    sentence = "The mayor said that it was {} at all."
    assert [kind for kind, *_ in edits(sentence.format(old), sentence.format(new))] == ["text"]


def test_paragraphs_that_are_added_or_removed_are_a_change_of_the_text() -> None:
    shorter = f"{FIRST}\n{THIRD}"
    assert edits(TEXT, shorter) == [("text", 13, 0)]
    assert edits(shorter, TEXT) == [("text", 0, 13)]
    assert evidence(TEXT, shorter) == (Passage(SECOND, ""),)


def test_evidence_of_a_text_is_the_sentence_and_of_numbers_the_numbers() -> None:
    new = TEXT.replace("missed", "lost")
    first = (
        '"It is a missed opportunity," said the mayor.',
        '"It is a lost opportunity," said the mayor.',
    )
    assert evidence(TEXT, new) == (Passage(*first),)
    assert evidence(TEXT, TEXT.replace("12", "13")) == (Passage("12", "13"),)


@pytest.mark.parametrize("note", NOTES.values(), ids=NOTES)
def test_a_note_about_a_mistake_is_a_correction_in_many_languages(note: str) -> None:
    for new in (f"{TEXT}\n{note}", f"{note}\n{TEXT.replace('12', '13')}"):
        (edit,) = find_edits(StoryVersion("", TEXT), StoryVersion("", new))
        assert edit.kind is ChangeKind.CORRECTION
        assert edit.evidence[0].after[-12:] in note.replace("“", '"')
    # a note that stays is no news
    noted = f"{TEXT}\n{note}"
    assert [kind for kind, *_ in edits(noted, noted.replace("12", "13"))] == ["number"]


@pytest.mark.parametrize(
    "sentence",
    [
        "The correction of the market lasted until Friday.",
        "An earlier version of this ship sank in 1998.",
        "The minister promised clarification and more money.",
    ],
)
def test_a_sentence_about_corrections_is_no_note(sentence: str) -> None:
    assert [kind for kind, *_ in edits(TEXT, f"{TEXT}\n{sentence}")] == ["text"]


@pytest.mark.parametrize(("old", "new"), CHURN, ids=[old for old, _ in CHURN])
def test_what_a_page_changes_by_itself_is_no_change(old: str, new: str) -> None:
    assert edits(f"{old}\n{TEXT}", f"{new}\n{TEXT}") == []
    if "·" not in old:  # else the name of the author is there, too
        assert edits(TEXT, f"{TEXT}\n{new}") == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("He saw her 5 minutes ago.", "He saw her 20 minutes ago."),
        ("Deaths: 12", "Deaths: 17"),
        ("The film had 1,204 views and 3 prizes.", "The film had 1,377 views and 3 prizes."),
        ("Town | 12 | 30", "Town | 12 | 31"),
        ("Published 12 books", "Published 14 books"),
    ],
)
def test_a_number_in_a_story_is_no_counter(old: str, new: str) -> None:
    assert [kind for kind, *_ in edits(f"{TEXT}\n{old}", f"{TEXT}\n{new}")] == ["number"]


def test_typography_is_no_change() -> None:
    new = TEXT.replace("“", '"').replace("”", '"').replace(" the ", "\u00a0the ")
    assert edits(TEXT, new.replace("harbour", "har\u00adbour")) == []
    assert edits(TEXT, TEXT, "The “levy”", 'The "levy"') == []


def test_a_headline_is_a_change_of_its_own_also_where_the_text_begins_with_it() -> None:
    assert edits(TEXT, TEXT, "A levy", "The levy is off") == [("title", 1, 3)]
    with_headline = [f"{title}\n{TEXT}" for title in ("A levy", "The levy is off")]
    assert edits(*with_headline, "A levy", "The levy is off") == [("title", 1, 3)]
    both = edits(TEXT, TEXT.replace("12", "13"), "A levy", "The levy is off")
    assert [kind for kind, *_ in both] == ["title", "number"]
    assert edits(TEXT, TEXT, "", "The levy is off") == []


def test_long_texts_cost_little() -> None:
    lines = [f"{number} {FIRST} {SECOND}" for number in range(500)]
    old, new = "\n".join(lines), "\n".join(line.replace("levy", "tax") for line in lines[::-1])
    start = process_time()
    assert [kind for kind, *_ in edits(old, new)] == ["text"]
    assert edits("9" * 400_000, "8" * 400_000)
    assert edits("word " * 100_000, "drow " * 100_000)
    assert process_time() - start < 5


def test_the_edit_distance_counts_letters_that_are_swapped_once() -> None:
    assert edit_distance("harbour", "harbour", 2) == 0
    assert edit_distance("knows", "konws", 2) == 1
    assert edit_distance("levy", "levies", 2) == 3
    assert edit_distance("levy", "tax", 2) == 3
