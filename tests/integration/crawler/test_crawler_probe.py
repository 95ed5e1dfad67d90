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
from pipeline.jobs import child_process as children
from pipeline.process_messages import DiscoveryMethod, ProbeResult
from tests.support.crawler_forkserver import OWN
from tests.support.local_site import PARAGRAPH, ROOT, LocalSite, job, serving

ENTRY = "<url><loc>{}</loc><lastmod>2026-11-02</lastmod></url>"
INDEX = "<sitemap><loc>{}</loc></sitemap>"


def front(site: LocalSite, head: str = "", body: str = "") -> None:
    site.add(
        "/",
        f'<!doctype html><html lang="tg"><head><title>News</title>{head}</head><body>{body}{PARAGRAPH}</body></html>',
    )


def sitemap(site: LocalSite, path: str, links: list[str], *, index: bool = False) -> str:
    root, entry = ("sitemapindex", INDEX) if index else ("urlset", ENTRY)
    return site.add(
        path, f"<{root}>{''.join(map(entry.format, links))}</{root}>", "application/xml"
    )


def begin(
    site: LocalSite, folder: Path, crawler: Sequence[str] = OWN, **more: Any
) -> subprocess.Popen[str]:
    keys = {key: more.pop(key) for key in ("url", "feeds", "safety", "politeness") if key in more}
    errand = job(
        site, folder, sections=[site.url + "/"], **{key: keys[key] for key in keys if key != "url"}
    )
    errand["site"] |= {"url": keys.get("url", site.url + "/")}
    (folder / "out").mkdir(exist_ok=True)
    described = {"crawl_job": errand | {"database_url": ""}, "folder": str(folder / "out"), **more}
    child = subprocess.Popen(
        [*crawler, "probe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(described) + "\n")
    child.stdin.flush()
    return child


def probe(site: LocalSite, folder: Path, **more: Any) -> ProbeResult:
    child = begin(site, folder, children.CRAWLER_COMMAND, **more)
    assert child.stdout is not None
    said = child.stdout.read()
    assert child.wait(timeout=30) == 0, said
    return ProbeResult.model_validate_json(
        (folder / "out" / "result.json").read_text(encoding="utf8")
    )


def asked(found: ProbeResult, way: DiscoveryMethod) -> list[str]:
    return [
        place.url.partition("//")[2].partition("/")[2]
        for place in found.sources
        if place.discovered_by is way
    ]


def test_everything_that_a_site_declares_is_found_and_its_stories_sampled(tmp_path: Path) -> None:
    with serving() as site:
        links = [site.story(f"/2026/11/02/story-{n}/") for n in range(30)]
        site.feed("/feed.xml", links[:20])
        sitemap(site, "/map.xml", [sitemap(site, "/map-news.xml", links)], index=True)
        site.add(
            "/robots.txt",
            f"User-agent: *\nCrawl-delay: 0.01\nSitemap: {site.url}/map.xml\n",
            "text/plain",
        )
        menu = '<nav><a href="/city/">City</a><a href="/about/">About</a></nav>'
        front(site, '<link rel="alternate" type="application/rss+xml" href="/feed.xml">', menu)
        site.add("/city/", f'<a href="{links[0]}">A headline that is long enough for one</a>')
        found = probe(site, tmp_path)
    assert (found.front.language, found.crawl_delay) == ("tg", 0.01)
    assert asked(found, DiscoveryMethod.DECLARED) == ["feed.xml"]
    assert asked(found, DiscoveryMethod.ROBOTS) == ["map.xml"]
    assert asked(found, DiscoveryMethod.INDEX) == ["map-news.xml"]
    assert asked(found, DiscoveryMethod.MENU) == ["city/"]
    assert asked(found, DiscoveryMethod.USUAL) == []
    assert [sample.outcome for sample in found.samples] == [Outcome.FETCHED] * 10
    assert all((tmp_path / "out" / sample.file).read_bytes() for sample in found.samples)
    assert found.requests == len(site.seen) <= 40


def test_where_nothing_is_declared_the_usual_places_are_tried(tmp_path: Path) -> None:
    with serving() as site:
        front(site)
        site.feed("/rss.xml", [site.story("/news/story-10001.html")])
        sitemap(site, "/sitemap.xml", [site.url + "/news/story-10001.html"])
        found = probe(site, tmp_path)
    working = {
        place.url.removeprefix(site.url)
        for place in found.sources
        if place.works and place.discovered_by is DiscoveryMethod.USUAL
    }
    assert working == {"/rss.xml", "/sitemap.xml"}
    assert len(found.samples) == 1


def test_a_feed_in_place_of_a_front_page_leads_to_that(tmp_path: Path) -> None:
    with serving() as site:
        front(site)
        site.feed("/deep/feed.xml", [site.story("/news/story-10001.html")])
        found = probe(site, tmp_path, url=site.url + "/deep/feed.xml")
    assert found.front.url == site.url + "/"
    assert asked(found, DiscoveryMethod.GIVEN) == ["deep/feed.xml"]
    assert len(found.samples) == 1


def test_what_robots_txt_closes_is_not_asked_for(tmp_path: Path) -> None:
    with serving() as site:
        front(site, '<link rel="alternate" type="application/rss+xml" href="/private/feed.xml">')
        site.add("/robots.txt", "User-agent: *\nDisallow: /private/\n", "text/plain")
        found = probe(site, tmp_path)
        assert "/private/feed.xml" not in site.paths
        site.add("/robots.txt", "User-agent: *\nDisallow: /\n", "text/plain")
        site.seen.clear()
        closed = probe(site, tmp_path)
        assert site.paths == ["/robots.txt"]
    (feed,) = [place for place in found.sources if place.discovered_by is DiscoveryMethod.DECLARED]
    assert (feed.outcome, feed.reason) == (Outcome.REFUSED, Reason.ROBOTS)
    assert closed.front.reason is Reason.ROBOTS


def test_a_private_address_is_not_asked_unless_it_is_allowed(tmp_path: Path) -> None:
    with serving() as site:
        front(site)
        found = probe(site, tmp_path, safety={"allow_private": False})
        assert not site.seen
    assert found.front.reason is Reason.BLOCKED_ADDRESS


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_front_page_that_does_not_answer_ends_the_probe(status: int, tmp_path: Path) -> None:
    with serving() as site:
        site.add("/", "no", status=status)
        found = probe(site, tmp_path)
    assert found.front.status == status
    assert (found.sources, found.samples) == ((), ())
    assert found.requests == 2


def test_a_probe_keeps_to_its_requests_and_to_its_time(tmp_path: Path) -> None:
    with serving() as site:
        links = [site.story(f"/2026/11/02/story-{n}/", pause=0.2) for n in range(30)]
        maps = [sitemap(site, f"/map{n}.xml", links) for n in range(50)]
        site.add("/robots.txt", "\n".join(f"Sitemap: {each}" for each in maps), "text/plain")
        feeds = [site.feed(f"/feed{n}.xml", links) for n in range(50)]
        front(
            site,
            "".join(
                f'<link rel="alternate" type="application/rss+xml" href="{each}">' for each in feeds
            ),
        )
        few = probe(site, tmp_path, requests=15)
        assert len(site.seen) <= 15
        assert few.samples, "some were kept back for them"
        site.seen.clear()
        for answer in site.pages.values():
            answer.pause = 0.2
        short = probe(site, tmp_path, seconds=1.0)
    assert len(site.seen) < 20, (
        "two at a time; a busy machine can only make them fewer, and all would be forty"
    )
    assert few.stop_reason == "after 15 requests"
    assert short.stop_reason == "after 1 s"
    assert len(short.samples) < 10


def test_a_hostile_site_costs_little_and_breaks_nothing(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "lol">]><urlset><url><loc>&a;</loc></url></urlset>'
    with serving() as site:
        site.add(
            "/robots.txt",
            f"Sitemap: {site.url}/bomb.xml\nSitemap: http://[\nSitemap: /\x00\n",
            "text/plain",
        )
        site.add("/bomb.xml", bomb, "application/xml")
        anchors = (
            "".join(f'<a href="/{"x" * 50}{n}">{n}</a>' for n in range(20_000))
            + '<a href="http://[">x</a>'
        )
        alternate = '<link rel="alternate" type="application/rss+xml" href="{}">'
        front(
            site,
            alternate.format("http://[") + alternate.format("/endless"),
            f"<nav>{anchors}</nav>" + "<div>" * 3000,
        )
        site.add("/endless", endless=True)
        found = probe(site, tmp_path, safety={"max_bytes": 2_000_000})
    reasons = {place.url.removeprefix(site.url): place.reason for place in found.sources}
    assert reasons["/bomb.xml"] is Reason.XML_DOCTYPE_REFUSED
    assert reasons["/endless"] is Reason.TOO_LARGE
    assert found.requests <= 40


def test_a_story_that_opted_out_is_not_taken_and_a_host_that_asks_us_to_wait_is_not_waited_for(
    tmp_path: Path,
) -> None:
    with serving() as site:
        front(site, '<link rel="alternate" type="application/rss+xml" href="/feed.xml">')
        closed = site.story("/news/story-10001.html", headers={"X-Robots-Tag": "noarchive"})
        site.feed("/feed.xml", [closed])
        found = probe(site, tmp_path, politeness={"obey_noarchive": True})
        assert [(sample.reason, sample.file) for sample in found.samples] == [
            (Reason.OPTED_OUT, "")
        ]
        busy = [
            site.story(f"/news/busy-{n}.html", status=429, headers={"Retry-After": "300"})
            for n in range(10_000, 10_003)
        ]
        site.feed("/feed.xml", busy)
        began = time.monotonic()
        found = probe(site, tmp_path, seconds=4.0)
        assert time.monotonic() - began < 20
    assert {sample.reason for sample in found.samples} == {Reason.TRY_AGAIN}


def test_a_site_that_is_known_is_asked_at_the_places_of_its_file(tmp_path: Path) -> None:
    with serving() as site:
        front(site)
        site.feed("/mine.xml", [site.story("/news/story-10001.html")])
        found = probe(site, tmp_path, is_known_site=True, feeds=[site.url + "/mine.xml"])
    given = [place for place in found.sources if place.discovered_by is DiscoveryMethod.GIVEN]
    assert [place.kind for place in given] == [UrlKind.FEED, UrlKind.SECTION]
    assert site.paths.count("/mine.xml") == 1


def test_a_signal_ends_it_with_a_word(tmp_path: Path) -> None:
    with serving() as site:
        site.add("/", "slow", pause=3)
        child = begin(site, tmp_path)
        deadline = time.monotonic() + 20
        while not site.seen and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGTERM)
        assert child.stdout is not None
        last = child.stdout.read().splitlines()[-1]
        assert child.wait(timeout=20) == 1
    assert json.loads(last)["event"] == "error"
