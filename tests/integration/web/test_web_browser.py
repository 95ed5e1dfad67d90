"""The reading room of a hostile archive in the system's own Chromium. Skipped where that is not installed.

That of the newsroom's nights is walked in `tests/flow`, where these are made.
"""

from __future__ import annotations

import pytest

from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.browser import check_pages, chromium, needs_browser, serve_archive
from tests.support.hostile_archive import build_hostile_archive, hostile_extracted_page

pytestmark = needs_browser
PAGES = (
    "", "search?q=ferry", "search", "sites", "sites/courier", "runs", "runs/3", "articles/3", "articles/5",
    "articles/2/revisions", "pages/3", "pages/3/why", "pages/3/raw", "nothing",
)  # fmt: skip
TOKEN = "sesam öffne"  # with which a page, its style and what it frames have to be had


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_hostile_page_is_sound_and_does_nothing(
    store: Database, archive: CrawlSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.archive_factory.draft_of", hostile_extracted_page)
    build_hostile_archive(store, archive)
    asked = list[str]()
    with serve_archive(store, asked, TOKEN) as address, chromium() as browser:
        wrong = check_pages(browser, address, PAGES, PAGES, TOKEN)
    assert not wrong, "\n".join(wrong)
    assert "/beacon" not in asked, "an archived page has loaded something"
