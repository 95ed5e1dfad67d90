"""Labelled pages out of files, and texts that candidates made of them, kept in a folder."""

from __future__ import annotations

import gzip
import json
import lzma
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
NEEDED = ("id", "html", "text")
Row = dict[str, Any]


@dataclass(frozen=True)
class LabelledSet:
    """The pages of one file. `digest` is that of its bytes."""

    name: str
    digest: str
    pages: tuple[Row, ...]


def refuse(sentence: str) -> NoReturn:
    """Ends the benchmark with one sentence."""
    sys.stderr.write(f"{sentence}\n")
    sys.exit(2)


def load(path: Path) -> LabelledSet:
    """The set of one file; a file that is none ends the benchmark with a sentence."""
    try:
        digest = sha256(path.read_bytes()).hexdigest()
        with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf8") as lines:
            pages = tuple(json.loads(line) for line in lines if line.strip())
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        refuse(f"{path}: cannot be read as labelled pages: {error}")
    for number, page in enumerate(pages, 1):
        if missing := [
            key
            for key in NEEDED
            if not isinstance(page, dict) or not isinstance(page.get(key), str)
        ]:
            refuse(
                f"{path}, page {number}: {missing[0]!r} is missing; tests/bench/__init__.py says what a set is"
            )
    if not pages:
        refuse(f"{path}: holds no page")
    return LabelledSet(path.name.split(".")[0], digest, pages)


class Cache:
    """Texts by candidate, its version, and set. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, pages: LabelledSet, candidate: str, version: str) -> dict[str, Row] | None:
        """What was kept; where the candidate is not installed (its version is ""), the newest that another environment kept."""
        if self.folder is None:
            return None
        name = f"{pages.name}-{pages.digest[:12]}-{candidate}-{version or '*'}.jsonl"
        kept = sorted(self.folder.glob(name), key=lambda path: path.stat().st_mtime)
        return {row["id"]: row for row in _rows(kept[-1])} if kept else None

    def put(self, pages: LabelledSet, candidate: str, version: str, rows: Sequence[Row]) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{pages.name}-{pages.digest[:12]}-{candidate}-{version}.jsonl"
        partial = path.with_suffix(".partial")
        partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
        partial.replace(path)


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf8") as lines:
        yield from map(json.loads, lines)
