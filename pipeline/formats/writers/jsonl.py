"""Write JSON lines: one article a line, with all fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.formats.article_record import text_record
from pipeline.formats.atomic_files import open_output
from pipeline.store.read.export_articles import ExportedArticle


def write_jsonl(articles: Iterator[ExportedArticle], target: Path) -> int:
    """Write articles as JSON lines, and return how many there are."""
    count = 0
    with open_output(target) as stream:
        for article in articles:
            record = text_record(article)
            stream.write(json.dumps(record, ensure_ascii=False).encode("utf8") + b"\n")
            count += 1
    return count
