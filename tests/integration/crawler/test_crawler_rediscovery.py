"""Stored sources are read again by today's rules: what was missed is queued, nothing twice."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.jobs.crawlers import child_process
from pipeline.store import read
from pipeline.store.db.engine import Database
from tests.support.archive_factory import one, rows
from tests.support.local_site import (
    CrawlerProcess,
    LocalSite,
    crawl_job,
    run_crawl,
    serve_local_site,
    start_crawl,
)

NIGHTS = 10
WRONG_ALLOW = [r"/sport/"]
RIGHT_ALLOW = [r"/(?:sport|news)/"]
PLACES = "SELECT url, rank, visits FROM placements ORDER BY first_seen_at, rank"


def discover(job: Mapping[str, Any], folder: Path) -> CrawlerProcess:
    """Read the stored sources of a site again."""
    command = (*child_process.CRAWLER_COMMAND, "discover")
    process = start_crawl(dict(job), folder, command)
    process.read_events()
    assert process.exit_code == 0, process.events
    return process


def end_of(process: CrawlerProcess) -> dict[str, Any]:
    (event,) = process.events_named("rediscovered")
    return event


def sitemap(links: Sequence[str]) -> str:
    urls = "".join(f"<url><loc>{link}</loc></url>" for link in links)
    return f'<?xml version="1.0"?><urlset>{urls}</urlset>'


def sitemap_index(links: Sequence[str]) -> str:
    entries = "".join(f"<sitemap><loc>{link}</loc></sitemap>" for link in links)
    return f'<?xml version="1.0"?><sitemapindex>{entries}</sitemapindex>'


def show_night(site: LocalSite, night: int) -> tuple[list[str], list[str]]:
    """Publish the stories of one night, each listed in this night only. Return their URLs."""
    sport = site.add_story(f"/sport/match-{night}-of-the-season.html")
    in_feed = site.add_story(f"/news/feed-story-{night}-of-the-city.html")
    in_sitemap = site.add_story(f"/news/map-story-{night}-of-the-city.html")
    in_section = site.add_story(f"/news/list-story-{night}-of-the-city.html")
    refused = site.add_story(f"/shop/offer-{night}-of-the-week.html")
    site.add_feed("/feed.xml", [sport, in_feed, refused])
    child = gzip.compress(sitemap([in_sitemap]).encode(), mtime=0)
    child_url = site.add_page("/child.xml.gz", child, "application/gzip")
    site.add_page("/sitemap.xml", sitemap_index([child_url]), "application/xml")
    site.add_page("/city/", f'<a href="..{in_section.removeprefix(site.url)}">Read on</a>')
    return [sport], [in_feed, in_sitemap, in_section]


def job_of(site: LocalSite, folder: Path, database_url: str, **keys: Any) -> dict[str, Any]:
    return crawl_job(
        site,
        folder,
        database_url=database_url,
        feeds=[site.url + "/feed.xml"],
        sitemaps=[site.url + "/sitemap.xml"],
        sections=[site.url + "/city/"],
        **keys,
    )


@pytest.mark.trial_on_postgresql
def test_after_ten_nights_with_a_wrong_allow_every_missed_story_is_found_and_none_twice(
    tmp_path: Path, database_url: str, store: Database
) -> None:
    missed: list[str] = []
    with serve_local_site() as site:
        for night in range(NIGHTS):
            _, unseen = show_night(site, night)
            missed += unseen
            run_crawl(job_of(site, tmp_path, database_url, allow=WRONG_ALLOW), tmp_path)
        stored = "SELECT count(*) FROM page WHERE kind = 'story' AND payload_id IS NOT NULL"
        assert one(store, stored) == NIGHTS
        asked = len(site.received)
        right = job_of(site, tmp_path, database_url, allow=RIGHT_ALLOW)
        first = end_of(discover(right, tmp_path))
        second = end_of(discover(right, tmp_path))
        assert len(site.received) == asked, "nothing is fetched"
        run_crawl(right, tmp_path)
        fetched = [site.url + path for path in site.received_paths[asked:] if "-story-" in path]
        third = end_of(discover(right, tmp_path))
    assert sorted(fetched) == sorted(missed)
    assert (first["queued"], second["queued"], third["queued"]) == (3 * NIGHTS, 0, 0)
    assert first["counts"] == {"known": 4, "deferred": 3 * NIGHTS}
    assert first["versions"] >= 3 * NIGHTS
    kinds = "SELECT kind, status FROM run WHERE kind = 'discover' ORDER BY id"
    assert rows(store, kinds) == 3 * [("discover", "finished")]
    reasons = (
        "SELECT DISTINCT reason FROM ledger WHERE run_kind = 'discover' AND outcome = :outcome"
    )
    assert rows(store, reasons, outcome="deferred") == [("queued",)]
    assert rows(store, reasons, outcome="known") == [("read_again",)]


def test_only_sources_of_todays_site_file_and_only_versions_since_a_day_are_read(
    tmp_path: Path, database_url: str, store: Database
) -> None:
    with serve_local_site() as site:
        show_night(site, 1)
        run_crawl(job_of(site, tmp_path, database_url, allow=WRONG_ALLOW), tmp_path)
        right = job_of(site, tmp_path, database_url, allow=RIGHT_ALLOW)
        right["site"] |= {"feeds": [], "sections": []}
        only_sitemap = end_of(discover(right, tmp_path))
        right["since"] = "2999-01-01T00:00:00Z"
        right["site"] |= {"feeds": [site.url + "/feed.xml"]}
        in_force = end_of(discover(right, tmp_path))
    assert (only_sitemap["sources"], only_sitemap["queued"]) == (2, 1)
    assert in_force["queued"] == 1, "the version in force at that day was still shown"
    queued = (
        "SELECT url FROM page WHERE kind = 'story' AND due_at IS NOT NULL AND outcome = 'refused'"
    )
    assert {url.rpartition("/")[2][:9] for (url,) in rows(store, queued)} == {
        "map-story",
        "feed-stor",
    }


def test_a_story_that_is_stored_keeps_what_its_newest_source_says(
    tmp_path: Path, database_url: str, store: Database
) -> None:
    with serve_local_site() as site:
        story = site.add_story("/news/harbour-closed-again.html")
        for title in ("Old headline", "New headline"):
            item = f"<item><title>{title}</title><link>{story}</link></item>"
            feed = f'<rss version="2.0"><channel><title>x</title>{item}</channel></rss>'
            site.add_page("/feed.xml", feed, "application/rss+xml")
            run_crawl(job_of(site, tmp_path, database_url), tmp_path)
        before = rows(
            store, "SELECT id, announced_title, due_at, needs_clean FROM page ORDER BY id"
        )
        end = end_of(discover(job_of(site, tmp_path, database_url), tmp_path))
    assert end["queued"] == 0
    after = rows(store, "SELECT id, announced_title, due_at, needs_clean FROM page ORDER BY id")
    assert after == before
    assert "New headline" in str(after)


def test_placements_are_made_again_by_todays_rules(
    tmp_path: Path, database_url: str, store: Database
) -> None:
    with serve_local_site() as site:
        sport = site.add_story("/sport/match-of-the-season.html")
        news = site.add_story("/news/story-of-the-city.html")
        site.add_feed("/feed.xml", [sport, news])
        site.add_page("/", f'<a href="{news}">Top</a> <a href="{sport}">Second</a>')
        for _ in range(2):
            run_crawl(job_of(site, tmp_path, database_url, allow=WRONG_ALLOW), tmp_path)
        assert rows(store, PLACES) == [(sport, 1, 2)]
        right = job_of(site, tmp_path, database_url, allow=RIGHT_ALLOW)
        discover(right, tmp_path)
        discover(right, tmp_path)
    assert rows(store, PLACES) == [(news, 1, 2), (sport, 2, 2)]


def test_robots_txt_of_each_night_is_kept(
    tmp_path: Path, database_url: str, store: Database
) -> None:
    with serve_local_site() as site:
        show_night(site, 1)
        for rules in ("User-agent: *\nDisallow: /a/\n", "User-agent: *\nDisallow: /b/\n", ""):
            site.add_page("/robots.txt", rules, "text/plain")
            run_crawl(job_of(site, tmp_path, database_url), tmp_path)
        site.add_page("/robots.txt", "gone", "text/plain", status=404)
        run_crawl(job_of(site, tmp_path, database_url), tmp_path)
    captures = (
        "SELECT capture.outcome, capture.status, payload.size FROM capture"
        " JOIN page ON page.id = capture.page_id AND page.kind = 'robots'"
        " LEFT JOIN payload ON payload.id = capture.payload_id ORDER BY capture.id"
    )
    assert rows(store, captures) == [
        ("fetched", 200, 28),
        ("fetched", 200, 28),
        ("fetched", 200, 0),
        ("gone", 404, None),
    ]
    assert one(store, "SELECT count(*) FROM ledger WHERE kind = 'robots'") == 4
    story = site.url + "/news/feed-story-1-of-the-city.html"
    times = rows(
        store,
        "SELECT fetched_at FROM capture JOIN page ON page.id = page_id"
        " AND kind = 'robots' ORDER BY capture.id",
    )
    in_force = []
    for (time,) in times:
        at = datetime.fromisoformat(str(time)).replace(tzinfo=UTC)
        rules = read.robots_in_force(store, "local", story, at)
        assert rules is not None
        in_force.append((rules.outcome, rules.body[14:]))
    assert in_force == [
        ("fetched", b"Disallow: /a/\n"),
        ("fetched", b"Disallow: /b/\n"),
        ("fetched", b""),
        ("gone", b""),
    ]
    assert read.robots_in_force(store, "local", story, datetime(2000, 1, 1, tzinfo=UTC)) is None


def test_a_second_night_of_an_unchanged_site_takes_less_than_three_percent_of_the_bytes(
    tmp_path: Path, database_url: str, store: Database
) -> None:
    with serve_local_site() as site:
        site.add_page("/robots.txt", "User-agent: *\nDisallow: /admin/\n", "text/plain")
        filler = "<p>The harbour was closed again on Monday.</p>" * 200
        links: list[str] = []
        for number in range(12):
            tag = {"ETag": f'"story-{number}"'}
            page = f"<html><h1>Story {number}</h1>{filler}</html>"
            links.append(site.add_page(f"/news/story-{number}-of-the-city", page, headers=tag))
        site.add_feed("/feed.xml", links)
        site.pages["/feed.xml"].headers["ETag"] = '"feed"'
        anchors = "".join(f'<a href="{link}">Story</a>' for link in links)
        site.add_page("/", f"<html>{anchors}{filler}</html>", headers={"ETag": '"front"'})
        revisit = {"after_hours": 0}
        for _ in range(2):
            job = crawl_job(
                site,
                tmp_path,
                database_url=database_url,
                feeds=[site.url + "/feed.xml"],
                revisit=revisit,
            )
            run_crawl(job, tmp_path)
    nights = [
        int(size)
        for (size,) in rows(store, "SELECT sum(bytes) FROM ledger GROUP BY run ORDER BY run")
    ]
    assert nights[1] < 0.03 * nights[0]
    kinds = "SELECT kind, outcome, count(*) FROM ledger WHERE run = 2 GROUP BY kind, outcome"
    assert sorted(rows(store, kinds)) == [
        ("feed", "unchanged", 1),
        ("front_page", "unchanged", 1),
        ("robots", "unchanged", 1),
        ("story", "unchanged", 12),
    ]
    counts = rows(store, "SELECT counts FROM run ORDER BY id")
    assert "15" in str(counts[1])
    assert [visits for _, _, visits in rows(store, PLACES)] == 12 * [2]
