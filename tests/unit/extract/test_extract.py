"""Extraction survives hostile pages, and says why where there is no text."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.models import BlockKind, ExtractedPage, RawPage, Reason
from pipeline.extract import EXTRACTORS, extract
from pipeline.extract.document import extract_page

STORY = (
    "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp.",
    "Passengers waited for two hours, and nobody wished to be the one who woke the animal.",
)


def page(body: str, head: str = "", lang: str = "en") -> str:
    return (
        f'<html lang="{lang}"><head><title>A seal delays the'
        f" ferry</title>{head}</head><body>{body}</body></html>"
    )


def story(*extra: str) -> str:
    return "<article>" + "".join(f"<p>{text}</p>" for text in (*STORY, *extra)) + "</article>"


def extract_markup(markup: str | bytes, charset: str = "") -> ExtractedPage:
    if isinstance(markup, str):
        markup = markup.encode()
    return extract(RawPage(1, markup, charset))


def texts(extracted: ExtractedPage) -> list[str]:
    return [block.text for block in extracted.blocks]


@pytest.mark.parametrize(
    "reference", ["&#1;", "&#xFFFE;", "&#0;", "&#xD800;", "&#99999999999;", "\x00", "\x0b"]
)
def test_a_forbidden_character_does_not_lose_the_article(reference: str) -> None:
    assert texts(
        extract_markup(
            page(story(f"The seal{reference} left at noon, and the ferry followed it out."))
        )
    ) == [
        *STORY,
        "The seal left at noon, and the ferry followed it out.",
    ]


def test_a_story_after_an_early_end_of_the_document_is_read() -> None:
    header = "<header><nav><ul><li><a href='/'>Harbour news</a></li></ul></nav></header>"
    markup = page(header) + f"\n <div class='page'>{story()}</div>\n</body></html>"
    assert texts(extract_markup(markup))[-2:] == list(STORY)


def test_a_second_document_after_the_first_does_not_hide_either() -> None:
    second = page("<p>The harbour office opens at nine.</p>")
    extracted = texts(extract_markup(page(story()) + second))
    assert extracted[:2] == list(STORY)


def test_a_script_that_looks_like_an_element_with_thousands_of_attributes_loses_no_story() -> None:
    script = "<script>for(i=0;i<f.length;){x()}" + "a word " * 3000 + "</script>"
    assert texts(extract_markup(page(script + story()))) == list(STORY)


def test_a_windows_1252_reference_is_read_as_in_browsers() -> None:
    assert "“Let it sleep,” said the captain of the ferry." in texts(
        extract_markup(page(story("&#147;Let it sleep,&#148; said the captain of the ferry.")))
    )


@pytest.mark.parametrize("depth", [300, 1500, 5000])
def test_deeply_nested_text_is_extracted(depth: int) -> None:
    extracted = extract_markup(
        page("<div>" * depth + story(STORY[0] + " " + STORY[1]) + "</div>" * depth)
    )
    assert STORY[0] in " ".join(texts(extracted))


@pytest.mark.parametrize(
    ("encoding", "header", "meta"),
    [
        ("utf-8", "iso-8859-1", ""),
        ("utf-8", "", "windows-1251"),
        ("windows-1251", "windows-1251", ""),
        ("windows-1251", "", "windows-1251"),
        ("windows-1251", "utf-8", "windows-1251"),
        ("windows-1251", "iso-8859-1", "windows-1251"),
        ("windows-1251", "", ""),
        ("koi8-r", "koi8-r", "windows-1251"),
        ("utf-16", "", ""),
        ("utf-16-le", "", ""),
    ],
)
def test_the_charset_is_found_despite_wrong_declarations(
    encoding: str, header: str, meta: str
) -> None:
    text = (
        "Паром опоздал во вторник, потому что на пристани уснул тюлень, и никто не хотел его"
        " будить."
    )
    markup = page(
        f"<article><p>{text}</p><p>{text[::-1]}</p></article>",
        f'<meta charset="{meta}">' if meta else "",
        "ru",
    )
    assert texts(extract_markup(markup.encode(encoding), header))[0] == text


def test_links_lists_tables_and_quotes_become_blocks() -> None:
    rows = (
        "<table><tr><td>Tuesday</td><td>two"
        " hours</td></tr><tr><td>Friday</td><td>none</td></tr></table>"
    )
    items = "<ul><li>Bring a book and a blanket</li><li>Bring fish for the seal, if any</li></ul>"
    body = story('The harbour <a href="/x">keeps a diary</a> of the seal, day by day.')
    extracted = extract_markup(
        page(
            body.replace(
                "</article>",
                f"<blockquote>Let it sleep, said she.</blockquote>{items}{rows}</article>",
            )
        )
    )
    kinds = {block.text: block for block in extracted.blocks}
    assert kinds["The harbour keeps a diary of the seal, day by day."].linked in range(11, 16)
    assert kinds["Bring a book and a blanket"].list_size == 2
    assert kinds["Bring a book and a blanket"].kind is BlockKind.ITEM
    assert kinds["Let it sleep, said she."].kind is BlockKind.QUOTE
    assert kinds["Tuesday | two hours"].kind is BlockKind.TABLE


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"<html></html>", b"<html><body><script>x</script></body></html>", b"\xff\xfe"],
)
def test_a_page_without_text_has_the_reason_no_text(body: bytes) -> None:
    extracted = extract_markup(body)
    assert (extracted.blocks, extracted.reason) == ((), Reason.NO_TEXT)
    assert extracted.detail


def test_a_page_with_too_much_text_is_too_complex() -> None:
    long_page = RawPage(1, page(story("A seal slept here. " * 300)).encode())
    long = extract_page(long_page, max_text=5_000)
    assert (long.blocks, long.reason) == ((), Reason.TOO_COMPLEX)
    assert "5000 letters" in long.detail
    no_text = f"<script>{'x = 1; ' * 1000}</script><!-- {'seal ' * 2000} --><p>{' ' * 9000}</p>"
    short_page = RawPage(1, page(story() + no_text).encode())
    assert extract_page(short_page, max_text=5_000).reason is Reason.NONE


SHELLS = (
    '<div id="root"></div><script src="/app.js"></script>',
    (
        "<noscript>You need to enable JavaScript to run this app.</noscript><div"
        ' id="x"></div><script src="/app.js"></script>'
    ),
    "<app-root>Loading</app-root><script></script>",
    "<div>Loading</div>" + "<script src='/chunk.js'></script>" * 6,
)


@pytest.mark.parametrize("body", SHELLS)
def test_a_page_that_only_a_browser_can_build_is_a_script_shell(body: str) -> None:
    extracted = extract_markup(
        f"<html><head><title>A seal</title></head><body>{body}</body></html>".encode()
    )
    assert (extracted.blocks, extracted.reason, extracted.metadata.title) == (
        (),
        Reason.SCRIPT_SHELL,
        "A seal",
    )


@pytest.mark.parametrize("body", SHELLS)
def test_a_page_with_a_story_is_no_script_shell(body: str) -> None:
    story = (
        "<p>The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp"
        " of the pier.</p>" * 3
    )
    extracted = extract_markup(
        f"<html><body><article><h1>A seal</h1>{story}</article>{body}</body></html>".encode()
    )
    assert extracted.reason is Reason.NONE


def test_a_declared_date_keeps_its_zone_and_source() -> None:
    head = (
        '<script type="application/ld+json">{"@graph": [{"@type": "NewsArticle", "headline": "A'
        ' seal","datePublished": "2024-03-05T10:00:00+05:00", "author": [{"name": "Marta Ellin"},'
        ' {"name": "Staff reporter"}]}]}</script>'
    )
    metadata = extract_markup(page(story(), head)).metadata
    assert metadata.published_at == datetime(2024, 3, 5, 5, tzinfo=UTC)
    assert (metadata.published_source, metadata.published_precision) == ("json-ld", "second")
    assert metadata.authors == ("Marta Ellin",)


def test_a_time_without_a_zone_is_marked_and_a_day_stays_a_day() -> None:
    wall = extract_markup(
        page(story(), '<meta property="article:published_time" content="2024-03-05 10:00:00">')
    ).metadata
    assert (wall.published_source, wall.published_precision) == ("meta?published", "second")
    day = extract_markup(page(story(), '<meta name="date" content="2024-03-05">')).metadata
    assert (day.published_at, day.published_source, day.published_precision) == (
        datetime(2024, 3, 5, tzinfo=UTC),
        "meta",
        "day",
    )


def test_no_date_is_invented() -> None:
    metadata = extract_markup(page(story())).metadata
    assert (metadata.published_at, metadata.published_source, metadata.published_precision) == (
        None,
        "",
        "",
    )


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (
            "tg",
            (
                "Киштӣ рӯзи сешанбе дер монд, зеро тюлен дар соҳил хобаш бурд ва ҳеҷ кас намехост"
                " онро бедор кунад."
            ),
        ),
        (
            "ru",
            (
                "Паром опоздал во вторник, потому что на пристани уснул тюлень, и никто не хотел"
                " его будить."
            ),
        ),
        (
            "uz",
            (
                "Parom seshanba kuni kechikdi, chunki bandargohda tyulen uxlab qolgan va hech kim"
                " uni uyg‘otishni istamagan."
            ),
        ),
        (
            "kk",
            (
                "Паром сейсенбі күні кешікті, өйткені айлақта итбалық ұйықтап қалған, оны ешкім"
                " оятқысы келмеді."
            ),
        ),
        ("en", " ".join(STORY)),
    ],
)
def test_the_text_decides_the_language_not_the_declaration(language: str, text: str) -> None:
    assert (
        extract_markup(
            page(f"<article><p>{text}</p><p>{text}</p></article>", lang="de")
        ).metadata.language
        == language
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=400),
    st.sampled_from(["", "utf-8", "koi8-r", "nonsense", "utf-16"]),
    st.booleans(),
)
def test_any_bytes_give_an_extracted_page(body: bytes, charset: str, is_framed: bool) -> None:
    if is_framed:
        body = b"<html><body><article><p>" + body + b"</p></article>"
    extracted = extract_markup(body, charset)
    assert extracted.extractors == EXTRACTORS
    assert extracted.reason in (Reason.NONE, Reason.NO_TEXT)
    assert bool(extracted.blocks) is (extracted.reason is Reason.NONE)
    assert not any(
        unicodedata.category(char) in ("Cc", "Cs")
        for block in extracted.blocks
        for char in block.text
    )
    assert extracted == extract_markup(body, charset)


def test_thousands_of_spans_and_nested_lists_do_not_lose_the_story() -> None:
    many_spans = extract_markup(
        page(story(f"<p>{'<span>word</span> ' * 20_000}</p>"))
    )  # trafilatura alone would take half a minute
    nested_lists = extract_markup(page(story("<ul><li>" * 5_000)))
    assert (many_spans.reason, nested_lists.reason) == (Reason.NONE, Reason.NONE)
    assert any(text.count("word") == 20_000 for text in texts(many_spans))
    assert extract_markup(page(story("<b>" * 110_000))).reason is Reason.TOO_COMPLEX


def test_the_digest_of_the_extractors_needs_no_heavy_library() -> None:
    program = (
        "import sys, pipeline.cleaning.apply_rules\n"
        "from pipeline.extract import EXTRACTORS\n"
        "sys.exit('trafilatura' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
