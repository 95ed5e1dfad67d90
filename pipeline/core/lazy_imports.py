"""Packages that import a module only when somebody uses a name of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_names(package: str, modules: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Make the `__getattr__` of a package that re-exports names of other modules.

    A name is looked up in its module at each use. So a test that replaces a function in its module
    also replaces it here.

    Args:
        package: The name of the package, for the message of an AttributeError.
        modules: The names that each module exports, by the full name of the module.
    """
    module_by_name: dict[str, str] = {}
    for module, names in modules.items():
        for name in names:
            module_by_name[name] = module

    def load(name: str) -> Any:
        if name not in module_by_name:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(module_by_name[name]), name)

    return load
