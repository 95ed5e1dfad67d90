"""What a person types first: init, completion, the reading room of an empty archive, the demo."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.cli.commands import demo
from pipeline.cli.commands.demo import ExitCode
from pipeline.cli.commands.init import command_for_cron
from pipeline.config.settings import load_settings
from pipeline.config.site import parse_site
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.web.app import create_app
from tests.support.cli import ROOT, CommandResult, nightdesk

TEMPLATES = ROOT / "pipeline" / "cli" / "templates"
SITE = 'name = "G"\nurl = "https://g.example/"\nfeeds = ["https://g.example/feed.xml"]\n'


def init(folder: Path, *words: str) -> CommandResult:
    return nightdesk(folder.parent, "init", str(folder), *words)


def test_init_makes_a_home_that_the_next_command_uses(tmp_path: Path) -> None:
    home = tmp_path / "an archive"
    made = init(home, "--contact", "desk@example.org")
    assert (made.code, made.err) == (0, "")
    assert load_settings(home).contact == "desk@example.org"
    assert (home / ".gitignore").read_text(encoding="utf8").endswith("/var/\n")
    sample = (home / "config" / "sites" / "example.toml.sample").read_text(encoding="utf8")
    assert parse_site("example", sample, "the sample").id == "example"
    assert f"30 2 * * * {sys.executable} -m pipeline --home '{home}' crawl" in made.out
    assert f"cd '{home}' && nightdesk add https://www.example.org/" in made.out
    assert "no site file here yet; 'nightdesk add URL' makes one" in nightdesk(home, "crawl").err


def test_the_cron_line_has_an_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "my venv" / "bin" / "nightdesk"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    assert command_for_cron("my venv/bin/nightdesk") == f"'{program}'"
    assert command_for_cron("no/such/nightdesk") == f"{sys.executable} -m pipeline"


def test_init_leaves_what_is_there_and_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    init(home, "--contact", "desk@example.org")
    settings = home / "config" / "nightdesk.toml"
    settings.write_text('contact = "other@example.org"\n', encoding="utf8")
    again = init(home, "--contact", "desk@example.org")
    assert again.code == 0
    assert f"{settings}: exists, and stays as it is" in again.out
    assert load_settings(home).contact == "other@example.org"


def test_init_asks_a_person_for_the_contact_and_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = io.StringIO("https://example.org/bot\n")
    monkeypatch.setattr(asked, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", asked)
    assert "each request sends your contact" in init(tmp_path / "one").out
    assert load_settings(tmp_path / "one").contact == "https://example.org/bot"
    monkeypatch.setattr("sys.stdin", io.StringIO("never read"))
    made = init(tmp_path / "two")
    assert "First set 'contact' in" in made.out
    assert load_settings(tmp_path / "two").contact == ""


@pytest.mark.parametrize(
    "contact", ["me", "me at example.org", 'a@b"\ncrawls = 64', "ё@example.org", "a@" + "b" * 300]
)
def test_init_refuses_a_contact_that_reaches_nobody(tmp_path: Path, contact: str) -> None:
    refused = init(tmp_path / "home", "--contact", contact)
    assert refused.code == 3
    assert refused.error_line.startswith("nightdesk: --contact")
    assert not (tmp_path / "home").exists()


def test_init_says_which_folder_it_cannot_make(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf8")
    refused = init(tmp_path / "file" / "home", "--contact", "desk@example.org")
    assert refused.code == 5
    assert "cannot be made (Not a directory)" in refused.error_line


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("nightdesk.toml", "config/nightdesk.toml"),
        ("example.toml.sample", "config/sites/example.toml.sample"),
    ],
)
def test_files_of_the_wheel_are_those_of_the_checkout(template: str, path: str) -> None:
    assert (TEMPLATES / template).read_bytes() == (ROOT / path).read_bytes()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nightdesk cra", ["crawl"]),
        ("nightdesk --home {home} crawl ga", ["gazette"]),
        ("nightdesk crawl --fo", ["--force"]),
        ("nightdesk --home {home}/none crawl ga", []),
    ],
)
def test_a_shell_completes_commands_options_and_site_ids(
    home: Path, line: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config" / "sites" / "gazette.toml").write_text(SITE, encoding="utf8")
    words = line.format(home=home)
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    monkeypatch.setenv("_NIGHTDESK_COMPLETE", "complete_bash")
    completed = nightdesk(home)
    assert completed.out.split() == expected
    assert completed.err == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_calls_nightdesk(home: Path, shell: str) -> None:
    script = nightdesk(home, "completion", shell)
    assert script.code == 0
    assert f"_NIGHTDESK_COMPLETE=complete_{shell}" in script.out


def test_an_empty_archive_says_in_the_browser_what_to_do_next(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    migrate.ensure(database)
    site = parse_site("gazette", SITE, "a file")
    for sites, expected in (({}, "nightdesk add https://"), ({"gazette": site}, "nightdesk crawl")):
        with TestClient(create_app(database, sites), base_url="http://127.0.0.1:8642") as web:
            page = web.get("/").text
        assert "The archive has no articles yet" in page
        assert f"<code>{expected}" in page
        assert ("No site has a file" in page) is (not sites)
    database.close()


def test_demo_ends_in_the_browser(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "var" / "demo"
    folder.mkdir(parents=True)
    database = Database(f"sqlite:///{folder / 'nightdesk.db'}")
    migrate.ensure(database)
    database.close()
    served: list[object] = []
    monkeypatch.setattr(demo, "run_demo", lambda _: ExitCode.OK)
    monkeypatch.setattr(demo, "run_web_app", lambda app, socket: served.append(app))
    assert nightdesk(home, "demo").code == 0
    assert served == []
    assert nightdesk(home, "demo", "--serve", "--port", "0").code == 0
    assert len(served) == 1
