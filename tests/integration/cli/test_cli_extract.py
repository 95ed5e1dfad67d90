"""`nightdesk extract`: clean texts on standard output, sentences on standard error, and no archive."""

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
from typing import Any

import pytest

from pipeline.cli.commands import extract
from pipeline.jobs.batch_clean import Output
from tests.support.cli import (
    ROOT,
    Answer,
    command,
    descendants,
    environment,
    exit_code,
    running,
    until,
)

LINES = [
    "The crane on the northern quay was mended on Monday, and the {0} left the harbour on time again.",
    "Nobody had expected the {0} to be ready before the end of the week, said the harbour master.",
    "The next inspection of the {0} is planned for the spring, when the water is at its lowest.",
]
PAGES = ("ferries", "barges", "tugs", "pilots")
Here = Callable[..., Answer]


def html(about: str) -> str:
    lines = "".join(f"<p>{each.format(about)}</p>" for each in LINES)
    return f"<html><head><title>The {about}</title></head><body><article><h1>The {about}</h1>{lines}</article></body></html>"


def rows(names: tuple[str, ...] = PAGES) -> str:
    return "".join(
        json.dumps({"id": name, "site": "courier", "html": html(name)}) + "\n" for name in names
    )


@pytest.fixture
def here(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Here:
    """The command in this process, with something on its standard input."""

    def call(*words: str, stdin: bytes | None = b"", terminal: bool = False) -> Answer:
        given: Any = None if stdin is None else SimpleNamespace(
            buffer=io.BufferedReader(io.BytesIO(stdin)), closed=False, isatty=lambda: terminal  # type: ignore[arg-type]
        )  # fmt: skip
        monkeypatch.setattr(sys, "stdin", given)
        code = exit_code(home, "extract", *words, "--workers", "1")
        out, err = capsysbinary.readouterr()
        return Answer(code, out.decode(), err.decode())

    return call


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "pages.jsonl"
    path.write_text(rows(), encoding="utf8")
    return path


def read(text: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in text.splitlines()]


def test_files_folders_and_standard_input_are_one_archive_in_the_order_given(
    here: Here, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "saved").mkdir()
    for name in PAGES[:2]:
        (tmp_path / "saved" / f"{name}.html").write_text(html(name), encoding="utf8")
    answer = here(str(tmp_path / "saved"), "-", stdin=rows(PAGES[2:]).encode())
    assert (answer.code, answer.err) == (0, "")
    found = read(answer.out)
    assert [Path(row["id"]).stem for row in found] == ["barges", "ferries", "tugs", "pilots"]
    for row, name in zip(found, ("barges", "ferries", "tugs", "pilots"), strict=True):
        assert row["text"].splitlines() == [each.format(name) for each in LINES]
        assert (row["title"], row["language"], row["outcome"]) == (f"The {name}", "en", "archived")
    assert not (home / "var").exists(), "no archive is made"


def test_a_bad_line_is_told_and_the_run_goes_on_and_ends_with_1(here: Here, lines: Path) -> None:
    with lines.open("ab") as stream:
        stream.write(b"{nothing\n" + json.dumps({"id": "last", "html": html("last")}).encode())
    answer = here(str(lines))
    assert answer.code == 1
    assert answer.sentence.startswith(f"nightdesk: {lines}, line 5: is no JSON")
    assert [row["id"] for row in read(answer.out)] == [*PAGES, "last"]


def test_a_file_that_is_not_there_is_refused_before_anything_is_written(
    here: Here, lines: Path, tmp_path: Path
) -> None:
    answer = here(str(lines), "nowhere.html", "--output", str(tmp_path / "texts.jsonl"))
    assert (answer.code, answer.out) == (3, "")
    assert answer.sentence == "nightdesk: nowhere.html: no such file or folder"
    assert not (tmp_path / "texts.jsonl").exists()


def test_the_texts_go_to_a_file_that_is_named_and_is_none_of_the_inputs(
    here: Here, lines: Path, tmp_path: Path
) -> None:
    out = tmp_path / "texts.jsonl"
    assert here(str(lines), "--output", str(out)) == Answer(0, "", "")
    assert [row["id"] for row in read(out.read_text(encoding="utf8"))] == list(PAGES)
    answer = here(str(lines), "--output", str(lines))
    assert (answer.code, answer.sentence) == (
        3,
        f"nightdesk: {lines}: is read from; the texts need a file of their own",
    )
    assert lines.read_text(encoding="utf8") == rows()


def test_a_file_that_breaks_off_keeps_its_old_texts_and_what_was_written_lies_beside_it(
    here: Here, lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, part = tmp_path / "texts.jsonl", tmp_path / "texts.jsonl.part"
    out.write_text("of yesterday", encoding="utf8")
    kept = extract.to_json

    def interrupted(output: Output) -> dict[str, Any]:
        if output.id == PAGES[2]:
            raise KeyboardInterrupt
        return kept(output)

    with monkeypatch.context() as patch:
        patch.setattr(extract, "to_json", interrupted)
        answer = here(str(lines), "--output", str(out))
    assert answer.code == 130
    assert (
        answer.err.splitlines()[0]
        == f"nightdesk: {out}: is not whole; what was written of it is in {part}"
    )
    assert out.read_text(encoding="utf8") == "of yesterday"
    assert [row["id"] for row in read(part.read_text(encoding="utf8"))] == list(PAGES[:2])
    assert here(str(lines), "--output", str(out)).code == 0
    assert [row["id"] for row in read(out.read_text(encoding="utf8"))] == list(PAGES)
    assert not part.exists()


def test_nothing_is_left_of_a_file_of_which_nothing_was_written(
    here: Here, lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Output) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(extract, "to_json", interrupted)
    assert here(str(lines), "--output", str(tmp_path / "texts.jsonl")).code == 130
    assert not list(tmp_path.glob("texts*"))


def test_a_link_to_the_file_stays_a_link_and_a_device_is_written_to(
    here: Here, lines: Path, tmp_path: Path
) -> None:
    link, out = tmp_path / "latest.jsonl", tmp_path / "texts.jsonl"
    link.symlink_to(out)
    assert here(str(lines), "--output", str(link)).code == 0
    assert link.is_symlink()
    assert len(read(out.read_text(encoding="utf8"))) == len(PAGES)
    assert here(str(lines), "--output", os.devnull) == Answer(0, "", "")
    assert Path(os.devnull).is_char_device()


def test_warnings_of_libraries_do_not_reach_the_reader(home: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    declared = '<meta name="pubdate" content="2013-03-05 10:04 CST"></head>'  # dateutil warns of a zone that it does not know
    page.write_text(html("ferries").replace("</head>", declared), encoding="utf8")
    words = command(home, "extract", str(page), "--workers", "1")
    done = subprocess.run(words, capture_output=True, env=environment(), cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("path", ["nowhere/texts.jsonl", "/dev/full"])
def test_a_file_that_cannot_be_written_is_a_sentence(
    here: Here, lines: Path, tmp_path: Path, path: str
) -> None:
    answer = here(str(lines), "--output", str(tmp_path / path))
    assert answer.code == 5
    assert "cannot be written: " in answer.sentence


@pytest.mark.parametrize(("stdin", "code", "sentence"), [
    (b"", 1, "standard input: is empty"),
    (b"\n\n", 1, "standard input: is empty"),
    (None, 3, "standard input: is closed; name files, or pipe something in"),
    (b"just words", 3, "standard input: is neither HTML nor JSON lines nor WARC"),
])  # fmt: skip
def test_an_input_without_pages_is_a_sentence(
    here: Here, stdin: bytes | None, code: int, sentence: str
) -> None:
    answer = here("-", stdin=stdin)
    assert (answer.code, answer.out, answer.sentence) == (code, "", f"nightdesk: {sentence}")


def test_without_files_a_person_is_told_what_to_name(here: Here) -> None:
    answer = here(terminal=True)
    assert (answer.code, answer.out) == (2, "")
    assert "name files or folders" in answer.err


def test_an_id_comes_back_as_it_was(here: Here) -> None:
    names = [7, "статья", "half a character \ud83d", "7"]
    stdin = b"".join(
        json.dumps({"id": name, "html": html("ferries")}).encode() + b"\n" for name in names
    )
    answer = here(stdin=stdin)
    assert answer.code == 0
    assert [row["id"] for row in read(answer.out)] == names


def test_a_reader_that_has_enough_ends_the_command_in_silence(home: Path, lines: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = command(home, "extract", str(lines), "--workers", "1")
    done = subprocess.run(
        words, stdout=writing, stderr=subprocess.PIPE, env=environment(), cwd=ROOT, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_standard_output_without_room_is_a_sentence(home: Path, lines: Path) -> None:
    words = command(home, "extract", str(lines), "--workers", "1")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, env=environment(), cwd=ROOT, check=False
        )
    assert done.returncode == 5
    assert done.stderr.decode().splitlines() == [
        "nightdesk: the texts cannot be written: No space left on device"
    ]


def test_ctrl_c_ends_it_at_once_and_in_order(home: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "never-ending.jsonl"
    os.mkfifo(pipe)
    with (
        running(home, "extract", str(pipe), "--workers", "1") as child,
        pipe.open("w", encoding="utf8") as stream,
    ):
        stream.write(rows())
        stream.flush()
        until(lambda: len(descendants(child.pid)) >= 3)  # the tracker, the fork server, a worker
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert err.splitlines() == ["nightdesk: interrupted; the texts that were written are whole"]
