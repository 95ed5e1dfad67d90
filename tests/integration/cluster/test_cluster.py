"""The task queue on a real PostgreSQL: tasks are enqueued once, taken over, retried and shown."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.cli.views.queue_status import print_queue
from pipeline.config.settings import load_settings
from pipeline.config.site import Site, parse_site
from pipeline.core.errors import ConfigError, NightdeskError, StoreError
from pipeline.jobs.clean import CleanRequest
from pipeline.jobs.progress import ProgressCallback
from pipeline.jobs.results import CleanRunResult
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import CleanScope
from pipeline.store.db.engine import Database
from pipeline.store.read.task_queue import queue_status
from pipeline.web.app import create_app
from tests.support.cli import nightdesk

pytest.importorskip("procrastinate", reason="the extra 'cluster' is not installed")

from procrastinate.jobs import Job
from procrastinate.schema import SchemaManager

from pipeline.cluster import task_handlers, tasks
from pipeline.cluster.queue import MIGRATIONS_TABLE, PartCounts, TaskQueue
from pipeline.cluster.retry import RetryLater, RetryPolicy
from pipeline.cluster.task_handlers import TaskHandlers
from pipeline.cluster.worker import take_over_tasks

COURIER = (
    'name = "Courier"\nurl = "https://courier.example/"\nfeeds = ["https://courier.example/feed.xml"]\n'
    'allow = ["/\\\\d+$"]\n[headers]\nX-Key = "${COURIER_KEY}"\n[politeness]\ndelay = 3.5\n'
)
NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Yield an archive on PostgreSQL that these tests share."""
    postgres = request.getfixturevalue("postgres")
    name = postgres.create(postgres.template)
    store = Database(postgres.address(name))
    yield store
    store.close()
    postgres.drop(name)


@pytest.fixture
def queue(shared: Database) -> TaskQueue:
    """Return an empty queue."""
    queue = TaskQueue(shared)
    queue.prepare()
    do(shared, "TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
    return queue


@pytest.fixture
def courier() -> Site:
    return parse_site("courier", COURIER, "courier.toml")


def do(store: Database, statement: str) -> list[tuple[object, ...]]:
    with store.write() as db:
        db.exec_driver_sql("SET LOCAL search_path = procrastinate, public")
        result = db.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


async def resume_clean(queue: TaskQueue, clean: int, part: object) -> None:
    assert isinstance(part, int)
    async with queue.app.open_async():
        await queue.resume_clean(clean, part)


async def count_parts(queue: TaskQueue, clean: int) -> PartCounts:
    async with queue.app.open_async():
        return await queue.count_parts(clean)


async def has_urgent_task(queue: TaskQueue, priority: int) -> bool:
    async with queue.app.open_async():
        return await queue.has_urgent_task("clean", priority)


def jobs(store: Database) -> list[tuple[object, ...]]:
    return do(store, "SELECT task_name, status::text, attempts FROM procrastinate_jobs ORDER BY id")


def test_a_task_carries_its_site_and_no_secret(
    courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURIER_KEY", "hush")
    task = tasks.crawl_task(courier, NOW, "night")
    assert tasks.site_of(task.arguments) == courier
    assert "hush" not in str(task.arguments)
    assert "${COURIER_KEY}" in str(task.arguments)
    task.arguments["site"]["from_the_future"] = 1
    with pytest.raises(
        ConfigError, match=r"courier, which another version of Nightdesk.*from_the_future"
    ):
        tasks.site_of(task.arguments)
    scope = CleanScope(False, NOW, "menu")
    assert (
        tasks.scope_of(tasks.clean_task(courier, scope, "", pages=1, payloads=1).arguments) == scope
    )


def test_the_tables_of_the_queue_are_upgraded_in_steps_and_never_by_an_older_version(
    shared: Database, queue: TaskQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in Path(SchemaManager.get_migrations_path()).glob("*.sql"):
        (tmp_path / step.name).write_text("SELECT 'was made with the whole', 1 / 0;")
    (tmp_path / "98.00.00_01_pre.sql").write_text("CREATE TABLE newer (a int); SELECT '100%'")
    (tmp_path / "98.00.00_50_post.sql").write_text("ALTER TABLE newer ADD COLUMN b int")
    with monkeypatch.context() as newer:
        newer.setattr(SchemaManager, "get_migrations_path", lambda: str(tmp_path))
        queue.prepare()
        queue.prepare()
        (tmp_path / "98.00.01_01.sql").write_text("DROP TABLE newer; SELECT 1 / 0")
        with pytest.raises(StoreError, match="cannot be made or upgraded"):
            queue.prepare()
    assert do(shared, f"SELECT count(*) FROM {MIGRATIONS_TABLE} WHERE name LIKE '98%%'") == [
        (2,)
    ], "a step is made whole or not at all"
    assert do(shared, "SELECT b FROM newer") == []
    with pytest.raises(StoreError, match="made by a newer Procrastinate"):
        queue.prepare()
    do(shared, f"DELETE FROM {MIGRATIONS_TABLE} WHERE name LIKE '98%%'")
    assert do(
        shared,
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'procras%%'",
    ) == [(0,)]


def test_a_task_that_waits_is_not_enqueued_again(
    shared: Database, queue: TaskQueue, courier: Site
) -> None:
    with queue.open():
        night = tasks.crawl_task(courier, NOW, "night")
        assert (queue.enqueue([night]), queue.enqueue([night])) == (1, 0)
        assert queue.enqueue([tasks.backfill_task(courier, NOW, "back", NOW)]) == 1, (
            "a crawl of the past is another task"
        )
    fetch = "SELECT (procrastinate_fetch_job_v2(NULL, NULL)).task_name"
    do(shared, fetch)
    assert [status for _, status, _ in jobs(shared)] == ["doing", "todo"]
    do(shared, fetch)
    assert [status for _, status, _ in jobs(shared)] == ["doing", "todo"], (
        "one task of a site at a time"
    )


def test_the_tasks_of_a_dead_worker_are_taken_over_once(
    shared: Database, queue: TaskQueue, courier: Site
) -> None:
    said = list[str]()
    with queue.open():
        queue.enqueue([tasks.crawl_task(courier, NOW, "night")])
    do(
        shared,
        "INSERT INTO procrastinate_workers (last_heartbeat)"
        " VALUES (now() - interval '2 minutes'), (now())",
    )
    workers = [
        number for (number,) in do(shared, "SELECT id FROM procrastinate_workers ORDER BY id")
    ]

    async def look() -> None:
        async with queue.app.open_async():
            await take_over_tasks(queue, said.append)

    do(shared, f"UPDATE procrastinate_jobs SET status = 'doing', worker_id = {workers[1]}")
    asyncio.run(look())
    assert (jobs(shared), said) == ([("crawl", "doing", 0)], []), "its worker lives"
    do(shared, f"UPDATE procrastinate_jobs SET worker_id = {workers[0]}")
    asyncio.run(look())
    asyncio.run(look())
    assert jobs(shared) == [("crawl", "todo", 1)]
    assert said == ["courier: crawl: taken over from a worker without a heartbeat"]
    do(shared, f"UPDATE procrastinate_jobs SET status = 'doing', worker_id = {workers[0]}")
    with queue.open():
        queue.enqueue([tasks.crawl_task(courier, NOW, "night")])
    asyncio.run(look())
    assert [status for _, status, _ in jobs(shared)] == ["aborted", "todo"], (
        "the other task of the site does the work"
    )


def test_a_worker_that_stops_gives_its_tasks_back(
    shared: Database, queue: TaskQueue, home: Path
) -> None:
    async def ending() -> tuple[bool, bool]:
        work = TaskHandlers(load_settings(home), shared, queue, [WorkerPool(1, 1.0, 64)], 1, print)
        slow = asyncio.create_task(work._cancel_on_shutdown(asyncio.sleep(60)))
        held = asyncio.create_task(work._run_in_thread(lambda _, stop: stop.wait(60)))
        await asyncio.sleep(0.05)
        work.stop()
        with pytest.raises(RetryLater, match="given back"):
            await slow
        return await held, await work._run_in_thread(lambda _, stop: stop.is_set())

    began = time.monotonic()
    assert asyncio.run(ending()) == (True, True)
    assert time.monotonic() - began < 20


def test_a_manual_clean_makes_room_for_the_cleans_of_tonight(
    shared: Database, queue: TaskQueue, courier: Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    max_steps = 3000
    other_site = courier.model_copy(update={"id": "another"})
    night = tasks.clean_task(other_site, CleanScope(), "night", pages=1, payloads=1, is_night=True)

    def long_clean(
        _database: Database,
        _site: Site,
        _pool: WorkerPool,
        progress: ProgressCallback,
        _request: CleanRequest,
    ) -> CleanRunResult:
        other_queue = TaskQueue(shared)
        with other_queue.open():
            other_queue.enqueue([night])
        for step in range(max_steps):
            progress("cleaning", step, max_steps)
            steps.append(step)
            time.sleep(0.01)
        return CleanRunResult("courier")

    async def clean(priority: int) -> CleanRunResult:
        with WorkerPool(1, 1.0, 64) as pool:
            settings, own_queue = load_settings(home), TaskQueue(shared)
            handlers = TaskHandlers(
                settings, shared, own_queue, [pool], 1, print, urgent_check_interval=0.05
            )
            async with own_queue.app.open_async():
                return await handlers._clean_site(courier, CleanScope(everything=True), priority)

    monkeypatch.setattr(task_handlers, "clean_site", long_clean)
    with pytest.raises(RetryLater, match="makes room") as raised:
        asyncio.run(clean(tasks.PRIORITY_MANUAL))
    assert len(steps) < max_steps
    assert raised.value.seconds == 0.05
    max_steps = 20
    assert asyncio.run(clean(tasks.PRIORITY_NIGHT)) == CleanRunResult("courier"), (
        "one night does not make room for another"
    )


def test_a_task_that_fails_is_retried_with_growing_delays_and_then_given_up(courier: Site) -> None:
    said = list[str]()
    policy = RetryPolicy(said.append)

    def decided(
        error: BaseException, attempts: int, hours: float, kind: str = "crawl"
    ) -> int | None:
        values = tasks.crawl_task(courier, NOW, "night").arguments | {
            "enqueued_at": (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        }
        job = Job(
            id=1,
            queue=kind,
            lock=None,
            queueing_lock=None,
            task_name=kind,
            task_kwargs=values,
            attempts=attempts,
        )
        decision = policy.get_retry_decision(exception=error, job=job)
        return (
            round((decision.retry_at - datetime.now(UTC)).total_seconds())
            if decision and decision.retry_at
            else None
        )

    failure = NightdeskError("the disk is full")
    assert [decided(failure, attempts, 1) for attempts in (0, 1, 2, 9)] == [30, 60, 120, 1800]
    assert (
        decided(failure, 0, 7),
        decided(failure, 0, 7, "clean"),
        decided(failure, 0, 25, "clean"),
    ) == (None, 30, None)
    assert decided(RetryLater("not yet", 20), 99, 99) == 20, "who waits is not given up"
    assert decided(asyncio.CancelledError(), 0, 1) == 0, "nor who is sent away"
    assert said[0] == "courier: crawl: the disk is full; tried again in 30 s, by any worker"
    assert said[4] == "courier: crawl: the disk is full; given up"


def test_a_worker_that_is_silent_is_not_shown_at_work(
    shared: Database, queue: TaskQueue, courier: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    with queue.open():
        queue.enqueue([tasks.clean_task(courier, CleanScope(), "again", pages=9, payloads=9)])
    do(shared, "DELETE FROM procrastinate_workers")
    do(shared, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    do(
        shared,
        "INSERT INTO nightdesk_workers (queue, process, worker_id)"
        " SELECT 'clean', 'process 7 on alpha', id FROM procrastinate_workers",
    )
    do(
        shared,
        "UPDATE procrastinate_jobs SET status = 'doing',"
        " worker_id = (SELECT id FROM procrastinate_workers)",
    )
    seen = []
    for seconds in (0, 20, 60):
        do(
            shared,
            "UPDATE procrastinate_workers SET last_heartbeat ="
            f" now() - interval '{seconds} seconds'",
        )
        print_queue(queue_status(shared))
        seen.append(capsys.readouterr().out.splitlines())
    do(shared, "DELETE FROM procrastinate_workers")
    batch = "  again: 0 of 1 site cleaned, 0 of 9 pages extracted, 1 running"
    worker = "  process 7 on alpha (clean): "
    nothing = " Nothing goes on: start 'nightdesk worker'."
    assert seen[0] == [
        "Workers:",
        worker + "last sign of life 0 s ago; in hand: courier",
        "Batches:",
        batch,
        "Workers alive: 1, silent: 0. Tasks: 0 waiting, 1 running, 0 given up.",
    ]
    assert seen[1][1:] == [
        worker + "no sign of life for 20 s, perhaps dead; had in hand: courier",
        "Batches:",
        batch,
        "Workers alive: 0, silent: 1. Tasks: 0 waiting, 1 running, 0 given up." + nothing,
    ]
    assert seen[2][0] == "Workers: none is running"
    assert seen[2][-1].endswith(nothing)


def test_the_queue_shows_how_far_all_workers_are_and_how_long_the_rest_takes(
    shared: Database, queue: TaskQueue, courier: Site
) -> None:
    assert queue_status(shared).batches == ()
    sites = [courier.model_copy(update={"id": name}) for name in ("a", "b")]
    with queue.open():
        queue.enqueue(
            [
                tasks.clean_task(site, CleanScope(), "again", pages=1000, payloads=1000)
                for site in sites
            ]
        )
        (first, _) = (
            number for (number,) in do(shared, "SELECT id FROM procrastinate_jobs ORDER BY id")
        )
        clean = tasks.clean_task(sites[0], CleanScope(), "again", pages=1000, payloads=1000)
        assert isinstance(first, int)
        queue.enqueue(
            tasks.extract_tasks(
                clean.arguments, first, 0, [(250, 250), (500, 250), (750, 250), (1000, 250)]
            )
        )
    assert asyncio.run(count_parts(queue, first)) == PartCounts(4, 4)
    ours = "UPDATE procrastinate_jobs SET status = "
    do(shared, f"{ours}'doing' WHERE args->>'last_payload_id' IN ('250', '500')")
    do(
        shared,
        "UPDATE procrastinate_events SET at = at - interval '10 seconds' WHERE type = 'started'",
    )
    do(shared, f"{ours}'succeeded' WHERE args->>'last_payload_id' = '250'")
    assert asyncio.run(count_parts(queue, first)) == PartCounts(4, 3)
    (batch,) = queue_status(shared).batches
    assert (batch.cleans, batch.cleaned, batch.pages, batch.extracted, batch.running) == (
        2,
        0,
        2000,
        250,
        1,
    )
    assert batch.time_left is not None
    assert 75 <= batch.time_left.total_seconds() <= 85, (
        "1750 pages at 40 ms to extract, and 2000 at 4 ms to strike"
    )
    with TestClient(create_app(shared), base_url="http://127.0.0.1") as room:
        page = re.sub(r"<[^>]+>", " ", room.get("/runs").text)
    assert re.search(r"again\s+0 of 2\s+250 of 2,000\s+1\s+0\s+\d\d s", page)
    is_due = (
        "SELECT scheduled_at <= now() FROM procrastinate_jobs WHERE task_name = 'clean'"
        " ORDER BY id LIMIT 1"
    )
    do(
        shared,
        "UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour'"
        f" WHERE id = {first}",
    )
    parts = [
        number
        for (number,) in do(
            shared, "SELECT id FROM procrastinate_jobs WHERE task_name = 'extract' ORDER BY id"
        )
    ]
    asyncio.run(resume_clean(queue, first, parts[1]))
    assert do(shared, is_due) == [(False,)], "other parts are not done"
    do(shared, f"{ours}'doing' WHERE args->>'last_payload_id' IN ('750', '1000')")
    do(shared, f"{ours}'succeeded' WHERE args->>'last_payload_id' IN ('750', '1000')")
    asyncio.run(resume_clean(queue, first, parts[1]))
    assert do(shared, is_due) == [(True,)], "it was the last one"
    assert not asyncio.run(has_urgent_task(queue, tasks.PRIORITY_MANUAL))
    with queue.open():
        night = [
            tasks.clean_task(site, CleanScope(), "night", pages=1, payloads=1, is_night=True)
            for site in sites
        ]
        queue.enqueue(night)
    assert asyncio.run(has_urgent_task(queue, tasks.PRIORITY_MANUAL))
    assert not asyncio.run(has_urgent_task(queue, tasks.PRIORITY_NIGHT))


def test_commands_for_several_machines_say_what_they_need(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config" / "sites" / "courier.toml").write_text(COURIER, encoding="utf8")
    for words in (
        ("worker",),
        ("crawl", "--enqueue"),
        ("clean", "--enqueue"),
        ("schedule", "--enqueue"),
    ):
        done = nightdesk(home, *words)
        assert (done.code, done.out) == (3, "")
        assert "is for one machine; for several set database_url to PostgreSQL" in done.error_line
    assert (
        "there is no queue 'cook'" in nightdesk(home, "worker", "--queues", "crawl,cook").error_line
    )
    assert nightdesk(home, "clean", "--enqueue", "--dry-run").code == 3
    monkeypatch.setattr(
        "pipeline.cluster.requirements.find_spec",
        lambda name: None if name == "procrastinate" else find_spec(name),
    )
    monkeypatch.setattr("pipeline.store.db.engine.Database.is_sqlite", False)
    from pipeline.cluster.requirements import require_cluster

    with pytest.raises(
        ConfigError,
        match=r"extra 'cluster', which is not installed: pip install 'nightdesk\[cluster\]'",
    ):
        require_cluster(Database(f"sqlite:///{home / 'x.db'}"))
