"""An export has what the archive has, and its manifest proves it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.cli import progress
from pipeline.core.errors import ConfigError, DiskError
from pipeline.formats import export, manifest
from pipeline.formats.writers.csv import FORMULA_STARTS
from pipeline.formats.writers.text_folder import file_name
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import export_articles, pages
from pipeline.store.read.export_articles import ExportQuery
from tests.conftest import GrowOnce
from tests.support.archive_factory import DAY, NIGHT, RECIPE, clean, night, url
from tests.support.cli import nightdesk
from tests.support.naughty_strings import NAUGHTY_STRINGS

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=HYPERLINK(1)"]
TITLES = [
    *FORMULAS,
    *(
        text.replace("\n", " ")
        for text in NAUGHTY_STRINGS
        if text.isprintable() or text.encode("utf8", "ignore") == text.encode("utf8", "replace")
    ),
]


@pytest.fixture
def hostile(archive: CrawlSession, store: Database, grow_once: GrowOnce) -> Database:
    """An archive of articles whose titles and texts are made to break programs."""
    bodies = [
        f"{title}\nThe ferry left. {title}\n{title}".encode("utf8", "surrogatepass")
        for title in TITLES
    ]

    def nights() -> None:
        night(archive, {url(f"{n}?x=1"): body for n, body in enumerate(bodies)})
        night(archive, {url("0?x=1"): b"=changed\nThe ferry came back."}, NIGHT + DAY)
        clean(store)

    grow_once(nights)
    return store


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_json_lines_have_every_hostile_text_as_in_the_archive(
    hostile: Database, tmp_path: Path
) -> None:
    result = export.write_export(hostile, ExportQuery(), "jsonl", tmp_path / "all.jsonl")
    found = lines(tmp_path / "all.jsonl")
    assert len(found) == len(TITLES) == result["counts"]["articles"]
    for record in found:
        article = pages.get_article(hostile, record["id"])
        assert article is not None
        assert (record["text"], record["title"], record["url"]) == (
            article.text,
            article.title,
            article.url,
        )
    revised = next(record for record in found if record["text"].startswith("=changed"))
    assert revised["markdown"] == revised["text"].replace("\n", "\n\n")
    assert (revised["revisions"], revised["first_seen_at"]) == (2, "2024-03-01T02:30:00Z")
    assert len(revised["payload_sha256"]) == 64
    assert revised["recipe"] == str(RECIPE)
    assert manifest.verify_export(tmp_path / "all.jsonl")[1] == []


def test_a_csv_cell_that_a_spreadsheet_would_compute_gets_an_apostrophe(
    hostile: Database, tmp_path: Path
) -> None:
    export.write_export(hostile, ExportQuery(), "csv", tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(TITLES)
    for row in rows:
        assert not [
            cell for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))
        ]
        article = pages.get_article(hostile, int(row["id"]))
        assert article is not None
        assert (
            row["text"].removeprefix("'" if article.text.startswith(FORMULA_STARTS) else "")
            == article.text
        )


def test_a_text_folder_has_names_that_every_file_system_accepts(
    hostile: Database, tmp_path: Path
) -> None:
    export.write_export(hostile, ExportQuery(limit=300), "text", tmp_path / "texts")
    found = sorted((tmp_path / "texts" / "courier" / "2024" / "03").iterdir())
    assert len(found) == len(TITLES)
    assert {path.name for path in found[:1]} == {"0-x-1.txt"}
    head, _, text = found[0].read_text(encoding="utf8").partition("\n\n")
    assert "title: =changed" in head.splitlines()
    assert text == "=changed\nThe ferry came back.\n"
    assert manifest.verify_export(tmp_path / "texts")[1] == []


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../../etc/passwd",
        "con.txt",
        "\x00",
        "a" * 500,
        "東" * 400,
        ".hidden",
        "a/b\\c:d",
        "%2e%2e",
        "",
    ],
)
def test_a_file_name_never_leaves_its_folder(name: str) -> None:
    made = file_name(name)
    assert made
    assert len(made.encode()) <= 200
    assert not set(made) & set('/\\:*?"<>|\x00')
    assert made[0] not in ".-"
    assert made.partition(".")[0] != "con"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_verify_reports_every_byte_that_is_changed_lost_or_added(
    hostile: Database, tmp_path: Path
) -> None:
    whole = tmp_path / "all.jsonl"
    export.write_export(hostile, ExportQuery(), "jsonl", whole)
    good = whole.read_bytes()
    whole.write_bytes(good.replace(b"ferry came back", b"ferry cane back"))
    home = tmp_path / "home"
    home.mkdir()
    answer = nightdesk(home, "verify", str(whole))
    assert answer.code == 1
    assert "its content changed after the export" in answer.err
    assert ": the text of article" in answer.err
    whole.write_bytes(good[: good.rindex(b"{")])
    assert "articles, and" in nightdesk(home, "verify", str(whole)).err
    whole.unlink()
    assert "is missing" in nightdesk(home, "verify", str(whole) + ".manifest.json").err
    assert "there is no manifest" in nightdesk(home, "verify", str(tmp_path)).error_line
    export.write_export(hostile, ExportQuery(limit=3), "text", tmp_path / "texts")
    (tmp_path / "texts" / "more.txt").write_text("x", encoding="utf8")
    assert "was added later" in nightdesk(home, "verify", str(tmp_path / "texts")).error_line


def test_an_export_has_the_selected_articles(
    archive: CrawlSession, store: Database, tmp_path: Path
) -> None:
    night(archive, {url("old"): b"Old ferry\nIt left."})
    night(
        archive,
        {"https://evening.example/1": b"Evening ferry\nIt left."},
        NIGHT + DAY,
        site="evening",
    )
    night(archive, {url("new"): b"New barge\nIt left."}, NIGHT + 2 * DAY)
    clean(store)
    clean(store, site="evening")

    def titles(query: ExportQuery) -> list[str]:
        result = export.write_export(store, query, "jsonl", tmp_path / "some.jsonl")
        assert result["counts"]["articles"] == export_articles.expected_articles(store, query)
        return [record["title"] for record in lines(tmp_path / "some.jsonl")]

    assert titles(ExportQuery()) == ["New barge", "Evening ferry", "Old ferry"]
    assert titles(ExportQuery("ferry")) == ["Evening ferry", "Old ferry"]
    assert titles(ExportQuery("ferry", ("courier",))) == ["Old ferry"]
    assert titles(ExportQuery(sites=("courier", "nobody"), limit=1)) == ["New barge"]
    assert titles(ExportQuery(since=NIGHT + DAY, until=NIGHT + 2 * DAY)) == ["Evening ferry"]
    assert titles(ExportQuery("left", since=NIGHT + DAY, limit=1)) == ["New barge"]
    assert titles(ExportQuery('"')) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("name", "iterator_name"),
    [
        ("all.csv", "iter_stories"),
        ("all.warc.gz", "iter_fetches"),
        ("texts.parquet", "iter_stories"),
    ],
)
def test_an_interrupted_export_leaves_the_files_that_were_there_before(
    archive: CrawlSession,
    store: Database,
    tmp_path: Path,
    name: str,
    iterator_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    night(archive, {url(str(n)): f"Ferry {n}\nIt left.".encode() for n in range(3)})
    clean(store)
    words = ("--database-url", str(store.url), "export", str(tmp_path / "out" / name))
    assert (
        "is after --until"
        in nightdesk(tmp_path, *words, "--since", "2026-12-01", "--until", "2026-11-01").error_line
    )
    assert nightdesk(tmp_path, *words).code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    iterate = getattr(export_articles, iterator_name)

    def stopped(*arguments: Any) -> Iterator[Any]:
        yield next(iterate(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(export_articles, iterator_name, stopped)
    if name.endswith("parquet"):
        words = (*words[:-1], str(tmp_path / "out" / "more.parquet"))
    answer = nightdesk(tmp_path, *words)
    assert (answer.code, "interrupted" in answer.error_line, answer.out) == (130, True, "")
    assert {
        path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    } == before
    assert not (tmp_path / "out" / "more.parquet").exists()


def test_a_terminal_shows_the_progress_and_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    for is_terminal, shown in ((True, "2,000 of 3,000"), (False, "")):
        screen = Console(file=io.StringIO(), force_terminal=is_terminal, width=100)
        monkeypatch.setattr(progress, "console", screen)
        with progress.progress_bar("articles", lambda: 3000, quiet=False) as tell:
            tell(2000)
        printed = screen.file.getvalue()  # type: ignore[attr-defined]
        assert shown in printed
        assert bool(printed) == is_terminal


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_failed_export_leaves_the_files_that_were_there_and_no_parts(
    hostile: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, folder = tmp_path / "all.jsonl", tmp_path / "texts"
    export.write_export(hostile, ExportQuery(limit=2), "jsonl", whole)
    before = whole.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskError, match="there is no space left"):
        export.write_export(hostile, ExportQuery(), "jsonl", whole, full)
    with pytest.raises(DiskError, match="there is no space left"):
        export.write_export(hostile, ExportQuery(), "text", folder, full)
    assert (whole.read_bytes(), manifest.verify_export(whole)[1]) == (before, [])
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []
    assert not folder.exists()
    killed = tmp_path / "texts.part"
    killed.mkdir()
    (killed / "mine.txt").touch()
    with pytest.raises(ConfigError, match="is in the way"):
        export.write_export(hostile, ExportQuery(limit=1), "text", folder)
    (killed / ".nightdesk-part").touch()
    export.write_export(hostile, ExportQuery(limit=1), "text", folder)
    assert not (folder / "mine.txt").exists()
    with pytest.raises(ConfigError, match="exists already"):
        export.write_export(hostile, ExportQuery(limit=1), "text", folder)
