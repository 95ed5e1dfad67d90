"""Those who wrote the story are its authors, and agencies are named beside them."""

from __future__ import annotations

import pytest

from pipeline.core.models import Metadata
from pipeline.extract.html import parse_html
from pipeline.extract.metadata.metadata import read_metadata

URL = '<link rel="canonical" href="https://lowmerecourier.example/harbour/pier">'
PROSE = (
    "<p>The harbour authority of Lowmere will close the northern pier for six weeks, its director"
    " said on Tuesday, after divers found cracks in eleven of the forty concrete piles of it.</p>"
)


def read(after: str = "", end: str = "", before: str = "", head: str = "") -> Metadata:
    markup = (
        f"<html><head><title>Northern pier closes</title>{head}</head><body>{before}<main><article>"
        f"<h1>Northern pier closes</h1>{after}{PROSE * 4}{end}</article></main></body></html>"
    )
    tree = parse_html(f"{URL}{markup}".encode())
    assert tree is not None
    return read_metadata(tree)


@pytest.mark.parametrize(
    "apart",
    [
        "<section class='comments'><span class='author'>Tom Dray</span><p>No!</p></section>",
        "<ol class='commentlist'><li><cite class='author'>Tom Dray says:</cite></li></ol>",
        "<form><p class='comment-form-author'><label>Name</label></p></form>",
        "<div class='related'><a href='/x'>Swans return</a> <b class='author'>Tom Dray</b></div>",
        "<div><a href='/x'>Three swans return to pond</a> <i class='author'>Tom Dray</i></div>",
        "<aside><a class='author-name' href='/authors/td'>Tom Dray</a></aside>",
        "<div class='columnists'><a class='author-name' href='/authors/td'>Tom Dray</a></div>",
        "<figure><figcaption class='author'>Tom Dray</figcaption></figure>",
    ],
)
def test_commenters_columnists_and_authors_of_teasers_are_no_authors(apart: str) -> None:
    assert read(end=apart).authors == ()
    assert read(before=apart).authors == ()
    byline = "<p class='byline'>Marta Ellin</p>"
    assert read(before=apart, end=byline).authors == ("Marta Ellin",)
    assert read(after=byline, end=apart).authors == ("Marta Ellin",)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("<p class='byline'>By Solène</p>", ("Solène",)),
        ("<p>By solene on 3 March 2026</p>", ("solene",)),
        ("<p>By Land</p>", ()),
        ("<p>Words by</p><p>Marta Ellin</p>", ("Marta Ellin",)),
        (("<p class='summary'>A long summary of the story that follows the headline and says what"
         " happened at the pier on Tuesday, when it closed.</p><p>By Marta Ellin</p>"),
         ("Marta Ellin",)),
        ("<p>By The Lowmere Courier</p>", ()),
        ("<p class='author'>点击登录</p>", ()),
        ("<p>记者 李伟</p>", ("李伟",)),
        ("<p class='author'>Download our new application here</p>", ()),
        ("<p class='author'>Shutterstock</p>", ()),
        ("<p>By Marta Ellin, Lowmere Courier</p>", ("Marta Ellin",)),
        ("<p class='author'>Autor:</p><p>Marta Ellin/XY</p>", ("Marta Ellin",)),
    ],
)  # fmt: skip
def test_visible_bylines_are_read(after: str, expected: tuple[str, ...]) -> None:
    assert read(after).authors == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ('<meta name="author" content="Marta Ellin"><meta name="author" content="Tom Dray">',
         ("Marta Ellin", "Tom Dray")),
        (('<meta name="author" content="Marta Ellin">'
          '<meta name="article:author" content="Marta Ellin Dray\'s friend">'), ("Marta Ellin",)),
        ('<meta name="authors" content="Marta Ellin">', ("Marta Ellin",)),
        (('<meta name="citation_author" content="Ellin, Marta">'
         '<meta name="citation_author" content="Dray, Tom">'), ("Marta Ellin", "Tom Dray")),
        ('<meta name="author" content="https://social.example/x">', ()),
        ('<meta property="og:site_name" content="Courier"><meta name="author" content="Courier">',
         ("Courier",)),
        ('<meta property="og:site_name" content="Courier">', ()),  # a site is named, no author
    ],
)  # fmt: skip
def test_declared_authors_are_read(head: str, expected: tuple[str, ...]) -> None:
    assert read(head=head).authors == expected


@pytest.mark.parametrize(
    ("byline", "agency", "authors"),
    [
        ("By Reuters", "Reuters", ()),
        ("Reuters Staff", "Reuters", ()),
        ("By The Associated Press", "AP", ()),
        ("By Marta Ellin, Associated Press", "AP", ("Marta Ellin",)),
        ("By Marta Ellin (AP)", "AP", ("Marta Ellin",)),
        ("dpa/AFP", "dpa, AFP", ()),
        ("Von Marta Ellin, dpa", "dpa", ("Marta Ellin",)),
        ("Mit Material der dpa", "dpa", ()),
        ("ТАСС", "TASS", ()),
        ("新华社记者 李伟", "Xinhua", ("李伟",)),
        ("By Marta Ellin", "", ("Marta Ellin",)),
        ("By Reuters Ellin", "", ("Reuters Ellin",)),
    ],
)
def test_agencies_are_no_authors(byline: str, agency: str, authors: tuple[str, ...]) -> None:
    metadata = read(f"<p class='byline'>{byline}</p>")
    assert (metadata.agency, metadata.authors) == (agency, authors)


@pytest.mark.parametrize(
    ("after", "end", "agency"),
    [
        (f"<p>LOWMERE, March 3 (Reuters) - {PROSE[3:]}", "", "Reuters"),
        (f"<p>Lowmere (dpa) – {PROSE[3:]}", "", "dpa"),
        ("", "<p>© dpa/AFP</p>", "dpa, AFP"),
        ("", "<p>(AP)</p>", "AP"),
        (f"<p>The fishermen (and Reuters) - {PROSE[3:]}", "", ""),
        (f"<p>The AP and Reuters told it. {PROSE[3:]}", "", ""),
        ("", f"<div class='related'><p>Lowmere (dpa) – {PROSE[3:]}</div>", ""),
        ("", "<p>AP said so.</p>", ""),
    ],
)
def test_a_dateline_or_a_credit_names_the_agency(after: str, end: str, agency: str) -> None:
    assert read(after, end).agency == agency
