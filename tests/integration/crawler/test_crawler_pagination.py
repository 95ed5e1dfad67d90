"""How far the pages of a section are followed."""

from __future__ import annotations

from pathlib import Path

from pipeline.store.db.engine import Database
from tests.support.archive_factory import one
from tests.support.local_site import LocalSite, crawl_job, run_crawl, serve_local_site


def with_pages(site: LocalSite, count: int) -> None:
    """Add a section with two stories on each page. The last page leads to one that is missing."""
    for page in range(1, count + 1):
        links = "".join(
            f'<a href="{site.add_story(f"/news/{page}000{n}.html")[len(site.url) :]}">Story</a>'
            for n in (1, 2)
        )
        path = "/city/" if page == 1 else f"/city/page/{page}"
        site.add_page(path, f'<link rel="next" href="/city/page/{page + 1}">{links}')


def test_section_pages_are_followed_while_they_list_new_stories(tmp_path: Path) -> None:
    with serve_local_site() as site:
        with_pages(site, 3)
        description = crawl_job(site, tmp_path, sections=[site.url + "/city/"])
        first = run_crawl(description, tmp_path)
        pages = [path for path in site.received_paths if path.startswith("/city/")]
        second = run_crawl(description, tmp_path)
    assert pages == ["/city/", "/city/page/2", "/city/page/3", "/city/page/4"]
    assert [path for path in site.received_paths if path.startswith("/city/")][len(pages) :] == [
        "/city/"
    ]
    assert first.query(
        "SELECT count(*) FROM page WHERE payload_id IS NOT NULL AND kind = 'story'"
    ) == [(6,)]
    assert [
        (each["url"].removeprefix(site.url), each["outcome"])
        for each in first.events_named("source")
    ] == [
        ("/city/", "fetched"),
        ("/city/page/2", "fetched"),
        ("/city/page/3", "fetched"),
    ], "the page after the last one is in the ledger, and is no issue"
    assert first.page_outcome("/city/page/4") == ("gone", "not_found")
    assert second.finished["status"] == "finished"


def test_section_pages_are_followed_up_to_section_pages_and_never_in_a_circle(
    tmp_path: Path,
) -> None:
    with serve_local_site() as site:
        with_pages(site, 4)
        run_crawl(
            crawl_job(site, tmp_path, sections=[site.url + "/city/"], section_pages=2), tmp_path
        )
        assert [path for path in site.received_paths if path.startswith("/city/")] == [
            "/city/",
            "/city/page/2",
        ]
        site.add_page(
            "/round/", '<a href="/news/77001.html">One</a><a rel="next" href="/round/">more</a>'
        )
        run_crawl(crawl_job(site, tmp_path, sections=[site.url + "/round/"]), tmp_path)
    assert site.received_paths.count("/round/") == 1


def test_numbered_pages_that_nothing_declares_are_followed(
    store: Database, database_url: str, tmp_path: Path
) -> None:
    with serve_local_site() as site:
        for page in (1, 2, 3):
            story = site.add_story(f"/news/{page}0001.html")[len(site.url) :]
            numbers = "".join(
                f'<a href="/city/?page={number}">{number}</a>' for number in (1, 2, 3)
            )
            links = f'<a href="{story}">Story</a>{numbers}'
            for path in {f"/city/?page={page}", "/city/" if page == 1 else f"/city/?page={page}"}:
                site.add_page(path, links)
        keys = {"sections": [site.url + "/city/"], "database_url": database_url}
        crawler = run_crawl(crawl_job(site, tmp_path, **keys), tmp_path)
    pages = [path for path in site.received_paths if path.startswith("/city/")]
    assert pages == ["/city/", "/city/?page=2", "/city/?page=3"]
    stored = "SELECT count(*) FROM page WHERE payload_id IS NOT NULL AND kind = 'story'"
    assert one(store, stored) == 3
    ledger_size = one(store, "SELECT count(*) FROM ledger")
    assert sum(crawler.finished["counts"].values()) == ledger_size
