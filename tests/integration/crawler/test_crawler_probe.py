"""The probe as a child process: what it finds, what it refuses, and when it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.models import Outcome, Reason, UrlKind
from pipeline.jobs.crawlers import child_process as children
from pipeline.process_messages import DiscoveryMethod, ProbeResult
from tests.support.crawler_forkserver import SEPARATE_CRAWLER
from tests.support.local_site import PARAGRAPH, ROOT, LocalSite, crawl_job, serve_local_site

ENTRY = "<url><loc>{}</loc><lastmod>2026-11-02</lastmod></url>"
INDEX = "<sitemap><loc>{}</loc></sitemap>"


def add_front_page(site: LocalSite, head: str = "", body: str = "") -> None:
    site.add_page(
        "/",
        f'<!doctype html><html lang="tg"><head><title>News</title>{head}</head>'
        f"<body>{body}{PARAGRAPH}</body></html>",
    )


def add_sitemap(site: LocalSite, path: str, links: list[str], *, index: bool = False) -> str:
    root, entry = ("sitemapindex", INDEX) if index else ("urlset", ENTRY)
    return site.add_page(
        path, f"<{root}>{''.join(map(entry.format, links))}</{root}>", "application/xml"
    )


def start_probe(
    site: LocalSite, folder: Path, crawler: Sequence[str] = SEPARATE_CRAWLER, **more: Any
) -> subprocess.Popen[str]:
    keys = {key: more.pop(key) for key in ("url", "feeds", "safety", "politeness") if key in more}
    job_keys = crawl_job(
        site, folder, sections=[site.url + "/"], **{key: keys[key] for key in keys if key != "url"}
    )
    job_keys["site"] |= {"url": keys.get("url", site.url + "/")}
    (folder / "out").mkdir(exist_ok=True)
    described = {
        "crawl_job": job_keys | {"database_url": ""},
        "folder": str(folder / "out"),
        **more,
    }
    child = subprocess.Popen(
        [*crawler, "probe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(described) + "\n")
    child.stdin.flush()
    return child


def run_probe(site: LocalSite, folder: Path, **more: Any) -> ProbeResult:
    child = start_probe(site, folder, children.CRAWLER_COMMAND, **more)
    assert child.stdout is not None
    said = child.stdout.read()
    assert child.wait(timeout=30) == 0, said
    return ProbeResult.model_validate_json(
        (folder / "out" / "result.json").read_text(encoding="utf8")
    )


def source_paths(result: ProbeResult, way: DiscoveryMethod) -> list[str]:
    return [
        source.url.partition("//")[2].partition("/")[2]
        for source in result.sources
        if source.discovered_by is way
    ]


def test_probe_finds_declared_sources_and_fetches_samples(tmp_path: Path) -> None:
    with serve_local_site() as site:
        links = [site.add_story(f"/2026/11/02/story-{n}/") for n in range(30)]
        site.add_feed("/feed.xml", links[:20])
        add_sitemap(site, "/map.xml", [add_sitemap(site, "/map-news.xml", links)], index=True)
        site.add_page(
            "/robots.txt",
            f"User-agent: *\nCrawl-delay: 0.01\nSitemap: {site.url}/map.xml\n",
            "text/plain",
        )
        menu = '<nav><a href="/city/">City</a><a href="/about/">About</a></nav>'
        add_front_page(
            site, '<link rel="alternate" type="application/rss+xml" href="/feed.xml">', menu
        )
        site.add_page("/city/", f'<a href="{links[0]}">A headline that is long enough for one</a>')
        result = run_probe(site, tmp_path)
    assert (result.front.language, result.crawl_delay) == ("tg", 0.01)
    assert source_paths(result, DiscoveryMethod.DECLARED) == ["feed.xml"]
    assert source_paths(result, DiscoveryMethod.ROBOTS) == ["map.xml"]
    assert source_paths(result, DiscoveryMethod.INDEX) == ["map-news.xml"]
    assert source_paths(result, DiscoveryMethod.MENU) == ["city/"]
    assert source_paths(result, DiscoveryMethod.USUAL) == []
    assert [sample.outcome for sample in result.samples] == [Outcome.FETCHED] * 10
    assert all((tmp_path / "out" / sample.file).read_bytes() for sample in result.samples)
    assert result.requests == len(site.received) <= 40


def test_probe_looks_at_the_next_page_of_a_section(tmp_path: Path) -> None:
    with serve_local_site() as site:
        links = [site.add_story(f"/2026/11/02/story-{n}/") for n in range(6)]
        add_front_page(site, body='<nav><a href="/city/">City</a><a href="/sport/">Sport</a></nav>')
        anchors = [f'<a href="{link}">A headline that is long enough for one</a>' for link in links]
        older = '<a href="/city/page/2/">Older posts</a>'
        site.add_page("/city/", "".join(anchors[:3]) + older)
        site.add_page("/city/page/2/", "".join(anchors[3:]) + '<a href="/city/page/3/">3</a>')
        site.add_page("/sport/", "".join(anchors[:3]))
        result = run_probe(site, tmp_path)
    assert source_paths(result, DiscoveryMethod.NEXT) == ["city/page/2/"]
    pages = {source.url.removeprefix(site.url): source.next_page for source in result.sources}
    assert pages["/city/"] == site.url + "/city/page/2/"
    assert pages["/sport/"] == ""


def test_probe_tries_common_urls_if_nothing_is_declared(tmp_path: Path) -> None:
    with serve_local_site() as site:
        add_front_page(site)
        site.add_feed("/rss.xml", [site.add_story("/news/story-10001.html")])
        add_sitemap(site, "/sitemap.xml", [site.url + "/news/story-10001.html"])
        result = run_probe(site, tmp_path)
    working = {
        source.url.removeprefix(site.url)
        for source in result.sources
        if source.works and source.discovered_by is DiscoveryMethod.USUAL
    }
    assert working == {"/rss.xml", "/sitemap.xml"}
    assert len(result.samples) == 1


def test_probe_of_a_feed_url_finds_the_front_page(tmp_path: Path) -> None:
    with serve_local_site() as site:
        add_front_page(site)
        site.add_feed("/deep/feed.xml", [site.add_story("/news/story-10001.html")])
        result = run_probe(site, tmp_path, url=site.url + "/deep/feed.xml")
    assert result.front.url == site.url + "/"
    assert source_paths(result, DiscoveryMethod.GIVEN) == ["deep/feed.xml"]
    assert len(result.samples) == 1


def test_probe_does_not_request_what_robots_txt_disallows(tmp_path: Path) -> None:
    with serve_local_site() as site:
        add_front_page(
            site, '<link rel="alternate" type="application/rss+xml" href="/private/feed.xml">'
        )
        site.add_page("/robots.txt", "User-agent: *\nDisallow: /private/\n", "text/plain")
        result = run_probe(site, tmp_path)
        assert "/private/feed.xml" not in site.received_paths
        site.add_page("/robots.txt", "User-agent: *\nDisallow: /\n", "text/plain")
        site.received.clear()
        closed = run_probe(site, tmp_path)
        assert site.received_paths == ["/robots.txt"]
    (feed,) = [
        source for source in result.sources if source.discovered_by is DiscoveryMethod.DECLARED
    ]
    assert (feed.outcome, feed.reason) == (Outcome.REFUSED, Reason.ROBOTS)
    assert closed.front.reason is Reason.ROBOTS


def test_probe_requests_no_private_address_unless_allowed(tmp_path: Path) -> None:
    with serve_local_site() as site:
        add_front_page(site)
        result = run_probe(site, tmp_path, safety={"allow_private": False})
        assert not site.received
    assert result.front.reason is Reason.BLOCKED_ADDRESS


@pytest.mark.parametrize("status", [403, 404, 500])
def test_probe_ends_if_the_front_page_does_not_answer(status: int, tmp_path: Path) -> None:
    with serve_local_site() as site:
        site.add_page("/", "no", status=status)
        result = run_probe(site, tmp_path)
    assert result.front.status == status
    assert (result.sources, result.samples) == ((), ())
    assert result.requests == 2


def test_probe_keeps_its_limits_of_requests_and_time(tmp_path: Path) -> None:
    with serve_local_site() as site:
        links = [site.add_story(f"/2026/11/02/story-{n}/", delay=0.2) for n in range(30)]
        maps = [add_sitemap(site, f"/map{n}.xml", links) for n in range(50)]
        site.add_page("/robots.txt", "\n".join(f"Sitemap: {each}" for each in maps), "text/plain")
        feeds = [site.add_feed(f"/feed{n}.xml", links) for n in range(50)]
        add_front_page(
            site,
            "".join(
                f'<link rel="alternate" type="application/rss+xml" href="{each}">' for each in feeds
            ),
        )
        few = run_probe(site, tmp_path, requests=15)
        assert len(site.received) <= 15
        assert few.samples, "some requests were reserved for them"
        site.received.clear()
        for answer in site.pages.values():
            answer.delay = 0.2
        short = run_probe(site, tmp_path, seconds=1.0)
    assert len(site.received) < 20, (
        "two at a time; a busy machine makes fewer; without the limit there would be forty"
    )
    assert few.stop_reason == "after 15 requests"
    assert short.stop_reason == "after 1 s"
    assert len(short.samples) < 10


def test_probe_of_a_hostile_site_stays_within_its_limits(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "lol">]><urlset><url><loc>&a;</loc></url></urlset>'
    with serve_local_site() as site:
        site.add_page(
            "/robots.txt",
            f"Sitemap: {site.url}/bomb.xml\nSitemap: http://[\nSitemap: /\x00\n",
            "text/plain",
        )
        site.add_page("/bomb.xml", bomb, "application/xml")
        anchors = (
            "".join(f'<a href="/{"x" * 50}{n}">{n}</a>' for n in range(20_000))
            + '<a href="http://[">x</a>'
        )
        alternate = '<link rel="alternate" type="application/rss+xml" href="{}">'
        add_front_page(
            site,
            alternate.format("http://[") + alternate.format("/endless"),
            f"<nav>{anchors}</nav>" + "<div>" * 3000,
        )
        site.add_page("/endless", endless=True)
        result = run_probe(site, tmp_path, safety={"max_bytes": 2_000_000})
    reasons = {source.url.removeprefix(site.url): source.reason for source in result.sources}
    assert reasons["/bomb.xml"] is Reason.XML_DOCTYPE_REFUSED
    assert reasons["/endless"] is Reason.TOO_LARGE
    assert result.requests <= 40


def test_probe_obeys_opt_outs_and_does_not_wait_for_busy_hosts(
    tmp_path: Path,
) -> None:
    with serve_local_site() as site:
        add_front_page(site, '<link rel="alternate" type="application/rss+xml" href="/feed.xml">')
        closed = site.add_story("/news/story-10001.html", headers={"X-Robots-Tag": "noarchive"})
        site.add_feed("/feed.xml", [closed])
        result = run_probe(site, tmp_path, politeness={"obey_noarchive": True})
        assert [(sample.reason, sample.file) for sample in result.samples] == [
            (Reason.OPTED_OUT, "")
        ]
        busy = [
            site.add_story(f"/news/busy-{n}.html", status=429, headers={"Retry-After": "300"})
            for n in range(10_000, 10_003)
        ]
        site.add_feed("/feed.xml", busy)
        started = time.monotonic()
        result = run_probe(site, tmp_path, seconds=4.0)
        assert time.monotonic() - started < 20
    assert {sample.reason for sample in result.samples} == {Reason.TRY_AGAIN}


def test_probe_of_a_known_site_fetches_the_sources_of_its_file(tmp_path: Path) -> None:
    with serve_local_site() as site:
        add_front_page(site)
        site.add_feed("/mine.xml", [site.add_story("/news/story-10001.html")])
        result = run_probe(site, tmp_path, is_known_site=True, feeds=[site.url + "/mine.xml"])
    given = [source for source in result.sources if source.discovered_by is DiscoveryMethod.GIVEN]
    assert [source.kind for source in given] == [UrlKind.FEED, UrlKind.SECTION]
    assert site.received_paths.count("/mine.xml") == 1


def test_signal_ends_the_probe_with_an_error_event(tmp_path: Path) -> None:
    with serve_local_site() as site:
        site.add_page("/", "slow", delay=3)
        child = start_probe(site, tmp_path)
        deadline = time.monotonic() + 20
        while not site.received and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGTERM)
        assert child.stdout is not None
        last = child.stdout.read().splitlines()[-1]
        assert child.wait(timeout=20) == 1
    assert json.loads(last)["event"] == "error"
