"""Extraction survives what pages do to it, and says why where there is no text."""

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

STORY = (
    "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp.",
    "Passengers waited for two hours, and nobody wished to be the one who woke the animal.",
)


def page(body: str, head: str = "", lang: str = "en") -> str:
    return f'<html lang="{lang}"><head><title>A seal delays the ferry</title>{head}</head><body>{body}</body></html>'


def story(*extra: str) -> str:
    return "<article>" + "".join(f"<p>{text}</p>" for text in (*STORY, *extra)) + "</article>"


def draft_of(markup: str | bytes, charset: str = "") -> ExtractedPage:
    return extract(RawPage(1, markup if isinstance(markup, bytes) else markup.encode(), charset))


def texts(draft: ExtractedPage) -> list[str]:
    return [block.text for block in draft.blocks]


@pytest.mark.parametrize(
    "reference", ["&#1;", "&#xFFFE;", "&#0;", "&#xD800;", "&#99999999999;", "\x00", "\x0b"]
)
def test_a_forbidden_character_does_not_cost_the_article(reference: str) -> None:
    assert texts(
        draft_of(page(story(f"The seal{reference} left at noon, and the ferry followed it out.")))
    ) == [
        *STORY,
        "The seal left at noon, and the ferry followed it out.",
    ]


def test_a_reference_to_a_windows_character_is_read_as_browsers_do() -> None:
    assert "“Let it sleep,” said the captain of the ferry." in texts(
        draft_of(page(story("&#147;Let it sleep,&#148; said the captain of the ferry.")))
    )


@pytest.mark.parametrize("depth", [300, 1500, 5000])
def test_deep_nesting_is_read(depth: int) -> None:
    draft = draft_of(page("<div>" * depth + story(STORY[0] + " " + STORY[1]) + "</div>" * depth))
    assert STORY[0] in " ".join(texts(draft))


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
def test_the_charset_is_found_whoever_is_wrong(encoding: str, header: str, meta: str) -> None:
    text = "Паром опоздал во вторник, потому что на пристани уснул тюлень, и никто не хотел его будить."
    markup = page(
        f"<article><p>{text}</p><p>{text[::-1]}</p></article>",
        f'<meta charset="{meta}">' if meta else "",
        "ru",
    )
    assert texts(draft_of(markup.encode(encoding), header))[0] == text


def test_links_lists_tables_and_quotes_become_blocks() -> None:
    rows = "<table><tr><td>Tuesday</td><td>two hours</td></tr><tr><td>Friday</td><td>none</td></tr></table>"
    items = "<ul><li>Bring a book and a blanket</li><li>Bring fish for the seal, if any</li></ul>"
    body = story('The harbour <a href="/x">keeps a diary</a> of the seal, day by day.')
    draft = draft_of(
        page(
            body.replace(
                "</article>",
                f"<blockquote>Let it sleep, said she.</blockquote>{items}{rows}</article>",
            )
        )
    )
    kinds = {block.text: block for block in draft.blocks}
    assert kinds["The harbour keeps a diary of the seal, day by day."].linked in range(11, 16)
    assert kinds["Bring a book and a blanket"].list_size == 2
    assert kinds["Bring a book and a blanket"].kind is BlockKind.ITEM
    assert kinds["Let it sleep, said she."].kind is BlockKind.QUOTE
    assert kinds["Tuesday | two hours"].kind is BlockKind.TABLE


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"<html></html>", b"<html><body><script>x</script></body></html>", b"\xff\xfe"],
)
def test_a_page_without_text_says_so(body: bytes) -> None:
    draft = draft_of(body)
    assert (draft.blocks, draft.reason) == ((), Reason.NO_TEXT)
    assert draft.detail


def test_a_page_with_the_text_of_several_novels_is_too_complex(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.extract.document.MAX_TEXT", 5_000)
    long = draft_of(page(story("A seal slept here. " * 300)).encode())
    assert (long.blocks, long.reason) == ((), Reason.TOO_COMPLEX)
    assert "5000 letters" in long.detail
    around = f"<script>{'x = 1; ' * 1000}</script><!-- {'seal ' * 2000} --><p>{' ' * 9000}</p>"
    assert draft_of(page(story() + around).encode()).reason is Reason.NONE


SHELLS = (
    '<div id="root"></div><script src="/app.js"></script>',
    '<noscript>You need to enable JavaScript to run this app.</noscript><div id="x"></div><script src="/app.js"></script>',
    "<app-root>Loading</app-root><script></script>",
    "<div>Loading</div>" + "<script src='/chunk.js'></script>" * 6,
)


@pytest.mark.parametrize("body", SHELLS)
def test_a_page_that_only_a_browser_could_build_says_so(body: str) -> None:
    draft = draft_of(f"<html><head><title>A seal</title></head><body>{body}</body></html>".encode())
    assert (draft.blocks, draft.reason, draft.metadata.title) == ((), Reason.SCRIPT_SHELL, "A seal")


@pytest.mark.parametrize("body", SHELLS)
def test_a_page_with_a_story_is_no_shell_whatever_scripts_it_has(body: str) -> None:
    story = (
        "<p>The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp of the pier.</p>"
        * 3
    )
    draft = draft_of(
        f"<html><body><article><h1>A seal</h1>{story}</article>{body}</body></html>".encode()
    )
    assert draft.reason is Reason.NONE


def test_a_declared_date_keeps_its_zone_and_its_source() -> None:
    head = (
        '<script type="application/ld+json">{"@graph": [{"@type": "NewsArticle", "headline": "A seal",'
        '"datePublished": "2024-03-05T10:00:00+05:00", '
        '"author": [{"name": "Marta Ellin"}, {"name": "Staff reporter"}]}]}</script>'
    )
    metadata = draft_of(page(story(), head)).metadata
    assert metadata.published_at == datetime(2024, 3, 5, 5, tzinfo=UTC)
    assert (metadata.published_source, metadata.published_precision) == ("json-ld", "second")
    assert metadata.authors == ("Marta Ellin",)


def test_a_date_without_a_zone_is_marked_and_a_day_stays_a_day() -> None:
    wall = draft_of(
        page(story(), '<meta property="article:published_time" content="2024-03-05 10:00:00">')
    ).metadata
    assert (wall.published_source, wall.published_precision) == ("meta?published", "second")
    day = draft_of(page(story(), '<meta name="date" content="2024-03-05">')).metadata
    assert (day.published_at, day.published_source, day.published_precision) == (
        datetime(2024, 3, 5, tzinfo=UTC),
        "meta",
        "day",
    )


def test_no_date_is_invented() -> None:
    metadata = draft_of(page(story())).metadata
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
            "Киштӣ рӯзи сешанбе дер монд, зеро тюлен дар соҳил хобаш бурд ва ҳеҷ кас намехост онро бедор кунад.",
        ),
        (
            "ru",
            "Паром опоздал во вторник, потому что на пристани уснул тюлень, и никто не хотел его будить.",
        ),
        (
            "uz",
            "Parom seshanba kuni kechikdi, chunki bandargohda tyulen uxlab qolgan va hech kim uni uyg‘otishni istamagan.",
        ),
        (
            "kk",
            "Паром сейсенбі күні кешікті, өйткені айлақта итбалық ұйықтап қалған, оны ешкім оятқысы келмеді.",
        ),
        ("en", " ".join(STORY)),
    ],
)
def test_the_text_decides_the_language(language: str, text: str) -> None:
    assert (
        draft_of(
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
def test_any_bytes_end_in_a_draft(body: bytes, charset: str, framed: bool) -> None:
    body = b"<html><body><article><p>" + body + b"</p></article>" if framed else body
    draft = draft_of(body, charset)
    assert draft.extractors == EXTRACTORS
    assert draft.reason in (Reason.NONE, Reason.NO_TEXT)
    assert bool(draft.blocks) is (draft.reason is Reason.NONE)
    assert not any(
        unicodedata.category(char) in ("Cc", "Cs") for block in draft.blocks for char in block.text
    )
    assert draft == draft_of(body, charset)


def test_a_crowd_of_spans_and_a_pile_of_lists_cost_no_story() -> None:
    crowd = draft_of(
        page(story(f"<p>{'<span>word</span> ' * 20_000}</p>"))
    )  # half a minute, left to trafilatura
    pile = draft_of(page(story("<ul><li>" * 5_000)))
    assert (crowd.reason, pile.reason) == (Reason.NONE, Reason.NONE)
    assert any(text.count("word") == 20_000 for text in texts(crowd))
    assert draft_of(page(story("<b>" * 110_000))).reason is Reason.TOO_COMPLEX


def test_the_digest_is_known_without_the_heavy_libraries() -> None:
    code = "import sys, pipeline.cleaning.apply_rules; from pipeline.extract import EXTRACTORS; sys.exit('trafilatura' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
