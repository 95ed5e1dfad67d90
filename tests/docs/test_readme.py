"""The docs are tested: what README.md and the samples in config/ show exists, and what exists is shown.

The two lines that install and run everything are left to `.ci/run`.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import dropwhile, groupby, takewhile
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.main import get_command

from pipeline import __version__, demo_site
from pipeline.cleaning.apply_rules import RULES
from pipeline.cli import application
from pipeline.config import settings, site
from pipeline.config.settings import PREFIX, Settings
from pipeline.config.site import Site
from pipeline.core.errors import ExitCode
from pipeline.core.models import Outcome, Reason
from pipeline.monitoring.issues import Trouble
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from tests.support.cli import Answer, child
from tests.support.cli import nightdesk as in_process

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf8")
CONFIG = ROOT / "config"
SHELL_STOPS = {"&&", "||", "|", ">", ">>", ";"}
CRON_FIELD = re.compile(r"[\d*,/-]+")
PLACEHOLDERS = re.compile(r"[A-Z]{2,}|…")
TYPED = {"NIGHTDESK_CONTACT": "tests@example.org", "COLUMNS": "200"}
HOME = pytest.mark.xdist_group("readme")  # who asks for the home: it is made once
READING = {"sites", "search", "show", "explain", "runs", "status", "clean", "memory"}
ELSEWHERE = {"export", "verify", "import", "draft"}


@dataclass(frozen=True)
class Block:
    """A fenced block of the README."""

    language: str
    text: str


@dataclass(frozen=True)
class Shown:
    """A command line as shown: the words behind `nightdesk`, and what is shown of its output."""

    words: tuple[str, ...]
    output: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The command's name, "" for options alone."""
        return next(iter(self.behind_options), "")

    @property
    def behind_options(self) -> tuple[str, ...]:
        """The words from the command's name on."""
        words = list(self.words)
        while words and words[0].startswith("-"):
            option = words.pop(0)
            if words and takes_value(cli(), option):
                words.pop(0)
        return tuple(words)


@cache
def cli() -> Any:
    """The whole command line, as the library under typer sees it."""
    return get_command(application())


def takes_value(command: Any, option: str) -> bool:
    return any(
        option in param.opts and not getattr(param, "is_flag", False) for param in command.params
    )


def options_of(command: Any) -> set[str]:
    """Options of a command, in all spellings."""
    return {
        name
        for param in command.params
        for name in (*param.opts, *param.secondary_opts)
        if name.startswith("-")
    }


def blocks(*languages: str) -> list[Block]:
    found = [Block(*match) for match in re.findall(r"^```(\w*)\n(.*?)^```$", README, re.M | re.S)]
    return [block for block in found if not languages or block.language in languages]


def shown_in(text: str) -> Iterator[Shown]:
    """The nightdesk command lines of a block: its `$` lines with what follows them, or all lines where none has a `$`."""
    lines = text.splitlines()
    prompts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for line in lines if not prompts else ():
        yield from shown_on(line)
    for start, end in zip(prompts, [*prompts[1:], len(lines)][: len(prompts)], strict=True):
        for shown in shown_on(lines[start].removeprefix("$ ")):
            yield Shown(shown.words, tuple(lines[start + 1 : end]))


def shown_on(line: str) -> Iterator[Shown]:
    """The nightdesk commands of one shell or cron line."""
    if "nightdesk" not in line:
        return
    words = shlex.split(line.replace("\\|", "/").replace("[", "").replace("]", ""), comments=True)
    for is_stop, group in groupby(words, SHELL_STOPS.__contains__):
        command = list(dropwhile(CRON_FIELD.fullmatch, group))
        if (
            not is_stop
            and command
            and (command[0] == "nightdesk" or command[0].endswith("/bin/nightdesk"))
        ):
            yield Shown(tuple(command[1:]))


def all_shown() -> list[Shown]:
    """Every nightdesk command line of the README."""
    found = [shown for block in blocks("console", "text") for shown in shown_in(block.text)]
    prose = re.sub(r"^```.*?^```$", "", README, flags=re.M | re.S)
    for code in re.findall(r"`(nightdesk [^`]+)`", prose):
        found += shown_on(code)
    return found


def wrong_with(shown: Shown) -> str:
    """What does not exist of a command line, or ""."""
    root = cli()
    before = shown.words[: len(shown.words) - len(shown.behind_options)]
    known_before = options_of(root) | {"--help", "-h"}
    unknown = [word for word in before if word.startswith("-") and word not in known_before]
    if shown.command and shown.command not in root.commands:
        unknown.append(shown.command)
    elif shown.command:
        known = options_of(root.commands[shown.command]) | {"--help", "-h"}
        unknown += [
            word for word in shown.behind_options[1:] if word.startswith("-") and word not in known
        ]
    return ", ".join(unknown)


def table(*header: str) -> list[list[str]]:
    """The rows of the README's table with this header, cells without their backticks."""
    lines = README.splitlines()
    start = lines.index("| " + " | ".join(header) + " |") + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        rows.append([cell.strip().strip("`").replace("\\|", "|") for cell in cells])
    return rows


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of a site file with their defaults; None for a key that is needed."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if name == "id":
            continue
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from fields_of(annotation, f"{name}.")
        else:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            yield prefix + name, list(default) if isinstance(default, tuple) else default


def value(cell: str) -> Any:
    return None if cell == "needed" else tomllib.loads(f"value = {cell}")["value"]


def uncommented(text: str) -> str:
    """A sample with its commented keys in force."""
    return re.sub(r"^# (\w+ = )", r"\1", text, flags=re.M)


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name)


def nightdesk(home: Path, *words: str) -> Answer:
    """The command, run as a person would."""
    return child(home, *words, **TYPED)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an archive of one night of one small site."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "config" / "sites").mkdir(parents=True)
    with demo_site.serve(night=1) as room:
        text = demo_site.site_file("harbour-courier", room.base("harbour-courier"))
        (folder / "config" / "sites" / "harbour-courier.toml").write_text(text, encoding="utf8")
        done = nightdesk(folder, "crawl")
    assert done.code == ExitCode.OK, done.out + done.err
    (folder / "printed.txt").write_text(done.out, encoding="utf8")
    return folder


# Commands


def test_every_command_line_that_is_shown_exists() -> None:
    wrong = {
        " ".join(shown.words): problem for shown in all_shown() if (problem := wrong_with(shown))
    }
    assert not wrong


def test_every_command_and_option_is_shown() -> None:
    root, shown = cli(), all_shown()
    missing = {name for name in root.commands if not any(each.command == name for each in shown)}
    for name, command in root.commands.items():
        words = {word for each in shown if each.command == name for word in each.words}
        missing |= {f"{name} {option}" for option in options_of(command) - {"--help", "-h"} - words}
    missing |= options_of(root) - {"--help", "-h"} - {word for each in shown for word in each.words}
    assert not missing


def test_the_table_of_commands_has_each_with_all_its_options() -> None:
    rows = {
        shown.command: shown
        for usage, _ in table("Command", "What it does")
        for shown in shown_on(usage)
    }
    assert list(rows) == list(dict.fromkeys(rows))
    assert {
        name: {word for word in shown.words if word.startswith("-")} for name, shown in rows.items()
    } == {name: options_of(command) - {"--help", "-h"} for name, command in cli().commands.items()}


@HOME
def test_the_commands_that_read_can_be_run_as_shown(home: Path) -> None:
    with sqlite3.connect(home / "var" / "nightdesk.db") as archive:
        story = str(archive.execute("SELECT max(id) FROM articles").fetchone()[0])
    tried = []
    for shown in all_shown():
        if shown.command not in READING or any(PLACEHOLDERS.search(word) for word in shown.words):
            continue
        if (
            "--database-url" in shown.words
            or "gazette" in shown.words
            or "--enqueue" in shown.words
        ):  # see tests/cluster
            continue
        words = [
            re.sub(r"^\d+$", story, word) if shown.command in ("show", "explain") else word
            for word in shown.behind_options
        ]
        run = (
            in_process if shown.command in tried else child
        )  # once each with nothing loaded but what itself loads
        done = run(home, *words, **TYPED)
        assert (done.code, done.err) == (ExitCode.OK, ""), " ".join(words)
        tried.append(shown.command)
        if shown.output and shown.command in ("sites", "runs", "status"):
            assert shown.output[0].split() == done.out.splitlines()[0].split(), " ".join(words)
    assert set(tried) == READING


@HOME
def test_what_is_shown_of_taking_it_elsewhere_can_be_run(home: Path, tmp_path: Path) -> None:
    tried = []
    (tmp_path / "saved-pages").mkdir()
    (tmp_path / "saved-pages" / "story.html").write_text(
        "<html><body><h1>Old</h1><p>The ferry left.</p></body></html>"
    )
    shutil.copytree(home, tmp_path / "home")  # what is imported is no matter of the other examples
    home = tmp_path / "home"
    shutil.copy(home / "var" / "nightdesk.db", tmp_path / "other.db")
    for shown in (shown for block in blocks("console") for shown in shown_in(block.text)):
        if shown.command in ELSEWHERE:
            words = [
                re.sub("^(sqlite:///)?takeout/", rf"\1{tmp_path}/", word) for word in shown.words
            ]
            done = in_process(home, *words, **TYPED)
            assert (done.code, done.err) == (ExitCode.OK, ""), " ".join(words)
            tried.append(shown.command)
    assert set(tried) == ELSEWHERE


@HOME
def test_what_is_shown_of_an_article_is_what_is_printed(home: Path) -> None:
    with sqlite3.connect(home / "var" / "nightdesk.db") as archive:
        story = str(archive.execute("SELECT max(id) FROM articles").fetchone()[0])
    examples = [
        shown for shown in all_shown() if shown.output and shown.command in ("show", "explain")
    ]
    assert len(examples) == 2
    for shown in examples:
        printed = labels(nightdesk(home, shown.command, story).out.splitlines())
        assert labels(shown.output) == [label for label in printed if label in labels(shown.output)]


@HOME
def test_the_summary_of_a_night_is_shown_as_it_is_printed(home: Path) -> None:
    (shown,) = [shown for shown in all_shown() if shown.command == "crawl" and shown.output]
    printed = (home / "printed.txt").read_text(encoding="utf8").splitlines()
    assert shape(shown.output[-1]) == shape(printed[-1])
    heads = [
        re.split(" {2,}", line) for line in shown.output if line.startswith(("Crawl ", "Cleaning "))
    ]
    assert [head[:2] for head in heads] == [["Crawl", "URLs seen"], ["Cleaning", "pages"]]
    codes = {str(code).replace("_", " ") for code in (*Outcome, *Reason)}
    assert {name for head in heads for name in head[2:]} <= codes
    assert {
        name for line in printed for name in re.split(" {2,}", line) if line.startswith("Crawl ")
    } <= {*heads[0], *codes}
    (struck,) = [line for line in shown.output if line.startswith("Struck ")]
    assert set(re.findall(r"([a-z]+-?[a-z]*) \d", struck.partition(":")[2])) <= {
        rule.name for rule in RULES
    }


def shape(line: str) -> str:
    """A line without its numbers."""
    return re.sub(r"\d+", "N", line)


def labels(lines: Sequence[str]) -> list[str]:
    """The first words of the lines between the title and the first empty line."""
    return [line.split()[0] for line in takewhile(bool, lines[1:])]


def test_the_two_lines_to_paste_are_the_ones_that_ci_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf8")
    patterns = re.findall(r"readme_line '([^']+)'", script)
    assert len(patterns) == 2
    for pattern in patterns:
        assert len(re.findall(pattern, README, flags=re.M)) == 1
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


# Settings and site files


def test_the_table_of_settings_is_that_of_the_code() -> None:
    rows = table("Key in the file", "Variable", "Flag", "Default", "Meaning")
    fields = {
        name: field.default for name, field in Settings.model_fields.items() if name != "home"
    }
    expected = {
        name: str(default) if isinstance(default, Path) else default
        for name, default in fields.items()
    }
    assert {key: value(default) for key, _, _, default, _ in rows} == expected
    assert all(variable == PREFIX + key.upper() for key, variable, *_ in rows)
    flags = {flag.removeprefix("--").replace("-", "_") for _, _, flag, _, _ in rows if flag}
    assert flags == {
        name for name in expected if f"--{name.replace('_', '-')}" in options_of(cli())
    }


def test_every_finding_is_explained() -> None:
    rows = table("Finding", "What it means")
    assert [
        kind
        for first, _ in rows
        for kind in re.findall(r"`(\w+)`", f"`{first}`".replace("``", "`"))
    ] == [*Trouble]


def test_the_table_of_site_keys_is_that_of_the_code() -> None:
    assert {key: value(default) for key, default, _ in table("Key", "Default", "Meaning")} == dict(
        fields_of(Site)
    )


def test_the_settings_file_shows_every_setting_at_its_default(tmp_path: Path) -> None:
    text = (CONFIG / "nightdesk.toml").read_text(encoding="utf8")
    assert tomllib.loads(text) == {"contact": ""}
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "nightdesk.toml").write_text(uncommented(text), encoding="utf8")
    assert set(tomllib.loads(uncommented(text))) == set(Settings.model_fields) - {"home"}
    assert settings.load(tmp_path) == Settings(home=tmp_path)


def test_the_sample_of_a_site_file_shows_every_key_at_its_default() -> None:
    text = (CONFIG / "sites" / "example.toml.sample").read_text(encoding="utf8")
    whole = tomllib.loads(uncommented(text))
    keys = {
        f"{key}.{inner}" if inner else key
        for key, each in whole.items()
        for inner in (each if isinstance(each, dict) and each else [""])
    }
    assert keys == {key for key, _ in fields_of(Site)}
    assert site.parse("example", uncommented(text), "the sample") == site.parse(
        "example", text, "the sample"
    )


def test_the_toml_examples_load(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    for block in blocks("toml"):
        if "name" in tomllib.loads(block.text):
            site.parse("gazette", block.text, "README.md")
        else:
            (tmp_path / "config" / "nightdesk.toml").write_text(block.text, encoding="utf8")
            assert settings.load(tmp_path).agent


# Words


def test_the_table_of_exit_codes_is_that_of_the_code() -> None:
    rows = table("Code", "Name", "Meaning")
    assert [(int(code), name) for code, name, _ in rows] == [
        (int(code), code.name.lower()) for code in ExitCode
    ]


def test_the_tables_of_outcomes_and_reasons_are_those_of_the_code() -> None:
    assert [row[0] for row in table("Outcome", "Job", "Meaning")] == [
        str(outcome) for outcome in Outcome
    ]
    rows = table("Reason", "Goes with", "Meaning")
    assert sorted(row[0] for row in rows) == sorted(str(reason) for reason in Reason if reason)
    assert {outcome for row in rows for outcome in row[1].split(", ")} <= {
        str(outcome) for outcome in Outcome
    }


def test_the_table_of_rules_is_that_of_the_code() -> None:
    names = [rule.name for rule in RULES]
    assert [row[0] for row in table("Rule", "Strikes")] == names
    assert {
        name for block in blocks("console") for name in re.findall(r"└ ([\w-]+):", block.text)
    } <= set(names)


# SQL


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An archive without a page."""
    file = tmp_path / "var" / "nightdesk.db"
    store = Database(f"sqlite:///{file}")
    migrate.ensure(store)
    store.close()
    return file


def test_the_columns_of_the_views_are_the_documented_ones(empty: Path) -> None:
    documented = re.findall(
        r"^\*\*`(\w+)`\*\*.*\n\n\| Column \| Type \| Meaning \|\n\|[-|]+\n((?:\|.*\n)+)",
        README,
        flags=re.M,
    )
    with sqlite3.connect(empty) as archive:
        views = [
            name
            for (name,) in archive.execute(
                "SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name"
            )
        ]
        assert [name for name, _ in documented] == views
        for name, rows in documented:
            cursor = archive.execute(f"SELECT * FROM {name}")
            assert re.findall(r"^\| `(\w+)`", rows, flags=re.M) == [
                column[0] for column in cursor.description
            ]


def test_the_sql_examples_run(empty: Path) -> None:
    queries = [query for block in blocks("sql") for query in block.text.split(";") if query.strip()]
    assert queries
    with sqlite3.connect(empty) as archive:
        for query in queries:
            assert archive.execute(query).fetchall() == []


@HOME
@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_the_python_examples_run(home: Path, number: int) -> None:
    block = blocks("python")[number]
    for name in re.findall(r"^import (\w+)$", block.text, re.M):
        pytest.importorskip(name, reason=f"{name} is not installed")
    if "takeout/" in block.text and not (takeout := home / "takeout" / "articles.parquet").exists():
        assert nightdesk(home, "export", str(takeout)).code == ExitCode.OK
    code = reader_of_sqlite() + block.text if "TYPE sqlite" in block.text else block.text
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def reader_of_sqlite() -> str:
    """What DuckDB would fetch from the network."""
    found = pytest.importorskip(
        "duckdb_extension_sqlite_scanner", reason="DuckDB's reader of SQLite is not installed"
    )
    (file,) = Path(found.__file__).parent.rglob("*.duckdb_extension")
    return f"import duckdb\nduckdb.load_extension({str(file)!r})\n"


@HOME
def test_datasette_shows_the_views(home: Path) -> None:
    datasette = pytest.importorskip("datasette.app", reason="Datasette is not installed")
    (line,) = (
        line
        for block in blocks("text")
        for line in block.text.splitlines()
        if line.startswith("datasette ")
    )
    program, verb, flag, file = line.split()
    assert (program, verb, flag) == ("datasette", "serve", "--immutable")
    (address,) = re.findall(r"`http://127\.0\.0\.1:8001(/[^`]+)`", README)

    async def answers() -> tuple[Any, Any]:
        client = datasette.Datasette([], immutables=[str(home / file)]).client
        return await client.get(address), await client.get(
            "/nightdesk/ledger.json?_shape=array&outcome=gone&_size=1"
        )

    page, ledger = asyncio.run(answers())
    assert (page.status_code, "harbour-courier" in page.text) == (200, True)
    assert ledger.status_code == 200


# Samples and links


def test_local_links_lead_somewhere() -> None:
    for name in ("README.md", "CHANGELOG.md"):
        links = re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text(encoding="utf8"))
        missing = [
            link for link in links if not link.startswith("http") and not (ROOT / link).exists()
        ]
        assert not missing


def test_the_changelog_speaks_of_this_version() -> None:
    assert f"\n## {__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf8")
