"""A night is killed: the next command goes on from there, and does nothing twice."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.crawl.session import CrawlSession
from tests.support.cli import (
    CommandResult,
    descendants,
    is_alive,
    nightdesk,
    running_command,
    wait_until,
)
from tests.support.http_site import HttpSite, serve_http_site

STORIES = 12


def rows(home: Path, statement: str) -> list[tuple[Any, ...]]:
    path = home / "var" / "nightdesk.db"
    if not path.exists():
        return []
    connection = sqlite3.connect(path, timeout=10)
    try:
        return connection.execute(statement).fetchall()
    except sqlite3.OperationalError:  # the tables are not made yet
        return []
    finally:
        connection.close()


def cranes(site: HttpSite, count: int) -> list[str]:
    return [
        site.add_story(f"crane-{number}", f"Crane number {number} of the northern quay is mended")
        for number in range(count)
    ]


def prepare_site(site: HttpSite, home: Path, pause: float = 0.15) -> None:
    site.set_feed(cranes(site, STORIES))
    site.story_delay = pause
    site.write_site_file(home)


def stored(home: Path) -> int:
    counts = rows(home, "SELECT count(*) FROM page WHERE payload_id IS NOT NULL AND kind = 'story'")
    return int(counts[0][0]) if counts else 0


def finish(site: HttpSite, home: Path) -> CommandResult:
    """Run the command again, which must fetch the rest and nothing twice."""
    site.story_delay = 0.0
    before, asked = stored(home), len(site.requested_paths)
    result = nightdesk(home, "crawl", "--json")
    fetched = [path for path in site.requested_paths[asked:] if path.startswith("/2026")]
    assert (result.code, result.err) == (0, "")
    assert len(fetched) == len(set(fetched))
    assert stored(home) == STORIES
    captures = "FROM capture JOIN page ON page.id = capture.page_id AND page.kind = 'story'"
    stored_captures = f"SELECT count(*) {captures} WHERE capture.payload_id IS NOT NULL"
    assert rows(home, stored_captures) == [(STORIES,)]
    assert rows(home, "SELECT count(*), count(DISTINCT url) FROM articles") == [(STORIES, STORIES)]
    assert rows(home, "SELECT count(*) FROM ledger WHERE outcome = 'pending'") == [(0,)]
    assert rows(home, "SELECT count(*) FROM run WHERE status = 'running'") == [(0,)]
    assert before < STORIES
    return result


def crawlers(pid: int) -> list[int]:
    return [child for child, command in descendants(pid).items() if " crawler " in command]


def test_a_crawler_that_is_killed_gives_one_sentence_and_the_next_night_goes_on(
    home: Path,
) -> None:
    with serve_http_site() as site:
        prepare_site(site, home)
        with running_command(home, "crawl", "--json") as night:
            wait_until(lambda: stored(home) >= 2)
            (crawler,) = crawlers(night.pid)
            os.kill(crawler, signal.SIGKILL)
            out, _ = night.communicate(timeout=60)
        (report,) = CommandResult(night.returncode, out, "").json
        assert night.returncode == 1
        assert report["issues"] == ["little: its crawl died with code -9"]
        assert rows(home, "SELECT status FROM run WHERE kind = 'crawl'") == [("interrupted",)]
        assert rows(home, "SELECT count(*) FROM articles")[0][0] == stored(home), (
            "the pages that were fetched are cleaned"
        )
        finish(site, home)


def test_the_children_of_a_killed_night_end_and_the_next_night_goes_on_at_once(
    home: Path,
) -> None:
    with serve_http_site() as site:
        prepare_site(site, home)
        with running_command(home, "crawl") as night:
            wait_until(lambda: stored(home) >= 2)
            family = list(descendants(night.pid))
            assert crawlers(night.pid)
            night.kill()
            night.wait()
            wait_until(lambda: not any(map(is_alive, family)), 40)
        finish(site, home)
        assert rows(home, "SELECT status FROM run WHERE kind = 'crawl' ORDER BY id") == [
            ("interrupted",),
            ("finished",),
        ]


@pytest.mark.trial
def test_pages_that_were_extracted_during_a_crawl_stay_when_the_night_is_killed(
    home: Path,
) -> None:
    with serve_http_site() as site:
        prepare_site(site, home, pause=0.0)
        site.held_path = sorted(path for path in site.pages if path.startswith("/2026"))[-1]
        with running_command(home, "crawl") as night:
            # Extraction that waited for the end of the crawl would never begin.
            wait_until(lambda: rows(home, "SELECT 1 FROM extracted_page LIMIT 1"), 40)
            assert stored(home) < STORIES
            family = list(descendants(night.pid))
            night.kill()
            night.wait()
            site.released.set()
            wait_until(lambda: not any(map(is_alive, family)), 40)
        extracted = {row[0] for row in rows(home, "SELECT id FROM extracted_page")}
        finish(site, home)
        assert rows(home, "SELECT count(*), count(DISTINCT payload_id) FROM extracted_page") == [
            (STORIES, STORIES)
        ]
        assert extracted
        assert extracted <= {row[0] for row in rows(home, "SELECT id FROM extracted_page")}
        assert rows(home, "SELECT count(*) FROM revision") == [(STORIES,)]
        again = nightdesk(home, "clean", "--json")
        assert again.json[0]["clean_run"] in (None, 0)


def test_a_second_night_of_a_site_at_the_same_time_does_not_start(home: Path) -> None:
    first = CrawlSession.open(f"sqlite:///{home / 'var' / 'nightdesk.db'}")
    first.start_run("little")
    with serve_http_site() as site:
        prepare_site(site, home)
        second = nightdesk(home, "crawl", "--json")
    first.close()
    assert second.code == 6
    assert site.requested_paths == []
    (sentence,) = second.json[0]["issues"]
    assert sentence.startswith("little: already being crawled since ")
    assert sentence.endswith("; let it finish")


@pytest.mark.trial
def test_a_night_that_is_interrupted_stops_in_order(home: Path) -> None:
    with serve_http_site() as site:
        prepare_site(site, home, pause=0.4)
        with running_command(home, "crawl") as night:
            wait_until(lambda: stored(home) >= 1)
            family = list(descendants(night.pid))
            night.send_signal(signal.SIGINT)
            _, error_output = night.communicate(timeout=30)
            wait_until(lambda: not any(map(is_alive, family)), 40)
    assert night.returncode == 130
    assert (
        error_output
        == "nightdesk: interrupted; what was done is kept, and the same command goes on from here\n"
    )
    assert rows(home, "SELECT count(*) FROM run WHERE status = 'running'") == [(0,)]
    assert rows(home, "SELECT count(*) FROM ledger WHERE outcome = 'pending'") == [(0,)]
    assert 1 <= stored(home) < STORIES


def test_a_page_that_kills_its_worker_is_quarantined_and_others_are_articles(
    home: Path,
) -> None:
    deadly = "<p>The crane on the quay was mended, and the ferries left on time.</p>" * 15_000
    settings = home / "config" / "nightdesk.toml"
    settings.write_text(
        settings.read_text(encoding="utf8") + "page_seconds = 0.05\n", encoding="utf8"
    )
    with serve_http_site() as site:
        site.add_page("/2026/02/03/deadly", deadly.encode())
        site.set_feed(
            [
                site.url + "/2026/02/03/deadly",
                site.add_story("crane", "The crane of the northern quay is mended"),
            ]
        )
        site.write_site_file(home)
        answer = nightdesk(home, "crawl", "--json")
    assert answer.code == 0
    assert answer.json[0]["clean"] == {
        "archived": {"new": 1},
        "quarantined": {"extractor_timeout": 1},
    }
    explained = nightdesk(home, "explain", site.url + "/2026/02/03/deadly")
    assert "quarantined: extractor_timeout" in explained.out
