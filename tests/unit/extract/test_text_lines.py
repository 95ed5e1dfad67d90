"""The lines of a page are its text as a reader sees it."""

from __future__ import annotations

from time import process_time

import pytest
from lxml.html import HtmlElement

from pipeline.extract.html import parse_html
from pipeline.extract.page_lines import PageLine
from pipeline.extract.text_lines import read_lines

STORY = (
    "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp.",
    "Passengers waited for two hours, and nobody wished to be the one who woke the animal.",
    "At noon it left by itself, and the ferry followed it out of the harbour at full speed.",
    "The harbour master says that the ramp is open to all, and that seals have no timetable.",
)
PARAGRAPHS = "".join(f"<p>{sentence}</p>" for sentence in STORY)


def tree_of(body: str) -> HtmlElement:
    tree = parse_html(f"<html><body>{body}</body></html>".encode())
    assert tree is not None
    return tree


def lines(body: str) -> list[PageLine]:
    return read_lines(tree_of(body)).lines


def texts(body: str) -> list[str]:
    return [line.text for line in lines(body)]


@pytest.mark.parametrize(
    "start", ["<button>", "<svg><path></path>", "<select><option>", "<video>", "<object>", "<map>"]
)
def test_a_skipped_element_that_is_never_closed_does_not_hide_the_page(start: str) -> None:
    story = [text for text in texts(f"<div>{start}</div>{PARAGRAPHS}") if text in STORY]
    assert story == list(STORY)
    assert set(STORY) <= set(texts(f"{start}<article><h1>A seal</h1>{PARAGRAPHS}</article>"))


@pytest.mark.parametrize(
    "markup",
    [
        "<select><option>Monday</option><option>Tuesday</option></select>",
        "<svg><title>A logo</title><text>Seal</text></svg>",
        "<video><p>Your browser plays no videos.</p></video>",
        "<object><p>The seal</p><p>The ferry</p></object>",
    ],
)
def test_a_skipped_element_without_a_part_of_the_page_is_skipped(markup: str) -> None:
    assert texts(f"<p>before</p>{markup}<p>after</p>") == ["before", "after"]


def test_a_link_that_is_never_closed_is_no_link_over_the_story() -> None:
    for start in ('<a href="/top">', '<a name="top">', '<a id="top">'):
        for line in lines(f"{start}<main>{PARAGRAPHS}</main>"):
            assert line.linked == 0
    long_story = "".join(f"<p>{sentence}</p>" for sentence in STORY * 5)
    assert sum(line.linked for line in lines(f'<a href="/x">{long_story}')) == 0


def test_a_link_around_a_teaser_is_a_link() -> None:
    (line,) = lines(f'<a href="/seal"><h3>{STORY[0]}</h3></a>')
    assert line.linked == len(STORY[0])
    (word, _) = lines('<p>see <a href="/x">the plan</a></p><p><a name="here">not a link</a></p>')
    assert word.linked == len("the plan")


@pytest.mark.parametrize(
    "start", ["<noscript>", "<template>", '<div><template shadowrootmode="open">']
)
def test_a_story_that_stands_only_in_a_reserve_is_read(start: str) -> None:
    assert texts(f"<h1>A seal</h1>{start}{PARAGRAPHS}") == ["A seal", *STORY]


def test_a_reserve_is_not_read_where_the_page_has_its_text() -> None:
    assert texts(f"{PARAGRAPHS}<noscript>{PARAGRAPHS}</noscript>") == list(STORY)
    assert texts(f"{PARAGRAPHS}<noscript><p>Please enable scripts.</p></noscript>") == list(STORY)
    template = "<template><p>Loading the comments</p></template>"
    assert texts(f"{PARAGRAPHS}{template}") == list(STORY)


def test_what_an_object_shows_without_its_plugin_is_read() -> None:
    caption = f'<div><p class="caption">{STORY[0]}</p></div>'
    player = (
        f'<object id="film"><param name="a"><object data="film.swf">{caption}</object></object>'
    )
    assert texts(f"<h1>A seal</h1>{player}<p>{STORY[1]}</p>") == ["A seal", *STORY[:2]]


def test_a_request_for_a_plugin_is_not_read() -> None:
    player = '<object data="film.swf"><p>Please install the Flash player to see this.</p></object>'
    assert texts(f"{PARAGRAPHS}{player}") == list(STORY)


@pytest.mark.parametrize(
    "markup",
    [
        "<a href=x><div>" * 300 + "<br>" * 20_000 + "<main>x</main>",
        "<button><div>" * 300 + "<br>" * 20_000 + "<h1>x</h1>",
        "<noscript><p>x</p></noscript>" * 20_000,
        "<object><b>" * 300 + "x" * 100,
    ],
    ids=["links", "buttons", "reserves", "objects"],
)
def test_nested_elements_take_no_quadratic_time(markup: str) -> None:
    tree = tree_of(markup)
    start = process_time()
    read_lines(tree)
    assert process_time() - start < 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>close the <x-term>northern pier</x-term> today</p>", "close the northern pier today"),
        ("<p><x-term>Pier</x-term> closes</p>", "Pier closes"),
        ("<p>see <amp-link><a href='/x'>the plan</a></amp-link>, too</p>", "see the plan, too"),
        ("<p>the <slot name=a>pier</slot> closes</p>", "the pier closes"),
        ("<p>the <output>pier</output> closes</p>", "the pier closes"),
        ("<p>the <button class=term>pier</button> closes</p>", "the pier closes"),
        ("<p>near the <button>pier</button>.</p>", "near the pier."),
        ("<p>the <picture><img src=x alt=''></picture>pier</p>", "the pier"),
        ("<p>Port <img class=emoji alt='⚓' src=x> closes</p>", "Port ⚓ closes"),
        ("<p>the <ruby>港<rp>(</rp><rt>みなと</rt><rp>)</rp></ruby> closes</p>", "the 港 closes"),
        ("<p>the <ruby>港<rt>みなと</rt></ruby> closes</p>", "the 港 closes"),
    ],
)
def test_words_of_a_sentence_stay_in_it_whatever_element_holds_them(
    body: str, expected: str
) -> None:
    assert texts(body) == [expected]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>The pier closes. <button>Share</button></p>", ["The pier closes."]),
        ("<p><button>Play</button> Listen to this</p>", ["Listen to this"]),
        ("<div>one <x-card><div>two</div></x-card> three</div>", ["one", "two", "three"]),
        ("<x-head>Title</x-head><x-body>Text</x-body>", ["Title", "Text"]),
        ("<p>before <img alt='A seal on a ramp' src=x> after</p>", ["before after"]),
        ("<p>the <img alt=x src=x> sign</p>", ["the sign"]),
    ],
)
def test_elements_beside_a_sentence_stay_out_of_it(body: str, expected: list[str]) -> None:
    assert texts(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>pier<sup><a href='#f1'>1</a></sup> closes</p>", "pier closes"),
        ("<p>pier<a href='#f1'><sup>[2]</sup></a> closes</p>", "pier closes"),
        ("<p>pier<a href='#f1'>[3]</a> closes</p>", "pier closes"),
        ("<p>pier<sup>4</sup> closes</p>", "pier⁴ closes"),
        ("<p>found 40<sup>2</sup> cracks</p>", "found 40² cracks"),
        ("<p>an area of 12 m<sup>2</sup></p>", "an area of 12 m²"),
        ("<p>on the 1<sup>st</sup> of May</p>", "on the 1st of May"),
        ("<p>CO<sub>2</sub> and H<sub>2</sub>O</p>", "CO2 and H2O"),
        ("<p><sup>1</sup> The first note</p>", "1 The first note"),
        ("<p>see <a href='#part'>the next part</a></p>", "see the next part"),
        ("<h2>Who pays<a class=anchor href='#pays'>#</a></h2>", "Who pays"),
    ],
)
def test_marks_of_footnotes_are_no_part_of_a_word(body: str, expected: str) -> None:
    assert texts(body) == [expected]


def test_a_note_beside_a_line_stands_below_it() -> None:
    note = (
        '<label for=n></label><input id=n type=checkbox><span class="sidenote">Built 1911.</span>'
    )
    assert texts(f"<p>The pier{note} closes.</p>") == ["The pier closes.", "Built 1911."]
    assert texts('<p>The <span class="note">old</span> pier</p>') == ["The old pier"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p><span class=dropcap>T</span>he pier closes</p>", ["The pier closes"]),
        ("<p><div class=dropcap>T</div>he pier closes</p>", ["The pier closes"]),
        ("<div class=drop-cap>T</div><p>he pier closes</p>", ["The pier closes"]),
        ("<p><img class=initial alt=T src=x>he pier closes</p>", ["The pier closes"]),
        ("<p><span><img alt=T src=x></span>he pier closes</p>", ["The pier closes"]),
        ("<div class=dropcap>A</div><p>seal slept</p>", ["Aseal slept"]),
        ("<p><div class=dropcap>A</div> seal slept</p>", ["A seal slept"]),
        (
            "<p><span class=sr-only>The</span><span aria-hidden=true><b>T</b>he</span> pier</p>",
            ["The pier"],
        ),
        ("<p>Vitamin</p><p>C</p><p>is good</p>", ["Vitamin", "C", "is good"]),
        ("<div class=dropcap>T</div><p>The pier closes</p>", ["T", "The pier closes"]),
    ],
)
def test_a_large_first_letter_belongs_to_its_word(body: str, expected: list[str]) -> None:
    assert texts(body) == expected


NOTICE = "The editors keep the right to shorten letters and are not liable for them."


@pytest.mark.parametrize(
    "attributes",
    [
        "hidden",
        'style="display:none"',
        'style="color: red; display : none !important"',
        'style="visibility:hidden"',
        'style="position:absolute; left:-9999px"',
        'style="text-indent:-999em"',
        'style="font-size:0"',
        'style="opacity: 0"',
        'style="clip: rect(0 0 0 0); width: 1px"',
        'class="sr-only"',
        'class="note visually-hidden"',
        'class="screen-reader-text"',
        'class="VisuallyHidden"',
        'class="hidden"',
        'class="d-none"',
    ],
)
def test_hidden_text_is_no_text(attributes: str) -> None:
    assert texts(f"{PARAGRAPHS}<div {attributes}><p>{NOTICE}</p></div>") == list(STORY)
    assert texts(f"<p>The pier<span {attributes}> (not liable)</span> closes</p>") == [
        "The pier closes"
    ]


@pytest.mark.parametrize(
    "attributes",
    [
        'style="display:block"',
        'style="left: -10px"',
        'style="opacity: 0.9"',
        'style="font-size: 0.9em"',
        'class="hidden md:block"',
        'class="d-none d-md-block"',
        'class="not-sr-only"',
        'class="hidden-gems"',
    ],
)
def test_text_that_some_screens_show_stays(attributes: str) -> None:
    assert texts(f"{PARAGRAPHS}<div {attributes}><p>{NOTICE}</p></div>") == [*STORY, NOTICE]


def test_a_hidden_part_of_the_story_stays() -> None:
    first, rest = f"<p>{STORY[0]}</p>", "".join(f"<p>{sentence}</p>" for sentence in STORY[1:])
    assert texts(f'{first}<div style="display:none">{rest}</div>') == list(STORY)
    long_story = PARAGRAPHS + f'<div class="more" hidden>{PARAGRAPHS.replace("The", "This")}</div>'
    assert len(texts(long_story)) == 2 * len(STORY)
    panel = f'<div role="tabpanel" hidden><p>{NOTICE}</p></div>'
    assert texts(PARAGRAPHS + panel) == [*STORY, NOTICE]


def test_a_closed_dialog_is_hidden_and_an_open_one_is_not() -> None:
    assert texts(f"{PARAGRAPHS}<dialog><p>{NOTICE}</p></dialog>") == list(STORY)
    assert texts(f"{PARAGRAPHS}<dialog open><p>{NOTICE}</p></dialog>") == [*STORY, NOTICE]


def test_the_visible_twin_of_a_spoken_text_stays() -> None:
    spoken = f'<p class="sr-only">{NOTICE}</p>'
    twin = f'<p aria-hidden="true"><span>{NOTICE[0]}</span>{NOTICE[1:]}</p>'
    assert texts(PARAGRAPHS + spoken + twin) == [*STORY, NOTICE]
    assert texts(f'{PARAGRAPHS}<p aria-hidden="true">{NOTICE}</p>') == list(STORY)


def test_a_picture_keeps_its_place_where_lines_before_it_are_hidden() -> None:
    page = read_lines(tree_of(f"<p hidden>{NOTICE}</p>{PARAGRAPHS}<img src=a.jpg><p>after</p>"))
    (picture,) = page.pictures
    assert page.lines[picture.line_index].text == "after"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u200fالرصيف\u200e (BBC)\u200f مغلق", "الرصيف (BBC) مغلق"),
        ("\u202bالرصيف\u202c \u2067مغلق\u2069", "الرصيف مغلق"),
        ("Cafe\u0301 am Pier", "Café am Pier"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("क्\u200dष", "क्\u200dष"),
    ],
)
def test_a_line_holds_no_marks_of_direction_and_whole_letters(text: str, expected: str) -> None:
    assert texts(f"<p>{text}</p>") == [expected]
