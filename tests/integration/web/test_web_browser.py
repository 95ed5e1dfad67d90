"""Tests of the pages of a hostile archive in Chromium; skipped if it is not installed.

`tests/e2e` checks the pages of the demo sites, where their nights are made anyway.
"""

from __future__ import annotations

import pytest

from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.browser import check_pages, chromium, needs_browser, serve_archive
from tests.support.hostile_archive import EXTRACTOR, build_hostile_archive, hostile_extracted_page

pytestmark = needs_browser
PAGES = (
    "",
    "search?q=ferry",
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


@pytest.mark.parametrize("engine", ["sqlite"])
def test_hostile_pages_have_no_faults_and_load_nothing(
    store: Database, archive: CrawlSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EXTRACTOR, hostile_extracted_page)
    build_hostile_archive(store, archive)
    requested_paths = list[str]()
    with serve_archive(store, requested_paths, TOKEN) as url, chromium() as browser:
        faults = check_pages(browser, url, PAGES, PAGES, TOKEN)
    assert not faults, "\n".join(faults)
    assert "/beacon" not in requested_paths, "an archived page has loaded something"
