"""The days that a page shows near its headline, as those of its story or of something else."""

from __future__ import annotations

import time
from datetime import date, timedelta

import pytest

from pipeline.extract.html import parse_html
from pipeline.extract.metadata.visible_bylines import find_headline, lines_near_headline
from pipeline.extract.metadata.visible_dates import (
    VisibleDates,
    says_relative_date,
    visible_dates,
)

TITLE = "A seal delays the ferry of Lowmere"
PROSE = (
    "<p>"
    + "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp. " * 4
    + "</p>"
)


def read(after: str, before: str = "", prose: str = PROSE * 5) -> VisibleDates:
    article = f"<article><h1>{TITLE}</h1>{after}{prose}</article>"
    tree = parse_html(f"<html><body>{before}{article}</body></html>".encode())
    assert tree is not None
    headline = find_headline(tree, TITLE)
    return visible_dates(lines_near_headline(headline), headline)


MARCH_5, MARCH_6 = date(2024, 3, 5), date(2024, 3, 6)


@pytest.mark.parametrize(
    ("after", "plain", "changed"),
    [
        ("<p>5 March 2024</p>", {MARCH_5}, set()),
        ("<p>Updated: 6 March 2024</p>", set(), {MARCH_6}),
        ("<p>Published 5 March 2024, updated 6 March 2024</p>", {MARCH_5}, {MARCH_6}),
        (
            "<p>Aktualisiert am 6. März 2024, veröffentlicht am 5. März 2024</p>",
            {MARCH_5},
            {MARCH_6},
        ),
        ("<p>Stand: 06.03.2024, 10:15 Uhr</p>", set(), {MARCH_6}),
        ("<p>Mis à jour le 6 mars 2024</p>", set(), {MARCH_6}),
        ("<p>Actualizado a 6 de marzo de 2024</p>", set(), {MARCH_6}),
        ("<p>Aggiornato il 6 marzo 2024</p>", set(), {MARCH_6}),
        ("<p>Обновлено 6 марта 2024</p>", set(), {MARCH_6}),
        ("<p>Updated</p><p>6 March 2024</p>", set(), {MARCH_6}),
        ("<time class='updated'>6 March 2024</time>", set(), {MARCH_6}),
        ("<time class='entry-date published updated'>6 March 2024</time>", {MARCH_6}, set()),
        ("<p>Edited by Tom Dray</p><p>5 March 2024</p>", {MARCH_5}, set()),
        ("<p class='caption'>The seal on 6 March 2024</p>", set(), set()),
        (
            "<p>"
            + "A long line of words that mentions in passing what was on 6 March 2024 " * 2
            + "</p>",
            set(),
            set(),
        ),
    ],
)
def test_a_day_belongs_to_a_publication_or_to_a_change(
    after: str, plain: set[date], changed: set[date]
) -> None:
    dates = read(after)
    assert (dates.plain, dates.changed) == (plain, changed)


def test_the_current_day_in_a_masthead_is_not_the_day_of_the_story() -> None:
    masthead = "<p>Wednesday, 6 March 2024</p>"
    assert read("<p>5 March 2024</p>", masthead).plain == {MARCH_5}
    menu = "".join(f"<p>Section {number}</p>" for number in range(5))
    assert read("<p>By Marta Ellin</p>", masthead + menu).plain == set()


OTHER_STORY = '<a href="/a">Three swans return to the mill pond</a>'


@pytest.mark.parametrize(
    "box",
    [
        f'<div class="box">{OTHER_STORY} <time datetime="2024-03-05">5 March 2024</time></div>',
        '<div><h3>Three swans return to the pond</h3><p class="date">5 March 2024</p></div>',
        '<li><a href="/a">Swans return</a> <span class="post-date">5 March 2024</span></li>',
        '<blockquote><p>The seal woke up.</p><p class="date">5 March 2024</p></blockquote>',
        '<div class="comments"><b>Bill</b> <time datetime="2024-03-05">5 March 2024</time></div>',
        '<div class="factbox"><p>First sailing</p><p>5 March 2024</p></div>',
        '<div class="ticker"><time datetime="2024-03-05">5 March 2024</time></div>',
        '<div class="tgme_widget_message"><a class="date">5 March 2024</a></div>',
        "<p>Opening: 5 March 2024</p>",
        '<p class="date">Valid until 5 March 2024</p>',
    ],
)
def test_the_day_of_something_else_is_not_the_day_of_the_page(box: str) -> None:
    assert read(box).plain == set()
    with_own = read(f'<p class="date">6 March 2024</p>{box}')
    assert (with_own.plain, with_own.own, with_own.nearest) == ({MARCH_6}, {MARCH_6}, MARCH_6)


@pytest.mark.parametrize(
    "line",
    [
        '<div class="meta"><a href="/author/ellin">Marta Louise van Ellin</a> 5 March 2024</div>',
        (
            '<div class="meta">5 March 2024 <a href="https://facebook.com/sharer">Share this story'
            " with friends</a></div>"
        ),
        "<aside><span>5 March 2024</span></aside>",
        '<a href="/this"><time datetime="2024-03-05">5 March 2024</time></a>',
        '<ul class="post-meta"><li>By Marta Ellin</li><li class="date">5 March 2024</li></ul>',
        '<p class="teaser__date">5 March 2024</p>',
        "<h5>5 March 2024</h5>",
    ],
)
def test_a_byline_with_links_or_in_a_box_of_its_own_is_no_other_story(line: str) -> None:
    assert read(line).plain == {MARCH_5}


def test_a_day_outside_the_main_part_of_the_page_is_that_of_the_visit() -> None:
    visit = '<div class="top">Wednesday, 6 March 2024</div>'
    assert read("", f"<header>{visit}</header>").plain == set()
    assert read("", visit + "<main>").plain == set()
    assert read("", f"<main>{visit}").plain == {MARCH_6}


def test_a_day_further_down_counts_only_where_it_is_marked_and_no_other_is_shown() -> None:
    marked = '<p class="published-date">5 March 2024</p>'
    assert read(PROSE * 2 + marked).plain == {MARCH_5}
    assert read(PROSE * 2 + "<p>5 March 2024</p>").plain == set()
    assert read("<p>6 March 2024</p>" + PROSE * 2 + marked).plain == {MARCH_6}


def test_the_moment_of_a_time_element_is_read_with_its_zone() -> None:
    (parsed,) = read('<time datetime="2024-03-05T22:30:00-05:00">2 hours ago</time>').times
    assert (parsed.day, parsed.offset) == (MARCH_5, -300)
    changed = '<p>Updated <time datetime="2024-03-06T10:00:00Z">6 March 2024</time></p>'
    assert read(changed).times == ()
    event = '<p>Next trip: <time datetime="2024-03-06T10:00:00Z">Wednesday</time></p>'
    assert read("<p>5 March 2024</p>" + event).times == ()


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("5 March 2024 at 10:30 p.m.", 22 * 60 + 30),
        ("5 March 2024 12:05 AM", 5),
        ("09:15, 5 March 2024", 9 * 60 + 15),
        ("5 March 2024, 14h30", 14 * 60 + 30),
    ],
)
def test_the_time_of_day_beside_a_day_is_read(text: str, minutes: int) -> None:
    assert read(f"<p>{text}</p>").clocks == {(MARCH_5, minutes)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 hours ago", True),
        ("Yesterday", True),
        ("vor 2 Stunden", True),
        ("Heute, 14:05 Uhr", True),
        ("il y a 3 heures", True),
        ("hace 2 horas", True),
        ("2 часа назад", True),
        ("Вчера, 14:05", True),
        ("2 saat önce", True),
        ("3小时前", True),
        ("5 March 2024", False),
        ("By Marta Ellin", False),
    ],
)
def test_a_date_that_needs_the_day_of_the_visit_is_recognised(text: str, expected: bool) -> None:
    tree = parse_html(f"<html><body><h1>{TITLE}</h1><p>{text}</p>{PROSE}".encode())
    assert tree is not None
    assert says_relative_date(lines_near_headline(find_headline(tree, TITLE))) is expected


def test_a_hostile_page_costs_little() -> None:
    started = time.process_time()
    read("<div><a href='/a'>one two three four five six</a> 5 March 2024" * 2000)
    read("<p class='date'>" + "5 March 2024 " * 20_000 + "</p>")
    assert timedelta(seconds=time.process_time() - started) < timedelta(seconds=5)
