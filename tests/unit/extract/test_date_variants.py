"""A date line is read in each language, and a date beside the story never is."""

from __future__ import annotations

from datetime import date

import pytest

from pipeline.core.models import Metadata
from pipeline.extract.html import parse_html
from pipeline.extract.metadata.metadata import read_metadata

TITLE = "A seal delays the ferry of Lowmere"
PROSE = "<p>" + "The ferry was late because a seal had gone to sleep on the ramp. " * 5 + "</p>"
DAY = date(2026, 3, 5)
OTHER = '<time class="published" datetime="2026-04-01">1 April 2026</time>'
DATE_LINES = [
    ("de", "5. März 2026"),
    ("de", "05.03.2026, 18:30 Uhr"),
    ("de", "Do., 5.3.2026"),
    ("fr", "Publié le 5 mars 2026 à 18h30"),
    ("fr", "le 05/03/2026"),
    ("es", "5 de marzo de 2026"),
    ("es", "05/03/2026 18:30"),
    ("it", "5 marzo 2026"),
    ("it", "05/03/2026"),
    ("pt", "5 de março de 2026"),
    ("pt-BR", "05/03/2026 às 18h30"),
    ("nl", "5 maart 2026"),
    ("pl", "5 marca 2026"),
    ("cs", "5. března 2026"),
    ("sk", "5. marca 2026"),
    ("hu", "2026. március 5."),
    ("hu", "2026.03.05. 18:30"),
    ("ro", "5 martie 2026"),
    ("bg", "5 март 2026"),
    ("sr", "5. март 2026."),
    ("hr", "5. ožujka 2026."),
    ("sl", "5. marca 2026"),
    ("el", "5 Μαρτίου 2026"),
    ("tr", "5 Mart 2026"),
    ("tr", "05.03.2026 18:30"),
    ("ru", "5 марта 2026"),
    ("ru", "05.03.2026, 18:30"),
    ("uk", "5 березня 2026"),
    ("be", "5 сакавіка 2026"),
    ("kk", "5 наурыз 2026"),
    ("uz", "2026-yil 5-mart"),
    ("uz", "5 mart 2026"),
    ("tg", "5 марти 2026"),
    ("tg", "5 марта 2026"),
    ("ar", "5 مارس 2026"),
    ("ar", "٥ مارس ٢٠٢٦"),
    ("fa", "۱۴ اسفند ۱۴۰۴"),
    ("fa", "1404/12/14"),
    ("he", "5 במרץ 2026"),
    ("hi", "5 मार्च 2026"),
    ("bn", "৫ মার্চ ২০২৬"),
    ("ja", "2026年3月5日 18:30"),
    ("zh", "2026-03-05 18:30"),
    ("zh", "2026年03月05日"),
    ("ko", "2026년 3월 5일"),
    ("ko", "2026.03.05 18:30"),
    ("th", "5 มี.ค. 2569"),
    ("th", "5 มีนาคม 2569"),
    ("vi", "Thứ Năm, 5/3/2026, 18:30"),
    ("vi", "ngày 5 tháng 3 năm 2026"),
    ("id", "5 Maret 2026"),
    ("ms", "5 Mac 2026"),
    ("fi", "5.3.2026"),
    ("sv", "5 mars 2026"),
    ("da", "5. marts 2026"),
    ("no", "5. mars 2026"),
    ("et", "5. märts 2026"),
    ("lv", "2026. gada 5. marts"),
    ("lt", "2026 m. kovo 5 d."),
    ("sq", "5 mars 2026"),
    ("az", "5 mart 2026"),
    ("ka", "5 მარტი 2026"),
    ("hy", "5 մարտի 2026"),
    ("en-US", "03/05/2026"),
    ("en-GB", "05/03/2026"),
    ("en-US", "Mar. 5, 2026 6:30 p.m. ET"),
    ("en-US", "Thursday, March 5th, 2026"),
    ("en-GB", "Thu 5 Mar 2026 18.30 GMT"),
    ("en-AU", "5/3/26"),
    ("ur", "5 مارچ 2026"),
    ("sw", "5 Machi 2026"),
    ("ca", "5 de març de 2026"),
    ("gl", "5 de marzo de 2026"),
    ("is", "5. mars 2026"),
    ("mk", "5 март 2026"),
    ("ky", "2026-жылдын 5-марты"),
    ("tk", "2026-njy ýylyň 5-marty"),
    ("ps", "۱۴ حوت ۱۴۰۴"),
    ("mn", "2026 оны 3-р сарын 5"),
    ("sw", "Machi 5, 2026"),
    ("ta", "மார்ச் 5, 2026"),
    ("ja", "令和8年3月5日"),
    ("zh-TW", "民國115年3月5日"),
    ("fr", "Jeudi 5 mars 2026"),
    ("ru", "Чт, 5 мар 2026"),
    ("ru", "5 марта 2026 года, 18:30"),
]
BESIDE = {
    "event": ('<div class="event-date">{0}</div>', ""),
    "teaser": ("", '<div class="teaser"><a href="/x">Another story of the harbour</a>{0}</div>'),
    "related": (
        "",
        '<ul class="related"><li><a href="/b">The ferry is late again</a> {0}</li></ul>',
    ),
    "comment": ("", '<div class="comment"><b>Jo</b> {0}<p>Nice</p></div>'),
    "discussion": (
        "",
        '<section class="discussion"><article>Jo {0}<p>Nice</p></article></section>',
    ),
    "post": ('<blockquote class="twitter-tweet">A post. {0}</blockquote>', ""),
    "price": ('<div class="price">Price as of 1 April 2026</div>', ""),
    "deadline": ("<p>Deadline: 1 April 2026</p>", ""),
}
AROUND = {
    "masthead": '<header><div class="date">Wednesday, 1 April 2026</div></header>{0}',
    "bar": '<div class="topbar"><span>Wednesday, 1 April 2026</span></div><main>{0}</main>',
    "footer": "{0}<footer>© 2026 Courier. Built on 1 April 2026</footer>",
    "weather": "{0}<aside><h3>Weather</h3>" + OTHER + "</aside>",
    "latest": '<section class="latest"><h3>The mayor speaks again</h3>' + OTHER + "</section>{0}",
    "next story": "{0}<article><h2>The mayor speaks of the harbour</h2>" + OTHER + "</article>",
}
DECLARED = '<meta property="article:published_time" content="2026-03-05T10:00:00+01:00">'


def story(line: str = "", end: str = "") -> str:
    return f"<article><h1>{TITLE}</h1>{line}{PROSE * 4}{end}</article>"


def read(body: str, language: str = "en", head: str = "") -> Metadata:
    head = f"<head><title>{TITLE}</title>{head}</head>"
    tree = parse_html(f'<html lang="{language}">{head}<body>{body}</body></html>'.encode())
    assert tree is not None
    return read_metadata(tree)


@pytest.mark.parametrize(("language", "text"), DATE_LINES)
def test_a_date_line_is_read_with_and_without_a_class(language: str, text: str) -> None:
    for line in (f'<p class="date">{text}</p>', f"<div><span>{text}</span></div>"):
        metadata = read(story(line), language)
        assert metadata.publication_day == DAY
        assert metadata.published_precision == "day"


def pages_with_other_dates() -> list[str]:
    pages = [story(line.format(OTHER), end.format(OTHER)) for line, end in BESIDE.values()]
    return pages + [page.format(story()) for page in AROUND.values()]


@pytest.mark.parametrize("page", pages_with_other_dates(), ids=[*BESIDE, *AROUND])
def test_a_date_beside_the_story_is_never_its_date(page: str) -> None:
    assert read(page).published_at is None
    declared = read(page, head=DECLARED)
    assert (declared.publication_day, declared.published_source) == (DAY, "meta")


@pytest.mark.parametrize(
    "line",
    [
        "<aside><time datetime='2026-03-05'>5 March 2026</time></aside>",
        "<footer class='entry-meta'>On <time datetime='2026-03-05'>5 March 2026</time></footer>",
        "<p>Date: 5 March 2026</p>",
    ],
)
def test_an_aside_or_a_footer_of_the_story_may_hold_its_date(line: str) -> None:
    assert read(story(line)).publication_day == DAY
