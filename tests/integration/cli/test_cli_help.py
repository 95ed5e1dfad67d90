"""The help shows every command in a group with an example, and a start loads what it needs."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from pipeline._version import __version__
from pipeline.cli import application
from pipeline.cli.command_table import COMMANDS
from tests.support.cli import ROOT, clean_environment

HELP_WIDTH = {"COLUMNS": "200", "TERM": "dumb"}


def command_group() -> Any:
    return typer.main.get_command(application())


def loaded_modules(*words: str) -> set[str]:
    """Return the modules that a start with these words loads."""
    code = (
        "import sys; from pipeline.cli import application; application(sys.argv[1:]);"
        " print(*sys.modules)"
    )
    return set(run_python(code, *words).split())


def run_python(code: str, *words: str) -> str:
    process = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
        cwd=ROOT,
    )
    return process.stdout


def test_help_names_every_command_in_its_group() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "pipeline", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(**HELP_WIDTH),
        cwd=ROOT,
    )
    words = process.stdout.split()
    for name in COMMANDS:
        assert name in words
    for group in {entry.group for entry in COMMANDS.values()}:
        assert f" {group} " in process.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_group_a_sentence_and_examples_of_itself(name: str) -> None:
    command = command_group().commands[name]
    assert command.rich_help_panel == COMMANDS[name].group
    assert command.help.strip().endswith(".")
    first_paragraph = command.help.partition("\n\n")[0]
    assert COMMANDS[name].summary == " ".join(first_paragraph.split())
    heading, *examples = command.epilog.split("\n\n")
    assert heading in ("Example:", "Examples:")
    for example in examples:
        assert name in shlex.split(example)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_and_argument_is_described(name: str) -> None:
    for parameter in command_group().commands[name].params:
        assert parameter.help, f"{name}: {parameter.name}"


def test_a_start_loads_the_module_of_one_command() -> None:
    modules = loaded_modules("--home", "x", "sites")
    commands = {name for name in modules if name.startswith("pipeline.cli.commands.")}
    assert commands == {"pipeline.cli.commands.sites"}
    assert not {name for name in modules if name.startswith("pipeline.store")}


@pytest.mark.parametrize("name", ["compact", "prune", "backup", "search", "show", "report"])
def test_a_command_that_does_not_crawl_does_not_load_the_nightly_job(name: str) -> None:
    modules = loaded_modules(name)
    assert not modules & {"pipeline.jobs.nightly", "pipeline.jobs.crawl", "crawler.spider"}


def test_a_start_loads_each_command_that_the_arguments_name() -> None:
    modules = loaded_modules("show", "sites")
    commands = {name for name in modules if name.startswith("pipeline.cli.commands.")}
    assert commands == {"pipeline.cli.commands.show", "pipeline.cli.commands.sites"}


@pytest.mark.parametrize("words", [(), ("--help",), ("no-such-command",)])
def test_the_help_loads_no_command_and_no_large_library(words: tuple[str, ...]) -> None:
    modules = loaded_modules(*words)
    assert not {name for name in modules if name.startswith("pipeline.cli.commands.")}
    assert not modules & {"sqlalchemy", "pydantic", "scrapy", "trafilatura", "lxml", "alembic"}


def test_the_version_is_printed_without_the_command_line() -> None:
    code = (
        "import sys; sys.argv = ['nightdesk', '--version']; from pipeline.__main__ import main;"
        " main(); print(*sys.modules)"
    )
    version, modules = run_python(code).splitlines()
    assert version == f"nightdesk {__version__}"
    assert not {"typer", "rich", "pydantic", "sqlalchemy"} & set(modules.split())


NOT_FOR_READING = {
    "alembic", "apscheduler", "asyncpg", "crawler", "dotenv", "fastapi", "feedparser", "filelock",
    "htmldate", "jinja2", "lxml", "numpy", "psycopg", "py3langid", "pydantic_settings", "scrapy",
    "pipeline.config.settings", "pipeline.config.site", "sqlalchemy.dialects.postgresql",
    "sqlalchemy.orm", "starlette", "trafilatura", "twisted", "uvicorn",
}  # fmt: skip


@pytest.mark.parametrize("words", [("search", "harbour"), ("show", "1")])
def test_a_command_that_reads_loads_only_what_it_uses(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    code = (
        "import sys; from contextlib import suppress; from pipeline.__main__ import main\n"
        "with suppress(SystemExit): main()\n"
        "import pipeline.store.search.search\n"  # what comes after the archive is open
        "print(*sys.modules)"
    )
    modules = set(run_python(code, "--home", str(tmp_path), *words).split())
    assert "sqlalchemy.dialects.sqlite" in modules  # it came as far as the archive
    assert modules & NOT_FOR_READING == set()


def test_an_unknown_command_gets_a_suggestion() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "pipeline", "serach"],
        capture_output=True,
        text=True,
        env=clean_environment(**HELP_WIDTH),
        cwd=ROOT,
    )
    assert (process.returncode, "Did you mean 'search'" in process.stderr) == (2, True)
