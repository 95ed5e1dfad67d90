"""The manifest of an export: what was exported, and the SHA-256 of each file.

It is a plain JSON file with a version number. `verify_export` compares the files with it.
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

MANIFEST_NAME: Final = "_manifest.json"  # in a folder; readers of Parquet skip such names
MANIFEST_ENDING: Final = ".manifest.json"  # beside a file
KIND: Final = "nightdesk_export"
VERSION: Final = 1
COMPLETE_FOLDERS: Final = ("text", "parquet", "pages", "extracted", "texts")  # no file may be added
MAX_SENTENCES: Final = 20  # problems that are named one by one
READ_BYTES: Final = 1 << 20


def item_name(content: str) -> str:
    """Return the noun for one item of an export, by the key of its count in the manifest."""
    return "extracted page" if content == "extracted" else content.removesuffix("s")


def manifest_path(path: Path) -> Path:
    """Return the path of the manifest of a file."""
    return path.with_name(path.name + MANIFEST_ENDING)


def manifest_head(name: str, query: ExportQuery) -> dict[str, Any]:
    """Return what a manifest says before anything is written.

    Args:
        name: The name of the format.
        query: What is exported.
    """
    selection = asdict(query)
    selection["since"] = format_timestamp(query.since)
    selection["until"] = format_timestamp(query.until)
    selection["sites"] = list(query.sites)
    selection["respect"] = list(query.respect)
    return {
        KIND: VERSION,
        "made_at": format_timestamp(datetime.now(UTC).replace(microsecond=0)),
        "nightdesk": __version__,
        "schema": migrate.head(),
        "format": name,
        "selection": selection,
    }


def file_entry(path: Path, name: str) -> dict[str, Any]:
    """Return the entry of a file: its name, size and digest, as read back from the disk."""
    digest = sha256()
    size = 0
    with path.open("rb") as stream:
        while piece := stream.read(READ_BYTES):
            digest.update(piece)
            size += len(piece)
    return {"path": name, "size": size, "sha256": digest.hexdigest()}


def folder_entries(root: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of all files of a folder."""
    for path in _exported_files(root):
        yield file_entry(path, path.relative_to(root).as_posix())


def _exported_files(root: Path) -> Iterator[Path]:
    """Yield all files of a folder but its manifest, in order."""
    for path in _walk(root):
        if path != root / MANIFEST_NAME and path.name != PART_MARKER:
            yield path


def _walk(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, one folder at a time: there may be as many as articles."""
    with scandir(folder) as entries:
        names = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_folder in names:
        path = folder / name
        if is_folder:
            yield from _walk(path)
        elif path.is_file():
            yield path


def write_manifest(
    path: Path, head: dict[str, Any], files: Iterator[dict[str, Any]]
) -> dict[str, Any]:
    """Write a manifest with one file a line, and return it without its files."""
    with path.open("w", encoding="utf8") as stream:
        text = json.dumps(head, ensure_ascii=False, indent=1)
        stream.write(text.removesuffix("\n}") + ',\n "files": [')
        separator = "\n  "
        for entry in files:
            stream.write(separator + json.dumps(entry, ensure_ascii=False))
            separator = ",\n  "
        stream.write("\n ]\n}\n")
    return head


def read_manifest(path: Path) -> tuple[Path, dict[str, Any]]:
    """Read a manifest.

    Args:
        path: An export, its folder or its manifest.

    Returns:
        The folder to which the file names belong, and the manifest.

    Raises:
        ConfigError: If there is no manifest, or if it is damaged or of another version.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder")
    file = _find_manifest(path)
    if not file.is_file():
        raise ConfigError(
            f"{file}: there is no manifest, so nothing can be verified; did Nightdesk export this?"
        )
    try:
        manifest = json.loads(file.read_bytes())
        has_paths = all(isinstance(entry["path"], str) for entry in manifest["files"])
        if manifest[KIND] != VERSION or not has_paths:
            raise ValueError
    except (ValueError, KeyError, TypeError, OSError):
        raise ConfigError(
            f"{file}: is no manifest that this version can read, or is damaged itself"
        ) from None
    return file.parent, manifest


def _find_manifest(path: Path) -> Path:
    if path.is_dir():
        return path / MANIFEST_NAME
    if path.name.endswith(MANIFEST_ENDING) or path.name == MANIFEST_NAME:
        return path
    return manifest_path(path)


def verify_export(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Compare the files of an export with its manifest.

    Returns:
        The manifest, and a sentence for each problem.

    Raises:
        ConfigError: If the manifest cannot be read.
    """
    root, manifest = read_manifest(path)
    issues: list[str] = []
    for entry in manifest["files"]:
        issues += file_issues(root, entry)
    if (root / MANIFEST_NAME).is_file() and manifest["format"] in COMPLETE_FOLDERS:
        issues += _added_files(root, manifest)
    if manifest["format"] == "jsonl":
        for entry in manifest["files"]:
            issues += _text_issues(root / entry["path"], manifest["counts"]["articles"])
    more = len(issues) - MAX_SENTENCES
    if more > 0:
        issues = [*issues[:MAX_SENTENCES], f"and {more:,} more like these"]
    return manifest, issues


def file_issues(root: Path, entry: dict[str, Any]) -> list[str]:
    """Return what is wrong with a file of an export, as one sentence or none.

    Args:
        root: The folder of the export.
        entry: The entry of the file in the manifest.
    """
    path = root / entry["path"]
    if not path.resolve().is_relative_to(root.resolve()):
        return [f"{entry['path']}: is outside of the export; Nightdesk writes no such manifest"]
    if not path.is_file():
        return [f"{path}: is missing"]
    try:
        actual = file_entry(path, entry["path"])
    except OSError as error:
        return [f"{path}: cannot be read: {error.strerror}"]
    if actual["size"] != entry["size"]:
        return [f"{path}: has {actual['size']:,} bytes, and {entry['size']:,} were exported"]
    if actual["sha256"] != entry["sha256"]:
        return [f"{path}: its content changed after the export (its SHA-256 is another one)"]
    return []


def _added_files(root: Path, manifest: dict[str, Any]) -> Iterator[str]:
    known = {entry["path"] for entry in manifest["files"]}
    for path in _exported_files(root):
        if path.relative_to(root).as_posix() not in known:
            yield f"{path}: is not in the manifest; it was added later"


def _text_issues(path: Path, articles: int) -> Iterator[str]:
    """Check the digest of each text of JSON lines, to name the damaged articles."""
    if not path.is_file():
        return
    number = 0
    try:
        with open_input(path) as stream:
            for number, line in enumerate(stream, 1):
                issue = _line_issue(line)
                if issue:
                    yield f"{path}, line {number}: {issue}"
    except (OSError, EOFError, zlib.error) as error:
        yield f"{path}: cannot be read after line {number}: {error}"
        return
    if number != articles:
        yield f"{path}: has {number:,} articles, and {articles:,} were exported"


def _line_issue(line: bytes) -> str:
    try:
        record = json.loads(line)
        if text_sha256(record["text"]) != record["text_sha256"]:
            return f"the text of article {record['id']} changed after the export"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "is no exported article"
    return ""
