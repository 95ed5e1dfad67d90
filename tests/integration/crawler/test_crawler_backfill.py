"""A back-fill reads sitemaps and date archives, no further back than asked, and can continue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.local_site import LocalSite, crawl_job, run_crawl, serve_local_site


def with_archive(site: LocalSite) -> None:
    """Add an index of two months, one of them too old, and a feed, which no back-fill reads."""
    entries = "".join(
        f"<url><loc>{site.add_story(f'/news/may-{n}.html')}</loc><lastmod>2026-05-{n:02}</lastmod></url>"
        for n in range(1, 7)
    )
    entries += (
        f"<url><loc>{site.add_story('/news/old-1.html')}</loc><lastmod>2019-01-01</lastmod></url>"
    )
    entries += f"<url><loc>{site.add_story('/news/undated-1.html')}</loc></url>"
    site.add_page("/may.xml", f"<urlset>{entries}</urlset>", "text/xml", headers={"ETag": '"may"'})
    site.add_page("/april.xml", "<urlset/>", "text/xml")
    children = f"<sitemap><loc>{site.url}/may.xml</loc><lastmod>2026-05-07</lastmod></sitemap>"
    children += f"<sitemap><loc>{site.url}/april.xml</loc><lastmod>2026-04-30</lastmod></sitemap>"
    site.add_page(
        "/index.xml",
        f"<sitemapindex>{children}</sitemapindex>",
        "text/xml",
        headers={"ETag": '"index"'},
    )
    site.add_feed("/feed.xml", [site.add_story("/news/today-1.html")])


def test_backfill_reads_sitemaps_only_and_continues_where_its_budget_ended(
    tmp_path: Path,
) -> None:
    with serve_local_site() as site:
        with_archive(site)
        sources: dict[str, Any] = {
            "feeds": [site.url + "/feed.xml"],
            "sitemaps": [site.url + "/index.xml"],
        }
        description = crawl_job(
            site, tmp_path, politeness={"max_pages": 4, "concurrency": 1}, **sources
        )
        description["since"] = "2026-05-01T00:00:00Z"
        first = run_crawl(description, tmp_path)
        requested = [path for path in site.received_paths if path != "/robots.txt"]
        second = run_crawl(description, tmp_path)
        stories = [path for path in site.received_paths if path.startswith("/news/")]
    assert requested[:2] == ["/index.xml", "/may.xml"]
    assert len(requested) == 6
    assert "max_pages" in first.finished["detail"]
    assert sorted(stories) == [f"/news/may-{n}.html" for n in range(1, 7)], "each once in both runs"
    assert (
        "1 older link" in second.finished["detail"] or "2 older links" in second.finished["detail"]
    )
    assert "1 without a date" in second.finished["detail"]


def test_backfill_reads_date_archives_to_their_end_and_complete_ones_once(
    tmp_path: Path,
) -> None:
    with serve_local_site() as site:
        today = datetime.now(UTC)
        days = [today - timedelta(days=back) for back in range(4, -1, -1)]
        paths = [f"/archive/{day.year}/{day.month}/{day.day:02}/" for day in days]
        for number, path in enumerate(paths[1:]):  # the first day has no list
            more = f"{path}page/2"
            site.add_page(
                path,
                f'<a href="/news/{number}10001.html">One</a><a rel="next" href="{more}">older</a>',
            )
            site.add_page(more, f'<a href="/news/{number}20002.html">Two</a>')
            site.add_story(f"/news/{number}10001.html")
            site.add_story(f"/news/{number}20002.html")
        description = crawl_job(
            site,
            tmp_path,
            sections=[site.url + "/city/"],
            archives=[site.url + "/archive/{year}/{month}/{day:02}/"],
            # requests that are under way together may arrive in any order
            politeness={"concurrency": 1},
        )
        description["since"] = days[0].strftime("%Y-%m-%dT00:00:00Z")
        first = run_crawl(description, tmp_path)
        requested = [path for path in site.received_paths if path.startswith("/archive/")]
        second = run_crawl(description, tmp_path)
        again = [path for path in site.received_paths if path.startswith("/archive/")][
            len(requested) :
        ]
    assert sorted(requested) == sorted([*paths, *(path + "page/2" for path in paths[1:])])
    assert requested[0] == paths[-1], "newest first"
    assert first.query(
        "SELECT count(*) FROM page WHERE payload_id IS NOT NULL AND kind = 'story'"
    ) == [(8,)]
    assert first.events_named("source")
    assert {event["outcome"] for event in first.events_named("source")} == {"fetched"}, (
        "a day without a list is no issue"
    )
    assert {path.removesuffix("page/2") for path in again} == set(paths[2:]), (
        "those that were read before they were complete"
    )
    assert second.finished["status"] == "finished"
