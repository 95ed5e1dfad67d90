"""`python -m crawler` crawls one site in its own process; `python -m crawler probe` probes one.

`python -m crawler discover` reads the stored sources of a site again. Each reads one JSON line from
standard input (`CrawlJob` or `ProbeJob` of `pipeline.process_messages`) and prints progress as JSON
lines. A probe writes its result to `result.json` in the job's folder.
The exit code is 0 when the crawl came to an end, whatever the site answered, or that of a
NightdeskError.

`python -m crawler series` crawls one site after another, because the first crawl of a process costs
many times as much as the next. After each crawl that ended well it prints the event `ready`, and
waits for the next job. After any other it exits, so that no crawl meets what another one left.

The parent keeps standard input open. When it closes, the parent is dead and the process exits at
once: a kill at any moment loses nothing. SIGTERM and SIGINT end the crawl in order.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from crawler import logs
from crawler.archive_writer import ArchiveWriter
from crawler.budgets import CrawlEnd
from crawler.events import EventWriter
from crawler.job_input import JobInput
from crawler.probe.spider import ProbeSpider
from crawler.rediscovery import rediscover
from crawler.run import CrawlRun
from crawler.scrapy_process import END_SIGNALS, ScrapyProcess
from crawler.spider import NewsSpider
from pipeline.core.disk_space import DiskSpaceGuard
from pipeline.core.errors import ConfigError, ExitCode, NightdeskError
from pipeline.core.memory import MEGABYTE, resident_bytes
from pipeline.process_messages import CrawlJob, ProbeJob
from pipeline.store.crawl.session import CrawlSession

MAX_SITES = 100  # that one process crawls
MAX_GROWN_MEGABYTES = 60  # from the end of the first crawl, after which a process crawls no more
IDLE_SECONDS = 20.0  # that a process waits for its next job

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
    """Run the crawls or the probe that the arguments name, and return the exit code.

    Returns:
        An exit code of `pipeline.core.errors.ExitCode`.
    """
    jobs = JobInput(0)
    line = jobs.first()
    events = EventWriter()
    try:
        if sys.argv[1:] == ["probe"]:
            return probe(read_job(line, ProbeJob), events)
        if sys.argv[1:] == ["discover"]:
            job = read_job(line, CrawlJob)
            logs.install(job)
            rediscover(job, events)
            return int(ExitCode.OK)
        with closing(Crawls(events)) as crawls:
            crawls.crawl(read_job(line, CrawlJob))
            if sys.argv[1:] == ["series"]:
                crawls.go_on(jobs)
        return int(ExitCode.OK)
    except NightdeskError as error:
        events.error(error)
        return int(error.exit_code)


class Crawls:
    """The crawls of this process, one after another. They share what is costly to make.

    Args:
        events: Receives the progress.
        max_sites: Sites to crawl, at most.
    """

    def __init__(self, events: EventWriter, max_sites: int = MAX_SITES) -> None:
        self._events = events
        self._max_sites = max_sites
        self._scrapy = ScrapyProcess()
        self._writer = ArchiveWriter()
        self._archive: CrawlSession | None = None
        self._archive_url = ""
        self._count = 0
        self._first_bytes = 0
        self._may_go_on = False

    def crawl(self, job: CrawlJob) -> None:
        """Crawl a site and close its run, however the crawl ends.

        Args:
            job: The site and the settings.

        Raises:
            NightdeskError: The archive or the disk failed.
        """
        writer = self._writer
        archive = writer.call_blocking(self._open_archive, job.database_url)
        run_id = writer.call_blocking(archive.start_run, job.site.id, _scope(job))
        self._events.started(run_id)
        run = CrawlRun(run_id, job.site, archive, writer, self._events, job.since, job.force)
        end = run_spider(self._scrapy, job, run)
        writer.flush(archive, run_id)
        counts = writer.call_blocking(
            archive.finish_run, run_id, end.status, end.detail, end.deferred
        )
        self._events.finished(run_id, end.status, counts, end.detail)
        self._count += 1
        self._may_go_on = end.status == "finished" and not job.site.render
        if end.error is not None:
            raise end.error

    def go_on(self, jobs: JobInput, idle_seconds: float = IDLE_SECONDS) -> None:
        """Crawl the next sites, until a crawl does not end well or no job comes.

        Args:
            jobs: Where the jobs come from.
            idle_seconds: How long to wait for a job.

        Raises:
            NightdeskError: A job is wrong, or the archive or the disk failed.
        """
        while self._is_as_new():
            for number in END_SIGNALS:  # they end a process that waits
                signal.signal(number, signal.SIG_DFL)
            if self._scrapy.is_stopping:
                return
            self._events.ready()
            line = jobs.next(idle_seconds)
            if not line:
                return
            self.crawl(read_job(line, CrawlJob))

    def close(self) -> None:
        """Close the connections to the archive."""
        if self._archive is not None:
            self._archive.close()

    def _open_archive(self, url: str) -> CrawlSession:
        """Open the archive, or use the connections of the crawl before."""
        if self._archive is not None and self._archive_url == url:
            self._archive = self._archive.for_next_run()
        else:
            self.close()
            self._archive, self._archive_url = CrawlSession.open(url), url
        return self._archive

    def _is_as_new(self) -> bool:
        """Return whether the next crawl finds this process as if it were new."""
        size = resident_bytes()
        self._first_bytes = self._first_bytes or size
        return (
            self._may_go_on
            and self._count < self._max_sites
            and size - self._first_bytes <= MAX_GROWN_MEGABYTES * MEGABYTE
            and self._scrapy.is_clean()
        )


def _scope(job: CrawlJob) -> str:
    """Return which part of the site is crawled; "" for an ordinary night."""
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
    spider, error = ScrapyProcess().run(job.crawl_job, ProbeSpider, job=job, events=events)
    if not isinstance(spider, ProbeSpider):
        raise NightdeskError("Scrapy could not run the probe")
    if error is not None or spider.result is None:
        raise NightdeskError(spider.error_message)
    path = Path(job.folder) / "result.json"
    path.write_text(spider.result.model_dump_json(), encoding="utf8")
    events.probe_finished()
    return int(ExitCode.OK)


def run_spider(scrapy: ScrapyProcess, job: CrawlJob, run: CrawlRun) -> CrawlEnd:
    """Run the spider to its end and return how the crawl ended.

    Args:
        scrapy: Scrapy in this process.
        job: What the parent asks for.
        run: The run in the archive.

    Returns:
        The status of the run with a sentence; `failed` where the spider did not end by itself.
    """
    disk_space = DiskSpaceGuard(Path(job.data_folder), job.free_megabytes)
    spider, error = scrapy.run(job, NewsSpider, run=run, disk_space=disk_space, urls=job.urls)
    if isinstance(spider, NewsSpider) and error is None:
        return spider.end
    return CrawlEnd("failed", "Scrapy could not run the spider; see the log")


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


if __name__ == "__main__":
    os._exit(run())
