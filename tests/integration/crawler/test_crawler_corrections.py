"""Corrections are looked at: a newer time in a source, a changed `[revisit]`, and `--force`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.store.db.engine import Database
from tests.support.archive_factory import one, rows
from tests.support.local_site import (
    CrawlerProcess,
    LocalSite,
    crawl_job,
    run_crawl,
    serve_local_site,
)

DAY = timedelta(days=1)
STORIES = [f"/news/story-{number}.html" for number in range(10_000, 10_012)]


def with_sitemap(site: LocalSite, times: dict[str, datetime], day_only: bool = False) -> None:
    """Serve a sitemap of stories with these times of their last change."""
    entries = ""
    for path, at in times.items():
        site.pages.get(path) or site.add_story(path, headers={"ETag": f'"{path}"'})
        stamp = f"{at:%Y-%m-%d}" if day_only else at.isoformat()
        entries += f"<url><loc>{site.url}{path}</loc><lastmod>{stamp}</lastmod></url>"
    site.add_page("/map.xml", f"<urlset>{entries}</urlset>", "text/xml")


def crawl(site: LocalSite, folder: Path, **keys: Any) -> tuple[CrawlerProcess, list[str]]:
    """Crawl, and return the paths of the stories that were requested."""
    before = len(site.received)
    job = crawl_job(site, folder, sitemaps=[site.url + "/map.xml"])
    job["site"] |= keys.pop("site_keys", {})
    run = run_crawl(job | keys, folder)
    requested = [request.path for request in site.received[before:]]
    return run, sorted(path for path in requested if path.startswith("/news/"))


def test_story_with_a_newer_time_in_its_source_is_fetched_now(
    database_url: str, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    with serve_local_site() as site:
        with_sitemap(site, dict.fromkeys(STORIES, now - DAY))
        _, first = crawl(site, tmp_path, database_url=database_url)
        corrected = dict.fromkeys(STORIES, now - DAY) | {STORIES[3]: now + timedelta(minutes=1)}
        with_sitemap(site, corrected)
        _, second = crawl(site, tmp_path, database_url=database_url)
    assert first == STORIES
    assert second == [STORIES[3]], "the others are due in twelve hours"


def test_entry_of_a_feed_that_was_updated_is_fetched_now(database_url: str, tmp_path: Path) -> None:
    def feed(updated: datetime) -> str:
        entry = f'<entry><title>A</title><link href="{story}"/><id>{story}</id>'
        entry += f"<updated>{updated.isoformat()}</updated></entry>"
        return f'<feed xmlns="http://www.w3.org/2005/Atom">{entry}</feed>'

    now = datetime.now(UTC)
    with serve_local_site() as site:
        story = site.add_story("/news/story-10001.html")
        job = crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"], database_url=database_url)
        for updated in (now - DAY, now - DAY / 2, now + timedelta(minutes=1)):
            site.add_page("/feed.xml", feed(updated), "application/atom+xml")
            run_crawl(job, tmp_path)
        requests = site.requests_for("/news/story-10001.html")
    assert len(requests) == 2, "a time before the last fetch is no correction"


def test_source_that_stamps_all_pages_with_its_own_time_makes_nothing_due(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with serve_local_site() as site:
        with_sitemap(site, dict.fromkeys(STORIES, now - DAY))
        crawl(site, tmp_path)
        with_sitemap(site, dict.fromkeys(STORIES, now + timedelta(minutes=1)))
        _, second = crawl(site, tmp_path)
    assert second == []


def test_time_in_the_far_future_is_not_believed(tmp_path: Path) -> None:
    with serve_local_site() as site:
        for _ in range(2):
            with_sitemap(site, {STORIES[0]: datetime.now(UTC) + 30 * DAY})
            _, requested = crawl(site, tmp_path)
    assert requested == []


def test_changed_revisit_of_the_site_file_computes_due_dates_again(
    store: Database, database_url: str, tmp_path: Path
) -> None:
    with serve_local_site() as site:
        with_sitemap(site, dict.fromkeys(STORIES, datetime.now(UTC) - DAY))
        crawl(site, tmp_path, database_url=database_url)
        _, unchanged = crawl(site, tmp_path, database_url=database_url)
        _, sooner = crawl(
            site, tmp_path, database_url=database_url, site_keys={"revisit": {"after_hours": 0}}
        )
        _, never = crawl(
            site, tmp_path, database_url=database_url, site_keys={"revisit": {"for_days": 0}}
        )
    assert unchanged == []
    assert sooner == STORIES
    assert never == []
    assert one(store, "SELECT count(*) FROM page WHERE due_at IS NOT NULL") == 0
    assert one(store, "SELECT for_days FROM site_revisit") == 0


def test_force_fetches_all_young_stories_whole(
    store: Database, database_url: str, tmp_path: Path
) -> None:
    with serve_local_site() as site:
        with_sitemap(site, dict.fromkeys(STORIES, datetime.now(UTC) - DAY))
        run, _ = crawl(site, tmp_path, database_url=database_url)
        with_sitemap(site, dict.fromkeys(STORIES[:3], datetime.now(UTC) - DAY))
        before = len(site.received)
        run, forced = crawl(site, tmp_path, database_url=database_url, force=True)
        conditional = [r for r in site.received[before:] if "if-none-match" in r.headers]
    assert forced == STORIES, "also those that no source lists any more"
    assert not conditional
    assert run.finished["counts"]["unchanged"] == len(STORIES)
    assert rows(store, "SELECT scope FROM run ORDER BY id") == [("",), ("all young pages",)]
