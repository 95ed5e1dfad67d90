"""Feeds are valid Atom, whatever a text has in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lxml import etree

from pipeline.formats.atom import FEED_END, AtomFeed, AtomLink, article_entry, feed_start
from pipeline.store.db.article_view import ArticleView

NOW = datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"


def article(**changes: Any) -> ArticleView:
    values = {
        "id": 7,
        "site": "courier",
        "url": "https://courier.example/a?x=1&y=2",
        "title": "A <b>title</b>",
        "authors": (),
        "agency": "",
        "published_at": None,
        "published_source": "",
        "published_precision": "",
        "published_day": None,
        "modified_at": None,
        "modified_precision": "",
        "language": "en",
        "section": "",
        "tags": ('a "tag"',),
        "image": "",
        "text": "First\n\nSecond & last",
        "word_count": 4,
        "first_seen_at": NOW,
        "last_seen_at": None,
        "revisions": 1,
        "story_group": 7,
        "similarity": None,
        "copies": 0,
    }
    return ArticleView(**(values | changes))


def parse(entry: str) -> Any:
    feed = AtomFeed("urn:example:feed", "A feed", NOW, (AtomLink("self", "https://x.example/"),))
    root = etree.fromstring((feed_start(feed) + entry + FEED_END).encode())
    return root.find(f"{ATOM}entry")


def test_an_entry_has_the_fields_of_its_article() -> None:
    entry = parse(article_entry(article(), (AtomLink("alternate", "https://x.example/7"),), "Sum"))
    assert entry.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
    assert entry.findtext(f"{ATOM}title") == "A <b>title</b>"
    assert entry.findtext(f"{ATOM}id") == "https://courier.example/a?x=1&y=2"
    assert entry.find(f"{ATOM}link").get("href") == "https://x.example/7"
    assert entry.findtext(f"{ATOM}updated") == "2026-03-02T12:00:00Z"
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "courier"
    assert entry.find(f"{ATOM}category").get("term") == 'a "tag"'
    assert entry.findtext(f"{ATOM}summary") == "Sum"
    assert entry.findtext(f"{ATOM}content") == "<p>First</p>\n<p>Second &amp; last</p>\n"


def test_characters_that_xml_cannot_hold_are_replaced_and_a_return_stays() -> None:
    title = "a\x00b\x1bc\x9fd\ud800e\ufffff\rg\th"
    entry = parse(article_entry(article(title=title), ()))
    assert entry.findtext(f"{ATOM}title") == "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\rg\th"


def test_a_language_that_is_no_tag_is_left_out() -> None:
    entry = parse(article_entry(article(language='en" onload="x'), ()))
    assert entry.attrib == {}
