"""The reading room, asked as a browser asks, over archives of both kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.monitoring.issues import Finding, Trouble
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.monitoring import issues
from pipeline.store.read import runs
from pipeline.web.app import application
from pipeline.web.filters import balanced
from pipeline.web.middleware.security_headers import Guard
from pipeline.web.text_diff import GONE, NEW, compare
from tests.conftest import Grown
from tests.support.hostile_archive import build, drafted, url

HOST = "http://127.0.0.1:8642"
STYLE = re.compile(r"\bstyle=|\son\w+=", re.IGNORECASE)


def client(app: Guard) -> TestClient:
    return TestClient(app, base_url=HOST, follow_redirects=False, raise_server_exceptions=False)


@pytest.fixture
def room(
    store: Database, archive: CrawlSession, grown: Grown, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """An archive of two nights with an edited article (page 2), a hostile one (3) and a page that is no article (4)."""
    monkeypatch.setattr("tests.support.archive_factory.draft_of", drafted)
    grown(lambda: build(store, archive))
    with client(application(store)) as found:
        yield found


def paths(room: TestClient) -> list[str]:
    """All addresses that can be reached by the room's own links, from the front page on."""
    found, queue = dict[str, None](), ["/"]
    while queue:
        path = queue.pop()
        if path.split("#")[0] not in found:
            found[path.split("#")[0]] = None
            queue += (
                links(room.get(path).text)
                if "/framed/" not in path and "/bytes/" not in path
                else []
            )
    return list(found)


def links(page: str) -> list[str]:
    class Links(HTMLParser):
        found: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found = [value for name, value in attrs if name in ("href", "src") and value]
            self.found += [
                each for each in found if each.startswith("/") and not each.startswith("/feed.")
            ]  # for programs

    parser = Links()
    parser.found = []
    parser.feed(page)
    return parser.found


def test_every_page_answers_and_no_archived_text_is_more_than_text(room: TestClient) -> None:
    found = paths(room)

    assert {
        "/",
        "/sites/courier",
        "/runs/1",
        "/articles/3",
        "/articles/2/revisions",
        "/pages/3/why",
        "/pages/3/raw",
    } <= {*found}
    for path in found:
        answer = room.get(path)
        assert answer.status_code in (200, 302), path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "script-src" not in policy, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        if "/framed/" in path:
            assert policy.startswith("sandbox;"), path
        elif "/bytes/" in path:
            assert answer.headers["content-disposition"].startswith("attachment"), path
        elif (
            answer.status_code == 200 and "/style.css" not in path and not path.startswith("/feed.")
        ):
            assert "<script" not in answer.text.lower(), path
            assert "<img" not in answer.text, path
            assert "javascript:" not in re.sub(r">[^<]*<", "><", answer.text), path
            assert not STYLE.search(re.sub(r">[^<]*<|\"[^\"]*\"", "", answer.text)), (
                f"{path}: the policy would refuse it"
            )
            assert "\x1b" not in answer.text, path
            assert "49" not in re.findall(r"<h1[^>]*>(.*?)</h1>", answer.text, re.S)[0], path


def test_what_a_paper_changed_and_what_was_struck_can_be_read(room: TestClient) -> None:
    changed = room.get("/articles/2/revisions").text
    assert "<del>12</del>" in changed
    assert "<ins>9</ins>" in changed
    assert "The ferry was late again" in room.get("/pages/3/why").text
    assert "consent wall" in room.get("/pages/4/why").text
    assert room.get("/articles/4").headers["location"] == "/pages/4", (
        "it is no article, and its page says why"
    )


def test_a_search_marks_what_was_found_and_leads_on(room: TestClient) -> None:
    found = room.get("/search", params={"q": "ferry monday"}).text
    assert "<mark>ferry</mark> was late again on <mark>Monday</mark>" in found
    assert "1 article for" in found
    assert "/pages/2" in room.get("/search", params={"q": url("edited")}).text, (
        "an address leads to its page"
    )
    assert "Nothing was found" in room.get("/search", params={"q": "zeppelin"}).text


def test_the_ledger_is_narrowed_down_to_one_url(room: TestClient) -> None:
    assert "edited" in (all_of := room.get("/runs/3").text)
    assert "wall" in all_of
    some = room.get("/runs/3", params={"outcome": "fetched", "url": "EDIT"}).text
    assert "https://courier.example/edited" in some
    assert "https://courier.example/wall" not in some
    assert "No URL of this run" in room.get("/runs/3", params={"url": "100%_"}).text, (
        "no letter is a wildcard"
    )
    assert "does not add up" not in room.get("/runs").text


def test_who_has_a_page_is_told_so(room: TestClient) -> None:
    for path in ("/", "/articles/2", room.get("/pages/2/raw").text.split('src="')[1].split('"')[0]):
        tag = room.get(path).headers["etag"]
        again = room.get(path, headers={"If-None-Match": f'"x", W/{tag}'})
        assert (again.status_code, again.content) == (304, b""), path
        assert "default-src 'none'" in again.headers["content-security-policy"]


WRONG = (
        ("/articles/0", 404), ("/articles/999", 404), ("/articles/x", 404), (f"/articles/{2**63}", 404), ("/articles/-1", 404),
        (f"/pages/{10**17}", 404), ("/articles/2/revisions?old=7", 404), ("/articles/2/revisions?old=x", 400),
        ("/pages/1/why", 404), ("/pages/2/framed/" + "0" * 64, 404), ("/pages/2/framed/..%2F..%2Fetc", 404),
        ("/sites/nobody", 404), ("/sites/%00%ff%3Cscript%3E", 404), ("/runs/999", 404), ("/runs?site=%00", 400),
        ("/runs?before=-1", 400), ("/runs/1?outcome=%3Cscript%3E", 400), ("/?before=1e9", 400), (f"/?before={2**64}", 400),
        ("/search?q=" + "x" * 2001, 400), ("/search?q=a&after=ab%3D", 400), ("/search?q=a&after=%3C", 400),
    ("/search?q=a&sort=x", 400), ("/search?q=http://[", 200), ("/openapi.json", 404), ("/docs", 404),
        ("/search?q=%00%f0%9f%98%80%ed%a0%80%3Cscript%3E", 200), ("/runs/1?url=%00%25%5C", 200),
)  # fmt: skip


def test_what_cannot_be_is_a_calm_page(room: TestClient) -> None:
    for path, status in WRONG:
        answer = room.get(path)
        assert answer.status_code == status, path
        assert "<h1" in answer.text, path
        assert "<script" not in answer.text, path
        assert "Traceback" not in answer.text, path


@pytest.mark.parametrize("engine", ["sqlite"])
def test_only_names_of_this_machine_and_those_that_were_given_may_ask(store: Database) -> None:
    with client(application(store, hosts=("archive.example.org", "fd00::1"))) as asked:
        for host in (
            "localhost",
            "LOCALHOST:8642",
            "127.0.0.1",
            "[::1]:1",
            "archive.example.org:443",
            "archive.example.org.",
            "[fd00::1]",
        ):
            assert asked.get("/", headers={"Host": host}).status_code == 200, host
        for host in (
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "",
            "[::2]",
            "archive.example.org.evil.example",
        ):
            answer = asked.get("/", headers={"Host": host})
            assert answer.status_code == 421, host
            assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_nothing_can_be_done_but_read(room: TestClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"):
        answer = room.request(method, "/articles/2")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), method
    head, get = room.head("/articles/2"), room.get("/articles/2")
    assert head.content == b""
    assert head.headers["content-length"] == get.headers["content-length"]


def test_the_morning_tells_what_is_wrong_and_the_front_page_leads_there(
    room: TestClient, store: Database
) -> None:
    assert "Nothing is wrong." in room.get("/morning").text
    found = Finding(
        Trouble.PLACE_GONE,
        "the feed <script>alert(1)</script> cannot be had",
        "it was moved",
        "nightdesk check x",
    )
    (site,) = runs.sites(store)
    issues.keep(store, site, datetime(2026, 1, 1, tzinfo=UTC), (found,), ())
    page = room.get("/morning").text
    assert "cannot be had. Likely: it was moved." in page
    assert "<script" not in page
    assert 'href="/morning">1 finding' in room.get("/").text


@pytest.mark.parametrize("engine", ["sqlite"])
def test_an_archive_that_cannot_be_read_is_a_calm_page_and_an_empty_one_is_no_trouble(
    store: Database, tmp_path: Path
) -> None:
    with client(application(store)) as empty:
        assert [
            empty.get(path).status_code for path in ("/", "/search?q=a", "/sites", "/runs")
        ] == [200] * 4
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    with client(application(Database(f"sqlite:///{tmp_path / 'broken.db'}"))) as broken:
        answer = broken.get("/")
        assert answer.status_code == 503
        assert str(tmp_path) not in answer.text


def test_a_text_turns_nothing_that_stands_behind_it() -> None:
    assert balanced("\u202egnp.exe\u2066 and so on") == "\u202egnp.exe\u2066 and so on\u2069\u202c"
    assert balanced("\u2069\u202cended by nobody") == "ended by nobody"
    assert balanced("\u2067\u202eabc\u2069 d") == "\u2067\u202eabc\u202c\u2069 d"
    assert (
        balanced("\u2066" * 50_000 + "\u202c" * 50_000) == "\u2066" * 50_000 + "\u2069" * 50_000
    ), "at once"


def test_a_comparison_tells_words_and_ends_soon_whatever_the_texts() -> None:
    changed = compare(
        "A\nThe levy is 12 a night, he said.\nB", "A\nThe levy is 9 a night, he said.\nNew\nB"
    )
    kinds = [
        [(each.kind, each.text) for each in pieces if each.kind != "same"]
        for pieces in changed.paragraphs
    ]
    assert kinds == [[], [(GONE, "12"), (NEW, "9")], [(NEW, "New")], []]
    for one, other in (
        (" ".join("ab" * 50_000), " ".join("ba" * 50_000)),
        ("x\n" * 50_000, "y\nx\n" * 50_000),
    ):
        assert compare(one, other).paragraphs
