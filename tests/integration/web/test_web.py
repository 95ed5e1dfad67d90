"""Tests of the web pages: content, security headers, errors and read-only access."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.changes.text_diff import ADDED, REMOVED, compare_texts
from pipeline.core.blocks import Block, BlockKind, BlockLink, Figure
from pipeline.core.models import ExtractedPage, Metadata
from pipeline.monitoring.issues import Issue, IssueKind
from pipeline.store import read
from pipeline.store.clean.session import CleanSession
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.monitoring.issues import NightIssues, save_issues
from pipeline.web.app import create_app
from pipeline.web.filters import close_bidi_controls
from pipeline.web.middleware.security_headers import SecurityHeadersMiddleware
from tests.conftest import GrowOnce
from tests.support.archive_factory import RECIPE, SITE, clean_outcome, night
from tests.support.archive_factory import url as article_url
from tests.support.hostile_archive import (
    EXTRACTOR,
    build_hostile_archive,
    hostile_extracted_page,
    url,
)

HOST = "http://127.0.0.1:8642"
OWN_SCRIPT = r'<script src="/keys\.js\?[0-9a-f]+" defer>'
STYLE = re.compile(r"\bstyle=|\son\w+=", re.IGNORECASE)


def client(app: SecurityHeadersMiddleware) -> TestClient:
    return TestClient(app, base_url=HOST, follow_redirects=False, raise_server_exceptions=False)


@pytest.fixture
def web(
    store: Database, archive: CrawlSession, grow_once: GrowOnce, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A client of the web app with the hostile archive."""
    monkeypatch.setattr(EXTRACTOR, hostile_extracted_page)
    grow_once(lambda: build_hostile_archive(store, archive))
    with client(create_app(store)) as web_client:
        yield web_client


def reachable_paths(web: TestClient) -> list[str]:
    """Return all paths that the links of the pages lead to, from the home page on."""
    seen, queue = dict[str, None](), ["/"]
    while queue:
        path = queue.pop()
        if path.split("#")[0] in seen:
            continue
        seen[path.split("#")[0]] = None
        if not path.startswith(("/search?", "/compare?")) and is_page(path):
            queue += links_of(web.get(path).text)
    return list(seen)


def is_page(path: str) -> bool:
    """Say whether a path leads to a page of the app, and not to a file or to archived bytes."""
    name = path.partition("?")[0]
    return "/framed/" not in name and "/bytes/" not in name and "." not in name


class LinkParser(HTMLParser):
    """Collects the paths in `href` and `src`, except those of feeds."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            is_path = name in ("href", "src") and value and value.startswith("/")
            if is_path and not value.startswith("/feed."):
                self.paths.append(value)


def links_of(page: str) -> list[str]:
    parser = LinkParser()
    parser.feed(page)
    return parser.paths


def test_every_page_escapes_archived_content_and_allows_no_script(web: TestClient) -> None:
    paths = reachable_paths(web)

    assert {
        "/",
        "/sites/courier",
        "/runs/1",
        "/articles/3",
        "/articles/2/revisions",
        "/pages/3/why",
        "/pages/3/raw",
    } <= {*paths}
    for path in paths:
        response = web.get(path)
        assert response.status_code in (200, 302), path
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        if "/framed/" in path:
            assert "script-src" not in policy, path
        else:
            assert "script-src 'self';" in policy, path
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        if "/framed/" in path:
            assert policy.startswith("sandbox;"), path
        elif "/bytes/" in path:
            assert response.headers["content-disposition"].startswith("attachment"), path
        elif response.status_code == 200 and is_page(path):
            check_page(response.text, path)


def has_own_script_alone(html: str) -> bool:
    scripts = re.findall(r"<script[^>]*>", html.lower())
    return len(scripts) == 1 and bool(re.fullmatch(OWN_SCRIPT, scripts[0]))


def check_page(html: str, path: str) -> None:
    tags_only = re.sub(r">[^<]*<", "><", html)
    tags_without_values = re.sub(r">[^<]*<|\"[^\"]*\"", "", html)
    headlines = re.findall(r"<h1[^>]*>(.*?)</h1>", html, re.DOTALL)
    assert has_own_script_alone(html), path
    assert "<img" not in html, path
    assert "javascript:" not in tags_only, path
    assert not STYLE.search(tags_without_values), f"{path}: the policy would block it"
    assert "\x1b" not in html, path
    assert "49" not in headlines[0], path


def test_pages_show_what_changed_and_what_a_rule_removed(web: TestClient) -> None:
    changes = web.get("/articles/2/revisions").text
    assert "<del>12</del>" in changes
    assert "<ins>9</ins>" in changes
    assert "The ferry was late again" in web.get("/pages/3/why").text
    assert "consent wall" in web.get("/pages/4/why").text
    assert web.get("/articles/4").headers["location"] == "/pages/4", (
        "it is not an article, and its page says why"
    )


def test_lists_have_pages_of_their_own_with_neighbours(web: TestClient) -> None:
    article = web.get("/articles/2").text
    assert 'rel="next" href="/articles/' in article or 'rel="prev" href="/articles/' in article
    days = re.findall(r'href="(/days/[0-9-]+)"', web.get("/").text)
    assert "/articles/" in web.get(days[0]).text
    assert web.get("/days?day=2024-03-01").headers["location"] == "/days/2024-03-01"
    assert "no story of this day" in web.get("/days/1999-01-01").text
    assert "newer" in web.get("/days/1999-01-01").text
    assert web.get("/days/soon").status_code == 400
    assert "no articles" in web.get("/authors?name=Nobody+%22%3Cb%3E").text.replace("are ", "")
    assert web.get("/tags?name=").status_code == 400
    assert web.get("/sections?site=courier&name=none").status_code == 200
    assert web.get("/sections?site=nothing&name=none").status_code == 200


def test_an_article_has_its_structure_and_loads_no_picture(
    archive: CrawlSession, store: Database
) -> None:
    blocks = (
        Block(BlockKind.HEADING, "Why", structure="h1"),
        Block(BlockKind.ITEM, "first of two", structure="u1 i1", links=(BlockLink(0, 5, "/a"),)),
        Block(BlockKind.ITEM, "inner", structure="u1 i1 o2 i1"),
        Block(BlockKind.TABLE, "Year | Levy", structure="t3 R4", cells=(4, 4)),
        Block(BlockKind.PARAGRAPH, "bad link", links=(BlockLink(0, 3, "javascript:x"),)),
    )
    figure = Figure("/boat.jpg", "A boat", "The <b>boat</b>.", "Ivo", position=1)
    night(archive, {article_url("a"): b"The levy"})
    session = CleanSession(store, SITE)
    run = session.start_run(RECIPE)
    extracted = ExtractedPage(RECIPE.extractors, blocks, Metadata(title="Levy"), figures=(figure,))
    for payload in session.pending_payloads(RECIPE, 0, 10):
        session.save_extracted([(payload.raw_page.payload_id, extracted)], {})
    outcomes = [clean_outcome(page) for page in session.stale_pages(RECIPE, 0, 10)]
    session.save_results(run, RECIPE, outcomes)
    session.finish_run(run, "finished")
    with client(create_app(store)) as web:
        page = web.get(f"/articles/{outcomes[0].page_id}").text
    story = page[page.index('<div class="text">') : page.index("</article>")]
    assert '<h2 dir="auto">Why</h2>' in story
    link = '<a href="https://courier.example/a" rel="nofollow noopener">first</a> of two'
    assert f'<li dir="auto">{link}\n<ol>' in story
    assert '<th scope="col" dir="auto">Levy</th>' in story
    assert '<p class="alt" dir="auto">A boat</p>' in story
    assert 'href="https://courier.example/boat.jpg"' in story
    assert "The &lt;b&gt;boat&lt;/b&gt;. <small>Ivo</small>" in story
    assert "<img" not in story
    assert "javascript" not in story


def test_search_highlights_matches_and_finds_a_page_by_url(web: TestClient) -> None:
    page = web.get("/search", params={"q": "ferry monday"}).text
    assert "<mark>ferry</mark> was late again on <mark>Monday</mark>" in page
    assert "1 article for" in page
    moved = web.get("/search", params={"q": url("edited")})
    assert moved.headers["location"] == "/articles/2"
    assert "/pages/4" in web.get("/search", params={"q": url("wall")}).text, "it is no article"
    assert "No article matches" in web.get("/search", params={"q": "zeppelin"}).text


def test_ledger_can_be_filtered_down_to_one_url(web: TestClient) -> None:
    whole_ledger = web.get("/runs/3").text
    assert "edited" in whole_ledger
    assert "wall" in whole_ledger
    filtered = web.get("/runs/3", params={"outcome": "fetched", "url": "EDIT"}).text
    assert "https://courier.example/edited" in filtered
    assert "https://courier.example/wall" not in filtered
    assert "No URL of this run" in web.get("/runs/3", params={"url": "100%_"}).text, (
        "no letter is a wildcard"
    )
    assert "does not add up" not in web.get("/runs").text


def test_client_with_the_current_etag_gets_304(web: TestClient) -> None:
    framed_path = web.get("/pages/2/raw").text.split('src="')[1].split('"')[0]
    for path in ("/", "/articles/2", framed_path):
        etag = web.get(path).headers["etag"]
        response = web.get(path, headers={"If-None-Match": f'"x", W/{etag}'})
        assert (response.status_code, response.content) == (304, b""), path
        assert "default-src 'none'" in response.headers["content-security-policy"]


INVALID_REQUESTS = (
    ("/articles/0", 404),
    ("/articles/999", 404),
    ("/articles/x", 404),
    (f"/articles/{2**63}", 404),
    ("/articles/-1", 404),
    (f"/pages/{10**17}", 404),
    ("/articles/2/revisions?old=7", 404),
    ("/articles/2/revisions?old=x", 400),
    ("/pages/1/why", 404),
    ("/pages/2/framed/" + "0" * 64, 404),
    ("/pages/2/framed/..%2F..%2Fetc", 404),
    ("/sites/nobody", 404),
    ("/sites/%00%ff%3Cscript%3E", 404),
    ("/runs/999", 404),
    ("/runs?site=%00", 400),
    ("/runs?before=-1", 400),
    ("/runs/1?outcome=%3Cscript%3E", 400),
    ("/?before=1e9", 400),
    (f"/?before={2**64}", 400),
    ("/search?q=" + "x" * 2001, 400),
    ("/search?q=a&after=ab%3D", 400),
    ("/search?q=a&after=%3C", 400),
    ("/search?q=a&sort=x", 400),
    ("/search?q=http://[", 200),
    ("/openapi.json", 404),
    ("/docs", 404),
    ("/search?q=%00%f0%9f%98%80%ed%a0%80%3Cscript%3E", 200),
    ("/runs/1?url=%00%25%5C", 200),
)


def test_invalid_requests_get_an_error_page_without_a_traceback(web: TestClient) -> None:
    for path, status in INVALID_REQUESTS:
        response = web.get(path)
        assert response.status_code == status, path
        assert "<h1" in response.text, path
        assert has_own_script_alone(response.text), path
        assert "Traceback" not in response.text, path


@pytest.mark.parametrize("engine", ["sqlite"])
def test_only_this_machine_and_allowed_hosts_get_an_answer(store: Database) -> None:
    with client(create_app(store, hosts=("archive.example.org", "fd00::1"))) as web:
        for host in (
            "localhost",
            "LOCALHOST:8642",
            "127.0.0.1",
            "[::1]:1",
            "archive.example.org:443",
            "archive.example.org.",
            "[fd00::1]",
        ):
            assert web.get("/", headers={"Host": host}).status_code == 200, host
        for host in (
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "",
            "[::2]",
            "archive.example.org.evil.example",
        ):
            response = web.get("/", headers={"Host": host})
            assert response.status_code == 421, host
            assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_all_methods_but_get_and_head_are_rejected(web: TestClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"):
        response = web.request(method, "/articles/2")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD"), method
    head, get = web.head("/articles/2"), web.get("/articles/2")
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


def test_report_shows_open_issues_and_the_home_page_links_to_it(
    web: TestClient, store: Database
) -> None:
    assert "There are no open issues." in web.get("/report").text
    issue = Issue(
        IssueKind.SOURCE_GONE,
        "the feed <script>alert(1)</script> cannot be read",
        "it was moved",
        "nightdesk check x",
    )
    (site,) = read.site_ids(store)
    save_issues(store, [NightIssues(site, datetime(2026, 1, 1, tzinfo=UTC), (issue,))])
    page = web.get("/report").text
    assert "cannot be read. Likely: it was moved." in page
    assert has_own_script_alone(page)
    assert 'href="/report">1 issue' in web.get("/").text


@pytest.mark.parametrize("engine", ["sqlite"])
def test_empty_archive_has_pages_and_a_broken_one_has_an_error_page(
    store: Database, tmp_path: Path
) -> None:
    with client(create_app(store)) as web:
        for path in ("/", "/search?q=a", "/sites", "/runs", "/report"):
            assert web.get(path).status_code == 200, path
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    with client(create_app(Database(f"sqlite:///{tmp_path / 'broken.db'}"))) as web:
        response = web.get("/")
        assert response.status_code == 503
        assert str(tmp_path) not in response.text


def test_bidi_controls_of_a_text_do_not_change_the_text_after_it() -> None:
    assert (
        close_bidi_controls("\u202egnp.exe\u2066 and so on")
        == "\u202egnp.exe\u2066 and so on\u2069\u202c"
    )
    assert close_bidi_controls("\u2069\u202cended by nobody") == "ended by nobody"
    assert close_bidi_controls("\u2067\u202eabc\u2069 d") == "\u2067\u202eabc\u202c\u2069 d"
    assert (
        close_bidi_controls("\u2066" * 50_000 + "\u202c" * 50_000)
        == "\u2066" * 50_000 + "\u2069" * 50_000
    ), "fast for many controls"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("9,4", "7,8"),
        ("1.250,00", "1.350,00"),
        ("12:30", "13:45"),
        ("1\u202f000", "2\u202f500"),
        ("3.5", "3.6"),
        ("18’400", "18’500"),
    ],
)
def test_text_diff_shows_a_changed_number_as_one_edit(old: str, new: str) -> None:
    diff = compare_texts(f"Prices rose by {old} in May.", f"Prices rose by {new} in May.")
    (parts,) = diff.paragraphs
    changes = [(part.kind, part.text) for part in parts if part.kind != "same"]
    assert changes == [(REMOVED, old), (ADDED, new)]


def test_text_diff_finds_changed_words_and_is_fast_for_all_texts() -> None:
    diff = compare_texts(
        "A\nThe levy is 12 a night, he said.\nB", "A\nThe levy is 9 a night, he said.\nNew\nB"
    )
    changes = []
    for parts in diff.paragraphs:
        changes.append([(part.kind, part.text) for part in parts if part.kind != "same"])
    assert changes == [[], [(REMOVED, "12"), (ADDED, "9")], [(ADDED, "New")], []]
    for old, new in (
        (" ".join("ab" * 50_000), " ".join("ba" * 50_000)),
        ("x\n" * 50_000, "y\nx\n" * 50_000),
    ):
        assert compare_texts(old, new).paragraphs
