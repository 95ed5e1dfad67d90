"""Write a folder of text files, one for each article: `site/2026/03/slug.txt`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pipeline.formats.writers.csv import flat_record
from pipeline.store.read.export_articles import ExportedArticle

MAX_NAME_LENGTH: Final = 80  # characters of a file name
MAX_NAME_BYTES: Final = 160  # of it in UTF-8; file systems take 255
WINDOWS_NAMES: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
HEADER_FIELDS: Final = (
    "title",
    "authors",
    "agency",
    "published_at",
    "site",
    "url",
    "language",
    "section",
    "tags",
    "id",
    "payload_sha256",
    "recipe",
)


def write_text_folder(articles: Iterator[ExportedArticle], target: Path) -> int:
    """Write a text file for each article, and return how many there are.

    A file has lines of `name: value`, an empty line and the text.
    """
    count = 0
    for exported in articles:
        article = exported.article
        published_at = article.published_at or article.first_seen_at
        folder = target / file_name(article.site) / f"{published_at:%Y}" / f"{published_at:%m}"
        folder.mkdir(parents=True, exist_ok=True)
        path = _free_path(folder, slug(article.url), article.id)
        path.write_bytes(_page(flat_record(exported)).encode("utf8"))
        count += 1
    return count


def _free_path(folder: Path, name: str, article_id: int) -> Path:
    path = folder / f"{name}.txt"
    while path.exists():
        name += f"-{article_id}"
        path = folder / f"{name}.txt"
    return path


def _page(record: Mapping[str, Any]) -> str:
    lines = []
    for name in HEADER_FIELDS:
        if record[name]:
            value = " ".join(str(record[name]).split())
            lines.append(f"{name}: {value}\n")
    return f"{''.join(lines)}\n{record['text']}\n"


def slug(url: str) -> str:
    """Return a file name for a URL: the last path segment that has letters, or the host."""
    parts = urlsplit(url)
    segments = unquote(parts.path, errors="replace").split("/")
    names = [segment for segment in segments if re.search(r"\w", segment)]
    if names:
        name = re.sub(r"\.[a-z]{2,5}$", "", names[-1])
    else:
        name = parts.hostname or "article"
    return file_name(f"{name}-{parts.query}" if parts.query else name)


def file_name(text: str) -> str:
    """Return a file name that every file system takes.

    It has lower-case letters, digits, dots, hyphens and underscores, is short, and is neither
    empty nor hidden.
    """
    name = unicodedata.normalize("NFC", text).lower()
    name = re.sub(r"[^\w.-]+", "-", name).strip("-._")
    while len(name.encode("utf8")) > MAX_NAME_BYTES or len(name) > MAX_NAME_LENGTH:
        name = name[:-1]
    name = name.rstrip("-._") or "article"
    if WINDOWS_NAMES.fullmatch(name.partition(".")[0]):
        return f"_{name}"
    return name
