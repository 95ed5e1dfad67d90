"""How far a Section is read on: while it shows what is new, no further than the Site's file says, and never in a circle."""

from __future__ import annotations

from pathlib import Path

from tests.support.local_site import LocalSite, crawl, job, serving


def with_pages(site: LocalSite, count: int) -> None:
    """A section of so many pages with two stories each; behind the last one it goes on to a page that is not there."""
    for page in range(1, count + 1):
        links = "".join(
            f'<a href="{site.story(f"/news/{page}000{n}.html")[len(site.url) :]}">Story</a>'
            for n in (1, 2)
        )
        path = "/city/" if page == 1 else f"/city/page/{page}"
        site.add(path, f'<link rel="next" href="/city/page/{page + 1}">{links}')


def test_a_section_is_read_on_while_it_shows_what_is_new(tmp_path: Path) -> None:
    with serving() as site:
        with_pages(site, 3)
        described = job(site, tmp_path, sections=[site.url + "/city/"])
        first = crawl(described, tmp_path)
        pages = [path for path in site.paths if path.startswith("/city/")]
        second = crawl(described, tmp_path)
    assert pages == ["/city/", "/city/page/2", "/city/page/3", "/city/page/4"]
    assert [path for path in site.paths if path.startswith("/city/")][len(pages) :] == ["/city/"]
    assert first.sql(
        "SELECT count(*) FROM page WHERE payload_id IS NOT NULL AND kind = 'story'"
    ) == [(6,)]
    assert [
        (each["url"].removeprefix(site.url), each["outcome"]) for each in first.of("source")
    ] == [
        ("/city/", "fetched"),
        ("/city/page/2", "fetched"),
        ("/city/page/3", "fetched"),
    ], "the page behind the last one is in the ledger, and no trouble of the night"
    assert first.fate("/city/page/4") == ("gone", "not_found")
    assert second.finished["status"] == "finished"


def test_a_section_is_read_no_further_than_its_site_file_says_and_not_in_a_circle(
    tmp_path: Path,
) -> None:
    with serving() as site:
        with_pages(site, 4)
        crawl(job(site, tmp_path, sections=[site.url + "/city/"], section_pages=2), tmp_path)
        assert [path for path in site.paths if path.startswith("/city/")] == [
            "/city/",
            "/city/page/2",
        ]
        site.add(
            "/round/", '<a href="/news/77001.html">One</a><a rel="next" href="/round/">more</a>'
        )
        crawl(job(site, tmp_path, sections=[site.url + "/round/"]), tmp_path)
    assert site.paths.count("/round/") == 1
