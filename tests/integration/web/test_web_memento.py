"""Memento (RFC 7089): TimeGate, TimeMap and the bytes of a visit; CDXJ over the same visits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.core.models import Outcome, Reason
from pipeline.formats.cdxj import surt
from pipeline.formats.export import write_export
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import ExportQuery
from pipeline.web.app import create_app
from tests.support.archive_factory import DAY, GONE, NIGHT, Reply, night, url

FERRY, MOVED = url("ferry?id=7"), url("moved")
SERVER = "http://127.0.0.1:8642"
OLD, NEW = b"<h1>The ferry</h1>", b"<h1>The new ferry</h1><script>alert(1)</script>"
REDIRECT = Reply(None, Outcome.REDIRECTED, Reason.HTTP_REDIRECT, 301, target=FERRY)


@pytest.fixture
def web(archive: CrawlSession, store: Database) -> Iterator[TestClient]:
    night(archive, {FERRY: OLD, MOVED: REDIRECT}, NIGHT)
    night(archive, {FERRY: OLD}, NIGHT + DAY)
    night(archive, {FERRY: NEW}, NIGHT + 2 * DAY)
    night(archive, {FERRY: GONE}, NIGHT + 3 * DAY)
    with TestClient(create_app(store), base_url=SERVER, follow_redirects=False) as web:
        yield web


pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_the_timegate_redirects_to_the_visit_nearest_to_the_wanted_time(web: TestClient) -> None:
    wanted = {"Accept-Datetime": format_datetime(NIGHT + 1.2 * DAY, usegmt=True)}
    answer = web.get(f"/timegate/{FERRY}", headers=wanted)
    assert answer.status_code == 302
    assert answer.headers["location"] == f"{SERVER}/web/20240302023000/{FERRY}"
    assert answer.headers["vary"] == "accept-datetime"
    assert "memento-datetime" not in answer.headers
    assert f'<{FERRY}>; rel="original"' in answer.headers["link"]
    assert 'rel="timemap"; type="application/link-format"' in answer.headers["link"]


def test_the_timegate_without_a_time_gives_the_newest_visit(web: TestClient) -> None:
    assert "/web/20240303023000/" in web.get(f"/timegate/{FERRY}").headers["location"]


def test_the_timegate_refuses_what_is_no_date(web: TestClient) -> None:
    answer = web.get(f"/timegate/{FERRY}", headers={"Accept-Datetime": "yesterday"})
    assert answer.status_code == 400


def test_the_timemap_lists_all_visits_that_met_bytes(web: TestClient) -> None:
    answer = web.get(f"/timemap/link/{FERRY}")
    assert answer.headers["content-type"] == "application/link-format"
    relations = re.findall(r'rel="([^"]*)"', answer.text)
    assert relations == [
        "original", "self", "timegate", "first memento", "memento", "last memento",
    ]  # fmt: skip
    assert 'datetime="Fri, 01 Mar 2024 02:30:00 GMT"' in answer.text
    assert answer.text.count(",\n") == 5


def test_a_memento_has_its_time_its_neighbours_and_its_bytes(web: TestClient) -> None:
    answer = web.get(f"/web/20240302023000/{FERRY}")
    assert answer.status_code == 200
    assert answer.headers["memento-datetime"] == "Sat, 02 Mar 2024 02:30:00 GMT"
    assert answer.content.startswith(OLD)
    links = answer.headers["link"]
    assert re.findall(r'rel="([^"]*memento)"', links) == [
        "first prev memento", "memento", "next last memento",
    ]  # fmt: skip
    assert answer.headers["content-security-policy"].startswith("sandbox")


def test_a_memento_can_be_had_unchanged_as_a_file(web: TestClient) -> None:
    answer = web.get(f"/web/20240303023000id_/{FERRY}")
    assert answer.content == NEW
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["memento-datetime"]


def test_another_time_redirects_to_the_nearest_visit(web: TestClient) -> None:
    answer = web.get(f"/web/2024/{FERRY}")
    assert answer.status_code == 302
    assert answer.headers["location"] == f"{SERVER}/web/20240301023000/{FERRY}"
    assert "memento-datetime" not in answer.headers


def test_a_url_that_redirects_has_the_visits_of_its_target(web: TestClient) -> None:
    assert f'<{FERRY}>; rel="original"' in web.get(f"/timemap/link/{MOVED}").text


@pytest.mark.parametrize(
    "spelling",
    [
        "https:/courier.example/ferry?id=7",
        "https%3A%2F%2Fcourier.example%2Fferry%3Fid%3D7",
    ],
)
def test_spellings_of_the_url(web: TestClient, spelling: str) -> None:
    assert web.get(f"/timemap/link/{spelling}").status_code == 200


@pytest.mark.parametrize("path", ["/timegate/https://other.example/", "/web/20240301023000/x"])
def test_an_unknown_url_is_not_found(web: TestClient, path: str) -> None:
    assert web.get(path).status_code == 404


def test_cdxj_has_the_same_visits(web: TestClient, store: Database, tmp_path: Path) -> None:
    served = web.get(f"/timemap/cdxj/{FERRY}").text.splitlines()
    assert len(served) == 3
    assert served[0].startswith("example,courier)/ferry?id=7 20240301023000 {")
    assert '"mime": "warc/revisit"' in served[1]
    out = tmp_path / "all.cdxj"
    write_export(store, ExportQuery(), "cdxj", out)
    lines = out.read_text(encoding="utf8").splitlines()
    assert lines == sorted(lines)
    assert set(served) < set(lines)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("http://www.Example.com/A?b=2&a=1", "com,example)/a?a=1&b=2"),
        ("https://example.com:8443", "com,example:8443)/"),
        ("https://example.com:443/x/", "com,example)/x/"),
        ("http://[", "http://["),
    ],
)
def test_keys_of_urls(engine: str, address: str, key: str) -> None:
    assert surt(address) == key
