"""The catalogue lists publishers, and `add --catalog` makes a working file of each shape."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import site as sites
from pipeline.config.settings import load_settings
from pipeline.onboarding import catalog
from pipeline.onboarding.catalog import Publisher, load_catalog, parse_publisher
from pipeline.onboarding.site_file_writer import SiteFileOptions
from tests import refresh_catalog
from tests.support.cli import nightdesk
from tests.support.local_site import LocalSite, serve_local_site

STORIES = 6
LOCAL = ("--allow-private", "--delay", "0", "--yes")
NEWS = 'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
SITEMAPS = "http://www.sitemaps.org/schemas/sitemap/0.9"
DAY = "2026-11-0{}T08:00:00+00:00"


def story(site: LocalSite, path: str, number: int) -> str:
    """Add a story that an extractor takes for one, and return its path."""
    title = f"The crane of quay {number} is mended after a long night"
    paragraphs = ""
    for day in range(4):
        paragraphs += (
            f"<p>On day {day} the crane of quay number {number} was mended by {number + day} men,"
            f" and the ferries of line {number * day} left the harbour again on time.</p>"
        )
    site.add_page(
        path,
        f'<!doctype html><html lang="en"><head><title>{title}</title>'
        f'<meta property="article:published_time" content="{DAY.format(number + 1)}"></head>'
        f"<body><article><h1>{title}</h1>{paragraphs}</article></body></html>",
    )
    return path


def stories(site: LocalSite, pattern: str = "/news/the-crane-of-quay-{}-is-mended") -> list[str]:
    return [story(site, pattern.format(number), number) for number in range(STORIES)]


def items(links: Sequence[str], item: str) -> str:
    texts = []
    for number, link in enumerate(links):
        texts.append(item.format(link=link, number=number, day=DAY.format(number + 1)))
    return "".join(texts)


def rss(links: Sequence[str], item: str, namespaces: str = "") -> str:
    channel = f"<channel><title>Quay News</title>{items(links, item)}</channel>"
    return f'<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" {namespaces}>{channel}</rss>'


def urls(links: Sequence[str], extra: str = "<lastmod>{day}</lastmod>") -> str:
    entries = items(links, "<url><loc>{link}</loc>" + extra + "</url>")
    return f'<?xml version="1.0"?><urlset xmlns="{SITEMAPS}" {NEWS}>{entries}</urlset>'


def plain_rss(site: LocalSite) -> Publisher:
    links = [site.url + path for path in stories(site)]
    item = "<item><title>Crane {number}</title><link>{link}</link></item>"
    feed = site.add_page("/rss.xml", rss(links, item), "application/rss+xml")
    return Publisher("plain-rss", "Plain Rss", site.url, "gb", feeds=(feed,))


def atom_with_base(site: LocalSite) -> Publisher:
    entries = items(
        [path.removeprefix("/news/") for path in stories(site)],
        "<entry><title>Crane {number}</title><id>tag:quay.example,2026:{number}</id>"
        '<link rel="self" href="/x"/><link rel="alternate" href="{link}"/>'
        "<updated>{day}</updated></entry>",
    )
    atom = (
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:base="{site.url}/news/">'
        f"<title>Quay Atom</title>{entries}</feed>"
    )
    feed = site.add_page("/atom.xml", atom, "application/atom+xml")
    return Publisher("atom-base", "Atom Base", site.url, "gb", feeds=(feed,))


def rdf(site: LocalSite) -> Publisher:
    links = [site.url + path for path in stories(site)]
    item = (
        '<item rdf:about="{link}"><title>Crane {number}</title><link>{link}</link>'
        "<dc:date>{day}</dc:date></item>"
    )
    text = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<channel rdf:about="{site.url}"><title>Quay</title></channel>{items(links, item)}'
        "</rdf:RDF>"
    )
    feed = site.add_page("/index.rdf", text, "text/xml")
    return Publisher("rdf-feed", "Rdf Feed", site.url, "jp", feeds=(feed,))


def news_sitemap(site: LocalSite) -> Publisher:
    links = [site.url + path for path in stories(site)]
    news = (
        "<news:news><news:publication><news:name>Quay</news:name>"
        "<news:language>en</news:language></news:publication>"
        "<news:publication_date>{day}</news:publication_date>"
        "<news:title>Crane {number}</news:title></news:news>"
    )
    sitemap = site.add_page("/hidden/news.xml", urls(links, news), "application/xml")
    return Publisher("news-map", "News Map", site.url, "de", news_sitemaps=(sitemap,))


def sitemap_index(site: LocalSite) -> Publisher:
    links = [site.url + path for path in stories(site)]
    children = [
        site.add_page(f"/hidden/map-{part}.xml", urls(links[part::2]), "application/xml")
        for part in (0, 1)
    ]
    entries = items(children, "<sitemap><loc>{link}</loc><lastmod>{day}</lastmod></sitemap>")
    index = f'<sitemapindex xmlns="{SITEMAPS}">{entries}</sitemapindex>'
    sitemap = site.add_page("/hidden/index.xml", index, "text/xml")
    return Publisher("index-map", "Index Map", site.url, "us", sitemaps=(sitemap,))


def wordpress(site: LocalSite) -> Publisher:
    links = [site.url + path for path in stories(site, "/2026/11/the-crane-of-quay-{}/")]
    item = (
        "<item><title>Crane {number}</title><link>{link}</link>"
        '<guid isPermaLink="false">http://quay.example/?p={number}</guid>'
        "<dc:creator><![CDATA[editor]]></dc:creator>"
        "<content:encoded><![CDATA[<p>A &amp; B</p>]]></content:encoded></item>"
    )
    namespaces = (
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
    )
    feed = site.add_page("/feed/", rss(links, item, namespaces), "application/rss+xml")
    return Publisher("word-press", "Word Press", site.url, "us", feeds=(feed,))


def cdata_links(site: LocalSite) -> Publisher:
    links = [site.url + path for path in stories(site)]
    item = (
        "<item><title><![CDATA[Crane & {number}]]></title>"
        "<link><![CDATA[ {link}?utm_source=rss ]]></link></item>"
    )
    feed = site.add_page("/cdata.php", rss(links, item), "text/html")
    return Publisher("cdata-feed", "Cdata Feed", site.url, "it", feeds=(feed,))


def relative_links(site: LocalSite) -> Publisher:
    item = (
        "<item><title>Crane {number}</title><link>{link}</link>"
        '<guid isPermaLink="false">{number}</guid></item>'
    )
    feed = site.add_page("/relative.xml", rss(stories(site), item), "text/xml")
    return Publisher("relative-feed", "Relative Feed", site.url, "fr", feeds=(feed,))


def gzipped_sitemap(site: LocalSite) -> Publisher:
    links = [site.url + path for path in stories(site)]
    body = gzip.compress(urls(links).encode(), mtime=0)
    sitemap = site.add_page("/hidden/map.xml.gz", body, "application/x-gzip")
    return Publisher("gzip-map", "Gzip Map", site.url, "es", sitemaps=(sitemap,))


def old_charset(site: LocalSite) -> Publisher:
    links = [site.url + path for path in stories(site)]
    item = "<item><title>Кран {number} &mdash; починен</title><link>{link}</link></item>"
    text = rss(links, item).replace("UTF-8", "windows-1251").encode("cp1251")
    feed = site.add_page("/export.xml", text, "application/xml")
    return Publisher("old-charset", "Old Charset", site.url, "ru", feeds=(feed, site.url + "/dead"))


SHAPES: tuple[Callable[[LocalSite], Publisher], ...] = (
    plain_rss,
    atom_with_base,
    rdf,
    news_sitemap,
    sitemap_index,
    wordpress,
    cdata_links,
    relative_links,
    gzipped_sitemap,
    old_charset,
)


@pytest.fixture
def publishers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Publisher, ...]]:
    """Serve a site of each shape; the catalogue has these and no other publishers."""
    with ExitStack() as stack:
        made: list[Publisher] = []
        for shape in SHAPES:
            site = stack.enter_context(serve_local_site())
            front = "<html lang=en><head><title>Quay</title></head><body><p>News.</p></body></html>"
            site.add_page("/", front)
            made.append(shape(site))
        monkeypatch.setattr(catalog, "load_catalog", lambda: tuple(made))
        yield tuple(made)


@pytest.mark.trial
@pytest.mark.slow
def test_add_makes_a_working_file_of_ten_shapes_of_publishers(
    home: Path, publishers: tuple[Publisher, ...]
) -> None:
    with (home / "config" / "nightdesk.toml").open("a", encoding="utf8") as settings:
        settings.write("workers = 1\n")
    words: list[str] = []
    for publisher in publishers:
        words += ["--catalog", publisher.id]
    result = nightdesk(home, "add", *words, *LOCAL)
    assert (result.code, result.err) == (0, ""), result.out
    added, errors = sites.load_sites(home / "config" / "sites")
    assert not errors
    by_url = {site.url.rstrip("/"): site for site in added}
    for publisher in publishers:
        site = by_url[publisher.url]
        given = {*publisher.feeds, *publisher.news_sitemaps, *publisher.sitemaps}
        assert {source.url for source in site.sources} & given, publisher.id
        assert site.name == publisher.name
    night = nightdesk(home, "crawl", "--json")
    assert night.code == 0, night.err
    archived = {row["site"]: sum(row["clean"]["archived"].values()) for row in night.json}
    assert archived == dict.fromkeys((site.id for site in added), STORIES)


def test_a_checked_entry_has_the_day_and_no_dead_feed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_WORKERS", "1")
    with serve_local_site() as site:
        site.add_page("/", "<html lang=en><title>Quay</title><p>News.</p></html>")
        works = old_charset(site)
        down = Publisher("down", "Down", "http://127.0.0.1:9/", "gb")
        checked = refresh_catalog.check(
            load_settings(home), [works, down], (), SiteFileOptions(0.0, allow_private=True)
        )
    assert len(checked[0].checked) == len("2026-11-28")
    assert checked[0].feeds == works.feeds[:1]
    assert checked[1] == down


def test_the_catalogue_is_valid_and_lists_each_publisher_once() -> None:
    publishers = load_catalog()
    assert len(publishers) == 389
    assert len({publisher.country for publisher in publishers}) == 50
    assert len({publisher.id for publisher in publishers}) == len(publishers)
    for publisher in publishers:
        assert sites.SITE_ID_PATTERN.fullmatch(publisher.id)
        assert publisher.feeds or publisher.news_sitemaps or publisher.sitemaps
        assert not publisher.requested_site.error
        assert parse_publisher(publisher.to_json()) == publisher


def test_a_refresh_keeps_ids_and_what_a_list_does_not_know() -> None:
    known = Publisher("quay", "Quay", "https://quay.example/", "gb", ("en",), checked="2026-01-02")
    lines = [
        json.dumps(
            {"name": "Top :: Quay", "url": "https://quay.example", "feeds": ["https://q/f"]}
        ),
        json.dumps({"name": "Quay", "url": "https://quay.example.org/", "country": "ie"}),
    ]
    merged = refresh_catalog.merge([known], lines)
    assert merged[0] == replace(known, feeds=("https://q/f",))
    assert merged[1].id == "quay-example"
    assert refresh_catalog.merge(merged, lines) == merged


def test_catalog_searches_words_country_and_language(home: Path) -> None:
    found = nightdesk(home, "catalog", "guard", "--country", "GB", "--json").json
    assert [row["id"] for row in found] == ["guardian"]
    assert found[0]["checked"] == ""
    russian = nightdesk(home, "catalog", "--language", "ru", "--json").json
    assert {"lenta", "kommersant", "mk-ru"} <= {row["id"] for row in russian}
    assert "tass-com" not in {row["id"] for row in russian}
    table = nightdesk(home, "catalog", "ВЕСТИ").out
    assert "vesti" in table
    assert "never" in table
    nothing = nightdesk(home, "catalog", "--country", "tj")
    assert nothing.code == 0
    assert "No publisher of 'tj'" in nothing.out


def test_catalog_shows_which_publishers_are_sites_already(home: Path) -> None:
    text = 'name = "G"\nurl = "https://www.theguardian.com/"\nfeeds = ["https://x.example/f"]\n'
    (home / "config" / "sites" / "paper.toml").write_text(text, encoding="utf8")
    (row,) = nightdesk(home, "catalog", "guardian", "--country", "gb", "--json").json
    assert row["site"] == "paper"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("times", "fits several publishers"),
        ("guardiann", "did you mean 'guardian"),
    ],
)
def test_an_unknown_or_ambiguous_publisher_is_one_sentence(
    home: Path, name: str, message: str
) -> None:
    result = nightdesk(home, "add", "--catalog", name, "--yes")
    assert result.code == 3
    assert message in result.error_line
