"""Runs spiders in this process, one after another, in one reactor.

A reactor starts once in a process, and everything that Scrapy needs besides a spider is made once:
the reactor, the logging and the resolver.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import Any, Final

from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.resolver import dnscache
from scrapy.settings import Settings
from scrapy.utils.log import configure_logging, install_scrapy_root_handler
from scrapy.utils.reactor import install_reactor

from crawler import logs
from crawler.scrapy_settings import settings_for
from pipeline.process_messages import CrawlJob

END_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
# Loggers of Scrapy that write the same forty lines at the start of every crawl
NOISY_LOGGERS: Final = (
    "scrapy.addons",
    "scrapy.crawler",
    "scrapy.middleware",
    "scrapy.utils.log",
    "scrapy.extensions.memusage",
)

log = logging.getLogger(__name__)


class JobSettings(Settings):
    """Scrapy's settings of one crawl. Nothing else uses them, so Scrapy need not copy them."""

    def copy(self) -> JobSettings:
        """Return these settings. Scrapy calls this."""
        return self


class ScrapyProcess:
    """Run spiders one after another. A process has one of these.

    Attributes:
        is_stopping: Whether a signal has asked the process to end.
    """

    def __init__(self) -> None:
        self.is_stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._crawler: Crawler | None = None

    def run(
        self, job: CrawlJob, spider_class: type[Spider], /, **values: Any
    ) -> tuple[Spider | None, BaseException | None]:
        """Run a spider to its end. SIGTERM or SIGINT end it in order, a second one at once.

        Args:
            job: The site and the settings.
            spider_class: The spider.
            **values: Arguments of the spider.

        Returns:
            The spider, and the error with which it failed.
        """
        logs.install(job)
        settings = JobSettings(settings_for(job))
        loop = self._running_loop(settings)
        _set_log_levels(job, settings)
        dnscache.clear()  # a site's crawl never uses what another one resolved
        crawler = Crawler(spider_class, settings)
        self._crawler = crawler
        error: BaseException | None = None
        try:
            loop.run_until_complete(crawler.crawl_async(**values))
        except Exception as failure:  # noqa: BLE001  the caller reports it
            # After a second signal it only says that the loop has ended.
            error = None if self.is_stopping else failure
        self._crawler = None
        if error is not None or crawler.spider is None:
            log.error("Scrapy could not run the spider", exc_info=error)
        return crawler.spider, error

    def is_clean(self) -> bool:
        """Return whether the crawls so far have left nothing behind that still runs."""
        return self._loop is not None and not asyncio.all_tasks(self._loop)

    def _running_loop(self, settings: Settings) -> asyncio.AbstractEventLoop:
        """Return the loop of the reactor; at the first call, start the reactor."""
        for number in END_SIGNALS:
            signal.signal(number, self._receive_signal)
        if self._loop is None:
            configure_once()
            install_reactor(settings["TWISTED_REACTOR"])
            self._loop = asyncio.get_event_loop()
            _start_reactor(settings)
        return self._loop

    def _receive_signal(self, _number: int, _frame: object) -> None:
        """Stop the crawl. Nothing may be logged here: the interrupted code may be logging."""
        is_first = not self.is_stopping
        self.is_stopping = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop_in_order if is_first else self._loop.stop)

    def _stop_in_order(self) -> None:
        log.info("a signal ends the crawl; a second one ends it at once")
        if self._crawler is not None and self._loop is not None:
            self._stop_task = self._loop.create_task(self._crawler.stop_async())


_is_configured = False


def configure_once() -> None:
    """Set up the logging of Scrapy and Twisted. Later calls do nothing."""
    global _is_configured
    if not _is_configured:
        configure_logging({"LOG_INSTALL_ROOT_HANDLER": False})
        _is_configured = True


def _start_reactor(settings: Settings) -> None:
    from twisted.internet import reactor

    from crawler.http.network_guard import GuardedResolver

    resolver = GuardedResolver(reactor, settings.getint("DNSCACHE_SIZE"))
    resolver.install_on_reactor()
    reactor.getThreadPool().adjustPoolsize(maxthreads=settings.getint("REACTOR_THREADPOOL_MAXSIZE"))
    # `reactor.run` can run once. The loop that it would run is run for each crawl instead.
    reactor.startRunning(installSignalHandlers=False)


def _set_log_levels(job: CrawlJob, settings: Settings) -> None:
    if not job.log_file:
        install_scrapy_root_handler(settings)
    for name in NOISY_LOGGERS:
        level = logging.NOTSET if job.log_level == "DEBUG" else logging.WARNING
        logging.getLogger(name).setLevel(level)
