"""A section goes on where a number or a word leads to a page of the same section."""

from __future__ import annotations

import pytest

from crawler.discovery.next_pages import next_page
from pipeline.core.models import Link

SECTION = "https://h.tj/city/"


def found(url: str, *links: tuple[str, str]) -> str:
    """The next page of a section whose links have these titles and paths."""
    listed = [Link(f"https://h.tj{path}", title=title) for title, path in links]
    return next_page(listed, url).removeprefix("https://h.tj")


@pytest.mark.parametrize(
    ("url", "title", "path"),
    [
        (SECTION, "2", "/city/page/2/"),
        (SECTION, "2", "/city/2"),
        (SECTION, "2", "/city?page=2"),
        (SECTION, "2", "/city/?pg=2&sort=date"),
        (SECTION, "2", "/city/page-2.html"),
        (SECTION, "2", "/city/?start=20"),
        ("https://h.tj/city/page/2/", "3", "/city/page/3/"),
        ("https://h.tj/city/?start=20", "Older »", "/city/?start=40"),
        ("https://h.tj/city?page=2", "3", "/city?page=3"),
        (SECTION, "Older posts", "/city/page/2"),
        (SECTION, "← Older Entries", "/city/page/2"),
        (SECTION, "Далее", "/city/?page=2"),
        (SECTION, "Nächste Seite ›", "/city/seite/2"),
        (SECTION, "Load more", "/city/?before=20418"),
        (SECTION, "下一页", "/city/?page=2"),
    ],
)
def test_the_next_page_is_found_by_its_number_or_word(url: str, title: str, path: str) -> None:
    story = ("The harbour was closed again", "/city/harbour-closed-again-2")
    assert found(url, story, ("1", "/city/"), (title, path), ("9", "/city/page/9")) == path


@pytest.mark.parametrize(
    ("url", "title", "path"),
    [
        (SECTION, "2", "/city/harbour-closed-again-2"),
        (SECTION, "2", "/sport/page/2"),
        (SECTION, "3", "/city/page/3"),
        (SECTION, "Next", "/city/harbour-closed-again"),
        (SECTION, "More", "/sport/"),
        (SECTION, "Older", "/2019/"),
        (SECTION, "2", "/city/?comments=2"),
        (SECTION, "Next", "/city/page/7"),
        ("https://h.tj/city/page/2", "Next", "/city/page/1"),
        ("https://h.tj/city/?start=40", "Older", "/city/?start=20"),
        (SECTION, "Page 2 of the harbour affair", "/city/page/2"),
        (SECTION, "2", "/city/"),
    ],
)
def test_other_links_are_no_next_page(url: str, title: str, path: str) -> None:
    assert found(url, (title, path)) == ""
