"""Tests of the JSON API and the feeds: content, errors, token and CORS."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from pipeline.evidence.leaves import EventKind
from pipeline.evidence.merkle import is_consistent
from pipeline.evidence.notes import from_base64, parse_note
from pipeline.store import read
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import checkpoints, log
from pipeline.web import api_schemas as schemas
from pipeline.web import count_schemas, log_schemas
from pipeline.web.app import create_app
from tests.conftest import GrowOnce
from tests.support.archive_factory import SITE, clean, night, url
from tests.support.hostile_archive import (
    EXTRACTOR,
    HOSTILE,
    build_hostile_archive,
    hostile_extracted_page,
)
from tests.support.naughty_strings import NAUGHTY_STRINGS

HOST = "http://127.0.0.1:8642"
ATOM = "{http://www.w3.org/2005/Atom}"


def client(store: Database, **options: Any) -> TestClient:
    return TestClient(
        create_app(store, **options),
        base_url=HOST,
        follow_redirects=False,
        raise_server_exceptions=False,
    )


@pytest.fixture
def web(
    store: Database, archive: CrawlSession, grow_once: GrowOnce, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    """A client of the web app with the hostile archive."""
    monkeypatch.setattr(EXTRACTOR, hostile_extracted_page)
    grow_once(lambda: build_hostile_archive(store, archive))
    with client(store) as web_client:
        yield web_client


def digest_of_article(web: TestClient) -> str:
    digest = web.get("/api/articles/2").json()["provenance"]["digest"]
    assert isinstance(digest, str)
    return digest


# Route: an example, "" for the route itself, and the schema of its response, None for bytes
ROUTES = {
    "/articles": ("", schemas.ArticlesOut),
    "/articles/{article_id}": ("/articles/2", schemas.ArticleOut),
    "/articles/{article_id}/revisions": ("/articles/2/revisions", schemas.RevisionsOut),
    "/articles/{article_id}/provenance": ("/articles/2/provenance", schemas.ProvenanceOut),
    "/articles/{page_id}/captures": ("/articles/2/captures", schemas.CapturesOut),
    "/articles/{page_id}/blocks": ("/articles/3/blocks", schemas.BlocksOut),
    "/pages/{page_id}/captures": ("/pages/4/captures", schemas.CapturesOut),
    "/changes": ("", schemas.ChangesOut),
    "/search": ("/search?q=ferry&facets=true&unique=true&sort=rank", schemas.SearchResultsOut),
    "/payloads/{digest}": ("/payloads/", None),
    "/count": ("/count?q=ferry&by=day", count_schemas.CountsOut),
    "/words": ("/words?q=ferry", count_schemas.TopWordsOut),
    "/sites": ("", schemas.SitesOut),
    "/sites/{site}": ("/sites/courier", schemas.SiteDetailOut),
    "/runs": ("", schemas.RunsOut),
    "/runs/{run_id}": ("/runs/3", schemas.RunDetailOut),
    "/runs/{run_id}/ledger": ("/runs/3/ledger?outcome=fetched", schemas.LedgerOut),
    "/checkpoints": ("/checkpoints?after=0", log_schemas.CheckpointsOut),
}


def test_each_route_matches_its_openapi_schema_and_supports_etags(web: TestClient) -> None:
    document = web.get("/api/openapi.json").json()
    assert document["paths"].keys() == ROUTES.keys()
    assert document["servers"] == [{"url": "/api"}]
    for path, operations in document["paths"].items():
        assert "422" not in operations["get"]["responses"], f"{path}: the status is 400"
    for route, (example, schema) in ROUTES.items():
        path = "/api" + (example or route)
        if schema is None:
            path += digest_of_article(web)
        response = web.get(path)
        assert response.status_code == 200, path
        assert response.headers["x-content-type-options"] == "nosniff"
        if schema is not None:
            schema.model_validate(response.json(), extra="forbid")
            content = document["paths"][route]["get"]["responses"]["200"]["content"]
            reference = content["application/json"]["schema"]["$ref"]
            assert reference.endswith(f"/{schema.__name__}")
        again = web.get(path, headers={"If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path


def test_each_field_of_the_openapi_document_has_a_description(web: TestClient) -> None:
    document = web.get("/api/openapi.json").json()
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"], name
        for field, definition in schema.get("properties", {}).items():
            assert definition.get("description"), f"{name}.{field}"
    for path, operations in document["paths"].items():
        assert operations["get"]["description"], path


def test_article_leads_to_its_revisions_captures_and_bytes(web: TestClient) -> None:
    article = web.get("/api/articles/2").json()
    provenance = article["provenance"]
    assert article["text"] == "Levy\nThe levy is 9 a night."
    assert article["markdown"] == "Levy\n\nThe levy is 9 a night."
    assert (article["links"], article["figures"]) == ([], [])
    assert provenance["recipe"].endswith("extractors-1.rules-1")
    assert provenance["capture"]["digest"] == provenance["digest"]
    assert article["metadata"]["published_confidence"] == ""
    assert article["near_duplicates"] == []
    body = web.get(f"/api/payloads/{provenance['digest']}")
    assert body.content == b"Levy\nThe levy is 9 a night."
    assert body.headers["content-type"] == "application/octet-stream"
    assert body.headers["content-disposition"].startswith("attachment")
    assert body.headers["content-security-policy"].startswith("sandbox;")
    assert "immutable" in body.headers["cache-control"]
    revisions = web.get("/api/articles/2/revisions").json()["revisions"]
    assert [revision["number"] for revision in revisions] == [1, 2]
    second_page = web.get("/api/articles/2/revisions?after=1").json()
    assert (second_page["revisions"], second_page["next"]) == (revisions[1:], None)
    all_captures = web.get("/api/pages/2/captures").json()
    assert (len(all_captures["captures"]), all_captures["next"]) == (2, None)
    first = web.get("/api/articles/2/captures?limit=1").json()
    rest = web.get(f"/api/articles/2/captures?after={first['next']}").json()
    assert [*first["captures"], *rest["captures"]] == all_captures["captures"]
    assert rest["next"] is None
    other_page = web.get(f"/api/pages/3/captures?after={first['next']}").json()
    assert other_page["captures"] == [], "the cursor is a capture of another page"


def test_site_and_run_have_their_numbers(web: TestClient) -> None:
    first, second = web.get("/api/sites/courier").json()["nights"]
    assert first["story_stats"] == {
        "stories": 4,
        "with_date": 0,
        "with_author": 4,
        "median_words": 47,
    }
    assert second["story_stats"]["stories"] == 0
    ledger = web.get("/api/runs/3/ledger?limit=1").json()
    assert ledger["next"] == ledger["entries"][0]["page"]


INVALID_REQUESTS = (
    ("/api/articles/0", 404),
    ("/api/articles/999", 404),
    (f"/api/articles/{2**63}", 404),
    (f"/api/articles/{10**18}", 404),
    ("/api/articles/" + "9" * 5000, 404),
    ("/api/articles/4", 404),
    ("/api/articles/4/revisions", 404),
    ("/api/articles/4/provenance", 404),
    ("/api/runs?site=%00", 400),
    ("/api/articles?after=AAAA", 400),
    ("/api/articles?after=bi45OTk5OTk5OTk5OTk5OTk5OTk5", 400),
    ("/api/articles?limit=201", 400),
    ("/api/articles?limit=0", 400),
    ("/api/articles?limit=" + "9" * 5000, 400),
    ("/api/articles?since=2024-02-30", 400),
    ("/api/articles?since=0000", 400),
    ("/api/articles?lang=%00", 400),
    ("/api/articles?site=%27--", 400),
    ("/api/search?sort=x", 400),
    ("/api/search?q=" + "x" * 2001, 400),
    ("/api/payloads/" + "0" * 64, 404),
    ("/api/payloads/x", 404),
    ("/api/sites/%00%ed%a0%80", 404),
    ("/api/runs/999", 404),
    (f"/api/runs?after={2**64}", 400),
    ("/api/runs/999/ledger", 404),
    ("/api/runs/1/ledger?outcome=%3C", 400),
    ("/api/nothing", 404),
    ("/api/docs", 404),
    ("/feed.atom?limit=0", 400),
    ("/api", 307),
    ("/api/", 404),
)


def test_invalid_requests_get_one_sentence_as_json(web: TestClient) -> None:
    for path, status in INVALID_REQUESTS:
        response = web.get(path)
        assert response.status_code == status, path
        if status != 307:
            assert response.json().keys() == {"error"}, path
            assert response.json()["error"].endswith("."), path
    assert web.get("/api/runs/1/ledger?url=%00%25%5C%ed%a0%80").status_code == 200


def test_feeds_are_well_formed_and_agree_with_each_other(web: TestClient) -> None:
    response = web.get(
        "/feed.atom", params={"q": 'ferry \x0b<&"'}, headers={"X-Forwarded-Proto": "https"}
    )
    feed = ElementTree.fromstring(response.content)
    assert "ferry" in (feed.findtext(f"{ATOM}title") or "")
    assert (feed.findtext(f"{ATOM}id") or "").startswith("https://127.0.0.1:8642/feed.atom?q=ferry")
    response = web.get("/feed.atom")
    entries = ElementTree.fromstring(response.content).findall(f"{ATOM}entry")
    entries_by_id = {entry.findtext(f"{ATOM}id"): entry for entry in entries}
    hostile = entries_by_id[url("hostile")]
    assert hostile.findtext(f"{ATOM}title") == HOSTILE.replace("\x1b", "\ufffd")
    assert "<script" not in (hostile.findtext(f"{ATOM}content") or "")
    assert {link.get("href") for link in hostile.iter(f"{ATOM}link")} == {
        f"{HOST}/articles/3",
        url("hostile"),
    }
    for entry in entries:
        assert datetime.fromisoformat(entry.findtext(f"{ATOM}updated") or "").tzinfo
    again = web.get("/feed.atom", headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304
    json_feed = web.get("/feed.json").json()
    assert json_feed["version"] == "https://jsonfeed.org/version/1.1"
    assert [item["id"] for item in json_feed["items"]] == list(entries_by_id)
    titles = {item["id"]: item["title"] for item in json_feed["items"]}
    assert titles[url("hostile")] == HOSTILE
    assert 'href="/feed.atom?q=ferry"' in web.get("/search?q=ferry").text


@pytest.fixture
def naughty(store: Database, archive: CrawlSession) -> Database:
    """An archive with a naughty string as title and text of each article."""
    pages: dict[str, bytes] = {}
    for number, text in enumerate(NAUGHTY_STRINGS):
        body = f"{text}\nThe ferry left. {text}"
        pages[url(f"{number}?x=1")] = body.encode("utf8", "replace")
    night(archive, pages)
    clean(store)
    return store


def ids_of_all_pages(web: TestClient, path: str, key: str) -> list[int]:
    """Return the article ids of all pages of a list."""
    ids: list[int] = []
    after = ""
    for _ in range(100):
        parameters: dict[str, Any] = {"limit": 40}
        if after:
            parameters["after"] = after
        page = web.get(path, params=parameters).json()
        ids += [item.get("article", item)["id"] for item in page[key]]
        after = page["next"]
        if not after:
            break
    return ids


@pytest.mark.trial_on_postgresql
def test_lists_return_each_naughty_article_once(naughty: Database) -> None:
    with client(naughty) as web:
        ids = ids_of_all_pages(web, "/api/articles", "articles")
        assert len(ids) == len(set(ids)) == len(NAUGHTY_STRINGS)
        for path, key in (
            ("/api/search", "hits"),
            ("/api/search?q=ferry", "hits"),
            (f"/api/articles?site={SITE}", "articles"),
        ):
            assert ids_of_all_pages(web, path, key) == ids, path
        ranked = ids_of_all_pages(web, "/api/search?q=ferry&sort=rank", "hits")
        assert sorted(ranked) == sorted(ids)
        for article_id in ids:
            found = web.get(f"/api/articles/{article_id}").json()
            article = read.get_article(naughty, article_id)
            assert article is not None
            assert found["title"] == article.title
            assert found["text"] == article.text
            assert found["url"] == article.url
        ElementTree.fromstring(web.get("/feed.atom?limit=200").content)


@pytest.mark.trial_on_postgresql
def test_naughty_queries_get_an_answer(naughty: Database) -> None:
    with client(naughty) as web:
        for number, naughty_text in enumerate(NAUGHTY_STRINGS):
            text = naughty_text.encode("utf8", "replace").decode()[:2000]
            parameters: dict[str, Any] = {"q": text, "limit": 1}
            feed = web.get("/feed.atom", params=parameters)
            ElementTree.fromstring(feed.content)
            if number % 8 == 0:
                parameters["facets"] = "true"
            response = web.get("/api/search", params=parameters)
            assert (response.status_code, response.json()["query"]) == (200, text)


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


TOKEN = "sesam öffne"
ORIGIN = "https://desk.example"
ALLOW_ORIGIN = "access-control-allow-origin"
MACHINE_PATHS = (
    "/api/runs",
    "/api/openapi.json",
    "/api",
    "/api/nothing",
    "/feed.atom",
    "/feed.json",
)
PAGE_PATHS = (
    "/",
    "/search",
    "/style.css",
    "/articles/2",
    "/pages/3/raw",
    "/pages/3/bytes/" + "0" * 64,
    "/nothing",
)
WRONG_CREDENTIALS = (
    "",
    "Bearer",
    "Bearer sesam",
    f"Bearer {TOKEN} x".encode(),
    b"Basic sesam \xc3\xb6ffne",
    basic(TOKEN, ""),
    basic("a", "sesam"),
    basic("a", f":{TOKEN}"),
    "Basic",
    "Basic =",
    "Digest sesam",
    "sesam",
)
RIGHT_CREDENTIALS = (
    f"Bearer {TOKEN}",
    f"bearer  {TOKEN}",
    basic("any", TOKEN),
    basic("", TOKEN),
)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_each_path_needs_the_token(web: TestClient, store: Database) -> None:
    with client(store, token=TOKEN) as closed:
        for path in (*MACHINE_PATHS, *PAGE_PATHS):
            for credentials in WRONG_CREDENTIALS:
                headers = {"Authorization": credentials} if credentials else {}
                response = closed.get(path, headers=headers)
                challenges = response.headers.get_list("www-authenticate")
                assert response.status_code == 401, path
                assert "Bearer" in challenges[-1], path
                assert ("Basic" in challenges[0]) == (not path.startswith("/api")), path
                assert response.headers["cache-control"] == "no-store"
                assert "default-src 'none'" in response.headers["content-security-policy"]
                if path in PAGE_PATHS:
                    assert "<h1>" in response.text
                else:
                    assert list(response.json()) == ["error"]
            for right_credentials in RIGHT_CREDENTIALS:
                headers = {"Authorization": right_credentials.encode()}
                status = closed.get(path, headers=headers).status_code
                assert status in (200, 307, 404), (path, right_credentials)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_only_allowed_origins_may_read_and_only_the_api(web: TestClient, store: Database) -> None:
    origin = {"Origin": ORIGIN}
    preflight = origin | {"Access-Control-Request-Method": "GET"}
    assert ALLOW_ORIGIN not in web.get("/api/runs", headers=origin).headers
    assert web.options("/api/runs", headers=preflight).status_code == 405
    token = {"Authorization": f"Bearer {TOKEN}".encode()}
    with client(store, token=TOKEN, origins=[ORIGIN]) as closed:
        response = closed.get("/api/runs", headers=token | origin)
        assert response.status_code == 200
        assert response.headers[ALLOW_ORIGIN] == ORIGIN
        assert response.headers["vary"] == "Origin"
        assert response.headers["access-control-expose-headers"] == "ETag"
        assert closed.get("/api/runs", headers=token).headers["vary"] == "Origin", (
            "a cache must not give this response to another origin"
        )
        unauthorized = closed.get("/api/runs", headers=origin)
        assert (unauthorized.status_code, unauthorized.headers[ALLOW_ORIGIN]) == (401, ORIGIN)
        other_origin = closed.get("/api/runs", headers=token | {"Origin": "https://evil.example"})
        assert ALLOW_ORIGIN not in other_origin.headers
        page = closed.get("/", headers=token | origin)
        assert ALLOW_ORIGIN not in page.headers, "pages are for people only"


@pytest.mark.parametrize("engine", ["sqlite"])
def test_preflight_of_an_allowed_origin_needs_no_token(store: Database) -> None:
    preflight = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, if-none-match",
    }
    with client(store, token=TOKEN, origins=[ORIGIN]) as closed:
        response = closed.options("/api/runs", headers=preflight)
        assert (response.status_code, response.headers[ALLOW_ORIGIN]) == (200, ORIGIN)
        assert response.headers["access-control-allow-methods"] == "GET"
        evil = closed.options("/api/runs", headers=preflight | {"Origin": "https://evil.example"})
        assert (evil.status_code, ALLOW_ORIGIN in evil.headers) == (400, False)
        post = closed.options(
            "/api/runs", headers=preflight | {"Access-Control-Request-Method": "POST"}
        )
        assert post.status_code == 400
        for path, headers in (
            ("/", preflight),
            ("/api/runs", {}),
            ("/api/runs", {"Origin": ORIGIN}),
        ):
            response = closed.options(path, headers=headers)
            assert (response.status_code, ALLOW_ORIGIN in response.headers) == (405, False), path
        assert closed.post("/api/runs", headers={"Origin": ORIGIN}).status_code == 405


@pytest.mark.parametrize("engine", ["sqlite"])
def test_empty_archive_has_empty_lists_and_a_broken_one_gets_503(
    store: Database, tmp_path: Path
) -> None:
    with client(store) as web:
        for path in ("articles", "search?q=a&facets=1", "sites", "runs"):
            assert web.get(f"/api/{path}").status_code == 200, path
        assert json.loads(web.get("/feed.json").content)["items"] == []
    (tmp_path / "broken.db").write_bytes(b"no database" * 100)
    with client(Database(f"sqlite:///{tmp_path / 'broken.db'}")) as web:
        response = web.get("/api/runs")
        assert (response.status_code, list(response.json())) == (503, ["error"])
        assert str(tmp_path) not in response.text


def test_checkpoints_come_with_the_proof_that_the_log_has_grown(
    web: TestClient, store: Database
) -> None:
    assert web.get("/api/checkpoints").json()["checkpoint"] == ""
    with store.write() as db:
        first = checkpoints.make(db, None)
        log.append_event(db, EventKind.REPAIR, {"what": "nothing"})
        second = checkpoints.make(db, None)
    assert first is not None
    assert second is not None
    shown = web.get(f"/api/checkpoints?after={first.size}").json()
    note = parse_note(shown["checkpoint"])
    proof = [from_base64(node) for node in shown["consistency"]["proof"]]
    assert is_consistent(first.size, first.root, note.size, note.root, proof)
    assert web.get("/api/checkpoints?after=-1").status_code == 400
