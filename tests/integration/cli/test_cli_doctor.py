"""The doctor names what nights would stumble over, and leaves everything as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from pipeline import diagnostics
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import server_stats
from tests.support.archive_factory import clean, do, dump, night, url
from tests.support.cli import nightdesk

COURIER = 'name = "Courier"\nurl = "https://courier.example/"\nfeeds = ["https://courier.example/feed.xml"]\n'


def looked(home: Path, store: Database, **variables: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code, and of each name the gravest check."""
    address = store.url.render_as_string(hide_password=False)
    done = nightdesk(home, "--database-url", address, "doctor", "--json", **variables)
    assert done.err == ""
    order = ["ok", "look", "broken"]
    found = sorted(done.json, key=lambda each: order.index(each["state"]))
    return done.code, {each["name"]: (each["state"], each["sentence"]) for each in found}


def test_what_is_well_is_ok_and_what_is_not_is_named(
    archive: CrawlSession, store: Database, home: Path
) -> None:
    sites = home / "config" / "sites"
    (sites / "courier.toml").write_text(COURIER)
    night(archive, {url("a"): b"One story"})
    clean(store)
    before = dump(store)
    code, found = looked(home, store)
    assert (code, [name for name, (state, _) in found.items() if state != "ok"]) == (0, [])
    assert dump(store) == before
    run = archive.start_run("courier")  # at work, in this process
    at = (datetime.now(UTC) - timedelta(days=3)).replace(tzinfo=None if store.is_sqlite else UTC)
    do(store, "UPDATE run SET started_at = :at", at=at)
    do(store, "UPDATE run SET counts = '{}' WHERE kind = 'clean'")
    do(
        store,
        "INSERT INTO run (site, kind, started_at, status, counts) VALUES ('dead', 'crawl', :at, 'running', '{}')",
        at=at,
    )
    (sites / "courier.toml").write_text(COURIER + "[politeness]\ndelai = 3\n")
    (sites / "other.toml").write_text(COURIER + 'headers = { X-Key = "${NOT_SET_HERE}" }\n')
    (sites / "courier.toml").rename(sites / "broken.toml")
    (sites / "courier.toml").write_text(COURIER)
    code, found = looked(home, store, NIGHTDESK_CONTACT="me", NIGHTDESK_FREE_MEGABYTES="999999999")
    assert code == 1
    wrong = {name: state for name, (state, _) in found.items() if state != "ok"}
    assert wrong == {
        "contact": "look", "site file": "broken", "secrets": "look", "disk": "broken", "nights": "look", "runs": "look",
        "ledgers": "broken",
    }  # fmt: skip
    assert (
        "other: no night yet" in found["nights"][1]
        or "courier: its last night" in found["nights"][1]
    )
    assert "(crawl of dead)" in found["runs"][1]
    assert "courier" not in found["runs"][1], "one that is at work is not dead"
    archive.finish_run(run, "finished")


@pytest.mark.parametrize("engine", ["sqlite"])
def test_an_archive_that_is_older_newer_or_not_there_is_told_and_left_alone(
    store: Database, home: Path, tmp_path: Path
) -> None:
    (home / "config" / "sites" / "courier.toml").write_text(COURIER)
    assert looked(home, Database(f"sqlite:///{tmp_path / 'none.db'}"))[1]["archive"][0] == "look"
    assert not (tmp_path / "none.db").exists()
    for version, state in (("0001", "look"), ("9999", "broken")):
        do(store, "UPDATE alembic_version SET version_num = :version", version=version)
        code, found = looked(home, store)
        assert (code, found["archive"][0]) == (int(state == "broken"), state)


def test_room_that_holds_nothing_and_rows_that_are_dead_are_told_with_what_to_type(
    archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnostics, "SMALL", 0)
    monkeypatch.setattr(diagnostics, "UNUSED", 0.05)
    night(archive, {url("a"): Random(1).randbytes(100_000)})
    if store.is_sqlite:
        do(store, "UPDATE payload SET body = :body", body=b"")
        (said,) = [
            each
            for each in diagnostics._room_within(store)
            if each.state is diagnostics.CheckState.LOOK
        ]
        assert said.sentence.endswith(f"and type: sqlite3 {store.file} VACUUM")
        return
    assert [
        each for each in diagnostics._server(store) if each.state is not diagnostics.CheckState.OK
    ] == []
    known = server_stats.postgres_stats(store)
    assert [each.name for each in known.tables].count("payload") == 2, "and what lies beside it"
    dead = server_stats.TableStats("payload", 100, 90_000, True, 3 << 30)
    monkeypatch.setattr(
        server_stats, "postgres_stats", lambda _: replace(known, tables=(dead, dead))
    )
    (said,) = [
        each for each in diagnostics._server(store) if each.state is diagnostics.CheckState.LOOK
    ]
    assert said.sentence.startswith("payload: 3.2 GB")
    assert said.sentence.endswith(
        'type: psql "$NIGHTDESK_DATABASE_URL" -c "VACUUM (ANALYZE) payload"'
    )
