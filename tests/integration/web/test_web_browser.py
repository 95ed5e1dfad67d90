"""Tests of the pages of a hostile archive in Chromium; skipped if it is not installed.

`tests/e2e` checks the pages of the demo sites, where their nights are made anyway.
"""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.archive_factory import DAY, NIGHT, clean, night, url
from tests.support.browser import check_pages, chromium, needs_browser, serve_archive
from tests.support.hostile_archive import EXTRACTOR, build_hostile_archive, hostile_extracted_page

pytestmark = needs_browser
PAGES = (
    "",
    "search?q=ferry+site:courier&sort=rank",
    "search?q=ferrry",
    "compare?q=ferry&q=-ferry&by=day&share=1&words=1",
    "compare?q=ferry&by=site",
    "days/2024-03-01",
    "authors?name=Nobody",
    "sections?site=courier&name=none",
    "search",
    "sites",
    "sites/courier",
    "report",
    "changes",
    "runs",
    "runs/3",
    "articles/3",
    "articles/5",
    "articles/2/revisions",
    "pages/3",
    "pages/3/why",
    "pages/3/raw",
    "nothing",
)
TOKEN = "sesam öffne"  # so that the stylesheet and the frame need the token, too


@pytest.mark.trial
@pytest.mark.parametrize("engine", ["sqlite"])
def test_hostile_pages_have_no_faults_and_load_nothing(
    store: Database, archive: CrawlSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EXTRACTOR, hostile_extracted_page)
    build_hostile_archive(store, archive)
    requested_paths = list[str]()
    with serve_archive(store, requested_paths, TOKEN) as address, chromium() as browser:
        faults = check_pages(browser, address, PAGES, PAGES, TOKEN)
    assert not faults, "\n".join(faults)
    assert "/beacon" not in requested_paths, "an archived page has loaded something"


@pytest.mark.parametrize("engine", ["sqlite"])
def test_all_of_the_archive_can_be_read_with_keys_alone(
    store: Database, archive: CrawlSession
) -> None:
    for number in range(3):
        page = {url(f"story-{number}"): f"Story {number}\nThe ferry was late.".encode()}
        night(archive, page, NIGHT + number * DAY)
    clean(store)
    with serve_archive(store, []) as address, chromium() as browser:
        page = browser.new_page()
        page.goto(address)
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.url.endswith("#main")
        titles = []
        for key in "jjk":
            page.keyboard.press(key)
            titles.append(focused(page))
        assert titles == ["Story 2", "Story 1", "Story 2"]
        page.keyboard.press("j")
        page.keyboard.press("o")
        page.wait_for_url("**/articles/*")
        assert page.inner_text("h1") == "Story 1"
        page.keyboard.press("j")
        page.wait_for_function("document.querySelector('h1').innerText === 'Story 0'")
        page.keyboard.press("?")
        assert page.is_visible("dialog.keys")
        assert page.evaluate(
            "document.querySelector('dialog.keys').contains(document.activeElement)"
        )
        page.keyboard.press("Escape")
        assert not page.is_visible("dialog.keys")
        page.keyboard.press("/")
        page.keyboard.type("j ferry")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?q=j+ferry*")


def focused(page: Any) -> str:
    """Return the text of the element that has the focus."""
    return str(page.evaluate("document.activeElement.innerText"))
