"""The page "Compare", its files, and the counts of the API and the command line, which agree."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.web.app import create_app
from pipeline.web.line_chart import ChartData, line_chart, name_chart, value_ticks
from tests.conftest import GrowOnce
from tests.support.archive_factory import DAY, NIGHT, clean, night, url
from tests.support.cli import nightdesk

SVG = "{http://www.w3.org/2000/svg}"
TEXTS = (
    "the ferry was late",
    "a seal on the <ramp>",
    "the ferry and a seal",
    "nothing new",
    "ferry levy passed",
)

AFTER_DAYS = (0, 1, 2, 3, 80)


def build(store: Database, archive: CrawlSession) -> None:
    for number, text in enumerate(TEXTS):
        page = {url(str(number)): f"Story {number}\n{text}".encode()}
        night(archive, page, NIGHT + AFTER_DAYS[number] * DAY)
    clean(store)


@pytest.fixture
def web(store: Database, archive: CrawlSession, grow_once: GrowOnce) -> Iterator[TestClient]:
    grow_once(lambda: build(store, archive))
    app = create_app(store)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def test_page_files_and_api_show_the_same_numbers(web: TestClient) -> None:
    address = "q=ferry&q=seal&by=month&share=1"
    counts = web.get(f"/api/count?{address}").json()
    assert [query["total"] for query in counts["queries"]] == [3, 2]
    assert counts["stories"] == 5
    assert [tuple(row["counts"]) for row in counts["rows"]] == [(2, 2), (0, 0), (1, 0)]
    rows = list(csv.reader(io.StringIO(web.get(f"/compare.csv?{address}").text)))
    assert rows[0] == ["month", "ferry", "seal", "ferry (share)", "seal (share)", "all stories"]
    labels = [row["label"] for row in counts["rows"]]
    assert [row[0] for row in rows[1:]] == labels
    assert [tuple(map(int, row[1:3])) for row in rows[1:]] == [
        tuple(row["counts"]) for row in counts["rows"]
    ]
    page = web.get(f"/compare?{address}&words=1").text
    for label in labels:
        assert f">{label}<" in page
    assert "Share of all articles per month" in page


@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_saved_chart_is_a_document_of_its_own(web: TestClient) -> None:
    response = web.get("/compare.svg?q=ferry&q=<script>&by=week")
    assert response.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert response.headers["content-disposition"].startswith("attachment")
    root = ElementTree.fromstring(response.text.strip())
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"Articles per week", "Week, UTC", "ferry", "<script>", "0"} <= set(texts)
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert any("ferry, " in str(title) and str(title).endswith(": 1") for title in titles)
    assert not list(root.iter(f"{SVG}script"))
    png = web.get("/compare.png?q=ferry&by=week")
    assert png.content.startswith(b"\x89PNG") or "'charts'" in png.text
    bars = web.get("/compare.svg?q=ferry&by=site").text
    assert "<rect" in bars
    assert "Articles per site" in bars


@pytest.mark.parametrize("engine", ["sqlite"])
def test_wrong_requests_are_refused_in_one_sentence(web: TestClient) -> None:
    assert "There is no query" in web.get("/api/count").json()["error"]
    assert web.get("/compare.csv").status_code == 400
    assert web.get("/compare.svg?q=unheard").status_code == 404
    assert web.get("/compare?q=ferry&by=hour").status_code == 400
    assert web.get("/compare?" + "q=a&" * 7).status_code == 400
    assert "No article matches" in web.get("/compare?q=unheard").text
    assert "exact" in web.get("/compare").text


def test_the_command_prints_tables_csv_json_and_words(
    web: TestClient, store: Database, home: Path
) -> None:
    address = store.url.render_as_string(hide_password=False)
    options = ("--database-url", address)
    table = nightdesk(home, *options, "count", "ferry", "seal", "--by", "site", "--share")
    assert table.code == 0, table.err
    assert table.out.splitlines()[1].split() == ["courier", "3", "2", "60.00%", "40.00%", "5"]
    totals = nightdesk(home, *options, "count", "--csv", "--", "ferry OR levy", "-seal")
    assert totals.out.splitlines() == ["total,ferry OR levy,'-seal", "all,3,3"]
    counts = nightdesk(home, *options, "count", "ferry", "--by", "month", "--json").json
    assert counts["queries"][0]["total"] == 3
    assert counts["rows"][0]["ferry"] == 2
    assert nightdesk(home, *options, "count", "story", "--words").code == 0
    wrong = nightdesk(home, *options, "count", "ferry", "--csv", "--json")
    assert "--csv: leave out --json and --words" in wrong.error_line


def test_a_group_in_a_site_file_is_found_at_once(
    web: TestClient, store: Database, home: Path
) -> None:
    site_file = home / "config" / "sites" / "courier.toml"
    head = 'name = "Courier"\nurl = "https://courier.example/"\n'
    head += 'feeds = ["https://courier.example/f"]\n'
    site_file.write_text(head + 'groups = ["local"]\ncountry = "GB"\n', encoding="utf8")
    options = ("--database-url", store.url.render_as_string(hide_password=False))
    assert len(nightdesk(home, *options, "search", "ferry", "group:local", "--json").json) == 3
    assert web.get("/api/search?q=ferry+country:gb").json()["hits"]
    assert not web.get("/api/search?q=ferry+group:wire").json()["hits"]
    site_file.write_text(head, encoding="utf8")
    missing = nightdesk(home, *options, "search", "group:local")
    assert "The archive knows no group 'local'" in missing.out
    site_file.write_text(head + 'groups = ["Local press"]\n', encoding="utf8")
    wrong = nightdesk(home, *options, "crawl", "courier")
    assert "'Local press' is no name of a group" in wrong.err


def test_axes_have_round_ticks_and_charts_stay_in_their_frame() -> None:
    def data(*values: float, is_whole: bool = False) -> ChartData:
        labels = [f"day {number}" for number in range(len(values))]
        series = [("a", values), ("b", values)]
        return ChartData(labels, series, "y", "x", "{:g}".format, is_whole)

    def ticks(data: ChartData) -> list[float]:
        return [round(at, 3) for at, _ in value_ticks(data)]

    assert ticks(data(0, 7, is_whole=True)) == [0, 2, 4, 6, 8]
    assert ticks(data(0, 1, is_whole=True)) == [0, 1]
    assert ticks(data(0, 1)) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert ticks(data(0, 0)) == [0, 1]
    assert ticks(data(0.031)) == [0, 0.01, 0.02, 0.03, 0.04]
    for chart in (line_chart(data(*range(400))), line_chart(data(3)), name_chart(data(1, 2, 3))):
        for series in chart.series:
            for mark in series.marks:
                assert chart.left <= mark.x <= mark.x + mark.width <= chart.right + 0.1
                assert chart.top <= mark.y <= chart.bottom
        positions = [tick.position for tick in chart.label_ticks]
        assert positions == sorted(positions)


def test_a_search_page_helps_and_gives_its_results_as_files(web: TestClient) -> None:
    page = web.get("/search?q=fery&sort=newest").text
    assert 'Did you mean <a href="/search?q=ferry' in page
    page = web.get("/search?q=ferry+site:courier+-lang:ru").text
    assert '<a href="/search?q=ferry+-lang%3Aru' in page
    for name in ("jsonl", "csv", "parquet", "atom"):
        response = web.get(f"/search.{name}?q=ferry+site:courier")
        assert response.status_code == 200
        assert "attachment" in response.headers["content-disposition"]
        if name == "jsonl":
            assert len(response.text.splitlines()) == 3
        elif name == "parquet":
            from pyarrow import BufferReader, parquet

            table = parquet.read_table(BufferReader(response.content))
            assert (table.num_rows, "site" in table.column_names) == (3, True)
    assert web.get("/search.exe?q=ferry").status_code == 404
    moved = web.get("/search?q=ferry+after:2020&since=2024-03-01&until=", follow_redirects=False)
    assert moved.headers["location"] == "/search?q=ferry+since%3A2024-03-01&sort=newest"
    moved = web.get("/search?q=http://www.courier.example/0/", follow_redirects=False)
    assert moved.headers["location"].startswith("/articles/")
    assert "site:courier" in web.get("/search").text


@pytest.mark.parametrize("engine", ["sqlite"])
def test_until_includes_its_day_in_the_api(web: TestClient) -> None:
    assert len(web.get("/api/articles?until=2024-03-02").json()["articles"]) == 2
    assert len(web.get("/api/articles?until=2024-03").json()["articles"]) == 4
    assert web.get("/api/articles?until=2024-13").status_code == 400
