"""Extraction in processes that may die: one page's trouble is that page's alone."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from pipeline.core.models import ExtractedPage, RawPage, Reason
from pipeline.jobs.workers import pool as workers_module
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import PendingPayload
from tests.support.cli import children, cpu_seconds_of, wait_until

STORY = "<html><head><title>The crane</title></head><body><article><h1>The crane</h1>{}</article></body></html>".format(
    "<p>The crane on the northern quay was mended on Monday, and the ferries left the harbour on time again.</p>"
    * 4
)


def page(number: int, body: str = STORY) -> PendingPayload:
    return PendingPayload(RawPage(number, body.encode()), ())


def deadly(pieces: int = 90_000) -> str:
    """A line of very many pieces: costly for every extractor there is, and no page of a newspaper."""
    return "<html><body><article><p>" + "<b>a</b> " * pieces + "</p></article></body></html>"


def drafts(workers: WorkerPool, *pages: PendingPayload) -> dict[int, ExtractedPage]:
    return {payload.source.payload_id: draft for payload, draft in workers.extract(iter(pages))}


def test_drafts_come_in_the_order_of_their_payloads_whatever_each_costs() -> None:
    long = STORY.replace(
        "</article>", "<p>A paragraph of the long story, which goes on.</p>" * 400 + "</article>"
    )
    with WorkerPool(2, 10, 1024) as workers:
        found = list(
            workers.extract(page(number, long if number % 5 == 0 else STORY) for number in range(40))
        )
    assert [payload.source.payload_id for payload, _ in found] == list(range(40))
    assert {draft.reason for _, draft in found} == {Reason.NONE}
    assert all(draft.blocks for _, draft in found)


def test_a_page_that_takes_too_much_time_has_a_draft_that_says_so_and_the_others_go_on() -> None:
    with WorkerPool(1, 0.05, 1024) as workers:
        found = drafts(workers, page(1), page(2, deadly()), page(3))
    assert found[2].reason is Reason.EXTRACTOR_TIMEOUT
    assert found[2].detail
    assert found[2].blocks == ()
    assert (found[1].reason, found[3].reason) == (Reason.NONE, Reason.NONE)


def test_a_page_whose_worker_dies_twice_has_a_draft_that_says_so_and_the_others_go_on() -> None:
    with WorkerPool(1, 60, 1024) as workers:
        assert drafts(workers, page(0))[0].reason is Reason.NONE
        threading.Thread(target=kill_two_workers, args=(cpu_seconds_of(min(forked())),)).start()
        found = drafts(workers, page(1, deadly()), page(2), page(3))
    assert found[1].reason is Reason.EXTRACTOR_DIED
    assert "-9" in found[1].detail
    assert [found[number].reason for number in (2, 3)] == [Reason.NONE, Reason.NONE]


def test_a_page_whose_worker_somebody_else_killed_is_given_to_another() -> None:
    with WorkerPool(1, 60, 1024) as workers:
        drafts(workers, page(0))
        threading.Thread(
            target=kill_at_work, args=(min(forked()), cpu_seconds_of(min(forked())))
        ).start()
        found = drafts(workers, page(1, deadly(5_000)), page(2))
    assert [found[number].reason for number in (1, 2)] == [Reason.NONE, Reason.NONE]


def test_a_worker_that_is_killed_between_two_pages_costs_no_page() -> None:
    with WorkerPool(1, 10, 1024) as workers:
        drafts(workers, page(0))
        kill_a_worker()
        found = drafts(workers, *(page(number) for number in range(1, 9)))
    assert {draft.reason for draft in found.values()} == {Reason.NONE}


def test_a_pool_that_breaks_with_pages_in_its_queue_is_made_anew_and_has_them_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers_module, "LOOK", 0.05)
    found: list[ExtractedPage] = []
    with WorkerPool(1, 10, 1024) as workers:
        coming = workers.extract(page(number) for number in range(7))
        found.append(next(coming)[1])
        assert workers._pool is not None
        workers._pool.stop()  # type: ignore[no-untyped-call]  # as one that broke: what it was given it never answers
        rest = threading.Thread(
            target=lambda: found.extend(draft for _, draft in coming), daemon=True
        )
        rest.start()
        rest.join(60)
        assert not rest.is_alive(), "it waits for ever"
    assert [draft.reason for draft in found] == [Reason.NONE] * 7


def kill_a_worker() -> None:
    os.kill(min(forked()), signal.SIGKILL)


def kill_at_work(pid: int, idle: float = 0.0) -> None:
    """Kills a worker in the midst of its page: it has computed for a while, and has long to go."""
    wait_until(lambda: cpu_seconds_of(pid) > idle + 0.2, 60)
    os.kill(pid, signal.SIGKILL)


def kill_two_workers(idle: float) -> None:
    first = forked()
    kill_at_work(min(first), idle)
    wait_until(lambda: bool(forked() - first), 60)
    kill_at_work(max(forked() - first))


def forked() -> set[int]:
    """The workers: children of the fork server, which is a child of ours."""
    servers = [pid for pid, said in children(os.getpid()).items() if "forkserver" in said]
    return {pid for server in servers for pid in children(server)}


def test_workers_are_gone_when_the_block_ends() -> None:
    with WorkerPool(2, 10, 1024) as workers:
        drafts(workers, page(1), page(2))
        assert forked()
    wait_until(lambda: not forked(), 10)
