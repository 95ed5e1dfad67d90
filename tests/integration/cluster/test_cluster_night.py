"""A worker, the scheduler and commands on one archive: enqueue, crawl, clean and show the queue."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pipeline import demo_site
from pipeline.store.db.engine import Database
from pipeline.store.read.task_queue import queue_status
from tests.support.cli import ROOT, clean_environment, command_line, nightdesk, wait_until

pytest.importorskip("procrastinate", reason="the extra 'cluster' is not installed")

SITE = "harbour-courier"
TIMEOUT = 120.0  # seconds, because the machine may do other work
# The documentation shows these commands for several machines.
COMMANDS = (
    ("worker",),
    ("schedule", "--enqueue"),
    ("crawl", "--enqueue"),
    ("clean", "--all", "--enqueue"),
    ("queue",),
)
SERVICES = {"worker", "schedule"}  # these run until they get a signal


def test_a_worker_does_what_commands_and_the_scheduler_enqueue(home: Path, postgres: Any) -> None:
    name = postgres.create(postgres.template)
    variables = {"NIGHTDESK_DATABASE_URL": postgres.address(name)}
    database = Database(variables["NIGHTDESK_DATABASE_URL"])
    services = list[subprocess.Popen[str]]()
    home_without_sites = home.parent / "bare"
    (home_without_sites / "config" / "sites").mkdir(parents=True)
    with demo_site.serve_demo_sites(night=1) as server:
        (home / "config" / "sites" / f"{SITE}.toml").write_text(
            demo_site.site_file(SITE, server.base_url(SITE))
        )
        try:
            for words in COMMANDS:
                if words[0] in SERVICES:
                    # A worker needs no site files.
                    service_home = home_without_sites if words[0] == "worker" else home
                    services.append(start_service(service_home, words, variables))
                    continue
                if words[0] == "clean":
                    wait_until(lambda: rows(database, "SELECT 1 FROM articles"), TIMEOUT)
                    wait_until(lambda: not queue_status(database).batches, TIMEOUT)
                result = nightdesk(home, *words, **variables)
                assert (result.code, result.err) == (0, ""), words
            line = r"Workers:\n  process .* \(clean, crawl\): last sign of life \d+ s ago; "
            assert re.match(line, result.out)
            assert "\nWorkers alive: 1, silent: 0. Tasks: " in result.out
            assert "\nWorkers:\n  process " in nightdesk(home, "status", **variables).out
            (worker,) = nightdesk(home, "queue", "--json", **variables).json["workers"]
            assert sorted(worker["queues"]) == ["clean", "crawl"]
            wait_until(lambda: not queue_status(database).batches, TIMEOUT)
            for service in services:
                service.send_signal(signal.SIGTERM)
            output = [service.communicate(timeout=TIMEOUT)[0] for service in services]
            assert [service.returncode for service in services] == [0, 0], output
        finally:
            for service in services:
                service.kill()
    runs = rows(
        database, "SELECT kind, status, count(*) FROM run GROUP BY kind, status ORDER BY kind"
    )
    assert runs == [("clean", "finished", 2), ("crawl", "finished", 1)], output
    stale = rows(
        database,
        "SELECT count(*) FROM page"
        " WHERE kind = 'story' AND (clean_payload_id <> payload_id OR needs_clean)",
    )
    assert stale == [(0,)]
    assert queue_status(database).workers == ()
    database.close()
    postgres.drop(name)


def start_service(
    home: Path, words: tuple[str, ...], variables: dict[str, str]
) -> subprocess.Popen[str]:
    environment = clean_environment(**variables, NIGHTDESK_CONTACT="archive@example.org")
    command = command_line(home, *words)
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.read() as db:
        return [tuple(row) for row in db.execute(text(query))]
