"""Exports that need nothing but the standard library: JSON lines, CSV, folders of texts."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from pipeline.formats.article_record import FIELDS, LISTS, TIMES, article_record, format_timestamp
from pipeline.formats.atomic_files import open_output
from pipeline.store.read.export_articles import ExportedArticle

FORMULAS: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "＝",
    "＋",
    "－",
    "＠",
)  # what a spreadsheet may begin to compute at
SLUG: Final = 80  # letters of a file's name
RESERVED: Final = re.compile(
    r"(?:con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE
)  # names that Windows keeps for itself
HEAD: Final = (
    "title", "authors", "published_at", "site", "url", "language", "section", "tags", "id", "payload_sha256", "recipe",
)  # fmt: skip


def jsonl(articles: Iterator[ExportedArticle], target: Path) -> int:
    """One article a line, with all fields."""
    written = 0
    with open_output(target) as stream:
        for article in articles:
            values = article_record(article)
            line = json.dumps(
                values | {name: format_timestamp(values[name]) for name in TIMES},
                ensure_ascii=False,
            )
            stream.write(line.encode("utf8") + b"\n")
            written += 1
    return written


def table(articles: Iterator[ExportedArticle], target: Path) -> int:
    """CSV for spreadsheets: UTF-8 with a mark at its beginning, one header line, lists joined by `; `. Where a cell begins with
    what a spreadsheet would compute, an apostrophe stands before it."""
    written = 0
    with (
        open_output(target) as binary,
        io.TextIOWrapper(binary, encoding="utf-8-sig", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(FIELDS)
        for article in articles:
            writer.writerow([_cell(value) for value in _flat(article_record(article)).values()])
            written += 1
    return written


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    times = {name: format_timestamp(values[name]) for name in TIMES}
    return values | times | {name: "; ".join(values[name]) for name in LISTS}


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


def texts(articles: Iterator[ExportedArticle], target: Path) -> int:
    """One file for each article, as `site/2026/03/slug.txt`: a small head, an empty line, the text."""
    written = 0
    for article in articles:
        values = article_record(article)
        at = article.article.published_at or article.article.first_seen_at
        folder = target / file_name(values["site"]) / f"{at:%Y}" / f"{at:%m}"
        folder.mkdir(parents=True, exist_ok=True)
        name = slug(values["url"])
        while (path := folder / f"{name}.txt").exists():
            name += f"-{values['id']}"
        path.write_bytes(_page(values).encode("utf8"))
        written += 1
    return written


def _page(values: dict[str, Any]) -> str:
    """Lines of `name: value`, then the text as it is."""
    values = _flat(values) | {"text": values["text"]}
    head = "".join(
        f"{name}: {' '.join(str(values[name]).split())}\n" for name in HEAD if values[name]
    )
    return f"{head}\n{values['text']}\n"


def slug(url: str) -> str:
    """A file's name for a URL: the last part of its path that has letters in it, or its host."""
    parts = urlsplit(url)
    named = [
        part for part in unquote(parts.path, errors="replace").split("/") if re.search(r"\w", part)
    ]
    last = re.sub(r"\.[a-z]{2,5}$", "", named[-1]) if named else parts.hostname or "article"
    return file_name(f"{last}-{parts.query}" if parts.query else last)


def file_name(text: str) -> str:
    """A name that every file system takes: small letters, digits, dots, - and _, of bounded length, never empty or hidden."""
    plain = unicodedata.normalize("NFC", text).lower()
    plain = re.sub(r"[^\w.-]+", "-", plain).strip("-._")
    while len(plain.encode("utf8")) > 2 * SLUG or len(plain) > SLUG:
        plain = plain[:-1]
    plain = plain.rstrip("-._") or "article"
    return f"_{plain}" if RESERVED.fullmatch(plain.partition(".")[0]) else plain
