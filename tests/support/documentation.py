"""What the README and the manual show: fenced blocks, command lines and tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import dropwhile, groupby
from pathlib import Path
from typing import Any

from typer.main import get_command

from pipeline.cli import application

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SHELL_STOPS = {"&&", "||", "|", ">", ">>", ";"}
CRON_FIELD = re.compile(r"[\d*,/-]+")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class DocumentPage:
    """A page of the documentation: its path below the checkout, and its text."""

    path: str
    text: str


@dataclass(frozen=True)
class FencedBlock:
    """A fenced block of a page."""

    page: str
    language: str
    text: str


@dataclass(frozen=True)
class ShownCommand:
    """A command line as a page shows it.

    Attributes:
        words: The words after `nightdesk`.
        output: What the page shows of its output.
    """

    words: tuple[str, ...]
    output: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The name of the command, "" for options alone."""
        return next(iter(self.from_command), "")

    @property
    def from_command(self) -> tuple[str, ...]:
        """The words from the name of the command on."""
        words = list(self.words)
        while words and words[0].startswith("-"):
            option = words.pop(0)
            if words and takes_value(command_line(), option):
                words.pop(0)
        return tuple(words)

    @property
    def global_options(self) -> tuple[str, ...]:
        """The words before the name of the command."""
        return self.words[: len(self.words) - len(self.from_command)]


@cache
def pages() -> tuple[DocumentPage, ...]:
    """Return the README, the contributor's guide and all pages of the manual."""
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for path in sorted(DOCS.rglob("*.md")):
        if not any(part.startswith("_") for part in path.relative_to(DOCS).parts):
            paths.append(path)
    result = []
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        result.append(DocumentPage(name, path.read_text(encoding="utf8")))
    return tuple(result)


def page_text(path: str) -> str:
    """Return the text of one page."""
    return next(page.text for page in pages() if page.path == path)


@cache
def command_line() -> Any:
    """Return the whole command line, as the library below typer sees it."""
    return get_command(application())


def takes_value(command: Any, option: str) -> bool:
    """Say whether an option is followed by a value."""
    for parameter in command.params:
        if option in parameter.opts and not getattr(parameter, "is_flag", False):
            return True
    return False


def options_of(command: Any) -> set[str]:
    """Return the options of a command in all spellings, without those for help."""
    names = set()
    for parameter in command.params:
        names.update((*parameter.opts, *parameter.secondary_opts))
    return {name for name in names if name.startswith("-")} - {"--help", "-h"}


def blocks(*languages: str) -> list[FencedBlock]:
    """Return the fenced blocks of all pages in these languages."""
    result = []
    for page in pages():
        for language, text in FENCE.findall(page.text):
            if language in languages:
                result.append(FencedBlock(page.path, language, text))
    return result


def commands_in(text: str) -> Iterator[ShownCommand]:
    """Yield the commands of a block: its `$` lines with their output, else all lines."""
    lines = text.splitlines()
    prompts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    if not prompts:
        for line in lines:
            yield from commands_on(line)
    for start, end in zip(prompts, [*prompts[1:], len(lines)][: len(prompts)], strict=True):
        for shown in commands_on(lines[start].removeprefix("$ ")):
            yield ShownCommand(shown.words, tuple(lines[start + 1 : end]))


def commands_on(line: str) -> Iterator[ShownCommand]:
    """Yield the nightdesk commands of one line of a shell or of a crontab."""
    if "nightdesk" not in line or line.startswith(("ok ", "look ")):
        return
    words = shlex.split(line, comments=True)
    for is_stop, group in groupby(words, SHELL_STOPS.__contains__):
        command = list(dropwhile(CRON_FIELD.fullmatch, group))
        if is_stop or not command:
            continue
        while command and re.fullmatch(r"[A-Z_]+=.*", command[0]):
            command.pop(0)
        if command and (command[0] == "nightdesk" or command[0].endswith("/bin/nightdesk")):
            yield ShownCommand(tuple(command[1:]))


@cache
def shown_commands() -> tuple[ShownCommand, ...]:
    """Return every nightdesk command line of the documentation."""
    result = []
    for block in blocks("console", "text"):
        result += commands_in(block.text)
    for page in pages():
        prose = FENCE.sub("", page.text)
        for code in re.findall(r"`(nightdesk [^`]+)`", prose):
            result += commands_on(code)
    return tuple(result)


def what_does_not_exist(shown: ShownCommand) -> str:
    """Return the words of a command line that do not exist, or ""."""
    root = command_line()
    known = options_of(root) | {"--help", "-h"}
    unknown = []
    for word in shown.global_options:
        if word.startswith("-") and word not in known:
            unknown.append(word)
    if shown.command and shown.command not in root.commands:
        unknown.append(shown.command)
    elif shown.command:
        known = options_of(root.commands[shown.command]) | {"--help", "-h"}
        for word in shown.from_command[1:]:
            if word.startswith("-") and word not in known:
                unknown.append(word)
    return ", ".join(unknown)


def table(path: str, *header: str) -> list[list[str]]:
    """Return the rows of the table with this header, cells without their backticks."""
    lines = page_text(path).splitlines()
    start = lines.index("| " + " | ".join(header) + " |") + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        rows.append([cell.strip().strip("`").replace("\\|", "|") for cell in cells])
    return rows
