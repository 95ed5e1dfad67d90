"""Read sets of labelled pages, and cache the texts that candidates made of them."""

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
REQUIRED_KEYS = ("id", "html")
LABEL_KEYS = ("text", "with", "without")  # one of them is required
Row = dict[str, Any]


@dataclass(frozen=True)
class LabelledSet:
    """The pages of one file, with the SHA-256 of its bytes."""

    name: str
    digest: str
    pages: tuple[Row, ...]


def exit_with_message(sentence: str) -> NoReturn:
    """End the benchmark with one sentence and exit code 2."""
    sys.stderr.write(f"{sentence}\n")
    sys.exit(2)


def load_set(path: Path, labels: Sequence[str] = LABEL_KEYS) -> LabelledSet:
    """Read a set; a file that holds none ends the benchmark with a sentence.

    Args:
        path: The file.
        labels: The keys of which each page needs one; () for pages without any.
    """
    try:
        digest = sha256(path.read_bytes()).hexdigest()
        with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf8") as lines:
            pages = tuple(json.loads(line) for line in lines if line.strip())
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        exit_with_message(f"{path}: cannot be read as labelled pages: {error}")
    for number, page in enumerate(pages, 1):
        for key in REQUIRED_KEYS:
            if not isinstance(page, dict) or not isinstance(page.get(key), str):
                exit_with_message(
                    f"{path}, page {number}: {key!r} is missing; "
                    "tests/bench/__init__.py says what a set is"
                )
        if labels and not any(key in page for key in labels):
            exit_with_message(
                f"{path}, page {number}: has no 'text', 'with' or 'without'; "
                "tests/bench/__init__.py says what a set is"
            )
    if not pages:
        exit_with_message(f"{path}: holds no page")
    return LabelledSet(path.name.split(".")[0], digest, pages)


class Cache:
    """A folder with texts by candidate, version and set; without a folder nothing is stored."""

    def __init__(self, folder: Path | None) -> None:
        """Use a folder, which is created when needed."""
        self.folder = folder

    def get(self, labelled_set: LabelledSet, candidate: str, version: str) -> dict[str, Row] | None:
        """Return the rows of a candidate by page id, or None.

        Args:
            labelled_set: The set.
            candidate: The name of the candidate.
            version: Its version; "" where it is not installed. Then the newest rows count, which
                another environment has stored.
        """
        if self.folder is None:
            return None
        digest = labelled_set.digest[:12]
        pattern = f"{labelled_set.name}-{digest}-{candidate}-{version or '*'}.jsonl"
        paths = sorted(self.folder.glob(pattern), key=lambda path: path.stat().st_mtime)
        if not paths:
            return None
        return {row["id"]: row for row in _read_rows(paths[-1])}

    def put(
        self, labelled_set: LabelledSet, candidate: str, version: str, rows: Sequence[Row]
    ) -> None:
        """Store the rows of a candidate; the arguments are those of `get`."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        digest = labelled_set.digest[:12]
        path = self.folder / f"{labelled_set.name}-{digest}-{candidate}-{version}.jsonl"
        partial = path.with_suffix(".partial")
        lines = [json.dumps(row) + "\n" for row in rows]
        partial.write_text("".join(lines), encoding="utf8")
        partial.replace(path)


def _read_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf8") as lines:
        yield from map(json.loads, lines)
