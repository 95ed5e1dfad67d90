"""`nightdesk extract` writes clean texts to standard output, and needs no archive."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import pytest

from pipeline.cli.commands import extract
from pipeline.jobs.batch_clean import CleanedPage
from tests.support.cli import (
    ROOT,
    CommandResult,
    clean_environment,
    command_line,
    descendants,
    exit_code,
    running_command,
    wait_until,
)

LINES = [
    "The crane on the northern quay was mended on Monday, and the {0} left the harbour on time.",
    "Nobody had expected the {0} to be ready before the end of the week, said the harbour master.",
    "The next inspection of the {0} is planned for the spring, when the water is at its lowest.",
]
PAGES = ("ferries", "barges", "tugs", "pilots")
Extract = Callable[..., CommandResult]


def html(about: str) -> str:
    lines = "".join(f"<p>{line.format(about)}</p>" for line in LINES)
    head = f"<html><head><title>The {about}</title></head>"
    return f"{head}<body><article><h1>The {about}</h1>{lines}</article></body></html>"


def json_lines(names: tuple[str, ...] = PAGES) -> str:
    pages = [{"id": name, "site": "courier", "html": html(name)} for name in names]
    return "".join(json.dumps(page) + "\n" for page in pages)


@pytest.fixture
def run_extract(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Extract:
    """Return a function that runs the command in this process with this standard input."""

    def call(*words: str, stdin: bytes | None = b"", terminal: bool = False) -> CommandResult:
        stream: Any = None
        if stdin is not None:
            buffer = io.BufferedReader(cast(Any, io.BytesIO(stdin)))
            stream = SimpleNamespace(buffer=buffer, closed=False, isatty=lambda: terminal)
        monkeypatch.setattr(sys, "stdin", stream)
        code = exit_code(home, "extract", *words, "--workers", "1")
        out, err = capsysbinary.readouterr()
        return CommandResult(code, out.decode(), err.decode())

    return call


@pytest.fixture
def pages_file(tmp_path: Path) -> Path:
    path = tmp_path / "pages.jsonl"
    path.write_text(json_lines(), encoding="utf8")
    return path


def run(home: Path, source: Path, stdout: int | IO[bytes]) -> subprocess.CompletedProcess[bytes]:
    words = command_line(home, "extract", str(source), "--workers", "1")
    environment = clean_environment()
    return subprocess.run(
        words, stdout=stdout, stderr=subprocess.PIPE, env=environment, cwd=ROOT, check=False
    )


def parse(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def ids(text: str) -> list[str]:
    return [row["id"] for row in parse(text)]


def test_texts_come_in_the_order_of_the_files_folders_and_standard_input(
    run_extract: Extract, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "saved").mkdir()
    for name in PAGES[:2]:
        (tmp_path / "saved" / f"{name}.html").write_text(html(name), encoding="utf8")
    result = run_extract(str(tmp_path / "saved"), "-", stdin=json_lines(PAGES[2:]).encode())
    assert (result.code, result.err) == (0, "")
    texts = parse(result.out)
    assert [Path(row["id"]).stem for row in texts] == ["barges", "ferries", "tugs", "pilots"]
    for row, name in zip(texts, ("barges", "ferries", "tugs", "pilots"), strict=True):
        assert row["text"].splitlines() == [line.format(name) for line in LINES]
        assert (row["title"], row["language"], row["outcome"]) == (f"The {name}", "en", "archived")
    assert not (home / "var").exists(), "no archive is made"


def test_a_bad_line_is_reported_and_the_other_pages_are_extracted(
    run_extract: Extract, pages_file: Path
) -> None:
    with pages_file.open("ab") as stream:
        stream.write(b"{nothing\n" + json.dumps({"id": "last", "html": html("last")}).encode())
    result = run_extract(str(pages_file))
    assert result.code == 1
    assert result.error_line.startswith(f"nightdesk: {pages_file}, line 5: is no JSON")
    assert ids(result.out) == [*PAGES, "last"]


def test_a_missing_file_is_refused_before_anything_is_written(
    run_extract: Extract, pages_file: Path, tmp_path: Path
) -> None:
    result = run_extract(str(pages_file), "nowhere.html", "--output", str(tmp_path / "texts.jsonl"))
    assert (result.code, result.out) == (3, "")
    assert result.error_line == "nightdesk: nowhere.html: no such file or folder"
    assert not (tmp_path / "texts.jsonl").exists()


def test_the_output_file_holds_the_texts_and_cannot_be_an_input(
    run_extract: Extract, pages_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "texts.jsonl"
    assert run_extract(str(pages_file), "--output", str(out)) == CommandResult(0, "", "")
    assert ids(out.read_text(encoding="utf8")) == list(PAGES)
    result = run_extract(str(pages_file), "--output", str(pages_file))
    assert (result.code, result.error_line) == (
        3,
        f"nightdesk: {pages_file}: is an input; name another file for the texts",
    )
    assert pages_file.read_text(encoding="utf8") == json_lines()


def test_an_interrupted_output_keeps_the_old_file_and_a_part_beside_it(
    run_extract: Extract, pages_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, part = tmp_path / "texts.jsonl", tmp_path / "texts.jsonl.part"
    out.write_text("of yesterday", encoding="utf8")
    original = extract.to_json

    def interrupted(page: CleanedPage) -> dict[str, Any]:
        if page.id == PAGES[2]:
            raise KeyboardInterrupt
        return original(page)

    with monkeypatch.context() as patch:
        patch.setattr(extract, "to_json", interrupted)
        result = run_extract(str(pages_file), "--output", str(out))
    assert result.code == 130
    assert (
        result.err.splitlines()[0]
        == f"nightdesk: {out}: is not complete; what was written of it is in {part}"
    )
    assert out.read_text(encoding="utf8") == "of yesterday"
    assert ids(part.read_text(encoding="utf8")) == list(PAGES[:2])
    assert run_extract(str(pages_file), "--output", str(out)).code == 0
    assert ids(out.read_text(encoding="utf8")) == list(PAGES)
    assert not part.exists()


def test_an_empty_part_of_an_interrupted_output_is_removed(
    run_extract: Extract, pages_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: CleanedPage) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(extract, "to_json", interrupted)
    assert run_extract(str(pages_file), "--output", str(tmp_path / "texts.jsonl")).code == 130
    assert not list(tmp_path.glob("texts*"))


def test_an_output_link_stays_a_link_and_a_device_is_written_to(
    run_extract: Extract, pages_file: Path, tmp_path: Path
) -> None:
    link, out = tmp_path / "latest.jsonl", tmp_path / "texts.jsonl"
    link.symlink_to(out)
    assert run_extract(str(pages_file), "--output", str(link)).code == 0
    assert link.is_symlink()
    assert len(parse(out.read_text(encoding="utf8"))) == len(PAGES)
    assert run_extract(str(pages_file), "--output", os.devnull) == CommandResult(0, "", "")
    assert Path(os.devnull).is_char_device()


def test_warnings_of_libraries_are_not_printed(home: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    # dateutil warns of a time zone that it does not know.
    declared = '<meta name="pubdate" content="2013-03-05 10:04 CST"></head>'
    page.write_text(html("ferries").replace("</head>", declared), encoding="utf8")
    process = run(home, page, subprocess.PIPE)
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.parametrize("path", ["nowhere/texts.jsonl", "/dev/full"])
def test_an_output_that_cannot_be_written_is_one_sentence(
    run_extract: Extract, pages_file: Path, tmp_path: Path, path: str
) -> None:
    result = run_extract(str(pages_file), "--output", str(tmp_path / path))
    assert result.code == 5
    assert "cannot be written: " in result.error_line


@pytest.mark.parametrize(
    ("stdin", "code", "sentence"),
    [
        (b"", 1, "standard input: is empty"),
        (b"\n\n", 1, "standard input: is empty"),
        (None, 3, "standard input: is closed; name files, or pipe something in"),
        (b"just words", 3, "standard input: is neither HTML nor JSON lines nor WARC"),
    ],
)
def test_an_input_without_pages_is_one_sentence(
    run_extract: Extract, stdin: bytes | None, code: int, sentence: str
) -> None:
    result = run_extract("-", stdin=stdin)
    assert (result.code, result.out, result.error_line) == (code, "", f"nightdesk: {sentence}")


def test_without_files_a_user_at_a_terminal_learns_what_to_name(run_extract: Extract) -> None:
    result = run_extract(terminal=True)
    assert (result.code, result.out) == (2, "")
    assert "name files or folders" in result.err


def test_ids_are_not_changed(run_extract: Extract) -> None:
    names = [7, "статья", "half a character \ud83d", "7"]
    pages = [json.dumps({"id": name, "html": html("ferries")}) for name in names]
    stdin = "".join(page + "\n" for page in pages).encode()
    result = run_extract(stdin=stdin)
    assert result.code == 0
    assert ids(result.out) == names


def test_a_closed_pipe_ends_the_command_without_a_message(home: Path, pages_file: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = run(home, pages_file, writing)
    os.close(writing)
    assert (process.returncode, process.stderr) == (0, b"")


def test_a_full_standard_output_is_one_sentence(home: Path, pages_file: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        process = run(home, pages_file, full)
    assert process.returncode == 5
    assert process.stderr.decode().splitlines() == [
        "nightdesk: the texts cannot be written: No space left on device"
    ]


def test_ctrl_c_ends_the_command_at_once_and_in_order(home: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "never-ending.jsonl"
    os.mkfifo(pipe)
    with (
        running_command(home, "extract", str(pipe), "--workers", "1") as child,
        pipe.open("w", encoding="utf8") as stream,
    ):
        stream.write(json_lines())
        stream.flush()
        # The resource tracker, the fork server and a worker.
        wait_until(lambda: len(descendants(child.pid)) >= 3)
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert err.splitlines() == ["nightdesk: interrupted; the texts that were written are complete"]


LIST = '<ul><li>See <a href="/log">the log of the ferries</a> for each day of the week.</li></ul>'


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("text", "See the log of the ferries for each day of the week.\n"),
        ("markdown", "- See [the log of the ferries](https://courier.example/log) for each day"),
        ("html", '<li>See <a href="https://courier.example/log" rel="nofollow noopener">the log'),
    ],
)
def test_pages_can_be_text_markdown_or_html(run_extract: Extract, name: str, expected: str) -> None:
    pages = []
    for about in PAGES[:2]:
        body = html(about).replace("</p><p>", f"</p>{LIST}<p>", 1)
        pages.append({"id": about, "url": "https://courier.example/a", "html": body})
    one, two = (json.dumps(page).encode() for page in pages)
    single = run_extract("--format", name, stdin=one + b"\n")
    assert single.code == 0
    assert expected in single.out
    assert "==>" not in single.out
    assert "<!--" not in single.out
    several = run_extract("--format", name, stdin=one + b"\n" + two + b"\n")
    heads = {"text": "==> barges <==\n", "markdown": "<!-- barges -->\n", "html": "<!-- barges -->"}
    assert heads[name] in several.out
    title = {"text": "", "markdown": "# The ferries\n\n", "html": "<h1>The ferries</h1>"}
    assert title[name] in several.out
