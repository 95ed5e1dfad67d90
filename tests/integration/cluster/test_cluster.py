"""The queue of several machines on a real PostgreSQL: errands that are handed out once, taken over, tried again and told of."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pipeline.cluster import monitor as queues
from pipeline.config.settings import load_settings
from pipeline.config.site import Site, parse_site
from pipeline.core.errors import ConfigError, NightdeskError, StoreError
from pipeline.jobs.clean import CleanRequest
from pipeline.jobs.progress import ProgressCallback
from pipeline.jobs.results import CleanRunResult
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.types import CleanScope
from pipeline.store.db.engine import Database
from pipeline.web.app import create_app
from tests.support.cli import nightdesk

pytest.importorskip("procrastinate", reason="the extra 'cluster' is not installed")

from procrastinate.jobs import Job
from procrastinate.schema import SchemaManager

from pipeline.cluster import task_handlers as module
from pipeline.cluster import tasks
from pipeline.cluster.queue import KEPT, TaskQueue
from pipeline.cluster.retry import RetryLater, RetryPolicy
from pipeline.cluster.task_handlers import TaskHandlers
from pipeline.cluster.worker import _take_over

COURIER = (
    'name = "Courier"\nurl = "https://courier.example/"\nfeeds = ["https://courier.example/feed.xml"]\n'
    'allow = ["/\\\\d+$"]\n[headers]\nX-Key = "${COURIER_KEY}"\n[politeness]\ndelay = 3.5\n'
)
NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An archive on PostgreSQL, which these tests share."""
    postgres = request.getfixturevalue("postgres")
    name = postgres.create(postgres.template)
    store = Database(postgres.address(name))
    yield store
    store.close()
    postgres.drop(name)


@pytest.fixture
def engine(shared: Database) -> TaskQueue:
    """A queue with nothing in it."""
    engine = TaskQueue(shared)
    engine.prepare()
    do(shared, "TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
    return engine


@pytest.fixture
def courier() -> Site:
    return parse_site("courier", COURIER, "courier.toml")


def do(store: Database, statement: str) -> list[tuple[object, ...]]:
    with store.write() as db:
        db.exec_driver_sql("SET LOCAL search_path = procrastinate, public")
        found = db.exec_driver_sql(statement)
        return [tuple(row) for row in found] if found.returns_rows else []


async def woken(engine: TaskQueue, clean: int, part: object) -> None:
    assert isinstance(part, int)
    async with engine.app.open_async():
        await engine.wake(clean, part)


def jobs(store: Database) -> list[tuple[object, ...]]:
    return do(store, "SELECT task_name, status::text, attempts FROM procrastinate_jobs ORDER BY id")


def test_an_errand_brings_its_site_along_and_no_secret(
    courier: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURIER_KEY", "hush")
    errand = tasks.crawl_task(courier, NOW, "night")
    assert tasks.site_of(errand.arguments) == courier
    assert "hush" not in str(errand.arguments)
    assert "${COURIER_KEY}" in str(errand.arguments)
    errand.arguments["site"]["from_the_future"] = 1
    with pytest.raises(
        ConfigError, match=r"courier, which another version of Nightdesk.*from_the_future"
    ):
        tasks.site_of(errand.arguments)
    scope = CleanScope(False, NOW, "menu")
    assert tasks.scope_of(tasks.clean_task(courier, scope, "", pages=1, payloads=1).arguments) == scope


def test_the_tables_of_the_queue_are_upgraded_step_by_step_and_never_by_an_older_one(
    shared: Database, engine: TaskQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in Path(SchemaManager.get_migrations_path()).glob("*.sql"):
        (tmp_path / step.name).write_text("SELECT 'was made with the whole', 1 / 0;")
    (tmp_path / "98.00.00_01_pre.sql").write_text("CREATE TABLE newer (a int); SELECT '100%'")
    (tmp_path / "98.00.00_50_post.sql").write_text("ALTER TABLE newer ADD COLUMN b int")
    with monkeypatch.context() as newer:
        newer.setattr(SchemaManager, "get_migrations_path", lambda: str(tmp_path))
        engine.prepare()
        engine.prepare()
        (tmp_path / "98.00.01_01.sql").write_text("DROP TABLE newer; SELECT 1 / 0")
        with pytest.raises(StoreError, match="cannot be made or upgraded"):
            engine.prepare()
    assert do(shared, f"SELECT count(*) FROM {KEPT} WHERE name LIKE '98%%'") == [(2,)], (
        "a step is made whole or not at all"
    )
    assert do(shared, "SELECT b FROM newer") == []
    with pytest.raises(StoreError, match="made by a newer Procrastinate"):
        engine.prepare()
    do(shared, f"DELETE FROM {KEPT} WHERE name LIKE '98%%'")
    assert do(
        shared,
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'procras%%'",
    ) == [(0,)]


def test_an_errand_that_waits_is_not_handed_out_again(
    shared: Database, engine: TaskQueue, courier: Site
) -> None:
    with engine.open():
        night = tasks.crawl_task(courier, NOW, "night")
        assert (engine.enqueue([night]), engine.enqueue([night])) == (1, 0)
        assert engine.enqueue([tasks.crawl_task(courier, NOW, "back", NOW)]) == 1, (
            "to go back is another matter"
        )
    fetch = "SELECT (procrastinate_fetch_job_v2(NULL, NULL)).task_name"
    do(shared, fetch)
    assert [status for _, status, _ in jobs(shared)] == ["doing", "todo"]
    do(shared, fetch)
    assert [status for _, status, _ in jobs(shared)] == ["doing", "todo"], "one of a site at a time"


def test_what_a_dead_worker_had_in_hand_is_taken_over_once(
    shared: Database, engine: TaskQueue, courier: Site
) -> None:
    said = list[str]()
    with engine.open():
        engine.enqueue([tasks.crawl_task(courier, NOW, "night")])
    do(
        shared,
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '2 minutes'), (now())",
    )
    workers = [
        number for (number,) in do(shared, "SELECT id FROM procrastinate_workers ORDER BY id")
    ]

    async def look() -> None:
        async with engine.app.open_async():
            await _take_over(engine, said.append)

    do(shared, f"UPDATE procrastinate_jobs SET status = 'doing', worker_id = {workers[1]}")
    asyncio.run(look())
    assert (jobs(shared), said) == ([("crawl", "doing", 0)], []), "its worker lives"
    do(shared, f"UPDATE procrastinate_jobs SET worker_id = {workers[0]}")
    asyncio.run(look())
    asyncio.run(look())
    assert jobs(shared) == [("crawl", "todo", 1)]
    assert said == ["courier: crawl: taken from a worker that gives no sign of life any more"]
    do(shared, f"UPDATE procrastinate_jobs SET status = 'doing', worker_id = {workers[0]}")
    with engine.open():
        engine.enqueue([tasks.crawl_task(courier, NOW, "night")])
    asyncio.run(look())
    assert [status for _, status, _ in jobs(shared)] == ["aborted", "todo"], "its double does it"


def test_a_worker_that_ends_gives_back_what_it_has_in_hand(
    shared: Database, engine: TaskQueue, home: Path
) -> None:
    async def ending() -> tuple[bool, bool]:
        work = TaskHandlers(load_settings(home), shared, engine, [WorkerPool(1, 1.0, 64)], 1, print)
        slow = asyncio.create_task(work._unless_over(asyncio.sleep(60)))
        held = asyncio.create_task(work._with_pool(lambda _, over: over.wait(60)))
        await asyncio.sleep(0.05)
        work.stop()
        with pytest.raises(RetryLater, match="given back"):
            await slow
        return await held, await work._with_pool(lambda _, over: over.is_set())

    began = time.monotonic()
    assert asyncio.run(ending()) == (True, True)
    assert time.monotonic() - began < 20


def test_a_clean_that_somebody_asked_for_makes_room_for_tonight_and_the_rest_of_it_waits(
    shared: Database, engine: TaskQueue, courier: Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.0)
    with WorkerPool(1, 1.0, 64) as pool:
        work = TaskHandlers(load_settings(home), shared, engine, [pool], 1, print)
        steps = list[int]()

        def long_clean(
            _store: Database, _site: Site, _pool: WorkerPool, progress: ProgressCallback, _plan: CleanRequest
        ) -> CleanRunResult:
            for step in range(3):
                progress("cleaning", step, 3)
                steps.append(step)
                if not step:
                    with engine.open():
                        night = courier.model_copy(update={"id": "another"})
                        engine.enqueue(
                            [
                                tasks.clean_task(
                                    night, CleanScope(), "night", pages=1, payloads=1, night=True
                                )
                            ]
                        )
            return CleanRunResult("courier")

        monkeypatch.setattr(module, "clean_site", long_clean)
        cleaned = partial(
            work._cleaned, courier, CleanRequest(CleanScope(everything=True)), pool, threading.Event()
        )
        with pytest.raises(RetryLater, match="makes room") as later:
            cleaned(tasks.PRIORITY_MANUAL)
        assert (steps, later.value.seconds) == ([0], 0.0)
        assert cleaned(tasks.PRIORITY_NIGHT) == CleanRunResult("courier"), (
            "one night does not make room for another"
        )


def test_what_fails_is_tried_again_ever_more_rarely_and_given_up(courier: Site) -> None:
    said = list[str]()
    patience = RetryPolicy(said.append)

    def decided(
        error: BaseException, attempts: int, hours: float, kind: str = "crawl"
    ) -> int | None:
        values = tasks.crawl_task(courier, NOW, "night").arguments | {
            "at": (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
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
        decision = patience.get_retry_decision(exception=error, job=job)
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


def test_it_is_told_how_far_all_workers_are_and_how_long_the_rest_takes(
    shared: Database, engine: TaskQueue, courier: Site
) -> None:
    assert queues.queue_status(shared).batches == ()
    sites = [courier.model_copy(update={"id": name}) for name in ("a", "b")]
    with engine.open():
        engine.enqueue(
            [tasks.clean_task(site, CleanScope(), "again", pages=1000, payloads=1000) for site in sites]
        )
        (first, _) = (
            number for (number,) in do(shared, "SELECT id FROM procrastinate_jobs ORDER BY id")
        )
        clean = tasks.clean_task(sites[0], CleanScope(), "again", pages=1000, payloads=1000)
        assert isinstance(first, int)
        engine.enqueue(
            tasks.extract_tasks(
                clean.arguments, first, 0, [(250, 250), (500, 250), (750, 250), (1000, 250)]
            )
        )
    assert queues.part_counts(shared, first) == (4, 4)
    ours = "UPDATE procrastinate_jobs SET status = "
    do(shared, f"{ours}'doing' WHERE args->>'last' IN ('250', '500')")
    do(
        shared,
        "UPDATE procrastinate_events SET at = at - interval '10 seconds' WHERE type = 'started'",
    )
    do(shared, f"{ours}'succeeded' WHERE args->>'last' = '250'")
    assert queues.part_counts(shared, first) == (4, 3)
    (batch,) = queues.queue_status(shared).batches
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
    waiting = "SELECT scheduled_at <= now() FROM procrastinate_jobs WHERE task_name = 'clean' ORDER BY id LIMIT 1"
    do(
        shared,
        f"UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 hour' WHERE id = {first}",
    )
    parts = [
        number
        for (number,) in do(
            shared, "SELECT id FROM procrastinate_jobs WHERE task_name = 'draft' ORDER BY id"
        )
    ]
    asyncio.run(woken(engine, first, parts[1]))
    assert do(shared, waiting) == [(False,)], "other parts are not done"
    do(shared, f"{ours}'doing' WHERE args->>'last' IN ('750', '1000')")
    do(shared, f"{ours}'succeeded' WHERE args->>'last' IN ('750', '1000')")
    asyncio.run(woken(engine, first, parts[1]))
    assert do(shared, waiting) == [(True,)], "it was the last one"
    assert not queues.has_urgent_task(shared, "clean", tasks.PRIORITY_MANUAL)
    with engine.open():
        night = [
            tasks.clean_task(site, CleanScope(), "night", pages=1, payloads=1, night=True)
            for site in sites
        ]
        engine.enqueue(night)
    assert queues.has_urgent_task(shared, "clean", tasks.PRIORITY_MANUAL)
    assert not queues.has_urgent_task(shared, "clean", tasks.PRIORITY_NIGHT)


def test_who_has_one_machine_is_told_what_several_need(
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
        match=r"extra 'cluster', which is not installed: pip install -e '\.\[cluster\]'",
    ):
        require_cluster(Database(f"sqlite:///{home / 'x.db'}"))
