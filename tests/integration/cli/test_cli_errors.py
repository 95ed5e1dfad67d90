"""Each error is one clear sentence, with the exit code that the documentation shows."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.cli.views import night_summary
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import DatabaseUnavailable
from pipeline.store.db import engine, migrate
from pipeline.store.db.engine import Database
from pipeline.store.read import runs
from tests.support.cli import (
    ROOT,
    CommandResult,
    clean_environment,
    command_line,
    exit_code,
    nightdesk,
)
from tests.support.http_site import HttpSite, serve_http_site

Run = Callable[..., CommandResult]


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command in this process."""

    def call(*words: str) -> CommandResult:
        code = exit_code(home, *words)
        out, err = capsys.readouterr()
        return CommandResult(code, out, err)

    return call


@pytest.fixture
def archive_file(home: Path) -> Path:
    """Make an empty archive and return its file."""
    path = home / "var" / "nightdesk.db"
    path.parent.mkdir()
    database = Database(f"sqlite:///{path}")
    migrate.ensure(database)
    database.close()
    return path


@pytest.fixture
def little(home: Path) -> Iterator[HttpSite]:
    """Serve a good site of one story."""
    with serve_http_site() as site:
        site.set_feed([site.add_story("crane", "The crane of the northern quay is mended")])
        site.write_site_file(home)
        yield site


def site_file(home: Path, name: str, text: str) -> Path:
    path = home / "config" / "sites" / f"{name}.toml"
    path.write_text(text, encoding="utf8")
    return path


GOOD = 'name = "Good"\nurl = "https://good.example/"\nfeeds = ["https://good.example/feed.xml"]\n'


def test_a_wrong_key_of_a_site_file_is_named_with_the_file_and_the_nearest_key(
    home: Path, run: Run
) -> None:
    site_file(home, "good", GOOD)
    path = site_file(home, "bad", GOOD + "[politeness]\ndelai = 3\n")
    result = run("sites", "--json")
    assert result.code == 3
    sentence = f"nightdesk: {path}: unknown key 'politeness.delai'; did you mean 'delay'?"
    assert result.error_line == sentence
    assert [site["id"] for site in result.json] == ["good"], "the other sites go on"


def test_a_wrong_site_file_does_not_stop_the_crawl_of_the_other_sites(
    home: Path, little: HttpSite
) -> None:
    site_file(home, "bad", 'name = "Bad"\nurl = "https://bad.example"\nfeds = []\n')
    result = nightdesk(home, "crawl", "--json")
    assert result.code == 3
    assert "bad.toml: unknown key 'feds'; did you mean 'feeds'?" in result.error_line
    assert result.json[0]["clean"] == {"archived": {"new": 1}}


def test_an_unknown_site_is_refused_with_a_suggestion(home: Path, run: Run) -> None:
    site_file(home, "good", GOOD)
    result = run("crawl", "goood")
    assert (result.code, result.out) == (3, "")
    folder = home / "config" / "sites"
    sentence = f"nightdesk: {folder}: there is no site 'goood'; did you mean 'good'?"
    assert result.error_line == sentence
    assert "there are: good" in run("clean", "something-else-entirely").error_line


def test_a_backfill_that_cannot_find_anything_is_refused(home: Path, run: Run) -> None:
    site_file(home, "good", GOOD)
    sentences = {
        ("--since", "2026-01-01"): "--since needs the id of a site, as in"
        " 'nightdesk crawl gazette --since 2026-01-01'",
        ("good", "--since", "2999-01-01"): "--since 2999-01-01: that day has not come yet",
        ("good", "--since", "2020-01-01"): "--since: good has no sitemaps and no archives in its"
        " file; 'nightdesk check good' looks for some",
    }
    for words, sentence in sentences.items():
        result = run("crawl", *words)
        assert (result.code, result.error_line) == (3, f"nightdesk: {sentence}")


def test_a_missing_secret_or_browser_stops_only_the_site_that_needs_it(
    home: Path, little: HttpSite
) -> None:
    site_file(home, "good", GOOD + '[headers]\nX-Key = "${GOOD_KEY}"\n')
    site_file(home, "built", GOOD + "render = true\n")
    result = nightdesk(home, "crawl", "--json", NIGHTDESK_CHROMIUM="/nowhere/chromium")
    assert result.code == 3
    by_site = {row["site"]: row for row in result.json}
    (sentence,) = by_site["built"]["issues"]
    if find_spec("scrapy_playwright") is None:
        assert sentence.endswith(
            "the extra 'render', which is not installed: pip install 'nightdesk[render]'"
        )
    else:
        assert sentence.startswith(
            "built: 'chromium' is '/nowhere/chromium', which is not a program that can be started"
        )
    assert by_site["good"]["issues"] == [
        "good: 'headers': the variable GOOD_KEY of the environment is not set"
    ]
    assert any(row["clean"] == {"archived": {"new": 1}} for row in by_site.values())


def test_without_a_site_file_the_command_says_where_to_put_one(home: Path, run: Run) -> None:
    result = run("crawl")
    assert result.code == 3
    assert str(home / "config" / "sites") in result.error_line


def test_without_disk_space_no_night_starts_and_a_running_one_ends_in_order(
    home: Path, little: HttpSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = {"NIGHTDESK_FREE_MEGABYTES": "999999999"}
    done = nightdesk(home, "crawl", **limit)
    assert done.code == 5
    assert "free_megabytes = 999999999 must stay free; free some space" in done.error_line
    assert little.requested_paths == []
    # The night starts, and its crawl finds too little space.
    monkeypatch.setattr(DiskSpaceGuard, "require", lambda _: None)
    done = nightdesk(home, "crawl", **limit)
    assert done.code == 5
    assert done.out.count("free_megabytes") == 1
    assert little.requested_paths == []
    (row,) = nightdesk(home, "runs", "--json").json
    assert (row["kind"], row["status"], row["counts"]) == ("crawl", "failed", {"deferred": 2})
    assert nightdesk(home, "crawl").code == 0


def test_without_a_contact_nothing_is_crawled(home: Path, run: Run) -> None:
    site_file(home, "good", GOOD)
    (home / "config" / "nightdesk.toml").write_text("", encoding="utf8")
    for words in (("crawl",), ("schedule",)):
        result = run(*words)
        assert result.code == 3
        assert (
            "nightdesk.toml: 'contact' is empty; set it (or NIGHTDESK_CONTACT)" in result.error_line
        )
    assert not (home / "var").exists()


def test_a_wrong_setting_is_named_with_its_file_and_key(home: Path, run: Run) -> None:
    (home / "config" / "nightdesk.toml").write_text("contakt = 'x'\n", encoding="utf8")
    result = run("status")
    assert result.code == 3
    assert result.error_line.endswith(
        "nightdesk.toml: unknown key 'contakt'; did you mean 'contact'?"
    )


@pytest.mark.parametrize(
    "words", [("search", "ferry"), ("show", "1"), ("explain", "1"), ("runs",), ("status",)]
)
def test_a_reading_command_says_that_there_is_no_archive(
    home: Path, run: Run, words: tuple[str, ...]
) -> None:
    result = run(*words)
    assert result.code == 4
    assert "there is no archive here yet; 'nightdesk crawl' makes it" in result.error_line
    assert not (home / "var" / "nightdesk.db").exists()


def test_an_unreachable_server_is_named_without_its_password(run: Run) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"postgresql://me:hunter2@127.0.0.1:{unused.getsockname()[1]}/news"
        result = run("--database-url", address, "status")
    assert result.code == 4
    assert "cannot be reached" in result.error_line
    assert "hunter2" not in result.err


@pytest.mark.parametrize(
    "address",
    ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense", "postgresql+nodriver://x/y"],
)
def test_a_wrong_database_url_is_a_wrong_setting(run: Run, address: str) -> None:
    result = run("--database-url", address, "status")
    assert result.code == 3
    assert "database_url" in result.error_line


def test_a_locked_archive_is_one_sentence_and_not_an_endless_wait(
    home: Path, archive_file: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT", 0)
    with serve_http_site() as site:
        site.write_site_file(home)
    holder = sqlite3.connect(archive_file, isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    result = run("search", "ferry")
    holder.close()
    assert result.code == 4
    assert f"{archive_file}: locked by another program" in result.error_line


def test_a_file_that_is_not_a_database_is_not_changed(home: Path, run: Run) -> None:
    path = home / "var" / "nightdesk.db"
    path.parent.mkdir()
    path.write_bytes(b"A letter to the editor. " * 200)
    result = run("search", "ferry")
    assert result.code == 4
    assert f"{path}: is no SQLite archive or is damaged" in result.error_line
    assert path.read_bytes() == b"A letter to the editor. " * 200


def test_a_folder_in_the_place_of_the_archive_is_one_sentence(home: Path, run: Run) -> None:
    (home / "var" / "nightdesk.db").mkdir(parents=True)
    result = run("search", "ferry")
    assert result.code == 4
    assert "cannot be opened" in result.error_line


def test_an_archive_below_a_file_is_one_sentence(home: Path, run: Run) -> None:
    (home / "file").write_text("in the way", encoding="utf8")
    site_file(home, "good", GOOD)
    path = home / "file" / "archive.db"
    assert run("--database-url", f"sqlite:///{path}", "clean").code == 4
    result = run("--database-url", f"sqlite:///{path}", "crawl")
    assert result.code == 4
    assert f"{path}: cannot be opened" in result.error_line


@pytest.fixture
def read_only_home(home: Path, archive_file: Path) -> Iterator[Path]:
    """Make a home with an archive that other users can read but not write."""
    site_file(home, "good", GOOD)
    folder = Path(tempfile.mkdtemp(prefix="nd"))
    shutil.copytree(home, folder, dirs_exist_ok=True)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def without_rights() -> Iterator[None]:
    """Run the block as the user nobody, because file modes do not restrict root."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(65534)
    except OSError as error:
        pytest.skip(f"cannot become a user without rights here: {error}")
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_archive_without_write_permission_is_read_and_not_written(
    archive_file: Path, read_only_home: Path, run: Run
) -> None:
    run("status")  # loads modules that the other user cannot read
    with without_rights():
        found = run("--home", str(read_only_home), "search", "ferry")
        cleaned = run("--home", str(read_only_home), "clean")
    assert (found.code, found.err) == (0, "")
    assert "No article is found" in found.out
    assert "The archive holds no article yet; 'nightdesk crawl' fetches the first." in found.out
    assert cleaned.code == 4
    assert "cannot be locked (Permission denied)" in cleaned.out


def test_a_site_that_is_down_does_not_stop_a_good_one(home: Path, little: HttpSite) -> None:
    with serve_http_site() as down:
        down.write_site_file(home, "down")
    result = nightdesk(home, "crawl", "--json")
    assert (result.code, result.err) == (1, "")
    rows = {row["site"]: row for row in result.json}
    assert rows["little"]["clean"] == {"archived": {"new": 1}}
    assert rows["little"]["issues"] == []
    assert rows["down"]["exit_code"] == 1
    assert "down: " in rows["down"]["issues"][0]


def test_an_empty_feed_is_reported_and_is_no_failure(home: Path) -> None:
    with serve_http_site() as site:
        site.set_feed([])
        site.write_site_file(home)
        result = nightdesk(home, "crawl")
    assert result.code == 0
    assert "/feed.xml" in result.out
    assert [line for line in result.out.splitlines() if line.startswith("! ")]


def test_a_feed_that_is_no_feed_is_reported_and_the_night_fails_partly(home: Path) -> None:
    with serve_http_site() as site:
        site.add_page("/feed.xml", b"<html><body>Not found, sorry</body></html>")
        site.write_site_file(home)
        result = nightdesk(home, "crawl")
    assert result.code == 1
    assert "neither RSS nor Atom" in result.out


@pytest.mark.parametrize(
    "words",
    [("crwl",), ("search", "--newest", "x"), ("show",), ("runs", "not-a-number"), ("--no-such",)],
)
def test_an_unknown_command_or_option_is_wrong_usage(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words)
    assert (result.code, result.out) == (2, "")
    assert "Traceback" not in result.err


def test_a_missing_home_folder_is_one_sentence(tmp_path: Path) -> None:
    home = tmp_path / "nowhere"
    result = nightdesk(home, "sites")
    assert result.code == 3
    assert result.error_line == (
        f"nightdesk: {home}: no such folder; --home names the folder that holds config/"
    )


def test_a_search_into_a_closed_pipe_prints_no_error(home: Path, little: HttpSite) -> None:
    assert nightdesk(home, "crawl").code == 0
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        command_line(home, "search", "crane"),
        stdout=writing,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        cwd=ROOT,
        check=False,
    )
    os.close(writing)
    assert process.stderr == b""
    assert process.returncode in (0, 1)


def test_a_missing_page_or_run_is_named(archive_file: Path, run: Run) -> None:
    for words in (
        ("show", "7"),
        ("explain", "https://nowhere.example/a"),
        ("runs", "99"),
        ("show", "not a url at all"),
    ):
        result = run(*words)
        assert result.code == 3
        assert words[1] in result.error_line


@pytest.mark.parametrize("words", [("search", "x"), ("runs",), ("status",), ("clean",), ("sites",)])
def test_json_output_is_json_also_without_rows(
    home: Path, archive_file: Path, run: Run, words: tuple[str, ...]
) -> None:
    site_file(home, "good", GOOD)
    result = run(*words, "--json")
    assert (result.code, result.err) == (0, "")
    assert isinstance(json.loads(result.out), list)


def test_flags_win_over_the_environment_and_the_environment_over_the_file(
    home: Path, archive_file: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "sqlite:///elsewhere.db")
    assert str(home / "elsewhere.db") in run("status").error_line
    assert run("--database-url", f"sqlite:///{archive_file}", "status").code == 0


def test_a_site_whose_stories_need_javascript_is_named_with_what_to_do(home: Path) -> None:
    head = b"<html><head><title>App</title></head>"
    shell = head + b'<body><div id="root"></div><script src="/app.js"></script></body></html>'
    with serve_http_site() as site:
        site.set_feed([site.add_page(f"/2026/02/03/story-{n}", shell + b" " * n) for n in range(4)])
        site.write_site_file(home)
        night = nightdesk(home, "crawl", "little", "--json")
    (row,) = night.json
    assert row["clean"] == {"not_article": {"script_shell": 4}}
    (sentence,) = row["issues"]
    assert sentence.startswith(
        "little: 4 of 4 pages are built by JavaScript and hold no text; set render = true in its"
    )
    status = nightdesk(home, "status")
    assert f"! {sentence}" in " ".join(status.out.split())
    assert nightdesk(home, "status", "--json").json[0]["advice"] == [sentence]


def test_the_summary_waits_while_the_database_is_unavailable(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([DatabaseUnavailable("gone"), DatabaseUnavailable("gone"), frozenset({7})])

    def unbalanced_runs(*_: object) -> frozenset[int]:
        answer = next(answers)
        if isinstance(answer, DatabaseUnavailable):
            raise answer
        return answer

    monkeypatch.setattr(engine, "RETRY_DELAYS", (0.0,) * 2)
    monkeypatch.setattr(runs, "unbalanced_runs", unbalanced_runs)
    assert night_summary.read_summary(store, []).unbalanced == (7,)
