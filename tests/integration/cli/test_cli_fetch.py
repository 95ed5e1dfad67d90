"""`nightdesk fetch`: from a URL to an article that can be searched, in one command."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.cli.commands import fetch
from pipeline.store.db import locks
from pipeline.store.db.engine import Database
from tests.support.cli import nightdesk
from tests.support.local_site import LocalSite, serve_local_site

STORY = """\
The council closed the harbour on Monday, because the crane above the northern pier has to be
mended before the winter. Fishermen said that they would wait for two weeks at most.

The mayor told reporters that the town had no money for a new crane this year. A company from the
neighbouring district has offered to lend one until the spring, at a price nobody wanted to name.

Until then, ships with more than two metres of draught have to unload at the old quay, where
lorries can reach them only at low tide. The ferry to the island runs as usual."""
OPEN = "[safety]\nallow_private = true\n[politeness]\ndelay = 0\nretries = 0\ntimeout = 1\n"


def add_story(
    site: LocalSite, path: str, title: str = "Harbour closed", day: str = "Monday"
) -> str:
    body = "<p>" + STORY.replace("Monday", day).replace("\n\n", "</p><p>") + "</p>"
    head = f'<html lang="en"><head><title>{title}</title></head>'
    article = f"<article><h1>{title}</h1>{body}</article>"
    return site.add_page(path, f"<!doctype html>{head}<body>{article}</body></html>")


def use_site(home: Path, site: LocalSite, name: str = "gazette", more: str = "") -> None:
    text = f'name = "Gazette"\nurl = "{site.url}"\nfeeds = ["{site.url}/feed.xml"]\n{more}{OPEN}'
    (home / "config" / "sites" / f"{name}.toml").write_text(text, encoding="utf8")


def test_url_becomes_an_article_that_is_found(home: Path) -> None:
    with serve_local_site() as site:
        use_site(home, site)
        story = add_story(site, "/news/harbour-10001.html")
        add_story(site, "/news/other-10002.html")
        site.add_feed("/feed.xml", [site.url + "/news/other-10002.html"])
        result = nightdesk(home, "fetch", story)
        requested = site.received_paths
    assert result.code == 0, result.err
    assert "sha256 " in result.out
    assert "Harbour closed" in result.out
    assert "Fishermen said" in result.out
    assert requested == ["/robots.txt", "/news/harbour-10001.html"], "no source, no other story"
    found = nightdesk(home, "search", "fishermen", "--json").json
    assert [article["title"] for article in found] == ["Harbour closed"]
    assert nightdesk(home, "report").code in (0, 1)


def test_page_that_no_site_owns_is_archived_as_saved(
    home: Path, engine: str, database_url: str
) -> None:
    with serve_local_site() as site:
        story = add_story(site, "/2026/harbour")
        (saved,) = nightdesk(home, "--database-url", database_url, "fetch", story, "--json").json
        path = home / "config" / "sites" / "saved.toml"
        assert path.is_file(), "its pages can be cleaned again"
        assert saved["site"] == "saved"
        assert saved["reason"] == "blocked_address", "a private address needs a permission"
        path.write_text(
            path.read_text(encoding="utf8")
            + '[safety]\nallow_private = ["127.0.0.1:PORT"]\n'.replace("PORT", str(site.port)),
            encoding="utf8",
        )
        (saved,) = nightdesk(home, "--database-url", database_url, "fetch", story, "--json").json
    assert saved["problem"] == ""
    assert saved["article"]["title"] == "Harbour closed"
    assert saved["digest"]


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/closed/story-1.html", 1, "robots.txt does not allow it"),
        ("/news/missing-1.html", 1, "404"),
        ("/news/slow-1.html", 1, "timeout"),
        ("/news/list-1.html", 1, "no article"),
        ("/news/pdf-1.html", 1, "not_html"),
        ("/denied/story-1.html", 1, "denied"),
    ],
)
def test_problem_is_one_clear_sentence_and_an_exit_code(
    home: Path, path: str, code: int, words: str
) -> None:
    with serve_local_site() as site:
        use_site(home, site, more='deny = ["/denied/"]\n')
        site.add_page("/robots.txt", "User-agent: *\nDisallow: /closed/\n", "text/plain")
        add_story(site, "/closed/story-1.html")
        add_story(site, "/denied/story-1.html")
        site.add_story("/news/slow-1.html", delay=5)
        site.add_page("/news/list-1.html", "<title>x</title><p>Too short.</p>")
        site.add_page("/news/pdf-1.html", b"%PDF-1.4 ...", "application/pdf")
        result = nightdesk(home, "fetch", site.url + path)
    assert result.code == code
    assert site.url + path in result.error_line
    assert words in result.error_line
    assert result.out == ""


def test_one_of_two_urls_fails_and_the_other_is_archived(home: Path) -> None:
    with serve_local_site() as site:
        use_site(home, site)
        story = add_story(site, "/news/harbour-10001.html")
        result = nightdesk(home, "fetch", story, site.url + "/news/none-1.html", "--json")
    one, other = result.json
    assert result.code == 1
    assert one["article"]["title"] == "Harbour closed"
    assert other["article"] is None
    assert "404" in other["problem"]


def test_redirect_ends_in_the_article_of_its_target_also_on_another_host(home: Path) -> None:
    with serve_local_site() as site, serve_local_site() as shortener:
        use_site(home, site)
        use_site(home, shortener, "short")
        add_story(site, "/news/harbour-10001.html")
        site.add_redirect("/r/1", "/news/harbour-10001.html")
        shortener.add_redirect("/s", site.url + "/r/1")
        result = nightdesk(home, "fetch", shortener.url + "/s", "--json")
    (fetched,) = result.json
    assert result.code == 0, fetched
    assert fetched["site"] == "gazette"
    assert fetched["article"]["url"] == site.url + "/news/harbour-10001.html"


def test_story_that_was_corrected_is_fetched_again_now(home: Path) -> None:
    with serve_local_site() as site:
        use_site(home, site)
        story = add_story(site, "/news/harbour-10001.html")
        nightdesk(home, "fetch", story)
        add_story(site, "/news/harbour-10001.html", day="Friday")
        (fetched,) = nightdesk(home, "fetch", story, "--json").json
    assert "Friday" in fetched["article"]["text"]
    assert len(fetched["article"]["history"]) == 2


@contextmanager
def locked(store: Database, name: str) -> Iterator[threading.Event]:
    """Hold a lock in another thread until the event is set, or the block ends."""
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        lock = locks.acquire(store, name)
        is_held.set()
        may_end.wait(60)
        lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        is_held.wait(10)
        yield may_end
    finally:
        may_end.set()
        thread.join()


def test_fetch_waits_for_the_night_that_crawls_the_site(
    home: Path, store: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = ("--database-url", database_url)
    sentences: list[str] = []
    with serve_local_site() as site:
        use_site(home, site)
        story = add_story(site, "/news/harbour-10001.html")
        with locked(store, "crawl:gazette"):
            refused = nightdesk(home, *archive, "fetch", story, "--wait", "0")
        for name, day in (("crawl:gazette", "Monday"), ("clean:gazette", "Friday")):
            add_story(site, "/news/harbour-10001.html", day=day)
            with locked(store, name) as may_end:

                def receive(sentence: str, end: threading.Event = may_end) -> None:
                    sentences.append(sentence)
                    end.set()

                monkeypatch.setattr(fetch, "print_error", receive)
                waited = nightdesk(home, *archive, "fetch", story)
                assert waited.code == 0
                assert "Harbour closed" in waited.out
    assert refused.code != 0
    assert "gazette: is already being crawled by process" in refused.error_line
    assert [sentence.split(" by ")[0] for sentence in sentences] == [
        "gazette: is already being crawled",
        "gazette: is already being cleaned",
    ]
    assert all("; waiting for its end, for up to 10 min" in sentence for sentence in sentences)


def test_no_url_and_a_wrong_url_are_refused_before_anything_is_fetched(home: Path) -> None:
    assert nightdesk(home, "fetch").code == 2
    wrong = nightdesk(home, "fetch", "gazette")
    assert wrong.code == 3
    assert "gazette: is not an http or https URL" in wrong.error_line
