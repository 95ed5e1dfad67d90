"""What goes wrong in our house: one clear sentence each, and the exit code that the README's table shows."""

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
from tests.support.cli import ROOT, Answer, command, environment, exit_code, nightdesk
from tests.support.http_site import LittleSite, serving

Here = Callable[..., Answer]


@pytest.fixture
def here(home: Path, capsys: pytest.CaptureFixture[str]) -> Here:
    """A command in this process: the same door, without the second that a new process takes."""

    def call(*words: str) -> Answer:
        code = exit_code(home, *words)
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call


@pytest.fixture
def made(home: Path) -> Path:
    """The file of an archive, empty but there."""
    path = home / "var" / "nightdesk.db"
    path.parent.mkdir()
    store = Database(f"sqlite:///{path}")
    migrate.ensure(store)
    store.close()
    return path


@pytest.fixture
def little(home: Path) -> Iterator[LittleSite]:
    """A good site of one story."""
    with serving() as site:
        site.feed([site.story("crane", "The crane of the northern quay is mended")])
        site.file(home)
        yield site


def site_file(home: Path, name: str, text: str) -> Path:
    path = home / "config" / "sites" / f"{name}.toml"
    path.write_text(text, encoding="utf8")
    return path


GOOD = 'name = "Good"\nurl = "https://good.example/"\nfeeds = ["https://good.example/feed.xml"]\n'


def test_a_wrong_key_in_a_site_file_is_named_with_its_file_and_the_nearest_key(
    home: Path, here: Here
) -> None:
    site_file(home, "good", GOOD)
    path = site_file(home, "bad", GOOD + "[politeness]\ndelai = 3\n")
    answer = here("sites", "--json")
    assert answer.code == 3
    assert (
        answer.sentence
        == f"nightdesk: {path}: unknown key 'politeness.delai'; did you mean 'delay'?"
    )
    assert [site["id"] for site in answer.json] == ["good"], "the other sites go on"


def test_a_crawl_goes_on_with_the_other_sites_when_a_site_file_is_wrong(
    home: Path, little: LittleSite
) -> None:
    site_file(home, "bad", 'name = "Bad"\nurl = "https://bad.example"\nfeds = []\n')
    answer = nightdesk(home, "crawl", "--json")
    assert answer.code == 3
    assert "bad.toml: unknown key 'feds'; did you mean 'feeds'?" in answer.sentence
    assert answer.json[0]["clean"] == {"archived": {"new": 1}}


def test_a_site_that_is_not_there_is_refused_with_a_suggestion(home: Path, here: Here) -> None:
    site_file(home, "good", GOOD)
    answer = here("crawl", "goood")
    assert (answer.code, answer.out) == (3, "")
    assert (
        answer.sentence
        == f"nightdesk: {home / 'config' / 'sites'}: there is no site 'goood'; did you mean 'good'?"
    )
    assert "there are: good" in here("clean", "something-else-entirely").sentence


def test_a_back_fill_that_could_find_nothing_is_refused(home: Path, here: Here) -> None:
    site_file(home, "good", GOOD)
    wrong = {
        (
            "--since",
            "2026-01-01",
        ): "--since needs the name of a site, as in 'nightdesk crawl gazette --since 2026-01-01'",
        ("good", "--since", "2999-01-01"): "--since 2999-01-01: that day has not come yet",
        (
            "good",
            "--since",
            "2020-01-01",
        ): "--since: good has no sitemaps and no archives in its file; 'nightdesk check good' looks for some",
    }
    for words, sentence in wrong.items():
        answer = here("crawl", *words)
        assert (answer.code, answer.sentence) == (3, f"nightdesk: {sentence}")


def test_a_secret_that_is_not_set_or_a_browser_that_is_not_there_stops_that_site_alone(
    home: Path, little: LittleSite
) -> None:
    site_file(home, "good", GOOD + '[headers]\nX-Key = "${GOOD_KEY}"\n')
    site_file(home, "built", GOOD + "render = true\n")
    answer = nightdesk(home, "crawl", "--json", NIGHTDESK_CHROMIUM="/nowhere/chromium")
    assert answer.code == 3
    by_site = {each["site"]: each for each in answer.json}
    (sentence,) = by_site["built"]["troubles"]
    if find_spec("scrapy_playwright") is None:
        assert sentence.endswith(
            "the extra 'render', which is not installed: pip install -e '.[render]'"
        )
    else:
        assert sentence.startswith(
            "built: 'chromium' is '/nowhere/chromium', which is no program that may be run"
        )
    assert by_site["good"]["troubles"] == [
        "good: 'headers': the variable GOOD_KEY of the environment is not set"
    ]
    assert any(each["clean"] == {"archived": {"new": 1}} for each in by_site.values())


def test_without_any_site_file_the_command_says_where_they_belong(home: Path, here: Here) -> None:
    answer = here("crawl")
    assert answer.code == 3
    assert str(home / "config" / "sites") in answer.sentence


def test_below_the_floor_no_night_begins_and_one_that_reaches_it_ends_in_order(
    home: Path, little: LittleSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = {"NIGHTDESK_FREE_MEGABYTES": "999999999"}
    done = nightdesk(home, "crawl", **floor)
    assert done.code == 5
    assert "free_megabytes = 999999999 are to be left; free some space" in done.sentence
    assert little.asked == []
    monkeypatch.setattr(
        DiskSpaceGuard, "check", lambda _: None
    )  # the night begins, and its crawl finds the disk low
    done = nightdesk(home, "crawl", **floor)
    assert done.code == 5
    assert done.out.count("free_megabytes") == 1
    assert little.asked == []
    (run,) = nightdesk(home, "runs", "--json").json
    assert (run["kind"], run["status"], run["counts"]) == ("crawl", "failed", {"deferred": 1})
    assert nightdesk(home, "crawl").code == 0


def test_without_a_contact_nothing_is_crawled(home: Path, here: Here) -> None:
    site_file(home, "good", GOOD)
    (home / "config" / "nightdesk.toml").write_text("", encoding="utf8")
    for words in (("crawl",), ("schedule",)):
        answer = here(*words)
        assert answer.code == 3
        assert (
            "nightdesk.toml: 'contact' is empty; set it (or NIGHTDESK_CONTACT)" in answer.sentence
        )
    assert not (home / "var").exists()


def test_a_wrong_setting_names_file_and_key(home: Path, here: Here) -> None:
    (home / "config" / "nightdesk.toml").write_text("contakt = 'x'\n", encoding="utf8")
    answer = here("status")
    assert answer.code == 3
    assert answer.sentence.endswith(
        "nightdesk.toml: unknown key 'contakt'; did you mean 'contact'?"
    )


@pytest.mark.parametrize(
    "words", [("search", "ferry"), ("show", "1"), ("explain", "1"), ("runs",), ("status",)]
)
def test_a_command_that_reads_says_that_no_archive_is_there(
    home: Path, here: Here, words: tuple[str, ...]
) -> None:
    answer = here(*words)
    assert answer.code == 4
    assert "there is no archive here yet; 'nightdesk crawl' makes it" in answer.sentence
    assert not (home / "var" / "nightdesk.db").exists()


def test_a_server_that_cannot_be_reached_is_named_without_its_password(here: Here) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"postgresql://me:hunter2@127.0.0.1:{unused.getsockname()[1]}/news"
        answer = here("--database-url", address, "status")
    assert answer.code == 4
    assert "cannot be reached" in answer.sentence
    assert "hunter2" not in answer.err


@pytest.mark.parametrize(
    "address",
    ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense", "postgresql+nodriver://x/y"],
)
def test_an_address_that_is_none_is_a_wrong_setting(here: Here, address: str) -> None:
    answer = here("--database-url", address, "status")
    assert answer.code == 3
    assert "database_url" in answer.sentence


def test_a_locked_archive_is_a_sentence_and_not_a_wait_without_end(
    home: Path, made: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)
    with serving() as site:
        site.file(home)
    holder = sqlite3.connect(made, isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    answer = here("search", "ferry")
    holder.close()
    assert answer.code == 4
    assert f"{made}: locked by another program" in answer.sentence


def test_a_file_that_is_no_database_is_left_alone(home: Path, here: Here) -> None:
    path = home / "var" / "nightdesk.db"
    path.parent.mkdir()
    path.write_bytes(b"A letter to the editor. " * 200)
    answer = here("search", "ferry")
    assert answer.code == 4
    assert f"{path}: is no SQLite archive or is damaged" in answer.sentence
    assert path.read_bytes() == b"A letter to the editor. " * 200


def test_a_folder_in_the_place_of_the_archive_is_a_sentence(home: Path, here: Here) -> None:
    (home / "var" / "nightdesk.db").mkdir(parents=True)
    assert (
        here("search", "ferry").code,
        here("search", "ferry").sentence.count("cannot be opened"),
    ) == (4, 1)


def test_an_archive_below_a_file_is_a_sentence(home: Path, here: Here) -> None:
    (home / "file").write_text("in the way", encoding="utf8")
    site_file(home, "good", GOOD)
    answer = here("--database-url", f"sqlite:///{home / 'file' / 'archive.db'}", "clean")
    assert answer.code == 4
    answer = here("--database-url", f"sqlite:///{home / 'file' / 'archive.db'}", "crawl")
    assert answer.code == 4
    assert f"{home / 'file' / 'archive.db'}: cannot be opened" in answer.sentence


@pytest.fixture
def public(home: Path, made: Path) -> Iterator[Path]:
    """A home with an archive, which a user without rights may enter but not write to."""
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
    """File modes do not bind root, so that root becomes nobody for a while."""
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


@pytest.mark.parametrize("words", [("clean",), ("search", "ferry")])
def test_an_archive_that_may_not_be_written_is_a_sentence(
    made: Path, public: Path, here: Here, words: tuple[str, ...]
) -> None:
    here("status")  # what is imported late is imported now
    with without_rights():
        answer = here("--home", str(public), *words)
    assert answer.code == 4
    assert f"{public / 'var' / 'nightdesk.db'}: " in answer.sentence


def test_a_site_that_is_down_does_not_hold_up_a_good_one(home: Path, little: LittleSite) -> None:
    with serving() as down:
        down.file(home, "down")
    answer = nightdesk(home, "crawl", "--json")
    assert (answer.code, answer.err) == (1, "")
    nights = {site["site"]: site for site in answer.json}
    assert nights["little"]["clean"] == {"archived": {"new": 1}}
    assert nights["little"]["troubles"] == []
    assert nights["down"]["exit_code"] == 1
    assert "down: " in nights["down"]["troubles"][0]


def test_an_empty_feed_is_told_and_is_no_failure(home: Path) -> None:
    with serving() as site:
        site.feed([])
        site.file(home)
        answer = nightdesk(home, "crawl")
    assert answer.code == 0
    assert "/feed.xml" in answer.out
    assert [line for line in answer.out.splitlines() if line.startswith("! ")]


def test_a_feed_that_is_none_is_told_and_makes_the_night_partly_failed(home: Path) -> None:
    with serving() as site:
        site.page("/feed.xml", b"<html><body>Not found, sorry</body></html>")
        site.file(home)
        answer = nightdesk(home, "crawl")
    assert answer.code == 1
    assert "neither RSS nor Atom" in answer.out


@pytest.mark.parametrize(
    "words",
    [("crwl",), ("search", "--newest", "x"), ("show",), ("runs", "not-a-number"), ("--no-such",)],
)
def test_a_command_or_option_that_is_none_is_wrong_usage(
    here: Here, words: tuple[str, ...]
) -> None:
    answer = here(*words)
    assert (answer.code, answer.out) == (2, "")
    assert "Traceback" not in answer.err


def test_a_home_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    answer = nightdesk(tmp_path / "nowhere", "sites")
    assert answer.code == 3
    assert (
        answer.sentence
        == f"nightdesk: {tmp_path / 'nowhere'}: no such folder; --home names the folder that holds config/"
    )


def test_search_into_a_pipe_that_closes_early_says_nothing_of_it(
    home: Path, little: LittleSite
) -> None:
    assert nightdesk(home, "crawl").code == 0
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(home, "search", "crane"),
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
        check=False,
    )
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode in (0, 1)


def test_what_is_not_in_the_archive_is_said_with_what_to_do(made: Path, here: Here) -> None:
    for words in (
        ("show", "7"),
        ("explain", "https://nowhere.example/a"),
        ("runs", "99"),
        ("show", "not a url at all"),
    ):
        answer = here(*words)
        assert answer.code == 3
        assert words[1] in answer.sentence


@pytest.mark.parametrize("words", [("search", "x"), ("runs",), ("status",), ("clean",), ("sites",)])
def test_json_is_json_also_where_there_is_nothing(
    home: Path, made: Path, here: Here, words: tuple[str, ...]
) -> None:
    site_file(home, "good", GOOD)
    answer = here(*words, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert isinstance(json.loads(answer.out), list)


def test_flags_go_before_the_environment_and_that_before_the_file(
    home: Path, made: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "sqlite:///elsewhere.db")
    assert str(home / "elsewhere.db") in here("status").sentence
    assert here("--database-url", f"sqlite:///{made}", "status").code == 0


def test_the_version_and_the_help_are_there(here: Here) -> None:
    assert here("--version").out.startswith("nightdesk 0.")
    shown = here("--help")
    assert shown.code == 0
    for name in (
        "crawl",
        "clean",
        "sites",
        "search",
        "show",
        "explain",
        "runs",
        "status",
        "schedule",
        "demo",
    ):
        assert name in shown.out


def test_a_site_whose_stories_are_all_shells_is_named_with_what_to_do(home: Path) -> None:
    shell = b'<html><head><title>App</title></head><body><div id="root"></div><script src="/app.js"></script></body></html>'
    with serving() as site:
        site.feed([site.page(f"/2026/02/03/story-{n}", shell + b" " * n) for n in range(4)])
        site.file(home)
        night = nightdesk(home, "crawl", "little", "--json")
    (told,) = night.json
    assert told["clean"] == {"not_article": {"script_shell": 4}}
    (sentence,) = told["troubles"]
    assert sentence.startswith(
        "little: 4 of 4 pages are built by JavaScript and hold no text; set render = true in its site"
    )
    status = nightdesk(home, "status")
    assert f"! {sentence}" in " ".join(status.out.split())
    assert nightdesk(home, "status", "--json").json[0]["advice"] == [sentence]


def test_the_end_of_a_night_waits_for_a_database_that_is_away_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([DatabaseUnavailable("gone"), DatabaseUnavailable("gone"), frozenset({7})])

    def ask(*_: object) -> frozenset[int]:
        answer = next(answers)
        if isinstance(answer, DatabaseUnavailable):
            raise answer
        return answer

    monkeypatch.setattr(engine, "PAUSES", (0.0,) * 2)
    monkeypatch.setattr(runs, "unbalanced", ask)
    assert night_summary.read(Database("sqlite:///none.db"), []).unbalanced == (7,)
