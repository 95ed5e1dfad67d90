"""All articles of a search as a file: JSON Lines, CSV, Parquet or Atom.

A file is written to the disk and deleted when it is sent, so memory does not grow with the search.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from pipeline.formats.atom import write_atom
from pipeline.formats.writers.csv import write_csv
from pipeline.formats.writers.jsonl import write_jsonl
from pipeline.formats.writers.parquet import write_parquet_file
from pipeline.store import read
from pipeline.web.dependencies import Context
from pipeline.web.routes.search import SearchText

router = APIRouter()


@dataclass(frozen=True, slots=True)
class SearchExport:
    """A file format: what writes it, its media type, and whether it needs the whole stories."""

    write: Callable[[Iterator[Any], Path], int]
    media_type: str
    has_stories: bool = True


EXPORTS: Final[Mapping[str, SearchExport]] = {
    "jsonl": SearchExport(write_jsonl, "application/x-ndjson"),
    "csv": SearchExport(write_csv, "text/csv; charset=utf-8"),
    "parquet": SearchExport(write_parquet_file, "application/vnd.apache.parquet"),
    "atom": SearchExport(write_atom, "application/atom+xml; charset=utf-8", has_stories=False),
}


@router.get("/search.{name}")
def export(
    context: Context,
    name: Literal["jsonl", "csv", "parquet", "atom"],
    q: SearchText = "",
    unique: Literal["", "1"] = "",
) -> Response:
    """Return all articles that match a query, newest first, as an attachment."""
    export_format = EXPORTS[name]
    wanted = read.ExportQuery(q, unique=bool(unique))
    articles = read.iter_articles(context.database, wanted)
    if export_format.has_stories:
        articles = read.iter_stories(context.database, wanted)
    handle, file_name = tempfile.mkstemp(prefix="nightdesk-", suffix=f".{name}")
    os.close(handle)
    path = Path(file_name)
    try:
        export_format.write(articles, path)
    except BaseException:
        path.unlink()
        raise
    return FileResponse(
        path,
        media_type=export_format.media_type,
        filename=f"nightdesk-search.{name}",
        background=BackgroundTask(path.unlink),
    )
