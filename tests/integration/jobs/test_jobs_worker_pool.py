"""Worker processes may die: a page that fails has no effect on other pages."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from pipeline.core.models import ExtractedPage, RawPage, Reason
from pipeline.jobs.workers import pool
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import PendingPayload
from tests.support.cli import children, cpu_seconds_of, wait_until

PARAGRAPH = (
    "<p>The crane on the northern quay was mended on Monday, and the ferries left the harbour on"
    " time again.</p>"
)
STORY = (
    "<html><head><title>The crane</title></head><body><article><h1>The crane</h1>"
    f"{PARAGRAPH * 4}</article></body></html>"
)


def page(number: int, body: str = STORY) -> PendingPayload:
    return PendingPayload(RawPage(number, body.encode()), ())


def deadly(paragraphs: int = 15_000) -> str:
    """Return a page of very many paragraphs, which takes most of a second."""
    return f"<html><body><article>{PARAGRAPH * paragraphs}</article></body></html>"


def extract_all(workers: WorkerPool, *pages: PendingPayload) -> dict[int, ExtractedPage]:
    extracted = workers.extract(iter(pages))
    return {payload.raw_page.payload_id: page for payload, page in extracted}


def test_pages_come_in_the_order_of_their_payloads_whatever_each_costs() -> None:
    long = STORY.replace(
        "</article>", "<p>A paragraph of the long story, which goes on.</p>" * 400 + "</article>"
    )
    with WorkerPool(2, 10, 1024) as workers:
        extracted = list(
            workers.extract(
                page(number, long if number % 5 == 0 else STORY) for number in range(40)
            )
        )
    assert [payload.raw_page.payload_id for payload, _ in extracted] == list(range(40))
    assert {page.reason for _, page in extracted} == {Reason.NONE}
    assert all(page.blocks for _, page in extracted)


def test_a_page_that_takes_too_much_time_has_a_reason_and_the_others_are_extracted() -> None:
    with WorkerPool(1, 0.05, 1024) as workers:
        pages = extract_all(workers, page(1), page(2, deadly()), page(3))
    assert pages[2].reason is Reason.EXTRACTOR_TIMEOUT
    assert pages[2].detail
    assert pages[2].blocks == ()
    assert (pages[1].reason, pages[3].reason) == (Reason.NONE, Reason.NONE)


def test_a_page_whose_worker_dies_twice_has_a_reason_and_the_others_are_extracted() -> None:
    with WorkerPool(1, 60, 1024) as workers:
        assert extract_all(workers, page(0))[0].reason is Reason.NONE
        threading.Thread(
            target=kill_two_workers, args=(cpu_seconds_of(min(worker_pids())),)
        ).start()
        pages = extract_all(workers, page(1, deadly()), page(2), page(3))
    assert pages[1].reason is Reason.EXTRACTOR_DIED
    assert "-9" in pages[1].detail
    assert [pages[number].reason for number in (2, 3)] == [Reason.NONE, Reason.NONE]


def test_a_page_whose_worker_was_killed_once_is_extracted_by_another_worker() -> None:
    with WorkerPool(1, 60, 1024) as workers:
        extract_all(workers, page(0))
        wait_until(lambda: len(worker_pids()) == 1)  # those of earlier pools have ended
        (worker,) = worker_pids()
        killer = threading.Thread(target=kill_at_work, args=(worker, cpu_seconds_of(worker)))
        killer.start()
        pages = extract_all(workers, page(1, deadly()), page(2))
        killer.join()
    assert [pages[number].reason for number in (1, 2)] == [Reason.NONE, Reason.NONE]


def test_no_page_fails_if_a_worker_is_killed_between_two_pages() -> None:
    with WorkerPool(1, 10, 1024) as workers:
        extract_all(workers, page(0))
        kill_a_worker()
        pages = extract_all(workers, *(page(number) for number in range(1, 9)))
    assert {page.reason for page in pages.values()} == {Reason.NONE}


def test_a_broken_pool_is_started_again_and_extracts_the_pages_in_its_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "POOL_CHECK_INTERVAL", 0.05)
    pages: list[ExtractedPage] = []
    with WorkerPool(1, 10, 1024) as workers:
        extracted = workers.extract(page(number) for number in range(7))
        pages.append(next(extracted)[1])
        assert workers._pool is not None
        # A broken pool never answers what it was given.
        workers._pool.stop()  # type: ignore[no-untyped-call]
        rest = threading.Thread(
            target=lambda: pages.extend(page for _, page in extracted), daemon=True
        )
        rest.start()
        rest.join(60)
        assert not rest.is_alive(), "the pool waits for ever"
    assert [page.reason for page in pages] == [Reason.NONE] * 7


def kill_a_worker() -> None:
    os.kill(min(worker_pids()), signal.SIGKILL)


def kill_at_work(pid: int, idle: float = 0.0) -> None:
    """Kill a worker in the middle of a page, after it has computed for a while."""
    wait_until(lambda: cpu_seconds_of(pid) > idle + 0.2, 60)
    os.kill(pid, signal.SIGKILL)


def kill_two_workers(idle: float) -> None:
    first = worker_pids()
    kill_at_work(min(first), idle)
    wait_until(lambda: bool(worker_pids() - first), 60)
    kill_at_work(max(worker_pids() - first))


def worker_pids() -> set[int]:
    """Return the workers: children of the fork server, which is a child of this process."""
    servers = [pid for pid, command in children(os.getpid()).items() if "forkserver" in command]
    return {pid for server in servers for pid in children(server)}


def test_no_worker_process_is_left_when_the_block_ends() -> None:
    with WorkerPool(2, 10, 1024) as workers:
        extract_all(workers, page(1), page(2))
        assert worker_pids()
    wait_until(lambda: not worker_pids(), 10)
