"""`python -m crawler` crawls one Site in its own process; `python -m crawler probe` probes one.

`python -m crawler discover` reads the stored Sources of a Site again. Each reads one JSON line from
standard input (`CrawlJob` or `ProbeJob` of `pipeline.process_messages`) and prints progress as JSON
lines. A probe writes its result to `result.json` in the job's folder.
The exit code is 0 when the crawl came to an end, whatever the site answered, or that of a
NightdeskError.

The parent keeps standard input open. When it closes, the parent is dead and the process exits at
once: a kill at any moment loses nothing. SIGTERM and SIGINT end the crawl in order.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from scrapy import Spider
from scrapy.crawler import AsyncCrawlerProcess

from crawler import logs
from crawler.archive_writer import ArchiveWriter
from crawler.budgets import CrawlEnd
from crawler.events import EventWriter
from crawler.probe.spider import ProbeSpider
from crawler.rediscovery import rediscover
from crawler.run import CrawlRun
from crawler.scrapy_settings import settings_for
from crawler.spider import NewsSpider
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import ConfigError, ExitCode, NightdeskError
from pipeline.process_messages import CrawlJob, ProbeJob
from pipeline.store.crawl.session import CrawlSession

# Loggers of Scrapy that write the same forty lines at the start of every crawl
NOISY_LOGGERS = (
    "scrapy.addons",
    "scrapy.crawler",
    "scrapy.middleware",
    "scrapy.utils.log",
    "scrapy.extensions.memusage",
)


Job = TypeVar("Job", CrawlJob, ProbeJob)


def run() -> int:
    """Run one crawl or probe, and write out all that it has printed and logged.

    Returns:
        The exit code. End the process with it by `os._exit`: `sys.exit` would wait for a thread
        that still resolves a name.
    """
    code = main()
    sys.stdout.flush()
    logging.shutdown()
    return code


def main() -> int:
    """Run one crawl or probe and return the exit code."""
    line = read_line(0)
    threading.Thread(target=exit_with_parent, args=(0,), daemon=True).start()
    events = EventWriter()
    try:
        if sys.argv[1:] == ["probe"]:
            return probe(read_job(line, ProbeJob), events)
        if sys.argv[1:] == ["discover"]:
            job = read_job(line, CrawlJob)
            logs.install(job)
            rediscover(job, events)
            return int(ExitCode.OK)
        return crawl(read_job(line, CrawlJob), events)
    except NightdeskError as error:
        events.error(error)
        return int(error.exit_code)


def crawl(job: CrawlJob, events: EventWriter) -> int:
    """Crawl a Site and close its Run, however the crawl ends.

    Args:
        job: The Site and the settings.
        events: Receives the progress.

    Returns:
        The exit code.

    Raises:
        NightdeskError: The archive or the disk failed.
    """
    writer = ArchiveWriter()
    archive = writer.call_blocking(CrawlSession.open, job.database_url)
    run_id = writer.call_blocking(archive.start_run, job.site.id, _scope(job))
    events.started(run_id)
    run = CrawlRun(run_id, job.site, archive, writer, events, job.since, job.force)
    end = run_spider(job, run)
    writer.flush(archive, run_id)
    counts = writer.call_blocking(archive.finish_run, run_id, end.status, end.detail, end.deferred)
    writer.call_blocking(archive.close)
    events.finished(run_id, end.status, counts, end.detail)
    if end.error is not None:
        raise end.error
    return int(ExitCode.OK)


def _scope(job: CrawlJob) -> str:
    """Return which part of the Site is crawled; "" for an ordinary night."""
    if job.urls:
        return f"{len(job.urls)} requested pages" if len(job.urls) > 1 else "1 requested page"
    if job.since is not None:
        return f"since {job.since:%Y-%m-%d}"
    return "all young pages" if job.force else ""


def probe(job: ProbeJob, events: EventWriter) -> int:
    """Probe a site and write the result to the job's folder.

    Args:
        job: The site, the limits and the folder.
        events: Receives the progress.

    Returns:
        The exit code.

    Raises:
        NightdeskError: The probe itself failed.
    """
    spider, error = run_scrapy(job.crawl_job, ProbeSpider, job=job, events=events)
    if not isinstance(spider, ProbeSpider):
        raise NightdeskError("Scrapy could not run the probe")
    if error is not None or spider.result is None:
        raise NightdeskError(spider.error_message)
    path = Path(job.folder) / "result.json"
    path.write_text(spider.result.model_dump_json(), encoding="utf8")
    events.probe_finished()
    return int(ExitCode.OK)


def run_spider(job: CrawlJob, run: CrawlRun) -> CrawlEnd:
    """Run the spider to its end and return how the crawl ended."""
    disk_space = DiskSpaceGuard(Path(job.data_folder), job.free_megabytes)
    spider, error = run_scrapy(job, NewsSpider, run=run, disk_space=disk_space, urls=job.urls)
    if isinstance(spider, NewsSpider) and error is None:
        return spider.end
    return CrawlEnd("failed", "Scrapy could not run the spider; see the log")


def run_scrapy(
    job: CrawlJob, spider_class: type[Spider], /, **values: Any
) -> tuple[Spider | None, BaseException | None]:
    """Run a spider to its end. Call this once: a reactor runs once in a process.

    Args:
        job: The Site and the settings.
        spider_class: The spider.
        **values: Arguments of the spider.

    Returns:
        The spider, and the error with which it failed.
    """
    logs.install(job)
    process = AsyncCrawlerProcess(settings_for(job))
    if job.log_level != "DEBUG":
        for name in NOISY_LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
    crawler = process.create_crawler(spider_class)
    task = process.crawl(crawler, **values)
    process.start()
    error = None
    if task.done() and not task.cancelled():
        error = task.exception()
    if error is not None or crawler.spider is None:
        logging.getLogger(__name__).error("Scrapy could not run the spider", exc_info=error)
    return crawler.spider, error


def read_job(line: bytes, job_class: type[Job]) -> Job:
    """Parse the job of an input line.

    Raises:
        ConfigError: The line is no such job. The message does not repeat its values, because the
            database URL may hold a password.
    """
    try:
        return job_class.model_validate_json(line)
    except ValidationError as error:
        problems = []
        for problem in error.errors(include_input=False):
            field = ".".join(map(str, problem["loc"]))
            problems.append(f"'{field}': {problem['msg']}")
        raise ConfigError(f"crawl job on standard input: {'; '.join(problems)}") from None


def read_line(fd: int) -> bytes:
    """Read the first line of a file descriptor, unbuffered: a thread reads the rest."""
    line = b""
    while not line.endswith(b"\n") and (chunk := os.read(fd, 65536)):
        line += chunk
    return line


def exit_with_parent(fd: int) -> None:
    """Wait until the other end of a file descriptor is closed, then end the process."""
    while os.read(fd, 4096):
        pass
    os._exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    os._exit(run())
