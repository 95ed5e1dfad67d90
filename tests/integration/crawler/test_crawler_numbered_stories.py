"""Stories whose numbers look like years are crawled, and calendars are not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.config.site import Site
from pipeline.jobs.night_report import evaluate_nights
from pipeline.store.db.engine import Database
from pipeline.store.monitoring import issues
from tests.support.local_site import LocalSite, crawl_job, run_crawl, serve_local_site


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with serve_local_site() as site:
        yield site


def crawl(site: LocalSite, folder: Path, store: Database, **keys: object) -> dict[str, str]:
    """Crawl, and return the outcome or the reason of each story by its path."""
    job = crawl_job(site, folder, **keys)
    run_crawl(job, folder)
    evaluate_nights(store, [Site.model_validate(job["site"])], datetime.now(UTC))
    query = "SELECT url, reason, outcome FROM ledger WHERE kind = 'story'"
    with store.read() as db:
        rows = db.execute(text(query)).all()
    return {row.url.removeprefix(site.url): row.reason or row.outcome for row in rows}


def add_section(site: LocalSite, paths: list[str]) -> str:
    anchors = "".join(f'<a href="{path}"><img src="/x.png"></a>' for path in paths)
    return site.add_page("/", f"<!doctype html><title>x</title>{anchors}")


def test_a_sitemap_of_numbers_is_fetched_whole(
    site: LocalSite, store: Database, database_url: str, tmp_path: Path
) -> None:
    paths = [f"/s/{number}" for number in range(1930, 1950)]
    for path in paths:
        site.add_story(path)
    entries = "".join(f"<url><loc>{site.url}{path}</loc></url>" for path in paths)
    body = f"<?xml version='1.0'?><!DOCTYPE urlset><urlset>{entries}</urlset>"
    sitemap = site.add_page("/sitemap.xml", body, "text/xml")
    outcomes = crawl(site, tmp_path, store, sitemaps=[sitemap], database_url=database_url)
    assert outcomes == dict.fromkeys(paths, "new")
    assert issues.open_issues(store) == ()


def test_a_section_of_numbers_is_fetched_without_its_calendar(
    site: LocalSite, store: Database, database_url: str, tmp_path: Path
) -> None:
    paths = [f"/node/{number}" for number in (1899, 1999, 2000, 2101, 2102)]
    for path in paths:
        site.add_story(path)
    days = [f"/archive/2026/05/{day:02}/" for day in range(1, 31)]
    section = add_section(site, [*paths, *days])
    keys = {"sections": [section], "allow": [r"/node/", r"/archive/"]}
    outcomes = crawl(site, tmp_path, store, database_url=database_url, **keys)
    assert outcomes == dict.fromkeys(paths, "new") | dict.fromkeys(days, "calendar")
    assert issues.open_issues(store) == (), "a calendar is no issue"


def test_a_section_does_not_refuse_what_a_sitemap_lists(
    site: LocalSite, store: Database, database_url: str, tmp_path: Path
) -> None:
    paths = [f"/s/{number}" for number in range(1930, 1945)]
    for path in paths:
        site.add_story(path)
    entries = "".join(f"<url><loc>{site.url}{path}</loc></url>" for path in paths)
    sitemap = site.add_page("/sitemap.xml", f"<urlset>{entries}</urlset>", "text/xml")
    keys = {"sitemaps": [sitemap], "sections": [add_section(site, paths)]}
    outcomes = crawl(site, tmp_path, store, database_url=database_url, **keys)
    assert outcomes == dict.fromkeys(paths, "new")


def test_refusals_that_may_be_stories_are_an_issue_until_the_site_file_allows_them(
    site: LocalSite, store: Database, database_url: str, tmp_path: Path
) -> None:
    paths = [f"/s/{number}" for number in range(1930, 1945)]
    for path in paths:
        site.add_story(path)
    keys = {"sections": [add_section(site, paths)], "database_url": database_url}
    assert crawl(site, tmp_path, store, **keys) == dict.fromkeys(paths, "calendar")
    (issue,) = issues.open_issues(store)
    assert issue.kind == "traps"
    assert "15 of 15 links" in issue.sentence
    outcomes = crawl(site, tmp_path, store, allow=[r"/s/\d+"], **keys)
    assert outcomes == dict.fromkeys(paths, "new")
    assert issues.open_issues(store) == ()
