"""The log file of a crawl: one file a site, limited in size and age, as text or as JSON lines.

A log that cannot be written, as on a full disk, does not stop the crawl. One process at a time
crawls a site, so nobody else writes to its file. Probes share one file and may rotate it early.
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

from pipeline.process_messages import CrawlJob

LINE_FORMAT = "%(asctime)s [%(name)s] %(levelname)s: %(message)s"
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
SECONDS_PER_DAY = 86400


class LossTolerantFileHandler(RotatingFileHandler):
    """A rotating log file whose write errors are ignored."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop a record that cannot be written. The ledger has the outcomes."""


class JsonLineFormatter(logging.Formatter):
    """Format each record as one JSON object on a line.

    Args:
        site: The id of the site, which becomes a field.
    """

    def __init__(self, site: str) -> None:
        super().__init__()
        self._site = site

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        values = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "site": self._site,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            values["error"] = self.formatException(record.exc_info)
        return json.dumps(values, ensure_ascii=False)


def install(job: CrawlJob) -> None:
    """Write all log records of the process to the job's file.

    Without a file Scrapy writes to standard error. The file of the job before is closed.

    Args:
        job: The job with its log file, format and level.
    """
    for handler in logging.root.handlers[:]:
        if isinstance(handler, LossTolerantFileHandler):
            logging.root.removeHandler(handler)
            handler.close()
    if not job.log_file:
        return
    path = Path(job.log_file)
    _remove_old_files(path, job.log_days)
    handler = LossTolerantFileHandler(
        path,
        maxBytes=int(job.log_megabytes * 2**20),
        backupCount=job.log_files,
        encoding="utf8",
        errors="replace",
    )
    handler.setLevel(job.log_level)
    handler.setFormatter(_formatter(job))
    handler.addFilter(TopLevelFormatter(["scrapy"]))
    logging.root.setLevel(logging.NOTSET)
    logging.root.addHandler(handler)


def _formatter(job: CrawlJob) -> logging.Formatter:
    if job.log_format == "json":
        return JsonLineFormatter(job.site.id)
    return logging.Formatter(LINE_FORMAT, TIME_FORMAT)


def _remove_old_files(path: Path, days: int) -> None:
    """Remove rotated files of this log whose last line is too old."""
    oldest = time.time() - days * SECONDS_PER_DAY
    for file in path.parent.glob(f"{path.name}.*"):
        with suppress(OSError):
            if file.suffix[1:].isdecimal() and file.stat().st_mtime < oldest:
                file.unlink()
