"""Bylines become names: no roles, no addresses, and no agencies after people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extract.metadata.authors import is_person_name, name_key, parse_names, select_authors


@pytest.mark.parametrize(
    ("byline", "expected"),
    [
        ("By Marta Ellin", ["Marta Ellin"]),
        ("by marta ellin and Tom Dray", ["marta ellin", "Tom Dray"]),
        ("BY MARTA ELLIN", ["Marta Ellin"]),
        (
            "Written by Marta Ellin, Tom Dray and Ida O'Hare",
            ["Marta Ellin", "Tom Dray", "Ida O'Hare"],
        ),
        ("Von Marta Ellin und Jörg Straß", ["Marta Ellin", "Jörg Straß"]),
        ("Ein Gastbeitrag von Marta Ellin", ["Marta Ellin"]),
        ("Marta Ellin, Korrespondentin", ["Marta Ellin"]),
        ("Par Marta Ellin et Rémi Dray", ["Marta Ellin", "Rémi Dray"]),
        ("Propos recueillis par Marta Ellin", ["Marta Ellin"]),
        ("Por Marta Ellin y José Ortega", ["Marta Ellin", "José Ortega"]),
        ("Por José Ortega y Gasset", ["José Ortega y Gasset"]),
        ("Por Ana Costa e Silva", ["Ana Costa e Silva"]),
        ("di Marta Ellin e Gino Drai", ["Marta Ellin", "Gino Drai"]),
        ("a cura di Marta Ellin", ["Marta Ellin"]),
        ("door Marta Ellin en Piet van der Dray", ["Marta Ellin", "Piet van der Dray"]),
        ("Autor: Marta Ellin", ["Marta Ellin"]),
        ("Opracowała: Marta Ellin", ["Marta Ellin"]),
        ("Автор: Марта Эллин", ["Марта Эллин"]),
        ("Текст: Марта Эллин и Иван Драй", ["Марта Эллин", "Иван Драй"]),
        ("Муаллиф: Марта Эллин ва Иван Драй", ["Марта Эллин", "Иван Драй"]),
        ("Marta Ellin | Staff Writer", ["Marta Ellin"]),
        ("Marta Ellin, senior political correspondent", ["Marta Ellin"]),
        ("Marta Ellin marta.ellin@courier.example @martaellin", ["Marta Ellin"]),
        ("https://courier.example/people/marta-ellin", []),
        ("marta.ellin@courier.example", []),
        ("Marta Ellin, PhD", ["Marta Ellin"]),
        ("Robert Dray Jr.", ["Robert Dray Jr."]),
        ("Marta E. Ellin in Lowmere", ["Marta E. Ellin"]),
        ("Marta Ellin aus Lowmere", ["Marta Ellin"]),
        ("Marta Ellin, marta ellin, MARTA ELLIN", ["Marta Ellin"]),
        ("Solène Éllin, Solene Ellin", ["Solène Éllin"]),
        ("Staff Writer", []),
        ("Redaktion", []),
        ("редакция", []),
        ("admin", []),
        ("(Image: Gallery", []),
        ("March 9", []),
        ("Ursula von der Ellin", ["Ursula von der Ellin"]),
        ("Von der Ellin", ["Von der Ellin"]),  # a name, not the word before one
        ("Words by Marta Ellin / Photographs by Tom Dray", ["Marta Ellin"]),
        ("Text: Marta Ellin, Foto: Tom Dray", ["Marta Ellin"]),
        ("Written by Marta Ellin, edited by Tom Dray", ["Marta Ellin"]),
        ("Marta Ellin, Staff Writer, and Tom Dray, Reporter", ["Marta Ellin", "Tom Dray"]),
        ("Marta Ellin Email the author", ["Marta Ellin"]),
        ("Marta EllinStaff Writer", ["Marta Ellin"]),
        ("Marta McEllin", ["Marta McEllin"]),
        ("Marta Ellin Follow @martaellin", ["Marta Ellin"]),
        ("Marta Ellin for the Lowmere Herald", ["Marta Ellin"]),
        ("Marta Ellin says:", []),  # who comments
        ("Name *", []),
        ("Posted on", []),
        ("Courier Team", ["Courier Team"]),
        ("Szerző: Nagy Péter", ["Nagy Péter"]),
        ("Yazan: Ayşe Demir", ["Ayşe Demir"]),
        ("Napsal Jan Novák", ["Jan Novák"]),
        ("Av Kari Nordmann", ["Kari Nordmann"]),
        ("Teksti: Matti Virtanen", ["Matti Virtanen"]),
        ("Γράφει ο Γιάννης Παπάς", ["Γιάννης Παπάς"]),
        ("بقلم: أحمد علي", ["أحمد علي"]),
        ("लेखक: राम कुमार", ["राम कुमार"]),
        ("记者：张三 李四", ["张三", "李四"]),
        ("作者：王小明", ["王小明"]),
        ("文／山田太郎", ["山田太郎"]),
        ("홍길동 기자", ["홍길동"]),
        ("编辑：王小明", []),  # an editor
    ],
)
def test_a_byline_gives_its_names(byline: str, expected: list[str]) -> None:
    assert list(parse_names([byline])) == expected


@pytest.mark.parametrize(
    ("given_names", "publishers", "expected"),
    [
        (["Marta Ellin Reuters"], [], ["Marta Ellin"]),
        (["Marta Ellin The Associated Press"], [], ["Marta Ellin"]),
        (["Marta Ellin Lowmere Courier"], ["The Lowmere Courier"], ["Marta Ellin"]),
        (["Marta Ellin", "Reuters"], [], ["Marta Ellin"]),
        (["Marta Ellin", "Harbour Press Office"], [], ["Marta Ellin"]),
        (["Marta Ellin", "The Lowmere Courier"], ["Lowmere Courier"], ["Marta Ellin"]),
        (["Reuters"], [], []),  # an agency is no author
        (["University of Lowmere"], [], ["University of Lowmere"]),
        (
            ["Marta Ellin Courier"],
            ["The Lowmere Courier"],
            ["Marta Ellin"],
        ),  # as in "Courier correspondent"
        (["Pen Name"], ["The Name"], ["Pen Name"]),  # a name keeps two words
        (
            ["Marta Ellin", "Efe Dray", "EFE"],
            [],
            ["Marta Ellin", "Efe Dray"],
        ),  # a first name, and an agency
        (["Ellinova", "Marta Ellin"], [], ["Ellinova", "Marta Ellin"]),
    ],
)
def test_people_come_before_organisations(
    given_names: list[str], publishers: list[str], expected: list[str]
) -> None:
    assert list(select_authors(given_names, publishers)) == expected


@pytest.mark.parametrize(
    "name",
    [
        "Marta Ellin",
        "Ludwig van den Dray",
        "Ana Costa e Silva",
        "Марта Эллин",
        "Tom d'Arcy Dray",
        "J. R. Dray",
        "Efe Dray",
        "Dafydd ap Dray",
    ],
)
def test_names_of_people_are_recognized(name: str) -> None:
    assert is_person_name(name)


@pytest.mark.parametrize(
    "text",
    [
        "the time the ferry came",
        "Marta",
        "Reuters",
        "Lowmere News Agency",
        "Land and sea",
        "",
        "a b",
        "- -",
        "Said the captain",
    ],
)
def test_other_words_are_not_names_of_people(text: str) -> None:
    assert not is_person_name(text)


def test_accents_case_and_punctuation_do_not_change_the_key_of_a_name() -> None:
    assert name_key("Zoë  O’Hare Jr.") == name_key("ZOE O'HARE JR")


@given(st.text(max_size=300))
def test_any_byline_gives_short_names_without_addresses(text: str) -> None:
    for name in select_authors(parse_names([text]), [text[:20]]):
        assert name == name.strip()
        assert 2 <= len(name) <= 61
        assert "@" not in name
        assert "//" not in name
