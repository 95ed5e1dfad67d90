"""What the README shows of several machines, as it is shown: two workers, and the commands that hand work to them."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from test_readme import blocks, shown_in

from pipeline import demo_site
from pipeline.cluster import monitor as queues
from pipeline.store.db.engine import Database
from tests.support.cli import ROOT, command_line, clean_environment, nightdesk, wait_until

pytest.importorskip("procrastinate", reason="the extra 'cluster' is not installed")

SITE = "harbour-courier"
PATIENCE = 120.0  # seconds, for a machine that has other things to do
STAYING = {"worker", "schedule"}


def test_several_machines_can_be_run_as_shown(home: Path, postgres: Any) -> None:
    name = postgres.create(postgres.template)
    variables = {"NIGHTDESK_DATABASE_URL": postgres.address(name)}
    store = Database(variables["NIGHTDESK_DATABASE_URL"])
    (block,) = (each for each in blocks("console") if "nightdesk worker" in each.text)
    staying, bare = list[subprocess.Popen[str]](), home.parent / "bare"
    (bare / "config" / "sites").mkdir(parents=True)
    with demo_site.serve_demo_sites(night=1) as room:
        (home / "config" / "sites" / f"{SITE}.toml").write_text(
            demo_site.site_file(SITE, room.base_url(SITE))
        )
        try:
            for shown in shown_in(block.text):
                if shown.command in STAYING:  # a worker has no site files
                    where = bare if shown.command == "worker" else home
                    given = clean_environment(**variables, NIGHTDESK_CONTACT="archive@example.org")
                    words = command_line(where, *shown.words)
                    staying.append(
                        subprocess.Popen(
                            words, cwd=ROOT, env=given, stdout=subprocess.PIPE, text=True
                        )
                    )
                    continue
                if shown.command == "clean":
                    wait_until(lambda: rows(store, "SELECT 1 FROM articles"), PATIENCE)
                    wait_until(lambda: not queues.queue_status(store).batches, PATIENCE)
                done = nightdesk(home, *shown.words, **variables)
                assert (done.code, done.err) == (0, ""), shown.words
            assert shown.command == "queue"
            assert done.out.startswith("Workers: process ")
            assert "\nWorkers: process " in nightdesk(home, "status", **variables).out
            (told,) = nightdesk(home, "queue", "--json", **variables).json["workers"]
            assert sorted(told["queues"]) == ["clean", "crawl"]
            wait_until(lambda: not queues.queue_status(store).batches, PATIENCE)
            for each in staying:
                each.send_signal(signal.SIGTERM)
            said = [each.communicate(timeout=PATIENCE)[0] for each in staying]
            assert [each.returncode for each in staying] == [0, 0], said
        finally:
            for each in staying:
                each.kill()
    runs = rows(store, "SELECT kind, status, count(*) FROM run GROUP BY kind, status ORDER BY kind")
    assert runs == [("clean", "finished", 2), ("crawl", "finished", 1)], said
    assert rows(
        store,
        "SELECT count(*) FROM page WHERE kind = 'story' AND (clean_payload_id <> payload_id OR needs_clean)",
    ) == [(0,)]
    assert queues.queue_status(store).workers == ()
    store.close()
    postgres.drop(name)


def rows(store: Database, query: str) -> list[tuple[Any, ...]]:
    with store.read() as db:
        return [tuple(row) for row in db.execute(text(query))]
