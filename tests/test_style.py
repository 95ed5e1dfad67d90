"""The limits of how code is written here: a change that passes one of them fails in this file."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("crawler", "pipeline", "nightdesk", "migrations")
FULL_FOLDERS = ("cli/commands", "web/routes")  # one file for each command and each group of pages
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

MAX_COLUMNS = 100
MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 80
MAX_MODULES_IN_A_FOLDER = 22
MAX_README_LINES = 200
MAX_UNFORMATTED_PLACES = 40
MAX_COMPREHENSIONS = 25.0  # in a thousand lines of code
MAX_NESTED_COMPREHENSIONS = 0.6  # in a thousand lines of code
MAX_CONDITIONAL_EXPRESSIONS = 15.0  # in a thousand lines of code
MAX_SHARED_CLASS_NAMES = 0.06  # share of the class definitions
MAX_SHARED_MODULE_NAMES = 0.25  # share of the modules

pytestmark = pytest.mark.xdist_group("style")


@dataclass(frozen=True)
class Module:
    """A module of the project: its path below the checkout, its text and its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def nodes(self) -> Iterator[ast.AST]:
        """All nodes of the tree."""
        return ast.walk(self.tree)


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the packages."""
    result = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf8")
            result.append(Module(path.relative_to(ROOT), text, ast.parse(text)))
    return tuple(result)


@cache
def code_lines() -> int:
    """Return how many lines hold code: no blank lines, comments or docstrings."""
    total = 0
    for module in modules():
        docstring_lines: set[int] = set()
        for node in module.nodes:
            if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) and ast.get_docstring(node):
                expression = node.body[0]
                docstring_lines.update(range(expression.lineno, (expression.end_lineno or 0) + 1))
        for number, line in enumerate(module.text.splitlines(), 1):
            text = line.strip()
            if text and not text.startswith("#") and number not in docstring_lines:
                total += 1
    return total


def per_thousand(count: int) -> float:
    """Return a count for each thousand lines of code."""
    return 1000 * count / code_lines()


def is_nested_comprehension(node: ast.AST) -> bool:
    """Say whether a comprehension has two loops, or holds another comprehension."""
    if not isinstance(node, COMPREHENSIONS):
        return False
    inner = any(isinstance(each, COMPREHENSIONS) for each in ast.walk(node) if each is not node)
    return inner or len(node.generators) > 1


def shared_share(modules_by_name: dict[str, list[Path]]) -> float:
    """Return the share of the definitions whose name several modules use."""
    total = sum(len(paths) for paths in modules_by_name.values())
    shared = sum(len(paths) for paths in modules_by_name.values() if len(paths) > 1)
    return shared / total


def test_lines_are_at_most_a_hundred_columns_long() -> None:
    long = []
    for module in modules():
        for number, line in enumerate(module.text.splitlines(), 1):
            if len(line) > MAX_COLUMNS:
                long.append(f"{module.path}:{number}")
    assert not long


def test_few_places_are_kept_from_the_formatter() -> None:
    count = 0
    for module in modules():
        count += module.text.count("fmt: skip") + module.text.count("fmt: off")
    assert count <= MAX_UNFORMATTED_PLACES


def test_modules_are_short() -> None:
    lengths = {str(module.path): module.text.count("\n") for module in modules()}
    assert not {name: length for name, length in lengths.items() if length > MAX_MODULE_LINES}


def test_functions_are_short() -> None:
    long = []
    for module in modules():
        if (
            module.path.parts[0] == "migrations"
        ):  # a migration that makes all tables is long by nature
            continue
        for node in module.nodes:
            if isinstance(node, FUNCTIONS):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long.append(f"{module.path}:{node.lineno} {node.name}")
    assert not long


def test_folders_are_small() -> None:
    counts: dict[str, int] = defaultdict(int)
    for module in modules():
        folder = module.path.parent.as_posix()
        if module.path.stem not in ("__init__", "__main__") and not folder.endswith(FULL_FOLDERS):
            counts[folder] += 1
    assert not {name: count for name, count in counts.items() if count > MAX_MODULES_IN_A_FOLDER}


def test_comprehensions_are_rare_and_plain() -> None:
    total = nested = 0
    for module in modules():
        for node in module.nodes:
            total += isinstance(node, COMPREHENSIONS)
            nested += is_nested_comprehension(node)
    assert per_thousand(total) <= MAX_COMPREHENSIONS
    assert per_thousand(nested) <= MAX_NESTED_COMPREHENSIONS


def test_conditional_expressions_are_rare_and_never_nested() -> None:
    total, nested = 0, []
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.IfExp):
                total += 1
                if isinstance(node.body, ast.IfExp) or isinstance(node.orelse, ast.IfExp):
                    nested.append(f"{module.path}:{node.lineno}")
    assert not nested
    assert per_thousand(total) <= MAX_CONDITIONAL_EXPRESSIONS


def test_a_class_name_means_one_class() -> None:
    paths: dict[str, list[Path]] = defaultdict(list)
    for module in modules():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef):
                paths[node.name].append(module.path)
    shared = {name: where for name, where in paths.items() if len(where) > 1}
    assert shared_share(paths) <= MAX_SHARED_CLASS_NAMES, shared


def test_module_names_are_mostly_unique() -> None:
    paths: dict[str, list[Path]] = defaultdict(list)
    for module in modules():
        folder = module.path.parent.as_posix()
        if module.path.stem not in ("__init__", "__main__") and not folder.endswith(FULL_FOLDERS):
            paths[module.path.stem].append(module.path)
    assert shared_share(paths) <= MAX_SHARED_MODULE_NAMES


def test_the_readme_is_short() -> None:
    assert (ROOT / "README.md").read_text(encoding="utf8").count("\n") <= MAX_README_LINES
