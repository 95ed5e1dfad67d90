"""`python -m crawler`: crawls one Site in a process of its own; `python -m crawler probe` looks at one that is to be added.

Reads one JSON line (`pipeline.config.site.CrawlJob`, or `pipeline.process_messages.ProbeJob`) from standard input and prints progress as JSON
lines. What a probe found is left in its folder, as `findings.json`. Exits 0 when the
crawl came to an end, whatever the site answered, or with the exit code of a NightdeskError. The parent keeps standard
input open: its end means that the parent died, and then the process ends at once, since a kill at any moment loses
nothing. SIGTERM and SIGINT end the crawl in order.
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
from crawler.events import EventWriter
from crawler.probe.spider import ProbeSpider
from crawler.scrapy_settings import settings_for
from crawler.spider import CrawlEnd, NewsSpider
from pipeline.config.site import CrawlJob
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import ConfigError, ExitCode, NightdeskError
from pipeline.process_messages import ProbeJob
from pipeline.store.crawl.session import CrawlSession

# Scrapy's loggers that tell the same forty lines at the start of every crawl
NOISY_LOGGERS = (
    "scrapy.addons",
    "scrapy.crawler",
    "scrapy.middleware",
    "scrapy.utils.log",
    "scrapy.extensions.memusage",
)


Job = TypeVar("Job", CrawlJob, ProbeJob)


def main() -> int:
    """The exit code of one crawl."""
    line = read_line(0)
    threading.Thread(target=end_with_parent, args=(0,), daemon=True).start()
    tell = EventWriter()
    try:
        if sys.argv[1:] == ["probe"]:
            return probe(read_job(line, ProbeJob), tell)
        return crawl(read_job(line, CrawlJob), tell)
    except NightdeskError as error:
        tell.error(error)
        return int(error.exit_code)


def crawl(job: CrawlJob, tell: EventWriter) -> int:
    """Opens the archive, crawls, and closes the Run, however the crawl ended."""
    desk = ArchiveWriter()
    archive = desk.call_blocking(CrawlSession.open, job.database_url)
    run = desk.call_blocking(
        archive.start_run, job.site.id, f"since {job.since:%Y-%m-%d}" if job.since else ""
    )
    tell.started(run)
    end = run_spider(job, archive, desk, run, tell)
    desk.flush(archive, run)
    counts = desk.call_blocking(archive.finish_run, run, end.status, end.detail, end.deferred)
    desk.call_blocking(archive.close)
    tell.finished(run, end.status, counts, end.detail)
    if end.error is not None:
        raise end.error
    return int(ExitCode.OK)


def probe(job: ProbeJob, tell: EventWriter) -> int:
    """Looks at a site, and leaves what it found in the job's folder."""
    spider, error = run_scrapy(job.crawl_job, ProbeSpider, job=job, tell=tell)
    if not isinstance(spider, ProbeSpider) or error or spider.result is None:
        raise NightdeskError(
            spider.error_message
            if isinstance(spider, ProbeSpider)
            else "Scrapy could not run the probe"
        )
    (Path(job.folder) / "findings.json").write_text(
        spider.result.model_dump_json(), encoding="utf8"
    )
    tell.probe_finished()
    return int(ExitCode.OK)


def run_spider(
    job: CrawlJob, archive: CrawlSession, desk: ArchiveWriter, run: int, tell: EventWriter
) -> CrawlEnd:
    """The whole crawl, to its end."""
    floor = DiskSpaceGuard(Path(job.data_folder), job.free_megabytes)
    values: dict[str, Any] = {
        "site": job.site,
        "archive": archive,
        "desk": desk,
        "run": run,
        "tell": tell,
        "floor": floor,
    }
    spider, error = run_scrapy(job, NewsSpider, since=job.since, **values)
    if isinstance(spider, NewsSpider) and not error:
        return spider.end
    return CrawlEnd("failed", "Scrapy could not run the spider; the log says why")


def run_scrapy(
    job: CrawlJob, kind: type[Spider], /, **values: Any
) -> tuple[Spider | None, BaseException | None]:
    """Runs a spider until it is over. A reactor runs once in a process, so this is called once."""
    logs.install(job)
    process = AsyncCrawlerProcess(settings_for(job))
    if job.log_level != "DEBUG":
        for name in NOISY_LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
    crawler = process.create_crawler(kind)
    task = process.crawl(crawler, **values)
    process.start()
    error = task.exception() if task.done() and not task.cancelled() else None
    if error is not None or crawler.spider is None:
        logging.getLogger(__name__).error("Scrapy could not run the spider", exc_info=error)
    return crawler.spider, error


def read_job(line: bytes, kind: type[Job]) -> Job:
    """The job of an input line. Its values are not repeated in the error: the database's address may hold a password."""
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        wrong = "; ".join(
            f"'{'.'.join(map(str, each['loc']))}': {each['msg']}"
            for each in error.errors(include_input=False)
        )
        raise ConfigError(f"crawl job on standard input: {wrong}") from None


def read_line(fd: int) -> bytes:
    """The first line of a file descriptor. Unbuffered, because a thread reads on from there."""
    line = b""
    while not line.endswith(b"\n") and (chunk := os.read(fd, 65536)):
        line += chunk
    return line


def end_with_parent(fd: int) -> None:
    """Waits until the other end of standard input is closed, and ends the process."""
    while os.read(fd, 4096):
        pass
    os._exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    logging.shutdown()
    os._exit(
        code
    )  # not sys.exit: a thread that still waits for a name to resolve would be waited for
