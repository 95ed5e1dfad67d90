"""The archive for programs: every route answers as its document says, whatever it is asked."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import pages
from pipeline.web import api_schemas as models
from pipeline.web.app import application
from tests.conftest import Grown
from tests.support.archive_factory import SITE, clean, night, url
from tests.support.hostile_archive import HOSTILE, build, drafted
from tests.support.naughty_strings import NAUGHTY

HOST = "http://127.0.0.1:8642"
ATOM = "{http://www.w3.org/2005/Atom}"


def client(store: Database, **options: Any) -> TestClient:
    return TestClient(
        application(store, **options),
        base_url=HOST,
        follow_redirects=False,
        raise_server_exceptions=False,
    )


@pytest.fixture
def asked(
    store: Database, archive: CrawlSession, grown: Grown, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    monkeypatch.setattr("tests.support.archive_factory.draft_of", drafted)
    grown(lambda: build(store, archive))
    with client(store) as found:
        yield found


def digest(asked: TestClient) -> str:
    found = asked.get("/api/articles/2").json()["provenance"]["digest"]
    assert isinstance(found, str)
    return found


ROUTES = {
    "/articles": ("", models.Articles),
    "/articles/{number}": ("/articles/2", models.Article),
    "/articles/{number}/revisions": ("/articles/2/revisions", models.Revisions),
    "/articles/{number}/captures": ("/articles/2/captures", models.Captures),
    "/articles/{number}/making": ("/articles/2/making", models.Making),
    "/pages/{number}/captures": ("/pages/4/captures", models.Captures),
    "/articles/{number}/blocks": ("/articles/3/blocks", models.Blocks),
    "/search": ("/search?q=ferry&facets=true&once=true&sort=rank", models.Found),
    "/payloads/{digest}": ("/payloads/", None),
    "/sites": ("", models.Sites),
    "/sites/{site}": ("/sites/courier", models.SiteWhole),
    "/runs": ("", models.Runs),
    "/runs/{number}": ("/runs/3", models.RunWhole),
    "/runs/{number}/ledger": ("/runs/3/ledger?outcome=fetched", models.Ledger),
}


def test_every_route_of_the_document_answers_as_it_says_and_is_not_sent_twice(
    asked: TestClient,
) -> None:
    document = asked.get("/api/openapi.json").json()
    assert document["paths"].keys() == ROUTES.keys()
    assert document["servers"] == [{"url": "/api"}]
    assert not [
        path for path, way in document["paths"].items() if "422" in way["get"]["responses"]
    ], "it is told as 400"
    for route, (path, model) in ROUTES.items():
        there = "/api" + (path or route) + (digest(asked) if model is None else "")
        answer = asked.get(there)
        assert answer.status_code == 200, there
        assert answer.headers["x-content-type-options"] == "nosniff"
        if model is not None:
            model.model_validate(answer.json(), extra="forbid")
            schema = document["paths"][route]["get"]["responses"]["200"]["content"][
                "application/json"
            ]["schema"]
            assert schema["$ref"].endswith(f"/{model.__name__}")
        again = asked.get(there, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), there


def test_an_article_tells_its_sources_and_leads_to_its_bytes(asked: TestClient) -> None:
    found = asked.get("/api/articles/2").json()
    made = found["provenance"]
    assert (found["text"], made["recipe"], made["capture"]["digest"]) == (
        "Levy\nThe levy is 9 a night.",
        "extractors-1.rules-1",
        made["digest"],
    )
    assert found["metadata"]["published_certainty"] == ""
    body = asked.get(f"/api/payloads/{made['digest']}")
    assert body.content == b"Levy\nThe levy is 9 a night."
    assert body.headers["content-type"] == "application/octet-stream"
    assert body.headers["content-disposition"].startswith("attachment")
    assert body.headers["content-security-policy"].startswith("sandbox;")
    assert "immutable" in body.headers["cache-control"]
    assert [
        each["number"] for each in asked.get("/api/articles/2/revisions").json()["revisions"]
    ] == [1, 2]
    second = asked.get("/api/articles/2/revisions?after=1").json()
    assert ([each["number"] for each in second["revisions"]], second["next"]) == ([2], None)
    visits = asked.get("/api/pages/2/captures").json()
    assert (len(visits["captures"]), visits["next"]) == (2, None)
    first = asked.get("/api/articles/2/captures?limit=1").json()
    rest = asked.get(f"/api/articles/2/captures?after={first['next']}").json()
    assert ([*first["captures"], *rest["captures"]], rest["next"]) == (visits["captures"], None)
    assert asked.get(f"/api/pages/3/captures?after={first['next']}").json()["captures"] == [], (
        "a visit to another page"
    )
    first, second = (each["likeness"] for each in asked.get("/api/sites/courier").json()["nights"])
    assert (first, second["stories"]) == (
        {"stories": 4, "dated": 0, "signed": 4, "median_words": 47},
        0,
    )
    ledger = asked.get("/api/runs/3/ledger?limit=1").json()
    assert ledger["next"] == ledger["lines"][0]["page"]


WRONG = (
    ("/api/articles/0", 404), ("/api/articles/999", 404), (f"/api/articles/{2**63}", 404), (f"/api/articles/{10**18}", 404),
    ("/api/articles/" + "9" * 5000, 404), ("/api/articles/4", 404), ("/api/articles/4/revisions", 404),
    ("/api/runs?site=%00", 400), ("/api/articles?after=AAAA", 400), ("/api/articles?after=bi45OTk5OTk5OTk5OTk5OTk5OTk5", 400),
    ("/api/articles?limit=201", 400), ("/api/articles?limit=0", 400), ("/api/articles?limit=" + "9" * 5000, 400),
    ("/api/articles?since=2024-02-30", 400), ("/api/articles?since=0000", 400), ("/api/articles?lang=%00", 400),
    ("/api/articles?site=%27--", 400), ("/api/search?sort=x", 400), ("/api/search?q=" + "x" * 2001, 400),
    ("/api/payloads/" + "0" * 64, 404), ("/api/payloads/x", 404), ("/api/sites/%00%ed%a0%80", 404), ("/api/runs/999", 404),
    (f"/api/runs?after={2**64}", 400), ("/api/runs/999/ledger", 404), ("/api/runs/1/ledger?outcome=%3C", 400),
    ("/api/nothing", 404), ("/api/docs", 404), ("/feed.atom?limit=0", 400), ("/api", 307), ("/api/", 404),
)  # fmt: skip


def test_what_cannot_be_is_one_sentence(asked: TestClient) -> None:
    for path, status in WRONG:
        answer = asked.get(path)
        assert answer.status_code == status, path
        if status != 307:
            assert answer.json().keys() == {"error"}, path
            assert answer.json()["error"].endswith("."), path
    assert asked.get("/api/runs/1/ledger?url=%00%25%5C%ed%a0%80").status_code == 200


def test_a_feed_is_well_formed_whatever_it_holds_and_stays_the_same(asked: TestClient) -> None:
    answer = asked.get(
        "/feed.atom", params={"q": 'ferry \x0b<&"'}, headers={"X-Forwarded-Proto": "https"}
    )
    feed = ElementTree.fromstring(answer.content)
    assert "ferry" in (feed.findtext(f"{ATOM}title") or "")
    assert (feed.findtext(f"{ATOM}id") or "").startswith("https://127.0.0.1:8642/feed.atom?q=ferry")
    answer = asked.get("/feed.atom")
    entries = ElementTree.fromstring(answer.content).findall(f"{ATOM}entry")
    hostile = next(each for each in entries if each.findtext(f"{ATOM}id") == url("hostile"))
    assert hostile.findtext(f"{ATOM}title") == HOSTILE.replace("\x1b", "\ufffd")
    assert "<script" not in (hostile.findtext(f"{ATOM}content") or "")
    assert {each.get("href") for each in hostile.iter(f"{ATOM}link")} == {
        f"{HOST}/articles/3",
        url("hostile"),
    }
    for each in entries:
        assert datetime.fromisoformat(each.findtext(f"{ATOM}updated") or "").tzinfo
    assert (
        asked.get("/feed.atom", headers={"If-None-Match": answer.headers["etag"]}).status_code
        == 304
    )
    told = asked.get("/feed.json").json()
    assert told["version"] == "https://jsonfeed.org/version/1.1"
    assert [each["id"] for each in told["items"]] == [
        each.findtext(f"{ATOM}id") for each in entries
    ]
    assert next(each["title"] for each in told["items"] if each["id"] == url("hostile")) == HOSTILE
    assert 'href="/feed.atom?q=ferry"' in asked.get("/search?q=ferry").text


@pytest.fixture
def naughty(store: Database, archive: CrawlSession) -> Database:
    bodies = [f"{text}\nThe ferry left. {text}".encode("utf8", "replace") for text in NAUGHTY]
    night(archive, {url(f"{n}?x=1"): body for n, body in enumerate(bodies)})
    clean(store)
    return store


def walked(asked: TestClient, path: str, member: str) -> list[int]:
    """Ids of all pages of an answer."""
    found, after = list[int](), ""
    for _ in range(100):
        answer = asked.get(path, params={"limit": 40} | ({"after": after} if after else {})).json()
        found += [each.get("article", each)["id"] for each in answer[member]]
        if not (after := answer["next"]):
            break
    return found


def test_hostile_texts_come_back_as_they_are_and_paging_meets_all_once(naughty: Database) -> None:
    with client(naughty) as asked:
        ids = walked(asked, "/api/articles", "articles")
        assert len(ids) == len(set(ids)) == len(NAUGHTY)
        for path, member in (
            ("/api/search", "hits"),
            ("/api/search?q=ferry", "hits"),
            (f"/api/articles?site={SITE}", "articles"),
        ):
            assert walked(asked, path, member) == ids, path
        assert sorted(walked(asked, "/api/search?q=ferry&sort=rank", "hits")) == sorted(ids)
        for number in ids:
            found, article = (
                asked.get(f"/api/articles/{number}").json(),
                pages.article(naughty, number),
            )
            assert article is not None
            assert (found["title"], found["text"], found["url"]) == (
                article.title,
                article.text,
                article.url,
            )
        ElementTree.fromstring(asked.get("/feed.atom?limit=200").content)
        for number, text in enumerate(NAUGHTY):
            text = text.encode("utf8", "replace").decode()[:2000]
            answer = asked.get(
                "/api/search",
                params={"q": text, "limit": 1} | ({"facets": "true"} if number % 8 == 0 else {}),
            )
            assert (answer.status_code, answer.json()["query"]) == (200, text)
            ElementTree.fromstring(asked.get("/feed.atom", params={"q": text, "limit": 1}).content)


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


PAGES = (
    "/",
    "/search",
    "/style.css",
    "/articles/2",
    "/pages/3/raw",
    "/pages/3/bytes/" + "0" * 64,
    "/nothing",
)
WITHOUT = (
    "", "Bearer", "Bearer sesam", "Bearer sesam öffne x".encode(), b"Basic sesam \xc3\xb6ffne", basic("sesam öffne", ""),
    basic("a", "sesam"), basic("a", ":sesam öffne"), "Basic", "Basic =", "Digest sesam", "sesam",
)  # fmt: skip


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_token_is_asked_for_and_only_named_origins_are_let_in(
    asked: TestClient, store: Database
) -> None:
    page, origin = {"Origin": "https://desk.example"}, "access-control-allow-origin"
    assert origin not in asked.get("/api/runs", headers=page).headers
    assert asked.options("/api/runs", headers=page).status_code == 405
    with client(store, token="sesam öffne", origins=["https://desk.example"]) as closed:
        for path in (
            "/api/runs",
            "/api/openapi.json",
            "/api",
            "/api/nothing",
            "/feed.atom",
            "/feed.json",
            *PAGES,
        ):
            for sent in WITHOUT:
                answer = closed.get(path, headers={"Authorization": sent} if sent else {})
                asks = answer.headers.get_list("www-authenticate")
                assert (answer.status_code, "Bearer" in asks[-1], "Basic" in asks[0]) == (
                    401,
                    True,
                    path[:4] != "/api",
                ), path
                assert answer.headers["cache-control"] == "no-store"
                assert "<h1>" in answer.text if path in PAGES else list(answer.json()) == ["error"]
                assert "default-src 'none'" in answer.headers["content-security-policy"]
            for sent in (
                "Bearer sesam öffne",
                "bearer  sesam öffne",
                basic("any", "sesam öffne"),
                basic("", "sesam öffne"),
            ):
                assert closed.get(path, headers={"Authorization": sent.encode()}).status_code in (
                    200,
                    307,
                    404,
                ), (path, sent)
        given = {"Authorization": "Bearer sesam öffne".encode()}
        answer = closed.get("/api/runs", headers=given | {"Origin": "https://desk.example"})
        assert (answer.status_code, answer.headers[origin], answer.headers["vary"]) == (
            200,
            "https://desk.example",
            "Origin",
        )
        assert (
            origin
            not in closed.get(
                "/api/runs", headers=given | {"Origin": "https://evil.example"}
            ).headers
        )
        assert origin not in closed.get("/", headers=page).headers, "pages are for people alone"
        assert closed.options("/api/runs", headers=page).status_code == 204
        for path, sent in (
            ("/api/runs", {"Origin": "https://evil.example"}),
            ("/", page),
            ("/api/runs", {}),
        ):
            answer = closed.options(path, headers=sent)
            assert (answer.status_code, origin in answer.headers and sent != page) == (
                405,
                False,
            ), path
        assert closed.post("/api/runs", headers=given).status_code == 405


@pytest.mark.parametrize("engine", ["sqlite"])
def test_an_archive_that_cannot_be_read_is_one_sentence(store: Database, tmp_path: Any) -> None:
    with client(store) as empty:
        for path in ("articles", "search?q=a&facets=1", "sites", "runs"):
            assert empty.get(f"/api/{path}").status_code == 200, path
        assert json.loads(empty.get("/feed.json").content)["items"] == []
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    with client(Database(f"sqlite:///{tmp_path / 'broken.db'}")) as broken:
        answer = broken.get("/api/runs")
        assert (answer.status_code, list(answer.json())) == (503, ["error"])
