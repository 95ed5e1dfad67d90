"""The help shows every command in a group with an example, and a start loads one command only."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import Any

import pytest
import typer

from pipeline.cli import COMMANDS, application
from tests.support.cli import ROOT, clean_environment

HELP_WIDTH = {"COLUMNS": "200", "TERM": "dumb"}


def command_group() -> Any:
    return typer.main.get_command(application())


def loaded_modules(*words: str) -> set[str]:
    """Return the modules of this project that a start with these words loads."""
    code = (
        "import sys; from pipeline.cli import application; application(sys.argv[1:]);"
        " print(*(name for name in sys.modules if name.startswith(('pipeline', 'crawler'))))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
        cwd=ROOT,
    )
    return set(process.stdout.split())


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
    for group in set(COMMANDS.values()):
        assert f" {group} " in process.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_group_a_sentence_and_examples_of_itself(name: str) -> None:
    command = command_group().commands[name]
    assert command.rich_help_panel == COMMANDS[name]
    assert command.help.strip().endswith(".")
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


@pytest.mark.parametrize("words", [("--help",), ("show", "sites"), ("no-such-command",)])
def test_a_start_without_one_certain_command_loads_all(words: tuple[str, ...]) -> None:
    modules = loaded_modules(*words)
    assert "pipeline.cli.commands.show" in modules
    assert "pipeline.cli.commands.crawl" in modules
