"""Every command that the documentation shows exists, and every command that exists is shown."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import pytest

from pipeline.cleaning.rules.registry import RULES
from pipeline.core.errors import ExitCode
from pipeline.core.models import Outcome, Reason
from tests.docs.conftest import TYPED, run_nightdesk
from tests.support import documentation
from tests.support.cli import nightdesk as run_in_process
from tests.support.cli import nightdesk_process
from tests.support.documentation import ROOT, ShownCommand, shown_commands

PLACEHOLDERS = re.compile(r"[A-Z]{2,}|…")
READING = {"sites", "search", "count", "changes", "show", "explain", "runs", "status", "report"}
READING |= {"clean", "profile"}
NEED_ARGUMENTS = {"search", "count", "show", "explain", "profile"}
MOVING = {"export", "verify", "import", "extract-export"}
pytestmark = pytest.mark.xdist_group("docs")  # one worker makes the home


def test_every_command_line_that_is_shown_exists() -> None:
    wrong = {}
    for shown in shown_commands():
        problem = documentation.what_does_not_exist(shown)
        if problem:
            wrong[" ".join(shown.words)] = problem
    assert not wrong


def test_every_command_is_shown() -> None:
    names = {shown.command for shown in shown_commands()}
    assert not set(documentation.command_line().commands) - names


def test_every_option_is_shown_or_stands_in_the_help_of_its_command() -> None:
    """The reference of the commands is generated, so an option only needs a text of its own."""
    without_help = []
    for name, command in documentation.command_line().commands.items():
        for parameter in command.params:
            if not getattr(parameter, "help", ""):
                without_help.append(f"{name} {parameter.name}")
    assert not without_help


def test_every_command_has_an_example_in_its_help() -> None:
    commands = documentation.command_line().commands
    assert not [
        name
        for name, command in commands.items()
        if f"nightdesk {name}" not in (command.epilog or "")
    ]


def is_example_for_readers(shown: ShownCommand) -> bool:
    """Say whether a shown command can run against the home of the tests."""
    if shown.command not in READING or any(PLACEHOLDERS.search(word) for word in shown.words):
        return False
    if shown.command in NEED_ARGUMENTS and len(shown.from_command) == 1:
        return False  # prose that names the command
    words = set(shown.words)
    return not words & {"--database-url", "gazette", "--enqueue", "--alert", "/opt/nightdesk"}


def test_the_commands_that_read_run_as_shown(home: Path) -> None:
    with sqlite3.connect(home / "var" / "nightdesk.db") as archive:
        article = str(archive.execute("SELECT max(id) FROM articles").fetchone()[0])
    tried: set[str] = set()
    for shown in shown_commands():
        if not is_example_for_readers(shown):
            continue
        words = list(shown.from_command)
        if shown.command in ("show", "explain"):
            words = [re.sub(r"^\d+$", article, word) for word in words]
        # the first of each kind runs with nothing loaded but what it loads itself
        run = run_in_process if shown.command in tried else nightdesk_process
        result = run(home, *words, **TYPED)
        assert (result.code, result.err) == (ExitCode.OK, ""), " ".join(words)
        tried.add(shown.command)
        if shown.output and shown.command in ("sites", "runs", "status"):
            assert shown.output[0].split() == result.out.splitlines()[0].split(), " ".join(words)
    assert tried == READING


def test_the_commands_that_move_data_run_as_shown(home: Path, tmp_path: Path) -> None:
    pages = tmp_path / "saved-pages"
    pages.mkdir()
    (pages / "story.html").write_text(
        "<html><body><h1>Old</h1><p>The ferry left.</p></body></html>"
    )
    shutil.copytree(home, tmp_path / "home")  # imports must not change the home of other tests
    shutil.copy(home / "var" / "nightdesk.db", tmp_path / "other.db")
    tried = set()
    for block in documentation.blocks("console"):
        for shown in documentation.commands_in(block.text):
            if shown.command not in MOVING:
                continue
            words = []
            for word in shown.words:
                words.append(re.sub("^(sqlite:///)?takeout/", rf"\1{tmp_path}/", word))
            result = run_in_process(tmp_path / "home", *words, **TYPED)
            assert (result.code, result.err) == (ExitCode.OK, ""), " ".join(words)
            tried.add(shown.command)
    assert tried == MOVING


def test_what_is_shown_of_an_article_is_printed_so(home: Path) -> None:
    with sqlite3.connect(home / "var" / "nightdesk.db") as archive:
        article = str(archive.execute("SELECT max(id) FROM articles").fetchone()[0])
    examples = [
        each for each in shown_commands() if each.output and each.command in ("show", "explain")
    ]
    assert len(examples) == 2
    for shown in examples:
        printed = labels(run_nightdesk(home, shown.command, article).out.splitlines())
        expected = labels(shown.output)
        assert expected == [label for label in printed if label in expected]


def test_the_summary_of_a_night_is_shown_as_it_is_printed(home: Path) -> None:
    (shown,) = [each for each in shown_commands() if each.command == "crawl" and each.output]
    printed = (home / "printed.txt").read_text(encoding="utf8").splitlines()
    assert without_numbers(shown.output[-1]) == without_numbers(printed[-1])
    headers = []
    for line in shown.output:
        if line.startswith(("Crawl ", "Cleaning ")):
            headers.append(re.split(" {2,}", line))
    assert [header[:2] for header in headers] == [["Crawl", "URLs seen"], ["Cleaning", "pages"]]
    codes = {str(code).replace("_", " ") for code in (*Outcome, *Reason)}
    for header in headers:
        assert set(header[2:]) <= codes
    (removed,) = [line for line in shown.output if line.startswith("Removed ")]
    names = set(re.findall(r"([a-z]+-?[a-z]*) \d", removed.partition(":")[2]))
    assert names <= {rule.name for rule in RULES}


def without_numbers(line: str) -> str:
    """Return a line with all numbers replaced."""
    return re.sub(r"\d+", "N", line)


def labels(lines: Sequence[str]) -> list[str]:
    """Return the first words of the lines between the title and the first empty line."""
    return [line.split()[0] for line in takewhile(bool, lines[1:])]


def test_ci_runs_the_two_lines_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf8")
    readme = documentation.page_text("README.md")
    patterns = re.findall(r"readme_line '([^']+)'", script)
    assert len(patterns) == 2
    for pattern in patterns:
        assert len(re.findall(pattern, readme, flags=re.M)) == 1
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_stress_tests_and_benchmarks_that_are_shown_exist() -> None:
    for block in documentation.blocks("text", "console"):
        for folder, name in re.findall(r"python -m tests\.(stress|bench)[. ]([a-z_]+)", block.text):
            modules = (ROOT / "tests" / folder).glob("*.py")
            names = {path.stem for path in modules}
            if folder == "stress":
                from tests.stress.__main__ import STRESS_TESTS

                names = set(STRESS_TESTS)
            assert name in names, f"{block.page}: {name}"
