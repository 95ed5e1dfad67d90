"""A Run that goes back in time: sitemaps alone, read whole, no further back than asked, resumed where a budget ended it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local_site import LocalSite, crawl, job, serving


def with_archive(site: LocalSite) -> None:
    """An index of two months, of which one is too old, and a feed that no back-fill asks for."""
    entries = "".join(
        f"<url><loc>{site.story(f'/news/may-{n}.html')}</loc><lastmod>2026-05-{n:02}</lastmod></url>" for n in range(1, 7)
    )
    entries += f"<url><loc>{site.story('/news/old-1.html')}</loc><lastmod>2019-01-01</lastmod></url>"
    entries += f"<url><loc>{site.story('/news/undated-1.html')}</loc></url>"
    site.add("/may.xml", f"<urlset>{entries}</urlset>", "text/xml", headers={"ETag": '"may"'})
    site.add("/april.xml", "<urlset/>", "text/xml")
    children = f"<sitemap><loc>{site.url}/may.xml</loc><lastmod>2026-05-07</lastmod></sitemap>"
    children += f"<sitemap><loc>{site.url}/april.xml</loc><lastmod>2026-04-30</lastmod></sitemap>"
    site.add("/index.xml", f"<sitemapindex>{children}</sitemapindex>", "text/xml", headers={"ETag": '"index"'})
    site.feed("/feed.xml", [site.story("/news/today-1.html")])


def test_a_back_fill_reads_sitemaps_alone_and_goes_on_where_its_budget_ended(tmp_path: Path) -> None:
    with serving() as site:
        with_archive(site)
        places: dict[str, Any] = {"feeds": [site.url + "/feed.xml"], "sitemaps": [site.url + "/index.xml"]}
        described = job(site, tmp_path, politeness={"max_pages": 4, "concurrency": 1}, **places)
        described["since"] = "2026-05-01T00:00:00Z"
        first = crawl(described, tmp_path)
        asked = [path for path in site.paths if path != "/robots.txt"]
        second = crawl(described, tmp_path)
        stories = [path for path in site.paths if path.startswith("/news/")]
    assert asked[:2] == ["/index.xml", "/may.xml"]
    assert len(asked) == 6
    assert "max_pages" in first.finished["detail"]
    assert sorted(stories) == [f"/news/may-{n}.html" for n in range(1, 7)], "each once, over both runs"
    assert "1 older link" in second.finished["detail"] or "2 older links" in second.finished["detail"]
    assert "1 without a date" in second.finished["detail"]
