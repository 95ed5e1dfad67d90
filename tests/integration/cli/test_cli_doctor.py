"""`doctor` names what would stop a night, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from pipeline.config.site import parse_site
from pipeline.diagnostics import (
    CheckState,
    DiagnosticCheck,
    DiagnosticLimits,
    check_postgres,
    check_sqlite_file,
)
from pipeline.jobs.recipe import current_recipe
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import migrate
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import server_stats
from tests.support.archive_factory import clean, do, dump, night, url
from tests.support.cli import nightdesk

COURIER = (
    'name = "Courier"\nurl = "https://courier.example/"\n'
    'feeds = ["https://courier.example/feed.xml"]\n'
)


def diagnose(
    home: Path, store: Database, **variables: str
) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code, and the worst state and its message for each name of a check."""
    url = store.url.render_as_string(hide_password=False)
    answer = nightdesk(home, "--database-url", url, "doctor", "--json", **variables)
    assert answer.err == ""
    checks: dict[str, tuple[str, str]] = {}
    for state in ("ok", "look", "broken"):
        for check in answer.json:
            if check["state"] == state:
                checks[check["name"]] = (state, check["message"])
    return answer.code, checks


def test_checks_are_ok_or_name_what_is_wrong(
    archive: CrawlSession, store: Database, home: Path
) -> None:
    sites = home / "config" / "sites"
    (sites / "courier.toml").write_text(COURIER)
    night(archive, {url("a"): b"One story"})
    clean(store)
    state, message = diagnose(home, store)[1]["texts"]
    assert state == "look", "it was cleaned by a recipe of the tests"
    assert message.startswith("a clean is due: 1 page of courier cleaned by other rules")
    recipe = current_recipe(parse_site("courier", COURIER, "a file"))
    do(store, "UPDATE page SET clean_recipe = :recipe", recipe=str(recipe))
    before = dump(store)
    code, checks = diagnose(home, store)
    assert (code, [name for name, (state, _) in checks.items() if state != "ok"]) == (0, [])
    assert dump(store) == before
    run = archive.start_run("courier")  # at work, in this process
    at = (datetime.now(UTC) - timedelta(days=3)).replace(tzinfo=None if store.is_sqlite else UTC)
    do(store, "UPDATE run SET started_at = :at", at=at)
    do(store, "UPDATE run SET counts = '{}' WHERE kind = 'clean'")
    do(
        store,
        "INSERT INTO run (site, kind, started_at, status, counts)"
        " VALUES ('dead', 'crawl', :at, 'running', '{}')",
        at=at,
    )
    (sites / "courier.toml").write_text(COURIER + "[politeness]\ndelai = 3\n")
    (sites / "other.toml").write_text(COURIER + 'headers = { X-Key = "${NOT_SET_HERE}" }\n')
    (sites / "courier.toml").rename(sites / "broken.toml")
    (sites / "courier.toml").write_text(COURIER)
    code, checks = diagnose(
        home, store, NIGHTDESK_CONTACT="me", NIGHTDESK_FREE_MEGABYTES="999999999"
    )
    assert code == 1
    wrong = {name: state for name, (state, _) in checks.items() if state != "ok"}
    assert wrong == {
        "contact": "look",
        "site file": "broken",
        "secrets": "look",
        "disk": "broken",
        "nights": "look",
        "runs": "look",
        "ledgers": "broken",
    }
    assert (
        "other: no night yet" in checks["nights"][1]
        or "courier: its last night" in checks["nights"][1]
    )
    assert "(crawl of dead)" in checks["runs"][1]
    assert "courier" not in checks["runs"][1], "one that is at work is not dead"
    archive.finish_run(run, "finished")


@pytest.mark.parametrize("engine", ["sqlite"])
def test_an_older_newer_or_missing_archive_is_reported_and_not_changed(
    store: Database, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config" / "sites" / "courier.toml").write_text(COURIER)
    assert diagnose(home, Database(f"sqlite:///{tmp_path / 'none.db'}"))[1]["archive"][0] == "look"
    assert not (tmp_path / "none.db").exists()
    for version in ("0012", "9999"):  # of a development version, and of a newer Nightdesk
        do(store, "UPDATE alembic_version SET version_num = :version", version=version)
        code, checks = diagnose(home, store)
        assert (code, checks["archive"][0]) == (1, "broken")
    monkeypatch.setattr(migrate, "head", lambda: "2000")
    do(store, "UPDATE alembic_version SET version_num = '1000'")
    code, checks = diagnose(home, store)
    assert (code, checks["archive"][0]) == (0, "look")
    assert "its schema 1000 is older than this Nightdesk" in checks["archive"][1]


def test_unused_space_and_dead_rows_are_reported_with_the_command_to_type(
    archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(archive, {url("a"): Random(1).randbytes(100_000)})
    if store.is_sqlite:
        do(store, "UPDATE payload SET body = :body", body=b"")
        limits = DiagnosticLimits(unused_bytes=0, unused_share=0.05)
        (check,) = to_look_at(check_sqlite_file(store, limits))
        assert check.message.endswith(f"and type: sqlite3 {store.file} VACUUM")
        return
    assert to_look_at(check_postgres(store)) == []
    stats = server_stats.postgres_stats(store)
    names = [table.name for table in stats.tables]
    assert names.count("payload") == 2, "the table and its TOAST table"
    dead = server_stats.TableStats("payload", 100, 90_000, True, 3 << 30)
    changed = replace(stats, tables=(dead, dead))
    monkeypatch.setattr(server_stats, "postgres_stats", lambda _: changed)
    (check,) = to_look_at(check_postgres(store))
    assert check.message.startswith("payload: 3.2 GB")
    command = 'psql "$NIGHTDESK_DATABASE_URL" -c "VACUUM (ANALYZE) payload"'
    assert check.message.endswith(f"type: {command}")


def to_look_at(checks: Iterable[DiagnosticCheck]) -> list[DiagnosticCheck]:
    return [check for check in checks if check.state is not CheckState.OK]
