"""The facades of the store export what they declare, and load it only when it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.store import maintenance, read

FACADES = (read, maintenance)


def declared_names(facade: ModuleType) -> dict[str, list[str]]:
    """The names that type checkers see, by module."""
    assert facade.__file__ is not None
    tree = ast.parse(Path(facade.__file__).read_text(encoding="utf8"))
    names: dict[str, list[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.If):
            for statement in node.body:
                if isinstance(statement, ast.ImportFrom):
                    assert statement.module is not None
                    names[statement.module] = [alias.name for alias in statement.names]
    return names


@pytest.mark.parametrize("facade", FACADES)
def test_a_facade_exports_the_names_that_type_checkers_see(facade: ModuleType) -> None:
    modules: Mapping[str, Sequence[str]] = facade._MODULES
    assert declared_names(facade) == {name: list(names) for name, names in modules.items()}
    for names in modules.values():
        for name in names:
            assert getattr(facade, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing_like_this'"):
        facade.nothing_like_this  # noqa: B018


@pytest.mark.parametrize("facade", FACADES)
def test_a_facade_loads_no_database_code_before_it_is_used(facade: ModuleType) -> None:
    program = f"import sys, {facade.__name__}; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
