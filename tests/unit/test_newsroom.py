"""The newsroom is what it says: truth and pages agree, the nights differ as told, and it is a real test of cleaning."""

from __future__ import annotations

import http.client
import json
import re
import threading
import tomllib
from collections.abc import Iterator
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
from pipeline.demo_site import SITES, Newsroom, NewsroomSite, Truth, serve, site_file, truth
from pipeline.demo_site.courier import ALL_NEWS, LOGIN
from pipeline.demo_site.data import load

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


def get(newsroom: Newsroom, site_id: str, path: str, method: str = "GET", **headers: str) -> Answer:
    """One request, redirects not followed; `if_none_match=...` becomes a header."""
    connection = http.client.HTTPConnection(urlsplit(newsroom.base(site_id)).netloc, timeout=10)
    try:
        connection.request(
            method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = connection.getresponse()
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
    finally:
        connection.close()


@pytest.fixture
def newsroom() -> Iterator[Newsroom]:
    with serve() as running:
        yield running


def elements(page: str) -> set[str]:
    """What stands between two tags of the page, as a reader sees it."""
    return {unescape(piece).strip() for piece in re.findall(r">([^<]+)<", page)}


def truth_by_path(site_id: str, night: int) -> dict[str, Truth]:
    return {story.path: story for story in truth(site_id, night)}


def locations(newsroom: Newsroom, site_id: str, path: str) -> set[str]:
    """The paths that a sitemap names."""
    root = ElementTree.fromstring(get(newsroom, site_id, path).body)
    return {urlsplit(place.text or "").path for place in root.iterfind(".//s:loc", SITEMAP)}


# ------------------------------------------------------------------ the stories


def test_ids_titles_and_paths_are_unique() -> None:
    assert len(set(IDS)) == 3
    titles = [story.title for site_id in IDS for story in load(site_id).stories]
    paths = [story.path for site_id in IDS for story in load(site_id).stories]
    assert len(set(titles)) == len(set(paths)) == 45


@pytest.mark.parametrize("site_id", IDS)
def test_twelve_stories_then_three_new_and_one_gone(site_id: str) -> None:
    first, second = truth_by_path(site_id, 1), truth_by_path(site_id, 2)
    assert len(first) == 12
    assert len(second.keys() - first.keys()) == 3
    assert len(first.keys() - second.keys()) == 1
    changed = [
        path for path in first.keys() & second.keys() if first[path].text != second[path].text
    ]
    assert len(changed) == 1
    (path,) = changed
    modified = second[path].modified
    assert modified is not None
    assert first[path].modified is None
    assert modified > first[path].published


@pytest.mark.parametrize("site_id", IDS)
def test_dates_are_zoned_as_the_site_is(site_id: str) -> None:
    zone = ZoneInfo(BY_ID[site_id].timezone)
    for story in truth(site_id, 2):
        for moment in (story.published, story.modified or story.published):
            assert moment.utcoffset() == moment.astimezone(zone).utcoffset()


def test_languages_are_what_the_letters_say() -> None:
    assert {story.language for story in truth(ENGLISH, 2)} == {"en"}
    for story in truth(TAJIK, 2):
        assert bool(re.search("[ӣӯҷҳқғ]", story.text)) == (story.language == "tg")
        assert bool(re.search("[ыщцЫЩЦ]", story.text)) == (story.language == "ru")


def test_one_tajik_site_story_is_a_near_copy_of_a_russian_one() -> None:
    (copy,) = (story for story in truth(TAJIK, 1) if story.language == "ru")
    ratios = [
        SequenceMatcher(None, story.text, copy.text, autojunk=False).ratio()
        for story in truth(RUSSIAN, 1)
    ]
    assert 0.85 < max(ratios) < 1
    assert sorted(ratios)[-2] < 0.5


# ------------------------------------------------------------------ the pages


@pytest.mark.parametrize("night", [1, 2])
@pytest.mark.parametrize("site_id", IDS)
def test_every_line_of_truth_stands_in_its_page(
    newsroom: Newsroom, site_id: str, night: int
) -> None:
    newsroom.night = night
    for story in truth(site_id, night):
        page = get(newsroom, site_id, story.path)
        assert page.status == 200
        assert set(story.text.splitlines()) | {story.title} <= elements(page.text)


@pytest.mark.parametrize("site_id", IDS)
def test_json_ld_and_open_graph_agree_with_truth(newsroom: Newsroom, site_id: str) -> None:
    for story in truth(site_id, 1):
        page = get(newsroom, site_id, story.path).text
        script = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
        assert script
        described = json.loads(script[1])
        assert described["headline"] == story.title
        assert described["datePublished"] == story.published.isoformat()
        assert tuple(author["name"] for author in described["author"]) == story.authors
        assert (
            tuple(re.findall(r'<meta property="article:tag" content="([^"]*)">', page))
            == story.tags
        )


@pytest.mark.parametrize("site_id", IDS)
def test_front_and_section_pages_link_to_the_living_stories(
    newsroom: Newsroom, site_id: str
) -> None:
    for night in (1, 2):
        newsroom.night = night
        front = set(re.findall(r'href="(/[^"#]*)"', get(newsroom, site_id, "/").text))
        living = truth_by_path(site_id, night).keys()
        assert living <= front
        assert not (truth_by_path(site_id, 3 - night).keys() - living) & front
        for section in BY_ID[site_id].sections[1:]:
            listed = set(re.findall(r'href="(/[^"#]*)"', get(newsroom, site_id, section).text))
            assert 0 < len(listed & living) < len(living)


def test_markup_is_never_shared() -> None:
    with serve() as newsroom:
        pages = [get(newsroom, site_id, truth(site_id, 1)[0].path).text for site_id in IDS]
    skeletons = [set(re.findall(r'class="([^"]+)"', page)) for page in pages]
    assert (
        not skeletons[0] & skeletons[1] | skeletons[1] & skeletons[2] | skeletons[0] & skeletons[2]
    )


# ------------------------------------------------------------------ feeds, sitemaps, robots


@pytest.mark.parametrize("night", [1, 2])
@pytest.mark.parametrize("site_id", IDS)
def test_feed_names_titles_and_dates(newsroom: Newsroom, site_id: str, night: int) -> None:
    newsroom.night = night
    feed = feedparser.parse(get(newsroom, site_id, "/feed.xml").body)
    assert not feed.bozo
    entries = {urlsplit(entry.link).path: entry for entry in feed.entries}
    for story in truth(site_id, night):
        entry = entries.pop(story.path)
        assert entry.title == story.title
        assert entry.published_parsed[:5] == story.published.utctimetuple()[:5]
    assert set(entries) == ({CONSENT} if site_id == ENGLISH else set())


def test_feeds_are_of_three_kinds(newsroom: Newsroom) -> None:
    feeds = {site_id: feedparser.parse(get(newsroom, site_id, "/feed.xml").body) for site_id in IDS}
    assert [feeds[site_id].version for site_id in IDS] == ["rss20", "rss20", "atom10"]
    assert not any("content" in entry for entry in feeds[ENGLISH].entries)
    texts = {urlsplit(entry.link).path: entry.content[0].value for entry in feeds[RUSSIAN].entries}
    for story in truth(RUSSIAN, 1):
        assert all(line in unescape(texts[story.path]) for line in story.text.splitlines())


@pytest.mark.parametrize("night", [1, 2])
@pytest.mark.parametrize("site_id", IDS)
def test_sitemap_names_the_living_stories(newsroom: Newsroom, site_id: str, night: int) -> None:
    newsroom.night = night
    places = locations(newsroom, site_id, "/sitemap.xml")
    if site_id == ENGLISH:
        places = set().union(*(locations(newsroom, site_id, path) for path in places))
    assert places - set(BY_ID[site_id].sections) == truth_by_path(site_id, night).keys()


def test_news_sitemap_has_title_and_date(newsroom: Newsroom) -> None:
    root = ElementTree.fromstring(get(newsroom, ENGLISH, "/sitemap-news.xml").body)
    rows = {
        (
            row.findtext("n:news/n:title", "", SITEMAP),
            row.findtext("n:news/n:publication_date", "", SITEMAP),
        )
        for row in root.iterfind("s:url", SITEMAP)
    }
    assert rows == {(story.title, story.published.isoformat()) for story in truth(ENGLISH, 1)}


@pytest.mark.parametrize("site_id", IDS)
def test_robots_names_the_sitemap_and_closes_private(newsroom: Newsroom, site_id: str) -> None:
    robots = get(newsroom, site_id, "/robots.txt").text
    assert "Disallow: /private/" in robots
    assert f"Sitemap: {newsroom.base(site_id)}/sitemap.xml" in robots


# ------------------------------------------------------------------ HTTP


@pytest.mark.parametrize("site_id", IDS)
def test_a_page_known_by_its_etag_is_answered_with_304(newsroom: Newsroom, site_id: str) -> None:
    for path in (truth(site_id, 1)[0].path, "/", "/feed.xml", "/sitemap.xml", "/robots.txt"):
        page = get(newsroom, site_id, path)
        assert "last-modified" in page.headers
        again = get(newsroom, site_id, path, if_none_match=f'"other", {page.headers["etag"]}')
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", page.headers["etag"])
        assert get(newsroom, site_id, path, if_none_match='"other"').status == 200


def test_keep_alive_carries_many_answers(newsroom: Newsroom) -> None:
    connection = http.client.HTTPConnection(urlsplit(newsroom.base(TAJIK)).netloc, timeout=10)
    for method, path in (("HEAD", "/"), ("GET", "/"), ("GET", BROKEN), ("GET", "/robots.txt")):
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
        assert response.version == 11
        assert len(body) == (0 if method == "HEAD" else int(response.headers["Content-Length"]))
    connection.close()


def test_nothing_is_answered_after_the_block() -> None:
    with serve() as newsroom:
        connection = http.client.HTTPConnection(urlsplit(newsroom.base(ENGLISH)).netloc, timeout=10)
        connection.request("GET", "/robots.txt")
        connection.getresponse().read()
    assert connection.sock.recv(1) == b""  # the kept connection was hung up on
    connection.close()
    with pytest.raises(OSError, match="refused"):
        get(newsroom, ENGLISH, "/robots.txt")


def test_charset_is_in_the_header_except_on_one_site(newsroom: Newsroom) -> None:
    types = {site_id: get(newsroom, site_id, "/").headers["content-type"] for site_id in IDS}
    assert types == {
        ENGLISH: "text/html; charset=utf-8",
        RUSSIAN: "text/html; charset=utf-8",
        TAJIK: "text/html",
    }
    assert "charset=utf-8" in get(newsroom, TAJIK, "/").text[:200]


def test_the_second_night_leaves_most_russian_and_tajik_pages_as_they_were(
    newsroom: Newsroom,
) -> None:
    for site_id in (RUSSIAN, TAJIK):
        newsroom.night = 1
        tags = {
            story.path: get(newsroom, site_id, story.path).headers["etag"]
            for story in truth(site_id, 1)
        }
        newsroom.night = 2
        statuses = [
            get(newsroom, site_id, path, if_none_match=tag).status for path, tag in tags.items()
        ]
        assert sorted(statuses) == [200, *[304] * 10, 404]


def test_every_english_page_changes_though_its_text_does_not(newsroom: Newsroom) -> None:
    both = truth_by_path(ENGLISH, 1).keys() & truth_by_path(ENGLISH, 2).keys()
    first = {path: get(newsroom, ENGLISH, path).body for path in both}
    newsroom.night = 2
    assert all(get(newsroom, ENGLISH, path).body != first[path] for path in both)


def test_a_second_run_on_the_same_ports_serves_the_same_bytes() -> None:
    paths = ["/", "/feed.xml", *(story.path for story in truth(ENGLISH, 1))]
    with serve() as newsroom:
        ports = {site_id: urlsplit(newsroom.base(site_id)).port or 0 for site_id in IDS}
        first = [get(newsroom, ENGLISH, path) for path in paths]
    with serve(ports=ports) as newsroom:
        assert [get(newsroom, ENGLISH, path) for path in paths] == first


def test_requests_are_noted_from_many_threads(newsroom: Newsroom) -> None:
    threads = [threading.Thread(target=get, args=(newsroom, site_id, "/")) for site_id in IDS * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(newsroom.requests) == sorted((site_id, "/", 200) for site_id in IDS * 8)
    newsroom.forget_requests()
    assert newsroom.requests == []


def test_the_newsroom_refuses_nights_and_sites_that_it_does_not_have(newsroom: Newsroom) -> None:
    with pytest.raises(ValueError, match="nights"):
        newsroom.night = 3
    with pytest.raises(KeyError, match="no such site"), serve(ports={"elsewhere": 1}):
        pass


# ------------------------------------------------------------------ events and special addresses


@pytest.mark.parametrize(("site_id", "status"), [(ENGLISH, 410), (RUSSIAN, 404), (TAJIK, 404)])
def test_a_deleted_story_is_gone_on_the_second_night(
    newsroom: Newsroom, site_id: str, status: int
) -> None:
    (path,) = truth_by_path(site_id, 1).keys() - truth_by_path(site_id, 2).keys()
    assert get(newsroom, site_id, path).status == 200
    newsroom.night = 2
    assert get(newsroom, site_id, path).status == status


@pytest.mark.parametrize("site_id", IDS)
def test_new_stories_are_unknown_on_the_first_night(newsroom: Newsroom, site_id: str) -> None:
    for path in truth_by_path(site_id, 2).keys() - truth_by_path(site_id, 1).keys():
        assert get(newsroom, site_id, path).status == 404


def test_special_addresses_are_linked_and_answer_as_told(newsroom: Newsroom) -> None:
    assert f'href="{CONSENT}"' in get(newsroom, ENGLISH, "/city/").text
    consent = get(newsroom, ENGLISH, CONSENT)
    assert consent.status == 200
    assert "<article" not in consent.text
    assert f'href="{BROKEN}"' in get(newsroom, TAJIK, "/jomea/").text
    assert get(newsroom, TAJIK, BROKEN).status == 404
    assert f'href="{PRIVATE}"' in get(newsroom, RUSSIAN, "/").text
    assert f'href="{MOVED}"' in get(newsroom, RUSSIAN, "/gorod/").text
    moved = get(newsroom, RUSSIAN, MOVED)
    assert moved.status == 301
    assert urlsplit(moved.headers["location"]).path in truth_by_path(RUSSIAN, 1)


# ------------------------------------------------------------------ it stays a real test


@pytest.mark.parametrize("night", [1, 2])
def test_plain_extraction_keeps_the_headline_list_of_most_english_pages(
    newsroom: Newsroom, night: int
) -> None:
    newsroom.night = night
    stories, fooled = truth(ENGLISH, night), 0
    for story in stories:
        text = trafilatura.extract(get(newsroom, ENGLISH, story.path).text) or ""
        fooled += all(line in text for line in (*load(ENGLISH).headlines[night], ALL_NEWS, LOGIN))
    assert fooled > len(stories) / 2


@pytest.mark.parametrize(
    ("site_id", "prompt"), [(RUSSIAN, "Читайте также"), (TAJIK, "Хабарҳои дигар")]
)
def test_plain_extraction_keeps_prompts_of_the_other_sites(
    newsroom: Newsroom, site_id: str, prompt: str
) -> None:
    texts = [
        trafilatura.extract(get(newsroom, site_id, story.path).text) or ""
        for story in truth(site_id, 1)
    ]
    assert sum(prompt in text for text in texts) >= 3


def test_headline_list_differs_between_nights_and_holds_stories_and_strangers() -> None:
    first, second = (set(load(ENGLISH).headlines[night]) for night in (1, 2))
    assert first != second
    for night, shown in ((1, first), (2, second)):
        titles = {story.title for story in truth(ENGLISH, night)}
        assert shown & titles
        assert shown - titles
    assert {story.tail for story in load(ENGLISH).stories} == {"plain", "linked", "list"}


def test_some_genuine_lists_end_a_story(newsroom: Newsroom) -> None:
    ending = [
        (site_id, story)
        for site_id in IDS
        for story in load(site_id).stories
        if story.blocks[-1].kind == "item"
    ]
    assert ending
    for site_id, story in ending:
        assert f"<li>{story.blocks[-1].text}</li>" in get(newsroom, site_id, story.path).text
        assert story.blocks[-1].text in story.text.splitlines()


# ------------------------------------------------------------------ site files


@pytest.mark.parametrize("site", SITES, ids=IDS)
def test_site_file_is_a_valid_nightdesk_site(site: NewsroomSite) -> None:
    text = site_file(site.id, "http://127.0.0.1:8000")
    table = tomllib.loads(text)
    assert table["politeness"] == {"delay": 0.0}
    assert table["safety"] == {"allow_private": True}
    assert sites.parse_site(site.id, text, f"{site.id}.toml").name == site.name
    for story in truth(site.id, 2):
        assert any(re.search(pattern, f"{table['url']}{story.path[1:]}") for pattern in site.allow)


def test_special_addresses_look_like_stories_to_the_site_file() -> None:
    for site_id, path in (
        (ENGLISH, CONSENT),
        (RUSSIAN, PRIVATE),
        (RUSSIAN, MOVED),
        (TAJIK, BROKEN),
    ):
        assert any(re.search(pattern, path) for pattern in BY_ID[site_id].allow)
