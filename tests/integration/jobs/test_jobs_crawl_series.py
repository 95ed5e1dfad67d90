"""A forked crawler takes one site after another, and what one crawl breaks costs only time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.settings import Settings
from pipeline.config.site import Site, parse_site
from pipeline.core.errors import ExitCode
from pipeline.jobs import crawl as crawl_module
from pipeline.jobs.crawl import crawl_site
from pipeline.jobs.crawlers import running_child
from pipeline.jobs.crawlers.crawler_server import CrawlerServer
from pipeline.jobs.results import CrawlResult
from tests.support.local_site import LocalSite, empty_archive, serve_local_site

Crawl = Callable[..., Awaitable[CrawlResult]]


@pytest.fixture
def web() -> Iterator[LocalSite]:
    with serve_local_site() as site:
        yield site


class Night:
    """Crawls sites with one server, and notes the process of each run."""

    def __init__(self, web: LocalSite, home: Path, server: CrawlerServer) -> None:
        self.server = server
        self._web = web
        self._home = home

    async def crawl(self, name: str, path: str = "", **politeness: Any) -> CrawlResult:
        """Crawl a site whose only source is a feed, or the section at `path`."""
        source = f'sections = ["{self._web.url}{path}"]'
        if not path:
            story = self._web.add_story(f"/{name}/story")
            source = f'feeds = ["{self._web.add_feed(f"/{name}.xml", [story])}"]'
        limits = "".join(f"{key} = {value}\n" for key, value in politeness.items())
        text = f'name = "{name}"\nurl = "{self._web.url}"\n{source}\n[politeness]\ndelay = 0\n'
        text += f"retries = 0\n{limits}[safety]\nallow_private = true\n"
        (self._home / "logs").mkdir(exist_ok=True)
        settings = Settings(
            database_url=f"sqlite:///{self._home / 'archive.db'}",
            contact="nobody@example.org",
            log_folder=self._home / "logs",
        )
        site: Site = parse_site(name, text, name)
        return await crawl_site(settings, site, lambda *_: None, server=self.server)


Work = Callable[[Night], Awaitable[None]]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def server(runner: asyncio.Runner) -> Iterator[CrawlerServer]:
    """One server of crawlers for all tests, because it needs a second to load them."""

    async def close() -> None:
        await server.__aexit__(None, None, None)

    server = CrawlerServer()
    yield server
    runner.run(close())


@pytest.fixture
def run_night(
    web: LocalSite, tmp_path: Path, runner: asyncio.Runner, server: CrawlerServer
) -> Callable[[Work], None]:
    (tmp_path / "archive.db").write_bytes(empty_archive())

    async def run(work: Work) -> None:
        await server.end_waiting()
        server.forks = 0
        await work(Night(web, tmp_path, server))

    return lambda work: runner.run(run(work))


def test_one_process_crawls_sites_one_after_another_each_with_its_own_log(
    web: LocalSite, tmp_path: Path, run_night: Callable[[Work], None]
) -> None:
    async def work(night: Night) -> None:
        for name in ("first", "second", "third"):
            result = await night.crawl(name)
            assert (result.status, result.counts) == ("finished", {"fetched": 2, "gone": 2})
        assert night.server.forks == 1

    run_night(work)
    for name in ("first", "second", "third"):
        text = (tmp_path / "logs" / f"{name}.log").read_text(encoding="utf8")
        assert text.count("Spider opened") == 1


def test_a_process_whose_crawl_failed_takes_no_further_site(
    run_night: Callable[[Work], None],
) -> None:
    async def work(night: Night) -> None:
        assert (await night.crawl("down", "/missing")).status == "failed"
        assert (await night.crawl("well")).status == "finished"
        assert night.server.forks == 2

    run_night(work)


def test_a_site_whose_shared_process_dies_is_crawled_again_by_itself(
    web: LocalSite, tmp_path: Path, run_night: Callable[[Work], None]
) -> None:
    web.add_page("/slow", "<a href='/slow/story-of-the-harbour-2026'>A story</a>", delay=1)

    async def work(night: Night) -> None:
        await night.crawl("first")
        (child,) = night.server._waiting
        crawl = asyncio.create_task(night.crawl("second", "/slow"))
        await wait_for(lambda: "/slow" in web.received_paths)
        os.kill(pid_of(child), signal.SIGKILL)
        result = await crawl
        assert (result.status, result.exit_code) == ("finished", ExitCode.OK)
        assert web.received_paths.count("/slow") == 2
        assert night.server.forks == 2

    run_night(work)


def test_a_site_whose_shared_process_hangs_is_crawled_again_by_itself(
    web: LocalSite,
    tmp_path: Path,
    run_night: Callable[[Work], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crawl_module, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(running_child, "TERMINATE_SECONDS", 0.1)

    async def work(night: Night) -> None:
        await night.crawl("first")
        (child,) = night.server._waiting
        os.kill(pid_of(child), signal.SIGSTOP)
        result = await night.crawl("second", max_minutes=0.05)
        assert result.status == "finished"
        assert night.server.forks == 2

    run_night(work)


def test_a_process_that_ended_while_it_waited_costs_no_site_its_crawl(
    web: LocalSite, tmp_path: Path, run_night: Callable[[Work], None]
) -> None:
    async def work(night: Night) -> None:
        await night.crawl("first")
        (child,) = night.server._waiting
        os.kill(pid_of(child), signal.SIGTERM)
        assert (await night.crawl("second")).status == "finished"

    run_night(work)


def test_waiting_processes_end_with_the_server(run_night: Callable[[Work], None]) -> None:
    async def work(night: Night) -> None:
        await night.crawl("first")
        (child,) = night.server._waiting
        await night.server.end_waiting()
        with pytest.raises(ProcessLookupError):
            os.kill(pid_of(child), 0)

    run_night(work)


def pid_of(child: running_child.RunningChild) -> int:
    process: Any = child.process
    return int(process.pid)


async def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.02)
