"""The manifest of an export: what was asked, what came of it, and the digest of each file; and the proof that all is as it was.

Promises a plain JSON file that other programs can read, and that `verify` says in plain words what is wrong and misses no byte.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from os import scandir
from pathlib import Path
from typing import Any, Final

from pipeline._version import __version__
from pipeline.core.errors import ConfigError
from pipeline.formats.article_record import format_timestamp, text_sha256
from pipeline.formats.atomic_files import PART_MARKER, open_input
from pipeline.store.db import migrate
from pipeline.store.read.export_articles import ExportQuery

NAME: Final = "_manifest.json"  # in a folder; readers of Parquet pass such names over
ENDING: Final = ".manifest.json"  # beside a file
KIND: Final = "nightdesk_export"
VERSION: Final = 1
FOLDERS: Final = (
    "text",
    "parquet",
    "pages",
    "drafts",
    "texts",
)  # formats of whose files none may be added
MOST: Final = 20  # troubles of one kind that are named one by one


def manifest_path(path: Path) -> Path:
    """Where the manifest of a file lies."""
    return path.with_name(path.name + ENDING)


def manifest_head(name: str, asked: ExportQuery) -> dict[str, Any]:
    """What is known before anything is written."""
    wanted = asdict(asked) | {
        "since": format_timestamp(asked.since),
        "until": format_timestamp(asked.until),
        "sites": list(asked.sites),
    }
    return {
        KIND: VERSION,
        "made_at": format_timestamp(datetime.now(UTC).replace(microsecond=0)),
        "nightdesk": __version__,
        "schema": migrate.head(),
        "format": name,
        "asked": wanted,
    }


def file_entry(path: Path, name: str) -> dict[str, Any]:
    """A file's line: its name, size and digest, as read back from the disk."""
    made, size = sha256(), 0
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            made.update(piece)
            size += len(piece)
    return {"path": name, "size": size, "sha256": made.hexdigest()}


def folder_entries(root: Path) -> Iterator[dict[str, Any]]:
    """The lines of all files of a folder."""
    for path in _files(root):
        yield file_entry(path, path.relative_to(root).as_posix())


def _files(root: Path) -> Iterator[Path]:
    """All files of a folder but for its manifest, in order, a folder at a time: there may be as many as articles."""
    yield from (path for path in _below(root) if path != root / NAME and path.name != PART_MARKER)


def _below(folder: Path) -> Iterator[Path]:
    with scandir(folder) as found:
        entries = sorted((each.name, each.is_dir(follow_symlinks=False)) for each in found)
    for name, is_folder in entries:
        path = folder / name
        if is_folder:
            yield from _below(path)
        elif path.is_file():
            yield path


def write_manifest(
    path: Path, head: dict[str, Any], counts: dict[str, Any], files: Iterator[dict[str, Any]]
) -> dict[str, Any]:
    """Writes a manifest, its files one a line as they come, and returns it without them."""
    told = head | counts
    with path.open("w", encoding="utf8") as stream:
        stream.write(
            json.dumps(told, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "files": ['
        )
        for number, each in enumerate(files):
            stream.write(("," if number else "") + "\n  " + json.dumps(each, ensure_ascii=False))
        stream.write("\n ]\n}\n")
    return told


def read_manifest(path: Path) -> tuple[Path, dict[str, Any]]:
    """The folder that a manifest's names belong to, and the manifest, for an export, its folder or its manifest. Raises
    ConfigError."""
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder")
    named = path.name.endswith(ENDING) or path.name == NAME
    where = path / NAME if path.is_dir() else path if named else manifest_path(path)
    if not where.is_file():
        raise ConfigError(
            f"{where}: there is no manifest, without which nothing can be verified; was this exported by Nightdesk?"
        )
    try:
        found = json.loads(where.read_bytes())
        if found[KIND] != VERSION or not all(
            isinstance(each["path"], str) for each in found["files"]
        ):
            raise ValueError
    except (ValueError, KeyError, TypeError, OSError):
        raise ConfigError(
            f"{where}: is no manifest that this version can read, or is damaged itself"
        ) from None
    return where.parent, found


def verify(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The manifest of an export, and what is wrong with it in sentences, none where all is as it was exported."""
    root, found = read_manifest(path)
    wrong: list[str] = []
    for each in found["files"]:
        wrong += file_issues(root, each)
    if (root / NAME).is_file() and found["format"] in FOLDERS:
        known = {each["path"] for each in found["files"]}
        more = [
            name
            for name in (each.relative_to(root).as_posix() for each in _files(root))
            if name not in known
        ]
        wrong += [f"{root / name}: is not in the manifest; it was added later" for name in more]
    if found["format"] == "jsonl":
        for each in found["files"]:
            wrong += _wrong_lines(root / each["path"], found["counts"]["articles"])
    return found, _bounded(wrong)


def file_issues(root: Path, told: dict[str, Any]) -> list[str]:
    """What is wrong with one file of an export, by its line in the manifest: a sentence, or none."""
    path = root / told["path"]
    if not path.resolve().is_relative_to(root.resolve()):
        return [f"{told['path']}: lies outside of the export, which no manifest of ours says"]
    if not path.is_file():
        return [f"{path}: is missing"]
    try:
        there = file_entry(path, told["path"])
    except OSError as error:
        return [f"{path}: cannot be read: {error.strerror}"]
    if there["size"] != told["size"]:
        return [f"{path}: has {there['size']:,} bytes, and {told['size']:,} were exported"]
    if there["sha256"] != told["sha256"]:
        return [
            f"{path}: its content is another than was exported (its SHA-256 is not the one in the manifest)"
        ]
    return []


def _wrong_lines(path: Path, articles: int) -> Iterator[str]:
    """Of JSON lines also each text's own digest is checked, so that the damaged articles are named."""
    if not path.is_file():
        return
    number = 0
    try:
        with open_input(path) as stream:
            for number, line in enumerate(stream, 1):
                if told := _wrong_line(line):
                    yield f"{path}, line {number}: {told}"
    except (OSError, EOFError, zlib.error) as error:
        yield f"{path}: cannot be read behind line {number}: {error}"
        return
    if number != articles:
        yield f"{path}: has {number:,} articles, and {articles:,} were exported"


def _wrong_line(line: bytes) -> str:
    try:
        values = json.loads(line)
        if text_sha256(values["text"]) != values["text_sha256"]:
            return f"the text of article {values['id']} is another than was exported"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "is no article as it was exported"
    return ""


def _bounded(wrong: list[str]) -> list[str]:
    more = len(wrong) - MOST
    return wrong if more <= 0 else [*wrong[:MOST], f"and {more:,} more like these"]
