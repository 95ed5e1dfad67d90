"""Tests of the demo sites: their pages, feeds and nights agree with the expected articles."""

from __future__ import annotations

import http.client
import json
import re
import threading
import tomllib
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import unescape
from urllib.parse import urlsplit
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import feedparser
import pytest
import trafilatura

from pipeline.config import site as sites
from pipeline.demo_site import (
    SITES,
    DemoServer,
    DemoSite,
    ExpectedArticle,
    expected_articles,
    serve_demo_sites,
    site_file,
)
from pipeline.demo_site.courier import ALL_NEWS, LOGIN_PROMPT
from pipeline.demo_site.data import load_site

ENGLISH, RUSSIAN, TAJIK = (site.id for site in SITES)
IDS = [site.id for site in SITES]
BY_ID = {site.id: site for site in SITES}
SITEMAP = {
    "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
    "n": "http://www.google.com/schemas/sitemap-news/0.9",
}
CONSENT = "/city/2026/11/02/harbour-lights-festival-in-pictures/"
PRIVATE = "/private/2026/11/02/chernovik-o-byudzhete.html"
BROKEN = "/khabar/41200-nomai-khonanda"
MOVED = "/news/20418"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def get(
    demo_server: DemoServer, site_id: str, path: str, method: str = "GET", **headers: str
) -> Answer:
    """Send one request without following redirects; `if_none_match=...` becomes a header."""
    connection = http.client.HTTPConnection(
        urlsplit(demo_server.base_url(site_id)).netloc, timeout=10
    )
    try:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        response_headers: dict[str, str] = {}
        for name, value in response.getheaders():
            response_headers[name.lower()] = value
        return Answer(response.status, response_headers, response.read())
    finally:
        connection.close()


def elements(page: str) -> set[str]:
    """Return the texts between two tags of the page, as a reader sees them."""
    return {unescape(part).strip() for part in re.findall(r">([^<]+)<", page)}


def expected_by_path(site_id: str, night: int) -> dict[str, ExpectedArticle]:
    return {story.path: story for story in expected_articles(site_id, night)}


def locations(demo_server: DemoServer, site_id: str, path: str) -> set[str]:
    """Return the paths in a sitemap."""
    root = ElementTree.fromstring(get(demo_server, site_id, path).body)
    return {urlsplit(loc.text or "").path for loc in root.iterfind(".//s:loc", SITEMAP)}


# --- stories


def test_ids_titles_and_paths_are_unique() -> None:
    assert len(set(IDS)) == 3
    titles, paths = set[str](), set[str]()
    for site_id in IDS:
        for story in load_site(site_id).stories:
            titles.add(story.title)
            paths.add(story.path)
    assert len(titles) == len(paths) == 45


@pytest.mark.parametrize("site_id", IDS)
def test_second_night_adds_three_stories_removes_one_and_changes_one(site_id: str) -> None:
    first, second = expected_by_path(site_id, 1), expected_by_path(site_id, 2)
    assert len(first) == 12
    assert len(second.keys() - first.keys()) == 3
    assert len(first.keys() - second.keys()) == 1
    changed_paths = []
    for path in first.keys() & second.keys():
        if first[path].text != second[path].text:
            changed_paths.append(path)
    assert len(changed_paths) == 1
    (path,) = changed_paths
    modified = second[path].modified
    assert modified is not None
    assert first[path].modified is None
    assert modified > first[path].published


@pytest.mark.parametrize("site_id", IDS)
def test_dates_have_the_utc_offset_of_the_site(site_id: str) -> None:
    zone = ZoneInfo(BY_ID[site_id].timezone)
    for story in expected_articles(site_id, 2):
        for moment in (story.published, story.modified or story.published):
            assert moment.utcoffset() == moment.astimezone(zone).utcoffset()


def test_languages_match_the_letters_of_the_text() -> None:
    for story in expected_articles(ENGLISH, 2):
        assert story.language == "en"
    for story in expected_articles(TAJIK, 2):
        assert bool(re.search("[ӣӯҷҳқғ]", story.text)) == (story.language == "tg")
        assert bool(re.search("[ыщцЫЩЦ]", story.text)) == (story.language == "ru")


def test_one_story_of_the_tajik_site_is_a_near_duplicate_of_a_russian_one() -> None:
    (duplicate,) = (story for story in expected_articles(TAJIK, 1) if story.language == "ru")
    ratios = []
    for story in expected_articles(RUSSIAN, 1):
        matcher = SequenceMatcher(None, story.text, duplicate.text, autojunk=False)
        ratios.append(matcher.ratio())
    ratios.sort()
    assert 0.85 < ratios[-1] < 1
    assert ratios[-2] < 0.5


# --- pages


@pytest.mark.parametrize("night", [1, 2])
@pytest.mark.parametrize("site_id", IDS)
def test_page_contains_every_line_of_the_expected_text(
    demo_server: DemoServer, site_id: str, night: int
) -> None:
    demo_server.night = night
    for story in expected_articles(site_id, night):
        page = get(demo_server, site_id, story.path)
        assert page.status == 200
        assert set(story.text.splitlines()) | {story.title} <= elements(page.text)


@pytest.mark.parametrize("site_id", IDS)
def test_json_ld_and_open_graph_match_the_expected_article(
    demo_server: DemoServer, site_id: str
) -> None:
    for story in expected_articles(site_id, 1):
        page = get(demo_server, site_id, story.path).text
        script = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
        assert script
        article_schema = json.loads(script[1])
        assert article_schema["headline"] == story.title
        assert article_schema["datePublished"] == story.published.isoformat()
        assert tuple(author["name"] for author in article_schema["author"]) == story.authors
        tags = re.findall(r'<meta property="article:tag" content="([^"]*)">', page)
        assert tuple(tags) == story.tags


@pytest.mark.parametrize("site_id", IDS)
def test_front_and_section_pages_link_to_online_stories_only(
    demo_server: DemoServer, site_id: str
) -> None:
    for night in (1, 2):
        demo_server.night = night
        front = set(re.findall(r'href="(/[^"#]*)"', get(demo_server, site_id, "/").text))
        online = expected_by_path(site_id, night).keys()
        assert online <= front
        assert not (expected_by_path(site_id, 3 - night).keys() - online) & front
        for section in BY_ID[site_id].sections[1:]:
            listed = set(re.findall(r'href="(/[^"#]*)"', get(demo_server, site_id, section).text))
            assert 0 < len(listed & online) < len(online)


def test_sites_share_no_css_classes() -> None:
    with serve_demo_sites() as demo_server:
        known_classes = set[str]()
        for site_id in IDS:
            page = get(demo_server, site_id, expected_articles(site_id, 1)[0].path).text
            classes = set(re.findall(r'class="([^"]+)"', page))
            assert not classes & known_classes
            known_classes |= classes


# --- feeds, sitemaps, robots


@pytest.mark.parametrize("night", [1, 2])
@pytest.mark.parametrize("site_id", IDS)
def test_feed_lists_all_stories_with_title_and_date(
    demo_server: DemoServer, site_id: str, night: int
) -> None:
    demo_server.night = night
    feed = feedparser.parse(get(demo_server, site_id, "/feed.xml").body)
    assert not feed.bozo
    entries = {urlsplit(entry.link).path: entry for entry in feed.entries}
    for story in expected_articles(site_id, night):
        entry = entries.pop(story.path)
        assert entry.title == story.title
        assert entry.published_parsed[:5] == story.published.utctimetuple()[:5]
    assert set(entries) == ({CONSENT} if site_id == ENGLISH else set())


def test_feeds_are_rss_rss_with_full_text_and_atom(demo_server: DemoServer) -> None:
    feeds = {}
    for site_id, version in ((ENGLISH, "rss20"), (RUSSIAN, "rss20"), (TAJIK, "atom10")):
        feeds[site_id] = feedparser.parse(get(demo_server, site_id, "/feed.xml").body)
        assert feeds[site_id].version == version
    for entry in feeds[ENGLISH].entries:
        assert "content" not in entry
    texts = {urlsplit(entry.link).path: entry.content[0].value for entry in feeds[RUSSIAN].entries}
    for story in expected_articles(RUSSIAN, 1):
        for line in story.text.splitlines():
            assert line in unescape(texts[story.path])


@pytest.mark.parametrize("night", [1, 2])
@pytest.mark.parametrize("site_id", IDS)
def test_sitemap_lists_exactly_the_online_stories(
    demo_server: DemoServer, site_id: str, night: int
) -> None:
    demo_server.night = night
    paths = locations(demo_server, site_id, "/sitemap.xml")
    if site_id == ENGLISH:
        sitemaps, paths = paths, set()
        for sitemap in sitemaps:
            paths |= locations(demo_server, site_id, sitemap)
    assert paths - set(BY_ID[site_id].sections) == expected_by_path(site_id, night).keys()


def test_news_sitemap_has_title_and_date(demo_server: DemoServer) -> None:
    root = ElementTree.fromstring(get(demo_server, ENGLISH, "/sitemap-news.xml").body)
    dates_by_title = {}
    for row in root.iterfind("s:url", SITEMAP):
        title = row.findtext("n:news/n:title", "", SITEMAP)
        dates_by_title[title] = row.findtext("n:news/n:publication_date", "", SITEMAP)
    stories = expected_articles(ENGLISH, 1)
    assert dates_by_title == {story.title: story.published.isoformat() for story in stories}


@pytest.mark.parametrize("site_id", IDS)
def test_robots_txt_names_the_sitemap_and_excludes_private(
    demo_server: DemoServer, site_id: str
) -> None:
    robots = get(demo_server, site_id, "/robots.txt").text
    assert "Disallow: /private/" in robots
    assert f"Sitemap: {demo_server.base_url(site_id)}/sitemap.xml" in robots


# --- HTTP


@pytest.mark.parametrize("site_id", IDS)
def test_matching_etag_gets_304(demo_server: DemoServer, site_id: str) -> None:
    for path in (
        expected_articles(site_id, 1)[0].path,
        "/",
        "/feed.xml",
        "/sitemap.xml",
        "/robots.txt",
    ):
        page = get(demo_server, site_id, path)
        assert "last-modified" in page.headers
        again = get(demo_server, site_id, path, if_none_match=f'"other", {page.headers["etag"]}')
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", page.headers["etag"])
        assert get(demo_server, site_id, path, if_none_match='"other"').status == 200


def test_one_connection_serves_many_requests(demo_server: DemoServer) -> None:
    connection = http.client.HTTPConnection(
        urlsplit(demo_server.base_url(TAJIK)).netloc, timeout=10
    )
    for method, path in (("HEAD", "/"), ("GET", "/"), ("GET", BROKEN), ("GET", "/robots.txt")):
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
        assert response.version == 11
        assert len(body) == (0 if method == "HEAD" else int(response.headers["Content-Length"]))
    connection.close()


def test_server_closes_connections_after_the_with_block() -> None:
    with serve_demo_sites() as demo_server:
        connection = http.client.HTTPConnection(
            urlsplit(demo_server.base_url(ENGLISH)).netloc, timeout=10
        )
        connection.request("GET", "/robots.txt")
        connection.getresponse().read()
    assert connection.sock.recv(1) == b""  # the server has closed the kept connection
    connection.close()
    with pytest.raises(OSError, match="refused"):
        get(demo_server, ENGLISH, "/robots.txt")


def test_one_site_declares_the_charset_in_the_page_only(demo_server: DemoServer) -> None:
    for site_id, content_type in (
        (ENGLISH, "text/html; charset=utf-8"),
        (RUSSIAN, "text/html; charset=utf-8"),
        (TAJIK, "text/html"),
    ):
        assert get(demo_server, site_id, "/").headers["content-type"] == content_type
    assert "charset=utf-8" in get(demo_server, TAJIK, "/").text[:200]


def test_most_russian_and_tajik_pages_are_unchanged_on_the_second_night(
    demo_server: DemoServer,
) -> None:
    for site_id in (RUSSIAN, TAJIK):
        demo_server.night = 1
        etags = {}
        for story in expected_articles(site_id, 1):
            etags[story.path] = get(demo_server, site_id, story.path).headers["etag"]
        demo_server.night = 2
        statuses = []
        for path, etag in etags.items():
            statuses.append(get(demo_server, site_id, path, if_none_match=etag).status)
        assert sorted(statuses) == [200, *[304] * 10, 404]


def test_every_english_page_changes_on_the_second_night_without_a_new_text(
    demo_server: DemoServer,
) -> None:
    both = expected_by_path(ENGLISH, 1).keys() & expected_by_path(ENGLISH, 2).keys()
    first = {path: get(demo_server, ENGLISH, path).body for path in both}
    demo_server.night = 2
    for path in both:
        assert get(demo_server, ENGLISH, path).body != first[path]


def test_second_start_on_the_same_ports_serves_the_same_bytes() -> None:
    paths = ["/", "/feed.xml", *(story.path for story in expected_articles(ENGLISH, 1))]
    with serve_demo_sites() as demo_server:
        ports = {site_id: urlsplit(demo_server.base_url(site_id)).port or 0 for site_id in IDS}
        answers = {path: get(demo_server, ENGLISH, path) for path in paths}
    with serve_demo_sites(ports=ports) as demo_server:
        for path, answer in answers.items():
            assert get(demo_server, ENGLISH, path) == answer


def test_requests_from_many_threads_are_recorded(demo_server: DemoServer) -> None:
    threads, expected_requests = [], []
    for site_id in IDS * 8:
        threads.append(threading.Thread(target=get, args=(demo_server, site_id, "/")))
        expected_requests.append((site_id, "/", 200))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(demo_server.requests) == sorted(expected_requests)
    demo_server.clear_requests()
    assert demo_server.requests == []


def test_server_rejects_unknown_nights_and_sites(demo_server: DemoServer) -> None:
    with pytest.raises(ValueError, match="nights"):
        demo_server.night = 3
    unknown_site = {"elsewhere": 1}
    with pytest.raises(KeyError, match="no such demo site"), serve_demo_sites(ports=unknown_site):
        pass


# --- changes and special pages


@pytest.mark.parametrize(("site_id", "status"), [(ENGLISH, 410), (RUSSIAN, 404), (TAJIK, 404)])
def test_deleted_story_is_gone_on_the_second_night(
    demo_server: DemoServer, site_id: str, status: int
) -> None:
    (path,) = expected_by_path(site_id, 1).keys() - expected_by_path(site_id, 2).keys()
    assert get(demo_server, site_id, path).status == 200
    demo_server.night = 2
    assert get(demo_server, site_id, path).status == status


@pytest.mark.parametrize("site_id", IDS)
def test_new_stories_are_missing_on_the_first_night(demo_server: DemoServer, site_id: str) -> None:
    for path in expected_by_path(site_id, 2).keys() - expected_by_path(site_id, 1).keys():
        assert get(demo_server, site_id, path).status == 404


def test_special_pages_are_linked_and_have_the_right_status(demo_server: DemoServer) -> None:
    assert f'href="{CONSENT}"' in get(demo_server, ENGLISH, "/city/").text
    consent = get(demo_server, ENGLISH, CONSENT)
    assert consent.status == 200
    assert "<article" not in consent.text
    assert f'href="{BROKEN}"' in get(demo_server, TAJIK, "/jomea/").text
    assert get(demo_server, TAJIK, BROKEN).status == 404
    assert f'href="{PRIVATE}"' in get(demo_server, RUSSIAN, "/").text
    assert f'href="{MOVED}"' in get(demo_server, RUSSIAN, "/gorod/").text
    moved = get(demo_server, RUSSIAN, MOVED)
    assert moved.status == 301
    assert urlsplit(moved.headers["location"]).path in expected_by_path(RUSSIAN, 1)


# --- the demo stays a real test of cleaning


@pytest.mark.parametrize("night", [1, 2])
def test_plain_extraction_keeps_the_headline_list_of_most_english_pages(
    demo_server: DemoServer, night: int
) -> None:
    demo_server.night = night
    stories = expected_articles(ENGLISH, night)
    list_lines = (*load_site(ENGLISH).headlines[night], ALL_NEWS, LOGIN_PROMPT)
    pages_with_list = 0
    for story in stories:
        text = trafilatura.extract(get(demo_server, ENGLISH, story.path).text) or ""
        pages_with_list += all(line in text for line in list_lines)
    assert pages_with_list > len(stories) / 2


@pytest.mark.parametrize(
    ("site_id", "prompt"), [(RUSSIAN, "Читайте также"), (TAJIK, "Хабарҳои дигар")]
)
def test_plain_extraction_keeps_boilerplate_of_the_other_sites(
    demo_server: DemoServer, site_id: str, prompt: str
) -> None:
    pages_with_prompt = 0
    for story in expected_articles(site_id, 1):
        text = trafilatura.extract(get(demo_server, site_id, story.path).text) or ""
        pages_with_prompt += prompt in text
    assert pages_with_prompt >= 3


def test_headline_list_differs_by_night_and_mixes_known_and_unknown_headlines() -> None:
    headlines_by_night = load_site(ENGLISH).headlines
    assert set(headlines_by_night[1]) != set(headlines_by_night[2])
    for night, headlines in headlines_by_night.items():
        titles = {story.title for story in expected_articles(ENGLISH, night)}
        assert set(headlines) & titles
        assert set(headlines) - titles
    assert {story.ending for story in load_site(ENGLISH).stories} == {"plain", "linked", "list"}


def test_some_stories_end_with_a_list_that_belongs_to_the_text(demo_server: DemoServer) -> None:
    stories_ending_in_list = 0
    for site_id in IDS:
        for story in load_site(site_id).stories:
            last_block = story.blocks[-1]
            if last_block.kind != "item":
                continue
            stories_ending_in_list += 1
            assert f"<li>{last_block.text}</li>" in get(demo_server, site_id, story.path).text
            assert last_block.text in story.text.splitlines()
    assert stories_ending_in_list


# --- site files


@pytest.mark.parametrize("site", SITES, ids=IDS)
def test_site_file_is_valid(site: DemoSite) -> None:
    text = site_file(site.id, "http://127.0.0.1:8000")
    table = tomllib.loads(text)
    assert table["politeness"] == {"delay": 0.0}
    assert table["safety"] == {"allow_private": True}
    assert sites.parse_site(site.id, text, f"{site.id}.toml").name == site.name
    for story in expected_articles(site.id, 2):
        assert any(re.search(pattern, f"{table['url']}{story.path[1:]}") for pattern in site.allow)


def test_site_file_allows_the_special_pages() -> None:
    for site_id, path in (
        (ENGLISH, CONSENT),
        (RUSSIAN, PRIVATE),
        (RUSSIAN, MOVED),
        (TAJIK, BROKEN),
    ):
        assert any(re.search(pattern, path) for pattern in BY_ID[site_id].allow)
