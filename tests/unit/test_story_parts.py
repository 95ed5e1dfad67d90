"""Which links of a page lead to further parts of its story, and which look-alikes do not."""

from __future__ import annotations

import time

import pytest

from crawler.discovery.parts import MAX_PARTS, find_parts

STORY = "https://gazette.example/2026/11/harbour-closed"


def parts(html: str, url: str = STORY, page: str = "", number: int = 1) -> dict[int, str]:
    links = find_parts(html.encode(), page or url, url, number)
    return {link.number: link.url.removeprefix("https://gazette.example") for link in links}


def anchor(href: str, text: str, more: str = "") -> str:
    return f'<a href="{href}" {more}>{text}</a>'


PATH = "/2026/11/harbour-closed"
MARKUPS = {
    "rel=next in the head": (f'<link rel="next" href="{PATH}/2">', {2: f"{PATH}/2"}),
    "numbers below the path": (
        anchor(f"{PATH}/2/", "2") + anchor(f"{PATH}/3/", "<span>3</span>"),
        {2: f"{PATH}/2/", 3: f"{PATH}/3/"},
    ),
    "page word in the path": (anchor(f"{PATH}/page/2", "Next page »"), {2: f"{PATH}/page/2"}),
    "parameter": (anchor(f"{PATH}?page=2", "Page 2 of 5"), {2: f"{PATH}?page=2"}),
    "parameter that counts from 0": (
        anchor(f"{PATH}?page=1", "2") + anchor(f"{PATH}?page=2", "3"),
        {2: f"{PATH}?page=1", 3: f"{PATH}?page=2"},
    ),
    "read on": (anchor("?p=2", "Read on"), {2: f"{PATH}?p=2"}),
    "Russian": (anchor(f"{PATH}?PAGEN_1=2", "Читать далее →"), {2: f"{PATH}?PAGEN_1=2"}),
    "German": (anchor(f"{PATH}-seite-2", "Weiter auf Seite 2"), {2: f"{PATH}-seite-2"}),
    "titles of parts": (
        anchor(f"{PATH}/2", "2. The crane") + anchor(f"{PATH}/3", "Page 3: The ferry"),
        {2: f"{PATH}/2", 3: f"{PATH}/3"},
    ),
    "hyphen and number with a pager": (anchor(f"{PATH}-2", "2"), {2: f"{PATH}-2"}),
}
LOOKALIKES = {
    "gallery below the story": anchor(f"{PATH}/gallery/2", "2"),
    "gallery by a parameter": anchor(f"{PATH}?image=2", "2"),
    "gallery by its words": anchor(f"{PATH}/2", "2", 'class="photo-next"'),
    "next story": '<link rel="next" href="/2026/11/ferry-runs-again">',
    "next story with the same beginning": f'<link rel="next" href="{PATH}-2">',
    "another story with the same beginning": anchor(f"{PATH}-2", "Harbour closed again"),
    "next page with the same beginning": anchor(f"{PATH}-2", "Next", 'rel="next"'),
    "comments in the path": anchor(f"{PATH}/comment-page-2", "2"),
    "comments by a fragment": anchor(f"{PATH}?page=2#comments", "2"),
    "comments by a parameter": anchor(f"{PATH}?cpage=2", "2"),
    "list of the month": anchor("/2026/11/page/2", "Next page"),
    "archive": anchor("/archive/2", "2") + anchor("/page/2", "Next"),
    "another host": anchor("https://other.example" + PATH + "/2", "2"),
    "year of the story": anchor(f"{PATH}/2026", "2026"),
    "headline below the story": anchor(f"{PATH}/2", "What the mayor said"),
    "script": f"<script>var x = '{anchor(PATH + '/2', '2')}'</script>",
    "comment of the markup": f"<!-- {anchor(PATH + '/2', '2')} -->",
}


@pytest.mark.parametrize("name", MARKUPS)
def test_parts_of_a_story_are_found(name: str) -> None:
    html, expected = MARKUPS[name]
    assert parts(html) == expected


@pytest.mark.parametrize("name", LOOKALIKES)
def test_what_looks_like_a_part_is_none(name: str) -> None:
    assert parts(LOOKALIKES[name]) == {}


@pytest.mark.parametrize(
    ("story", "href"),
    [
        ("/news/123.html", "/news/123_2.html"),
        ("/news/123.html", "/news/123,2.html"),
        ("/news/123.html", "/news/123-p2.html"),
        ("/news/123.html?sid=9", "/news/123.html?sid=9&page=2"),
        ("/news/a-b?page=1", "/news/a-b?page=2"),
        ("/news/a-b/page/1", "/news/a-b/page/2"),
        ("/news/a-b/", "2/"),
        ("/story/index.html", "/story/index_2.html"),
        ("/novosti/порт", "/novosti/%D0%BF%D0%BE%D1%80%D1%82/2"),
    ],
)
def test_number_may_stand_where_publishing_systems_put_it(story: str, href: str) -> None:
    base = "https://gazette.example"
    found = find_parts(anchor(href, "2").encode(), base + story, base + story)
    assert [link.number for link in found] == [2]


def test_next_number_is_another_story() -> None:
    base = "https://gazette.example/news/123"
    html = '<link rel="next" href="/news/124">' + anchor("/news/1232", "2")
    assert find_parts(html.encode(), base, base) == ()


def test_last_part_names_the_one_before_and_the_next() -> None:
    html = anchor(PATH, "1") + anchor(f"{PATH}/2", "2") + anchor(f"{PATH}/4", "Next", 'rel="next"')
    assert parts(html, page=f"{STORY}/3", number=3) == {2: f"{PATH}/2", 4: f"{PATH}/4"}


def test_story_of_a_gallery_or_a_list_has_no_parts() -> None:
    for path in ("/gallery/harbour-closed", "/tag/harbour", "/fotos/harbour"):
        assert parts(anchor(f"{path}/2", "2"), url=f"https://gazette.example{path}") == {}


def test_root_of_a_host_has_no_parts() -> None:
    for url in (
        "https://gazette.example",
        "https://gazette.example/",
        "https://gazette.example/?p=7",
    ):
        assert find_parts(anchor("/2", "2").encode() + anchor("?p=2", "2").encode(), url, url) == ()


def test_words_of_the_story_itself_do_not_count() -> None:
    url = "https://gazette.example/2026/photo-of-the-year"
    assert parts(anchor("/2026/photo-of-the-year/2", "2"), url=url) == {
        2: "/2026/photo-of-the-year/2"
    }


def test_number_of_parts_and_time_are_limited() -> None:
    html = "".join(anchor(f"{PATH}/{number}", str(number)) for number in range(2, 90))
    assert max(parts(html)) == MAX_PARTS
    start = time.process_time()
    assert find_parts(b'<a href="/2' * 400_000, STORY, STORY) == ()
    assert find_parts(b"<script <!-- <a 1" * 300_000, STORY, STORY) == ()
    assert time.process_time() - start < 4
