"""Where a crawl writes its log: one file a site, bounded in size and in age, as lines for people or as JSON for programs.

Promises that a log which cannot be written, as on a full disk, costs the crawl nothing. A Site is crawled by one process at a
time, so nobody else writes there; probes, which share a file, may cut it a little early.
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from scrapy.utils.log import TopLevelFormatter

from pipeline.config.site import CrawlJob

LINE = "%(asctime)s [%(name)s] %(levelname)s: %(message)s"


class LossTolerantFileHandler(RotatingFileHandler):
    """A file that begins anew when it is full, with a number of older ones beside it."""

    def handleError(self, record: logging.LogRecord) -> None:
        """What cannot be written is lost, and the crawl goes on: it has a ledger."""


class JsonLineFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, site: str) -> None:
        super().__init__()
        self._site = site

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "site": self._site,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def install(job: CrawlJob) -> None:
    """Has all that the process logs written to the job's file. Without one Scrapy writes to standard error."""
    if not job.log_file:
        return
    path = Path(job.log_file)
    _drop_old(path, job.log_days)
    handler = LossTolerantFileHandler(
        path,
        maxBytes=int(job.log_megabytes * 2**20),
        backupCount=job.log_files,
        encoding="utf8",
        errors="replace",
    )
    handler.setLevel(job.log_level)
    handler.setFormatter(
        JsonLineFormatter(job.site.id)
        if job.log_format == "json"
        else logging.Formatter(LINE, "%Y-%m-%d %H:%M:%S")
    )
    handler.addFilter(TopLevelFormatter(["scrapy"]))
    logging.root.setLevel(logging.NOTSET)
    logging.root.addHandler(handler)


def _drop_old(path: Path, days: int) -> None:
    """Older files of this log whose last line is too old."""
    for each in path.parent.glob(f"{path.name}.*"):
        with suppress(OSError):
            if each.suffix[1:].isdecimal() and each.stat().st_mtime < time.time() - days * 86400:
                each.unlink()
