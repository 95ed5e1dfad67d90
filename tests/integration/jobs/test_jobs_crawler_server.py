"""Crawlers that are forked from a server behave like crawlers that are started by themselves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import ExitCode
from pipeline.jobs.crawlers import child_process, crawler_server
from pipeline.jobs.crawlers.child_process import run_child
from pipeline.jobs.crawlers.crawler_server import CrawlerServer
from tests.support.cli import ROOT, running_command
from tests.support.crawler_forkserver import SEPARATE_CRAWLER
from tests.support.local_site import serve_local_site

WRONG_JOB = "{}"
SITE = 'name = "S"\nurl = "{url}"\nsections = ["{url}/slow"]\n[safety]\nallow_private = true\n'


@pytest.fixture(autouse=True)
def separate_crawlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "CRAWLER_COMMAND", SEPARATE_CRAWLER)


async def run_wrong_job(server: CrawlerServer | None) -> tuple[int, list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    end = await run_child(WRONG_JOB, events.append, 60, server=server)
    return end.code, events


def test_a_forked_crawler_prints_and_returns_what_a_separate_one_does() -> None:
    async def compare() -> tuple[object, list[object]]:
        async with CrawlerServer() as server:
            forked = await asyncio.gather(*(run_wrong_job(server) for _ in range(4)))
            assert server.forks == 4
        return await run_wrong_job(None), list(forked)

    separate, forked = asyncio.run(compare())
    assert separate[0] == ExitCode.CONFIG  # type: ignore[index]
    assert forked == [separate] * 4


def test_a_server_is_replaced_after_some_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawler_server, "MAX_FORKS", 2)

    async def run() -> list[int]:
        async with CrawlerServer() as server:
            codes = [(await run_wrong_job(server))[0] for _ in range(3)]
            assert len(server.processes) == 2
        assert all(process.returncode == 0 for process in server.processes)
        return codes

    assert asyncio.run(run()) == [ExitCode.CONFIG] * 3


def test_where_the_server_dies_crawlers_are_started_by_themselves() -> None:
    async def run() -> tuple[int, int]:
        async with CrawlerServer() as server:
            first, _ = await run_wrong_job(server)
            server.processes[0].kill()
            await server.processes[0].wait()
            second, _ = await run_wrong_job(server)
            assert server.forks == 1
        return first, second

    assert asyncio.run(run()) == (ExitCode.CONFIG, ExitCode.CONFIG)


def test_where_the_server_cannot_start_crawlers_are_started_by_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        crawler_server, "SERVER_COMMAND", (sys.executable, "-c", "raise SystemExit")
    )

    async def run() -> int:
        async with CrawlerServer() as server:
            return (await run_wrong_job(server))[0]

    assert asyncio.run(run()) == ExitCode.CONFIG


def test_a_server_that_does_not_answer_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(crawler_server, "REPLY_SECONDS", 0.0)

    async def run() -> None:
        async with CrawlerServer() as server:
            assert await server.fork(()) is None

    asyncio.run(run())
    assert "server failed: it gave no answer for 0 s" in caplog.text


def test_a_forked_crawler_that_hangs_is_stopped_at_its_time_limit() -> None:
    async def run() -> None:
        async with CrawlerServer() as server:
            await run_wrong_job(server)
            child = await server.fork(())
            assert child is not None
            child.terminate()
            assert await asyncio.wait_for(child.wait(), 30) == -signal.SIGTERM
            child = await server.fork(())
            assert child is not None
            child.kill()
            assert await asyncio.wait_for(child.wait(), 30) == -signal.SIGKILL

    asyncio.run(run())


def test_the_server_starts_no_reactor_and_no_thread_before_it_forks() -> None:
    code = (
        "import sys, threading; from crawler import fork_server; fork_server._preload();"
        " print('twisted.internet.reactor' in sys.modules, threading.active_count())"
    )
    process = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert process.stdout.split() == ["False", "1"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_crawler_outlives_a_killed_night(home: Path) -> None:
    (home / "config" / "sites").mkdir(parents=True, exist_ok=True)
    with serve_local_site() as site:
        site.add_page("/slow", delay=5)
        for name in ("first", "second"):
            path = home / "config" / "sites" / f"{name}.toml"
            path.write_text(SITE.format(url=site.url), encoding="utf8")
        with running_command(home, "crawl") as night:
            wait_until(lambda: site.received_paths.count("/slow") == 2)
            processes = descendants(night.pid)
            assert any("crawler.fork_server" in command_of(pid) for pid in processes)
            night.kill()
            wait_until(lambda: not any(is_running(pid) for pid in processes))


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = stat_of(int(folder.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found.append(child)
            waiting.append(child)
    return found


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf8")


def is_running(pid: int) -> bool:
    fields = stat_of(pid)
    return bool(fields) and fields[0] != "Z"


def stat_of(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf8")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain ({os.getloadavg()[0]:.0f})"
        time.sleep(0.1)
