"""The tutorial leads from an empty folder to an article and a watch, as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline import demo_site
from pipeline.core.errors import ExitCode
from tests.support import documentation
from tests.support.cli import CommandResult, nightdesk

PAGE = "docs/tutorial.md"
SITE = "https://www.example.org/"
LOCAL = ("--allow-private", "--delay", "0.01", "--yes")  # the site is on this machine
pytestmark = pytest.mark.slow


def tutorial_blocks() -> list[documentation.FencedBlock]:
    """Return the fenced blocks of the tutorial, in order."""
    return [block for block in documentation.blocks("text", "toml") if block.page == PAGE]


def five_commands() -> list[tuple[str, ...]]:
    """Return the commands that lead from nothing to the first article."""
    (block,) = [block for block in tutorial_blocks() if "nightdesk init" in block.text]
    return [shown.words for shown in documentation.commands_in(block.text)]


def run_five_commands(folder: Path, url: str) -> list[CommandResult]:
    """Run the five commands in a folder, on another site than the tutorial names."""
    results: list[CommandResult] = []
    home = folder
    for command, *words in five_commands():
        typed = [url if word == SITE else word for word in words]
        if command == "init":
            typed[0] = str(folder / typed[0])
            home = Path(typed[0])
        if command == "add":
            typed += LOCAL
        if command == "search":
            typed = ["harbour"]
        if command == "show":
            typed = [results[-1].out.split()[0]]
        results.append(nightdesk(home, command, *typed))
    return results


def test_five_commands_lead_from_nothing_to_an_article_and_a_watch(tmp_path: Path) -> None:
    assert [words[0] for words in five_commands()] == ["init", "add", "crawl", "search", "show"]
    with demo_site.serve_demo_sites(night=1) as server:
        results = run_five_commands(tmp_path, server.base_url("harbour-courier"))
    assert [(result.code, result.err) for result in results] == [(ExitCode.OK, "")] * 5
    article = results[-1].out
    assert re.search(r"^Published 2026-", article, re.M)
    assert "harbour" in article.split("\n\n", 1)[1].lower()

    home = tmp_path / "archive"
    (watch,) = [block.text for block in tutorial_blocks() if "[[watch]]" in block.text]
    with (home / "config" / "nightdesk.toml").open("a", encoding="utf8") as settings:
        settings.write("\n" + watch)
    listed = nightdesk(home, "watches", MAIL_PASSWORD="secret")
    assert (listed.code, listed.err) == (ExitCode.OK, "")
    assert listed.out.splitlines()[1].split()[:2] == ["mayor", "mayor"]
