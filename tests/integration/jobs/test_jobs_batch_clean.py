"""Pages out of files, and cleaning them without an archive."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline import extract
from pipeline.config.site import CleaningOptions
from pipeline.core.errors import ConfigError, DiskError, ExitCode
from pipeline.core.models import ExtractedPage
from pipeline.formats.readers import page_files
from pipeline.jobs import batch_clean
from pipeline.jobs.batch_clean import (
    PageBatch,
    InputPage,
    BatchProfile,
    CleanedPage,
    clean_batch,
    to_json,
)
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import PendingPayload

SENTENCES = (
    "The crane on the northern quay was mended on Monday, and the {0} left the harbour on time again.",
    "Nobody had expected the {0} to be ready before the end of the week, said the harbour master.",
    "The next inspection of the {0} is planned for the spring, when the water is at its lowest.",
)
REPEATED = "The Courier is read by everybody who has business at the water's edge."


def story(about: str, *more: str, head: str = "") -> str:
    lines = "".join(f"<p>{each}</p>" for each in (*(s.format(about) for s in SENTENCES), *more))
    title = f"How the {about} came back to the old harbour"
    return f"<html><head><title>{title}</title>{head}</head><body><article><h1>{title}</h1>{lines}</article></body></html>"


class InThisProcess:
    """Workers without a process of their own."""

    def drafts(
        self, payloads: Iterable[PendingPayload]
    ) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        waiting = list(payloads)  # reads ahead, as the real ones do
        yield from ((each, extract.extract(each.raw_page)) for each in waiting)


WORKERS = cast(WorkerPool, InThisProcess())


class Told:
    """What was complained of."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.codes: set[ExitCode] = set()

    def __call__(self, sentence: str, code: ExitCode) -> None:
        self.sentences.append(sentence)
        self.codes.add(code)


@pytest.fixture
def told() -> Told:
    return Told()


def line(**values: object) -> bytes:
    return json.dumps(values).encode() + b"\n"


def clean(*inputs: InputPage) -> list[CleanedPage]:
    return list(clean_batch(inputs, WORKERS, lambda *_: None))


def page(name: str, *more: str, site: str = "courier", url: str = "", head: str = "") -> InputPage:
    return InputPage(name, "a test", site, url, story(name, *more, head=head).encode())


# Reading


@pytest.mark.parametrize(
    ("name", "pack"),
    [("p.jsonl", bytes), ("p.jsonl.gz", gzip.compress), ("p.ndjson.xz", lzma.compress)],
)
def test_json_lines_are_read_packed_or_not(
    tmp_path: Path, told: Told, name: str, pack: Any
) -> None:
    path = tmp_path / name
    path.write_bytes(
        pack(
            line(id="a", site="s", url="https://s.example/a", html="<p>é</p>")
            + b"\n"
            + line(html="x")
        )
    )
    first, second = page_files.pages([str(path)], told)
    assert first == InputPage(
        "a", f"{path}, line 1", "s", "https://s.example/a", "<p>é</p>".encode(), "utf-8"
    )
    assert second.id == f"{path}, line 3"
    assert told.sentences == []


def test_a_folder_is_walked_by_name_and_only_pages_are_taken(tmp_path: Path, told: Told) -> None:
    for name in (
        "b.example/2.html",
        "b.example/1.html",
        "a.example/deep/x.htm",
        "a.example/style.css",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"<p>x</p>")
    found = list(page_files.pages([str(tmp_path)], told))
    assert [Path(str(each.id)).name for each in found] == ["x.htm", "1.html", "2.html"]
    assert [each.fallback_site for each in found] == ["a.example", "b.example", "b.example"]
    assert told.sentences == []


def test_a_folder_without_any_page_is_told(tmp_path: Path, told: Told) -> None:
    assert list(page_files.pages([str(tmp_path)], told)) == []
    assert told.sentences == [f"{tmp_path}: holds no .html, .jsonl or .warc file"]


@pytest.mark.parametrize("packed", [True, False])
def test_a_warc_gives_its_html_answers_with_their_charset_and_time(
    tmp_path: Path, told: Told, packed: bool
) -> None:
    path = tmp_path / ("crawl.warc.gz" if packed else "crawl.warc")
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=packed)
        for url, status, kind, body in (
            (
                "https://a.example/1",
                "200 OK",
                "text/html; charset=windows-1251",
                "<p>Душанбе</p>".encode("cp1251"),
            ),
            ("https://a.example/2", "404 Not Found", "text/html", b"<p>gone</p>"),
            ("https://a.example/3", "200 OK", "image/png", b"\x89PNG"),
            ("https://a.example/4", "200 OK", "text/html", gzip.compress(b"<p>packed</p>")),
        ):
            coding = [("Content-Encoding", "gzip")] if body.startswith(b"\x1f") else []
            headers = StatusAndHeaders(
                status, [("Content-Type", kind), *coding], protocol="HTTP/1.1"
            )
            times = {"WARC-Date": "2024-03-01T02:30:00Z"}
            writer.write_record(
                writer.create_warc_record(
                    url, "response", io.BytesIO(body), http_headers=headers, warc_headers_dict=times
                )
            )
    first, second = page_files.pages([str(path)], told)
    assert (first.url, first.charset, first.body.decode("cp1251")) == (
        "https://a.example/1",
        "windows-1251",
        "<p>Душанбе</p>",
    )
    assert first.fetched_at == datetime(2024, 3, 1, 2, 30, tzinfo=UTC)
    assert (second.url, second.body) == ("https://a.example/4", b"<p>packed</p>")
    assert told.sentences == []


def test_a_damaged_warc_gives_what_came_before(tmp_path: Path, told: Told) -> None:
    path = tmp_path / "broken.warc"
    path.write_bytes(b"WARC/1.0\r\nWARC-Type: response\r\n\r\nand then something else altogether")
    assert list(page_files.pages([str(path)], told)) == []
    assert all(
        sentence.startswith(str(path)) and "\n" not in sentence for sentence in told.sentences
    )


WRONG = [
    (
        b"{not json}\n",
        "is no JSON (Expecting property name enclosed in double quotes at character 1)",
    ),
    (b"[1]\n", "is no JSON object"),
    (line(id="x"), "'html' is missing"),
    (line(html=7), "'html' is no text"),
    (line(html="x", site=["s"]), "'site' is no text"),
    (line(html="x", id=True), "'id' is neither a text nor a whole number"),
    (b'{"html": "caf\xe9"}\n', "is not UTF-8 (byte 0xe9 at byte 13)"),
    (b"[" * 100_000 + b"\n", "is nested too deeply"),
    (line(html="x" * 3000), "is longer than 0 MB"),
]


@pytest.mark.parametrize(("wrong", "why"), WRONG, ids=[why[:24] for _, why in WRONG])
def test_a_line_that_is_no_page_is_told_with_its_number_and_costs_no_other(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch, wrong: bytes, why: str
) -> None:
    if "longer" in why:
        monkeypatch.setattr(page_files, "LONGEST_LINE", 1000)
    path = tmp_path / "pages.jsonl"
    path.write_bytes(line(id=1, html="x") + wrong + line(id=2, html="y"))
    assert [each.id for each in page_files.pages([str(path)], told)] == [1, 2]
    assert told.sentences == [f"{path}, line 2: {why}; the line is left out"]
    assert told.codes == {ExitCode.PARTLY}


def test_an_input_that_ends_in_the_middle_of_a_line_is_told(tmp_path: Path, told: Told) -> None:
    path = tmp_path / "pages.jsonl"
    path.write_bytes(line(id=1, html="x") + line(id=2, html="y")[:-6])
    assert [each.id for each in page_files.pages([str(path)], told)] == [1]
    assert "line 2: is no JSON, and the input ends there" in told.sentences[0]


def test_an_id_goes_out_once(tmp_path: Path, told: Told) -> None:
    path = tmp_path / "pages.jsonl"
    path.write_bytes(
        line(id="a", html="x")
        + line(id="a", html="y")
        + line(id=1, html="z")
        + line(id="1", html="z")
    )
    assert [each.id for each in page_files.pages([str(path)], told)] == ["a", 1, "1"]
    assert told.sentences == [f"{path}, line 2: the id 'a' was there before; the page is left out"]


def test_a_packed_file_that_breaks_off_gives_what_came_before(tmp_path: Path, told: Told) -> None:
    path, good = tmp_path / "pages.jsonl.gz", tmp_path / "good.jsonl"
    packed = gzip.compress(
        b"".join(line(id=number, html=f"<p>{number}</p>" * 50) for number in range(5000))
    )
    path.write_bytes(packed[: len(packed) // 2])
    good.write_bytes(line(id="good", html="x"))
    found = [each.id for each in page_files.pages([str(path), str(good)], told)]
    assert found[-1] == "good"
    assert found[:-1] == list(range(len(found) - 1))
    assert len(found) > 100
    assert f"{path}: is damaged after {len(found) - 1} pages: " in told.sentences[-1]
    assert told.codes == {ExitCode.PARTLY}


@pytest.mark.parametrize("content", [b"\x1f\x8bnot gzip at all", b"\xfd7zXZ\x00nor xz"])
def test_a_packed_file_that_is_none_is_unreadable(
    tmp_path: Path, told: Told, content: bytes
) -> None:
    path = tmp_path / "pages.jsonl.gz"
    path.write_bytes(content)
    assert list(page_files.pages([str(path)], told)) == []
    assert told.sentences[0].startswith(f"{path}: cannot be read: ")
    assert told.codes == {ExitCode.CONFIG}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<!doctype html><p>x</p>", 1),
        (line(html="x"), 1),
        (b"\xef\xbb\xbf" + line(html="x"), 1),
        (b"%PDF-1.7", 0),
        (b"", 0),
    ],
)
def test_what_a_file_is_shows_in_its_first_bytes_where_its_name_is_silent(
    tmp_path: Path, told: Told, content: bytes, found: int
) -> None:
    path = tmp_path / "download"
    path.write_bytes(content)
    assert len(list(page_files.pages([str(path)], told))) == found
    assert len(told.sentences) == 1 - found


def test_an_empty_page_is_a_page_and_an_empty_list_of_pages_is_told(
    tmp_path: Path, told: Told
) -> None:
    for name in ("empty.html", "empty.jsonl"):
        (tmp_path / name).touch()
    assert [each.body for each in page_files.pages([str(tmp_path)], told)] == [b""]
    assert told.sentences == [f"{tmp_path / 'empty.jsonl'}: is empty"]


def test_what_cannot_be_read_is_refused_before_anything_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.html: no such file or folder"):
        page_files.check([str(tmp_path), "nowhere.html"])
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError, match="standard input: is closed"):
        page_files.check(["-"])


# Cleaning


def test_answers_come_in_the_order_of_the_pages() -> None:
    names = [f"ferry-{number}" for number in range(20)]
    assert [output.id for output in clean(*map(page, names))] == names


def test_a_line_that_stands_on_several_pages_of_a_site_is_struck_and_says_so() -> None:
    rows = [
        to_json(output)
        for output in clean(
            *(page(name, REPEATED) for name in ("ferries", "barges", "tugs", "pilots"))
        )
    ]
    for row in rows:
        assert REPEATED not in row["text"]
        assert [each["rule"] for each in row["removed"] if each["text"] == REPEATED] == ["repeated"]
        assert all(each["why"] for each in row["removed"])


def test_pages_of_other_sites_and_another_copy_of_the_page_are_no_neighbours() -> None:
    sites = [page(name, REPEATED, site=name) for name in ("ferries", "barges", "tugs", "pilots")]
    assert all(REPEATED in output.result.text for output in clean(*sites))
    copies = [
        InputPage(
            number,
            "a test",
            "courier",
            "https://courier.example/1",
            story("ferries", REPEATED).encode(),
        )
        for number in range(5)
    ]
    assert all(REPEATED in output.result.text for output in clean(*copies))


def test_the_site_is_what_the_line_says_else_the_host_of_the_address_else_of_the_page_else_the_folder() -> (
    None
):
    canonical = '<link rel="canonical" href="https://www.courier.example/1">'
    outputs = clean(
        page("a", site="named", url="https://www.other.example/"),
        page("b", site="", url="https://www.other.example/"),
        page("c", site="", head=canonical),
        InputPage("d", "a test", fallback_site="saved", body=story("d").encode()),
        page("e", site="", url="http://["),
    )
    assert [output.site for output in outputs] == [
        "named",
        "other.example",
        "courier.example",
        "saved",
        "",
    ]


def test_a_page_without_a_story_has_an_answer_with_its_reason() -> None:
    (output,) = clean(InputPage("empty", "a test"))
    row = to_json(output)
    assert (row["text"], row["outcome"], row["reason"], row["date"]) == (
        "",
        "not_article",
        "no_text",
        None,
    )


def test_a_date_is_as_precise_as_it_is_known() -> None:
    def dated(value: str, visit: datetime | None = None) -> Any:
        head = f'<meta property="article:published_time" content="{value}">'
        return to_json(
            clean(InputPage("a", "a test", body=story("a", head=head).encode(), fetched_at=visit))[
                0
            ]
        )["date"]

    assert dated("2024-03-01") == "2024-03-01"
    assert dated("2024-03-01T10:30:00+05:00") == "2024-03-01T10:30:00+05:00", (
        "on the clock of the page"
    )
    assert dated("2024-03-01T23:30:00-05:00") == "2024-03-01T23:30:00-05:00", (
        "though in UTC it is tomorrow"
    )
    assert dated("2024-03-01T10:30:00Z") == "2024-03-01T10:30:00+00:00"
    assert dated("2024-03-01", datetime(2020, 1, 1, tzinfo=UTC)) is None, (
        "nobody can have seen it before it was there"
    )


def test_where_the_page_shows_another_day_than_its_clock_only_the_day_is_said() -> None:
    head = '<meta property="article:published_time" content="2024-03-02T04:30:00Z">'
    shown = story("a", head=head).replace("</h1>", "</h1><p class='date'>March 1, 2024</p>")
    row = to_json(clean(InputPage("a", "a test", body=shown.encode()))[0])
    assert (row["date"], row["date_source"], row["date_confidence"]) == (
        "2024-03-01",
        "meta",
        "high",
    )


def test_what_is_known_of_a_story_is_in_its_line() -> None:
    head = (
        '<meta property="article:published_time" content="2024-03-01T10:30:00+05:00">'
        '<meta property="article:modified_time" content="2024-03-01T12:00:00+05:00">'
        '<meta property="article:section" content="Harbour"><meta name="keywords" content="crane, quay">'
        '<meta property="article:content_tier" content="metered"><meta property="og:site_name" content="The Courier">'
        '<meta property="og:image" content="https://courier.example/crane.jpg"><meta name="description" content="A crane.">'
        '<link rel="canonical" href="https://courier.example/crane">'
    )
    row = to_json(clean(page("crane", head=head))[0])
    assert {name: row[name] for name in row if name.startswith(("date_", "modified"))} == {
        "date_source": "meta",
        "date_confidence": "medium",
        "modified": "2024-03-01T12:00:00+05:00",
        "modified_source": "meta",
        "modified_confidence": "medium",
    }
    assert (row["section"], row["tags"], row["paywalled"]) == ("Harbour", ["crane", "quay"], True)
    assert (row["site_name"], row["image"]) == ("The Courier", "https://courier.example/crane.jpg")
    assert (row["canonical_url"], row["description"]) == (
        "https://courier.example/crane",
        "A crane.",
    )


def test_the_readme_names_every_field_of_a_line() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf8")
    table = readme.partition("| Field | Meaning |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, flags=re.M) == list(
        to_json(clean(page("crane"))[0])
    )


def test_a_batch_is_drafted_once_and_struck_as_often_as_one_likes() -> None:
    with PageBatch() as made:
        assert list(
            made.extract([page(name, REPEATED) for name in ("ferries", "barges", "tugs")], WORKERS)
        ) == [1, 2, 3]
        first, again = list(made.clean()), list(made.clean())
        without = list(made.clean(CleaningOptions(without=("repeated",))))
    assert [each.result for each in first] == [each.result for each in again]
    assert all(REPEATED in each.result.text for each in without)


def test_a_line_that_stands_everywhere_costs_no_more_than_one_on_a_few_pages() -> None:
    neighbours = BatchProfile()
    for number in range(100):
        neighbours.add("courier", number, [1], [])
    assert {len(cast(tuple[int, ...], kept)) for kept in neighbours._lines.values()} == {
        batch_clean.MAX_PAGES_PER_LINE
    }
    assert neighbours.line_stats("courier", 99, [1, 2])[1].page_count == batch_clean.COUNTED
    assert neighbours.line_stats("other", 99, [1]) == {}


def test_a_temporary_folder_without_room_is_a_sentence() -> None:
    with PageBatch() as made, open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123  a device, not a path of ours
        made._spool = cast(Any, full)
        with pytest.raises(DiskError, match="TMPDIR names another folder"):
            list(made.extract([page("ferries")], WORKERS))
