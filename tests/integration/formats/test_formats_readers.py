"""The readers of files: what they yield and leave out. `extract` and `import` read the same."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import Headers, HtmlResponse
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from crawler.capture import capture_response
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.core.models import DueUrl, UrlKind
from pipeline.formats.readers.extract_input import check_input, read_input
from pipeline.formats.readers.import_input import read_source
from pipeline.formats.readers.input_page import DEFAULT_LIMITS, InputLimits, InputPage
from pipeline.store.crawl.import_session import ImportedPage, SkippedRecord

if sys.version_info >= (3, 14):
    from compression.zstd import compress as zstd_compress
else:
    from backports.zstd import compress as zstd_compress


class Reports:
    """What a reader reported."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.codes: set[ExitCode] = set()

    def __call__(self, sentence: str, code: ExitCode) -> None:
        self.sentences.append(sentence)
        self.codes.add(code)


@pytest.fixture
def reports() -> Reports:
    return Reports()


def line(**values: object) -> bytes:
    return json.dumps(values).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "compress"),
    [("p.jsonl", bytes), ("p.jsonl.gz", gzip.compress), ("p.ndjson.xz", lzma.compress)],
)
def test_json_lines_may_be_compressed(
    tmp_path: Path, reports: Reports, name: str, compress: Any
) -> None:
    path = tmp_path / name
    path.write_bytes(
        compress(
            line(id="a", site="s", url="https://s.example/a", html="<p>é</p>")
            + b"\n"
            + line(html="x")
        )
    )
    first, second = read_input([str(path)], reports)
    assert first == InputPage(
        "a", f"{path}, line 1", "s", "https://s.example/a", "<p>é</p>".encode(), "utf-8"
    )
    assert second.id == f"{path}, line 3"
    assert reports.sentences == []


def test_a_folder_is_read_in_the_order_of_names_and_only_pages_are_used(
    tmp_path: Path, reports: Reports
) -> None:
    for name in (
        "b.example/2.html",
        "b.example/1.html",
        "a.example/deep/x.htm",
        "a.example/style.css",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"<p>x</p>")
    found = list(read_input([str(tmp_path)], reports))
    assert [Path(str(page.id)).name for page in found] == ["x.htm", "1.html", "2.html"]
    assert [page.fallback_site for page in found] == ["a.example", "b.example", "b.example"]
    assert reports.sentences == []


def test_a_folder_without_any_page_is_reported(tmp_path: Path, reports: Reports) -> None:
    assert list(read_input([str(tmp_path)], reports)) == []
    assert reports.sentences == [f"{tmp_path}: holds no .html, .jsonl or .warc file"]


@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_warc_yields_its_html_responses_with_charset_and_time(
    tmp_path: Path, reports: Reports, is_compressed: bool
) -> None:
    path = tmp_path / ("crawl.warc.gz" if is_compressed else "crawl.warc")
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=is_compressed)
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
    first, second = read_input([str(path)], reports)
    assert (first.url, first.charset, first.body.decode("cp1251")) == (
        "https://a.example/1",
        "windows-1251",
        "<p>Душанбе</p>",
    )
    assert first.fetched_at == datetime(2024, 3, 1, 2, 30, tzinfo=UTC)
    assert (second.url, second.body) == ("https://a.example/4", b"<p>packed</p>")
    assert reports.sentences == []


def test_a_damaged_warc_yields_the_records_before_the_damage(
    tmp_path: Path, reports: Reports
) -> None:
    path = tmp_path / "broken.warc"
    path.write_bytes(b"WARC/1.0\r\nWARC-Type: response\r\n\r\nand then something else altogether")
    assert list(read_input([str(path)], reports)) == []
    assert all(
        sentence.startswith(str(path)) and "\n" not in sentence for sentence in reports.sentences
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
def test_a_wrong_line_is_reported_with_its_number_and_the_others_are_read(
    tmp_path: Path, reports: Reports, wrong: bytes, why: str
) -> None:
    limits = InputLimits(line_bytes=1000) if "longer" in why else DEFAULT_LIMITS
    path = tmp_path / "pages.jsonl"
    path.write_bytes(line(id=1, html="x") + wrong + line(id=2, html="y"))
    assert [page.id for page in read_input([str(path)], reports, limits)] == [1, 2]
    assert reports.sentences == [f"{path}, line 2: {why}; the line is left out"]
    assert reports.codes == {ExitCode.PARTLY}


def test_an_input_that_ends_within_a_line_is_reported(tmp_path: Path, reports: Reports) -> None:
    path = tmp_path / "pages.jsonl"
    path.write_bytes(line(id=1, html="x") + line(id=2, html="y")[:-6])
    assert [page.id for page in read_input([str(path)], reports)] == [1]
    assert "line 2: is no JSON, and the input ends there" in reports.sentences[0]


def test_only_the_first_page_with_an_id_is_used(tmp_path: Path, reports: Reports) -> None:
    path = tmp_path / "pages.jsonl"
    path.write_bytes(
        line(id="a", html="x")
        + line(id="a", html="y")
        + line(id=1, html="z")
        + line(id="1", html="z")
    )
    assert [page.id for page in read_input([str(path)], reports)] == ["a", 1, "1"]
    assert reports.sentences == [
        f"{path}, line 2: the id 'a' was there before; the page is left out"
    ]


def test_a_truncated_compressed_file_yields_the_pages_before_the_end(
    tmp_path: Path, reports: Reports
) -> None:
    path, good = tmp_path / "pages.jsonl.gz", tmp_path / "good.jsonl"
    packed = gzip.compress(
        b"".join(line(id=number, html=f"<p>{number}</p>" * 50) for number in range(5000))
    )
    path.write_bytes(packed[: len(packed) // 2])
    good.write_bytes(line(id="good", html="x"))
    found = [page.id for page in read_input([str(path), str(good)], reports)]
    assert found[-1] == "good"
    assert found[:-1] == list(range(len(found) - 1))
    assert len(found) > 100
    assert f"{path}: is damaged after {len(found) - 1} pages: " in reports.sentences[-1]
    assert reports.codes == {ExitCode.PARTLY}


@pytest.mark.parametrize("content", [b"\x1f\x8bnot gzip at all", b"\xfd7zXZ\x00nor xz"])
def test_a_file_that_only_looks_compressed_is_unreadable(
    tmp_path: Path, reports: Reports, content: bytes
) -> None:
    path = tmp_path / "pages.jsonl.gz"
    path.write_bytes(content)
    assert list(read_input([str(path)], reports)) == []
    assert reports.sentences[0].startswith(f"{path}: cannot be read: ")
    assert reports.codes == {ExitCode.CONFIG}


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
def test_the_first_bytes_say_what_a_file_is_if_its_name_does_not(
    tmp_path: Path, reports: Reports, content: bytes, found: int
) -> None:
    path = tmp_path / "download"
    path.write_bytes(content)
    assert len(list(read_input([str(path)], reports))) == found
    assert len(reports.sentences) == 1 - found


def test_an_empty_html_file_is_a_page_and_an_empty_list_of_pages_is_reported(
    tmp_path: Path, reports: Reports
) -> None:
    for name in ("empty.html", "empty.jsonl"):
        (tmp_path / name).touch()
    assert [page.body for page in read_input([str(tmp_path)], reports)] == [b""]
    assert reports.sentences == [f"{tmp_path / 'empty.jsonl'}: is empty"]


def test_unreadable_input_is_refused_before_any_work_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.html: no such file or folder"):
        check_input([str(tmp_path), "nowhere.html"])
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError, match="standard input: is closed"):
        check_input(["-"])


# `extract` and `import` read the same

PAGE = b"""<!doctype html><html><head><meta property="og:url" content="https://a.example/og">
<!-- <link rel="canonical" href="https://a.example/comment"> -->
<meta name="robots" content="noarchive">
<link rel="canonical" href="/canonical"></head><body><p>Text</p></body></html>"""
HEADERS = [
    ("Content-Type", "text/html; charset=UTF-8"),
    ("ETag", '"1"'),
    ("Cache-Control", "max-age=60"),
    ("Cache-Control", "public"),
    ("Vary", "Accept"),
    ("X-Robots-Tag", "googlebot: noindex"),
    ("X-Robots-Tag", "noai"),
    ("TDM-Reservation", "1"),
    ("Via", "1.1 proxy\x07"),
    ("Set-Cookie", "secret=1"),
]


def write_warc(path: Path, compress: Any = bytes, kind: str = "response") -> Path:
    """Write a WARC file with one page: a response with headers, or a resource without."""
    stream = io.BytesIO()
    writer = WARCWriter(stream, gzip=False)
    http_headers = StatusAndHeaders("200 OK", HEADERS, protocol="HTTP/1.1")
    record = writer.create_warc_record(
        "https://a.example/story",
        kind,
        io.BytesIO(PAGE),
        length=len(PAGE),
        warc_content_type="text/html" if kind == "resource" else "",
        http_headers=http_headers if kind == "response" else None,
        warc_headers_dict={"WARC-Date": "2024-03-01T02:30:00Z"},
    )
    writer.write_record(record)
    path.write_bytes(compress(stream.getvalue()))
    return path


def imported(source: Path) -> list[ImportedPage]:
    pages = []
    for record in read_source(source, lambda *_: None):
        assert isinstance(record, ImportedPage), record
        pages.append(record)
    return pages


def test_an_imported_page_has_the_headers_canonical_url_and_opt_outs_of_a_crawled_one(
    tmp_path: Path,
) -> None:
    (page,) = imported(write_warc(tmp_path / "a.warc"))
    headers = Headers()
    for name, value in HEADERS:
        headers.appendlist(name, value)
    response = HtmlResponse("https://a.example/story", body=PAGE, headers=headers)
    due = DueUrl(1, response.url, UrlKind.STORY, page.fetched_at)
    capture = capture_response(due, response, page.fetched_at, conditional=False)
    assert page.headers == capture.headers
    assert page.canonical_url == capture.canonical_url == "https://a.example/canonical"
    assert page.opt_outs == capture.opt_outs == ("noai", "noarchive", "tdm")
    assert (page.media_type, page.charset) == (capture.media_type, capture.charset)


@pytest.mark.parametrize("kind", ["response", "resource"])
@pytest.mark.parametrize(
    ("ending", "compress"),
    [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstd_compress)],
)
def test_extract_and_import_read_the_same_page_of_a_warc(
    tmp_path: Path, reports: Reports, kind: str, ending: str, compress: Any
) -> None:
    path = write_warc(tmp_path / f"a.warc{ending}", compress, kind)
    (extracted,) = read_input([str(path)], reports)
    (page,) = imported(path)
    assert page.body == extracted.body == PAGE
    assert page.url == extracted.url == "https://a.example/story"
    assert page.fetched_at == extracted.fetched_at
    assert (page.media_type, page.charset) == ("text/html", extracted.charset)
    assert reports.sentences == []


def test_extract_and_import_read_the_same_urls_and_dates_of_a_folder(
    tmp_path: Path, reports: Reports
) -> None:
    (tmp_path / "index.csv").write_text(
        "file,url,date\na.html,https://a.example/story,2020-02-03\n", encoding="utf8"
    )
    (tmp_path / "a.html").write_bytes(PAGE)
    (extracted,) = read_input([str(tmp_path)], reports)
    (page,) = imported(tmp_path)
    assert page.url == extracted.url == "https://a.example/story"
    assert page.fetched_at == extracted.fetched_at == datetime(2020, 2, 3, tzinfo=UTC)
    assert page.opt_outs == ("noarchive",)


def test_a_file_of_a_folder_is_named_by_its_canonical_url_and_not_by_a_comment(
    tmp_path: Path,
) -> None:
    absolute = PAGE.replace(b'href="/canonical"', b'href="https://a.example/canonical"')
    (tmp_path / "a.html").write_bytes(absolute)
    assert [page.url for page in imported(tmp_path)] == ["https://a.example/canonical"]


def test_an_index_csv_that_names_no_files_is_no_index_for_extract(
    tmp_path: Path, reports: Reports
) -> None:
    (tmp_path / "index.csv").write_text("year,sum\n2020,7\n", encoding="utf8")
    (tmp_path / "a.html").write_bytes(PAGE)
    assert len(list(read_input([str(tmp_path)], reports))) == 1
    assert reports.sentences == []


def test_a_record_that_is_cut_short_is_left_out_by_extract_and_import(
    tmp_path: Path, reports: Reports
) -> None:
    path = write_warc(tmp_path / "a.warc")
    path.write_bytes(path.read_bytes()[:-60])
    assert list(read_input([str(path)], reports)) == []
    assert reports.sentences == [f"{path}, record 1: is cut short; the page is left out"]
    (record,) = read_source(path, lambda *_: None)
    assert isinstance(record, SkippedRecord)
    assert record.detail == "cut short"
