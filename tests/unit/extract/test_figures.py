"""The links and the figures of a page, in the markup that sites use for them."""

from __future__ import annotations

import pytest

from pipeline.core.blocks import BlockLink, Figure
from pipeline.core.models import ExtractedPage, RawPage
from pipeline.extract import extract

TEXT = (
    "The council of the harbour town decided on Monday that the levy that every ship pays goes up"
    " by four per cent, as it has done in each of the last ten years."
)
FIGURE = Figure("/boats.jpg", "Boats", "Boats at dawn in the harbour.", "Photo: Ivo Brandt")
CAPTION = "Boats at dawn in the harbour. Photo: Ivo Brandt"


def read(body: str, before: str = "") -> ExtractedPage:
    page = (
        f"<html><head><title>The levy goes up</title></head><body>{before}<article>"
        f"<h1>The levy goes up</h1><p>{TEXT}</p>{body}<p>Again. {TEXT}</p><p>Still. {TEXT}</p>"
        "</article></body></html>"
    )
    return extract(RawPage(1, page.encode(), "utf-8"))


def shown(page: ExtractedPage) -> list[tuple[str, str, str, str]]:
    return [(each.image, each.alt, each.caption, each.credit) for each in page.figures]


def test_stressed_parts_have_their_places() -> None:
    page = read(
        "<p>The <b>levy</b> is <a href='/l'>set <em>by  law</em></a>, says <code>a/1</code>, and"
        " <strong>nobody <i>pays</i></strong><b> </b> it gladly in this town.</p>"
    )
    (block,) = [block for block in page.blocks if block.emphasis]
    assert [(block.text[part.start : part.end], part.kind) for part in block.emphasis] == [
        ("levy", "b"), ("by law", "i"), ("a/1", "c"), ("nobody pays", "b"), ("pays", "i"),
    ]  # fmt: skip
    assert [block.text[link.start : link.end] for link in block.links] == ["set by law"]


def test_icons_and_code_in_lines_of_code_are_no_stress() -> None:
    page = read(f"<p><i class='icon'></i>{TEXT}</p><pre><code><b>if</b> seal: stay</code></pre>")
    assert not any(block.emphasis for block in page.blocks)
    assert page.blocks[1].emphasis == ()


def test_cells_below_a_high_cell_keep_their_columns() -> None:
    page = read(
        "<table><tr><th>Town</th><th>Year</th><th>Levy</th></tr>"
        "<tr><td rowspan='2'>Lowmere</td><td>2024</td><td>4</td></tr>"
        "<tr><td>2025</td><td>5</td></tr>"
        "<tr><td colspan='2'>Both towns</td><td>9</td></tr></table>"
    )
    rows = [block for block in page.blocks if block.kind == "table"]
    assert [row.cells for row in rows] == [(4, 4, 4), (7, 4, 1), (0, 4, 1), (10, 0, 1)]


@pytest.mark.parametrize("span", ["0", "-1", "x", "99999", "9999999999"])
def test_hostile_spans_of_cells_leave_a_table_readable(span: str) -> None:
    cells = f"<td rowspan='{span}' colspan='{span}'>Lowmere</td><td>4</td>" * 3
    page = read(f"<table>{f'<tr>{cells}</tr>' * 9}</table>")
    rows = [block for block in page.blocks if block.kind == "table"]
    assert len(rows) == 9
    assert all(sum(map(bool, row.cells)) == 6 and len(row.cells) < 150 for row in rows)


@pytest.mark.parametrize(
    "markup",
    [
        f'<figure><img src="/boats.jpg" alt="Boats"><figcaption>{CAPTION}</figcaption></figure>',
        (
            '<figure><img data-src="/boats.jpg" src="data:image/gif;base64,R0" alt="Boats">'
            "<figcaption>"
            '<p>Boats at dawn in the harbour.</p><p class="credit">Photo: Ivo Brandt</p>'
            "</figcaption>"
            "</figure>"
        ),
        (
            '<figure><picture><source srcset="/s.jpg 300w, /boats.jpg 900w">'
            '<source srcset="/t.jpg 200w">'
            '<img src="/img/blank.gif" alt="Boats"></picture>'
            "<figcaption>Boats at dawn in the harbour."
            ' <span class="image-credit">Photo: Ivo Brandt</span></figcaption></figure>'
        ),
        (
            '<div class="wp-caption"><a href="/zoom"><img src="/boats.jpg" alt="Boats"></a>'
            f'<p class="wp-caption-text">{CAPTION}</p></div>'
        ),
        (
            '<figure><img class="lazy" alt="Boats"><noscript><img src="/boats.jpg" alt="Boats">'
            f"</noscript><figcaption>{CAPTION}</figcaption></figure>"
        ),
        (
            '<div class="photo"><div><img srcset="/boats.jpg 2x" alt="Boats"></div>'
            '<div class="photo-caption">Boats at dawn in the harbour.</div>'
            '<div class="photo-credit">Photo: Ivo Brandt</div></div>'
        ),
        f'<amp-img src="/boats.jpg" alt="Boats"></amp-img><p class="caption">{CAPTION}</p>',
    ],
)
def test_a_figure_has_its_address_caption_and_credit(markup: str) -> None:
    expected = (FIGURE.image, FIGURE.alt, FIGURE.caption, FIGURE.credit)
    assert shown(read(markup)) == [expected]


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="/pixel.gif" width="1" height="1">',
        '<img class="emoji" src="/smile.svg" alt=":)">',
        '<img src="data:image/gif;base64,R0lGOD" alt="">',
        (
            '<div class="card"><a href="/other"><img src="/other.jpg" alt="x"><h3>The ferry is late'
            " again, and nobody on the quay knows why</h3></a></div>"
        ),
        '<nav><img src="/menu.jpg" alt="Menu"></nav>',
        '<div hidden><figure><img src="/later.jpg"></figure></div>',
    ],
)
def test_icons_teasers_and_menus_are_no_figures(markup: str) -> None:
    assert shown(read(markup)) == []


def test_a_figure_stands_where_it_stood_and_knows_its_caption_lines() -> None:
    page = read(f'<figure><img src="/boats.jpg"><figcaption>{CAPTION}</figcaption></figure>')
    (figure,) = page.figures
    before = page.blocks[figure.position - 1].text
    assert before == TEXT
    for index in figure.caption_blocks:
        assert page.blocks[index].text == CAPTION


@pytest.mark.parametrize(
    ("markup", "texts"),
    [
        ('They said <a href="/a">so</a> and <a href="/b"> thus </a>.', ["so", "thus"]),
        ('so <a href="/a">so</a>', ["so"]),
        ('<a href="/a">so</a><a href="/b">so</a>', ["so", "so"]),
        ('before\n  <span> <a href="/a"><b>two</b>\n words</a></span>', ["two words"]),
        ('soft\u00ad \u200bhy<a href="/a">\u00adphen</a>', ["phen"]),
        ('<a href="/a">first<br>second</a> line', ["first", "second"]),
        ('<a name="x">anchor</a> without <a href="">address</a>', []),
        ('<a href="/a"><img src="/i.png" width="9"></a> picture', []),
    ],
)
def test_links_have_their_place_in_the_text(markup: str, texts: list[str]) -> None:
    page = read(f"<p>{TEXT} {markup}</p>")
    links = [(block, link) for block in page.blocks for link in block.links]
    assert [block.text[link.start : link.end] for block, link in links] == texts
    assert all(isinstance(link, BlockLink) for _, link in links)


def test_links_of_a_row_and_of_a_base_are_read() -> None:
    row = "<tr><td>Levy</td><td></td><td>to <a href='pay'>pay | now</a></td></tr>"
    page = read(f"<table><tr><th>What</th><th>x</th><th>How</th></tr>{row * 3}</table>")
    (block, *_) = [block for block in page.blocks if block.links]
    (link,) = block.links
    assert (block.text[link.start : link.end], link.url) == ("pay | now", "pay")
    assert block.cells == (4, 0, 12)
    base = extract(RawPage(1, f"<head><base href='/b/'></head><p>{TEXT}</p>".encode(), "utf-8"))
    assert base.base == "/b/"


def test_a_row_whose_cells_are_paragraphs_is_one_line_and_a_layout_is_not() -> None:
    rows = "".join(f"<tr><td><p>{n}</p></td><td><p>Levy {n}</p></td></tr>" for n in (1, 2, 3))
    page = read(f"<table>{rows}</table>")
    texts = [(block.text, block.cells) for block in page.blocks if block.cells]
    assert texts == [(f"{n} | Levy {n}", (1, 6)) for n in (1, 2, 3)]
    layout = read("<table><tr><td><p>left</p></td><td><p>right</p></td></tr></table>")
    assert not [block for block in layout.blocks if block.cells]


def test_code_keeps_its_lines() -> None:
    code = "def levy(x):\n    return x\n\nlevy(2)"
    page = read(f"<pre><code>{code}</code></pre>")
    sources = [block.source for block in page.blocks if block.source]
    assert "\n".join(sources) in (code, "")


def test_many_links_and_pictures_cost_little() -> None:
    body = "<p>" + "<a href='/x'>word</a> " * 1_500 + "</p>"
    page = read(body + "".join(f"<img src='/{number}.jpg'>" for number in range(1_000)))
    assert max(len(block.links) for block in page.blocks) <= 500
    assert len(page.figures) <= 300
