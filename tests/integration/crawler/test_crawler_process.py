"""The crawler process: input, output, end, kills, and its behaviour towards failing sites."""

from __future__ import annotations

import json
import signal
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from pipeline.store.crawl.session import CrawlSession
from tests.support.local_site import (
    CrawlerProcess,
    LocalSite,
    crawl_job,
    run_crawl,
    serve_local_site,
    start_crawl,
)

STORED_STORIES = "SELECT url FROM page WHERE payload_id IS NOT NULL AND kind = 'story'"


def with_stories(site: LocalSite, count: int, **more: object) -> list[str]:
    links = [
        site.add_story(f"/news/story-{number}.html", **more)
        for number in range(10_000, 10_000 + count)
    ]
    site.add_feed("/feed.xml", links)
    return links


def test_crawl_after_a_kill_fetches_the_rest_and_nothing_twice(tmp_path: Path) -> None:
    with serve_local_site() as site:
        with_stories(site, 40, delay=0.01)
        description = crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"])
        run = start_crawl(description, tmp_path)
        run.read_events(until=lambda event: len(run.events_named("page")) == 7)
        run.process.send_signal(signal.SIGKILL)
        run.process.wait(timeout=5)
        kept = {url for (url,) in run.query(STORED_STORIES)}
        before = len(site.received)
        again = run_crawl(description, tmp_path)
        asked = {site.url + request.path for request in site.received[before:]}
    assert 7 <= len(kept) < 40
    assert not kept & asked
    assert len(again.query(STORED_STORIES)) == 40
    assert again.query("SELECT status FROM run ORDER BY id") == [("interrupted",), ("finished",)]
    assert again.query("SELECT count(*) FROM ledger_entry WHERE outcome = 'pending'") == [(0,)]


def test_sigterm_ends_the_crawl_in_order_and_the_rest_stays_due(tmp_path: Path) -> None:
    with serve_local_site() as site:
        with_stories(site, 30, delay=0.3)
        run = start_crawl(crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
        run.read_events(until=lambda event: event["event"] == "page")
        run.process.send_signal(signal.SIGTERM)
        run.read_events()
    assert run.exit_code == 0
    assert run.finished["status"] == "stopped"
    assert run.finished["counts"]["deferred"] >= 20
    assert run.query("SELECT count(*) FROM page WHERE lease_run IS NOT NULL") == [(0,)]
    assert (
        run.query("SELECT count(*) FROM page WHERE payload_id IS NULL AND due_at IS NOT NULL")[0][0]
        >= 20
    )


def test_process_exits_at_once_if_its_parent_dies(tmp_path: Path) -> None:
    with serve_local_site() as site:
        site.add_feed("/feed.xml", [site.add_story("/news/slow-10000.html", delay=60)])
        run = start_crawl(
            crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"timeout": 60}),
            tmp_path,
        )
        run.read_events(until=lambda event: event["event"] == "due")
        closed = time.monotonic()
        assert run.process.stdin is not None
        run.process.stdin.close()
        assert run.process.wait(timeout=30) == 130
        assert time.monotonic() - closed < 30, "it waited for the page"


def test_invalid_job_is_an_error_without_its_values_and_exit_code_3(tmp_path: Path) -> None:
    run = run_crawl(
        '{"site": {"id": "x"}, "user_agent": "a",'
        ' "database_url": "postgresql://me:hunter2@host/x"}',
        tmp_path,
    )
    assert run.exit_code == 3
    (error,) = run.events_named("error")
    assert error["kind"] == "ConfigError"
    assert "'site.name'" in error["message"]
    assert "hunter2" not in json.dumps(run.events)


def test_file_that_is_no_database_is_an_error_with_exit_code_4(tmp_path: Path) -> None:
    (tmp_path / "archive.db").write_bytes(b"no database at all, but a text " * 100)
    with serve_local_site() as site:
        run = run_crawl(crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    assert run.exit_code == 4
    assert [event["kind"] for event in run.events_named("error")] == ["StoreError"]
    assert not site.received


def test_only_one_process_at_a_time_crawls_a_site(tmp_path: Path) -> None:
    archive = CrawlSession.open(f"sqlite:///{tmp_path / 'archive.db'}")
    archive.start_run("local")
    with serve_local_site() as site:
        run = run_crawl(crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    archive.close()
    assert run.exit_code == 6
    assert not site.received


def test_crawl_ends_at_max_pages_and_says_so(tmp_path: Path) -> None:
    with serve_local_site() as site:
        with_stories(site, 9)
        run = run_crawl(
            crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"max_pages": 4}),
            tmp_path,
        )
    assert run.finished["status"] == "finished"
    assert "max_pages" in run.finished["detail"]
    # the feed is one of the fetched URLs; the site has no robots.txt and no front page
    assert run.finished["counts"] == {"fetched": 5, "deferred": 5, "gone": 2}
    assert run.query("SELECT DISTINCT reason FROM ledger_entry WHERE outcome = 'deferred'") == [
        ("budget",)
    ]


def test_crawl_of_a_site_that_only_fails_stops_early(tmp_path: Path) -> None:
    with serve_local_site() as site:
        site.add_feed(
            "/feed.xml",
            [site.add_page(f"/news/down-{n}.html", "x", status=500) for n in range(10_000, 10_040)],
        )
        run = run_crawl(crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    assert run.finished["status"] == "failed"
    assert "in a row" in run.finished["detail"]
    assert 10 <= run.finished["counts"]["failed"] <= 12
    assert run.query("SELECT count(*) FROM page WHERE due_at IS NOT NULL") == [(40,)]


def test_overloaded_page_is_due_at_its_retry_after(tmp_path: Path) -> None:
    with serve_local_site() as site:
        busy = site.add_page(
            "/news/busy-10000.html", "later", status=429, headers={"Retry-After": "7200"}
        )
        site.add_feed("/feed.xml", [busy])
        run = run_crawl(
            crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"retries": 3}),
            tmp_path,
        )
    assert run.page_outcome("/news/busy-10000.html") == ("deferred", "try_again")
    assert len(site.requests_for("/news/busy-10000.html")) == 1
    ((due_at,),) = run.query("SELECT due_at FROM page WHERE url LIKE '%busy%'")
    wait = datetime.fromisoformat(due_at).replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(minutes=110) < wait < timedelta(minutes=121)


def test_server_error_is_retried_in_the_same_crawl(tmp_path: Path) -> None:
    with serve_local_site() as site:
        flaky = site.add_page("/news/flaky-10000.html", "x", status=502)
        site.add_feed("/feed.xml", [flaky])
        run = run_crawl(
            crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"retries": 2}),
            tmp_path,
        )
    assert len(site.requests_for("/news/flaky-10000.html")) == 3
    assert run.page_outcome("/news/flaky-10000.html") == ("failed", "http_status")


def test_nothing_is_fetched_if_robots_txt_cannot_be_read(tmp_path: Path) -> None:
    with serve_local_site() as site:
        with_stories(site, 2)
        site.add_page("/robots.txt", "oh no", status=500)
        run = run_crawl(crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    assert set(site.received_paths) == {"/robots.txt"}
    assert run.page_outcome("/feed.xml") == ("refused", "robots_unreachable")
    assert run.finished["status"] == "failed"


def test_crawl_delay_is_kept(tmp_path: Path) -> None:
    with serve_local_site() as site:
        with_stories(site, 3)
        site.add_page("/robots.txt", "User-agent: *\nCrawl-delay: 0.4\n", "text/plain")
        run_crawl(crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    times = [request.at for request in site.received if request.path != "/robots.txt"]
    assert len(times) == 5  # the feed, the front page, three stories
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.35


def test_tdmrep_json_is_asked_for_once_a_week_and_kept(tmp_path: Path) -> None:
    path = "/.well-known/tdmrep.json"
    with serve_local_site() as site:
        with_stories(site, 1)
        site.add_page(path, '[{"location": "/", "tdm-reservation": 1}]', "application/json")
        job = crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"])
        run_crawl(job, tmp_path)
        run = run_crawl(job, tmp_path)
        assert len(site.requests_for(path)) == 1
    assert run.query("SELECT kind, outcome FROM page WHERE url LIKE '%tdmrep.json'") == [
        ("tdmrep", "fetched")
    ]


def test_a_page_in_place_of_tdmrep_json_is_not_kept(tmp_path: Path) -> None:
    with serve_local_site() as site:
        with_stories(site, 1)
        site.add_page("/.well-known/tdmrep.json", "<html>no such page</html>", "text/html")
        run = run_crawl(crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    assert run.query("SELECT id FROM page WHERE kind = 'tdmrep'") == []


def source_outcomes(run: CrawlerProcess) -> set[tuple[str, str]]:
    return {(event["outcome"], event["reason"]) for event in run.events_named("source")}


def test_internal_addresses_are_refused_in_every_spelling_unless_allowed(
    tmp_path: Path,
) -> None:
    with serve_local_site() as site:
        hosts = [
            "127.0.0.1",
            "localhost",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "[::ffff:127.0.0.1]",
        ]
        feeds = [f"http://{host}:{site.port}/feed{number}.xml" for number, host in enumerate(hosts)]
        run = run_crawl(
            crawl_job(site, tmp_path, feeds=feeds, safety={"allow_private": False}), tmp_path
        )
    assert not site.received, "not even robots.txt was requested"
    assert len(run.events_named("source")) == len(hosts)
    assert source_outcomes(run) == {("refused", "blocked_address")}


def test_allowed_private_address_does_not_lead_to_others(tmp_path: Path) -> None:
    with serve_local_site() as site:
        moved = site.add_redirect("/moved.xml", f"http://localhost:{site.port}/feed.xml")
        story = site.add_redirect(
            "/news/moved-10001.html", f"http://127.1:{site.port}/news/inner-10002.html"
        )
        feeds = [site.add_feed("/feed.xml", [story]), moved]
        more = {
            "hosts": [f"127.1:{site.port}"],
            "safety": {"allow_private": [f"127.0.0.1:{site.port}"]},
        }
        run = run_crawl(crawl_job(site, tmp_path, feeds=feeds, **more), tmp_path)
        asked = [request.headers["host"] for request in site.received]
    assert set(asked) == {f"127.0.0.1:{site.port}"}
    assert run.page_outcome("/moved.xml") == ("refused", "blocked_address")
    assert run.page_outcome("/news/moved-10001.html") == ("redirected", "http_redirect")
    assert run.page_outcome("/news/inner-10002.html") == ("refused", "blocked_address")


def test_unresolvable_names_and_closed_ports_have_their_reasons(
    tmp_path: Path,
) -> None:
    with serve_local_site() as closed:
        pass
    feeds = ["http://no-such-host.invalid/feed.xml", f"{closed.url}/feed.xml"]
    run = run_crawl(crawl_job(closed, tmp_path, feeds=feeds), tmp_path)
    assert run.page_outcome("no-such-host.invalid/feed.xml") == ("failed", "dns")
    assert run.page_outcome(f":{closed.port}/feed.xml") == ("failed", "connect")


def test_page_that_the_site_file_now_denies_is_not_fetched_again(
    tmp_path: Path,
) -> None:
    with serve_local_site() as site:
        kept, denied = with_stories(site, 2)
        site.pages["/feed.xml"].headers["ETag"] = '"the same"'
        places = {"feeds": [site.url + "/feed.xml"], "revisit": {"after_hours": 0}}
        run_crawl(crawl_job(site, tmp_path, **places), tmp_path)
        before = len(site.received)
        again = run_crawl(crawl_job(site, tmp_path, deny=["story-10001"], **places), tmp_path)
        asked = {site.url + request.path for request in site.received[before:]}
    assert kept in asked
    assert denied not in asked
    assert again.page_outcome("story-10001.html") == ("refused", "denied")


def test_host_that_answers_429_twice_gets_no_further_request(tmp_path: Path) -> None:
    with serve_local_site() as site:
        busy = [
            site.add_page(f"/news/busy-{n}.html", "later", status=429)
            for n in range(10_000, 10_020)
        ]
        site.add_feed("/feed.xml", busy)
        politeness = {"retries": 0, "concurrency": 1}
        run = run_crawl(
            crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness=politeness),
            tmp_path,
        )
    assert len([path for path in site.received_paths if "busy" in path]) == 2
    assert run.finished["counts"] == {"fetched": 1, "deferred": 20, "gone": 2}
    assert "429" in run.finished["detail"]
    assert run.query("SELECT DISTINCT reason FROM ledger_entry WHERE outcome = 'deferred'") == [
        ("try_again",)
    ]
    assert run.query("SELECT count(*) FROM page WHERE due_at IS NOT NULL") == [(20,)]


def test_no_request_goes_to_a_host_before_its_retry_after(tmp_path: Path) -> None:
    with serve_local_site() as site:
        with_stories(site, 2)
        site.pages["/news/story-10001.html"].status = 503
        site.pages["/news/story-10001.html"].headers["Retry-After"] = "2"
        description = crawl_job(
            site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"concurrency": 1}
        )
        run = run_crawl(description, tmp_path)
    times = [request.at for request in site.received if "story" in request.path]
    assert len(times) == 2
    assert times[1] - times[0] > 1.9 or site.received_paths[-1] == "/news/story-10001.html"
    assert run.page_outcome("story-10001.html") == ("deferred", "try_again")


def test_crawl_ends_at_max_megabytes(tmp_path: Path) -> None:
    with serve_local_site() as site:
        links = [
            site.add_page(f"/news/long-{n}.html", "<html>" + "x" * 50_000)
            for n in range(10_000, 10_010)
        ]
        site.add_feed("/feed.xml", links)
        politeness = {"max_megabytes": 0.1, "concurrency": 1}
        run = run_crawl(
            crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness=politeness),
            tmp_path,
        )
    assert "max_megabytes" in run.finished["detail"]
    assert run.finished["counts"]["deferred"] >= 6
    assert run.query("SELECT DISTINCT reason FROM ledger_entry WHERE outcome = 'deferred'") == [
        ("budget",)
    ]


NOARCHIVE = (
    '<html><head><meta name="robots" content="index, NOARCHIVE"></head>'
    "<p>The harbour was closed again.</p>"
)


def test_opt_outs_are_recorded_and_obeyed_as_the_site_file_says(
    tmp_path: Path,
) -> None:
    with serve_local_site() as site:
        links = [
            site.add_page("/news/no-archive-10000.html", NOARCHIVE),
            site.add_story(
                "/news/no-ai-10001.html", headers={"X-Robots-Tag": "noai", "TDM-Reservation": "1"}
            ),
            site.add_story(
                "/news/plain-10002.html", headers={"X-Robots-Tag": "otherbot: noarchive"}
            ),
        ]
        site.add_feed("/feed.xml", links)
        feeds = [site.url + "/feed.xml"]
        usual = run_crawl(crawl_job(site, tmp_path, feeds=feeds), tmp_path)
        other = crawl_job(
            site, tmp_path, feeds=feeds, politeness={"obey_noarchive": True, "obey_noai": True}
        )
        other["database_url"] = f"sqlite:///{tmp_path / 'other.db'}"
        strict = run_crawl(other, tmp_path)
        strict.database = tmp_path / "other.db"
    assert (
        usual.page_outcome("no-archive-10000.html")
        == usual.page_outcome("plain-10002.html")
        == ("fetched", "new")
    )
    assert usual.query(
        "SELECT c.opt_outs FROM capture c JOIN page p ON p.id = c.page_id"
        " WHERE url LIKE '%/news/%' ORDER BY url"
    ) == [("noai tdm",), ("noarchive",), ("",)]
    assert (
        strict.page_outcome("no-archive-10000.html")
        == strict.page_outcome("no-ai-10001.html")
        == ("refused", "opted_out")
    )
    assert strict.page_outcome("plain-10002.html") == ("fetched", "new")


def test_cookies_and_headers_of_the_site_file_are_sent_to_its_own_host(tmp_path: Path) -> None:
    with serve_local_site() as site:
        with_stories(site, 1)
        own = {
            "cookies": {"consent": "yes", "edition": "tj", "lost": "${NOBODY_SET}"},
            "headers": {"X-Key": "ours"},
        }
        run_crawl(crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"], **own), tmp_path)
    (seen,) = site.requests_for("/news/story-10000.html")
    assert (seen.headers["cookie"], seen.headers["x-key"]) == ("consent=yes; edition=tj", "ours")


def test_crawl_that_has_to_end_does_not_wait_for_a_host(tmp_path: Path) -> None:
    with serve_local_site() as site:
        with_stories(site, 5)
        site.pages["/news/story-10004.html"].status = 503
        site.pages["/news/story-10004.html"].headers["Retry-After"] = "500"
        politeness = {"concurrency": 1, "max_minutes": 0.05}
        run = start_crawl(
            crawl_job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness=politeness),
            tmp_path,
        )
        began = time.monotonic()
        run.read_events()
    assert time.monotonic() - began < 20
    assert run.exit_code == 0
    assert "pending" not in run.finished["counts"]


def test_story_under_several_urls_is_stored_once(tmp_path: Path) -> None:
    with serve_local_site() as site:
        canonical = '<link rel="canonical" href="/news/seal-sleeps-on-ramp-10000.html">'
        story = "The seal sleeps. " * 20  # a page with less text leads to its canonical URL
        page = f"<html><head>{canonical}</head><p>{{}} {story}</p>"
        links = [
            site.add_page("/news/seal-sleeps-on-ramp-10000.html", page.format("One")),
            site.add_page("/amp/news/seal-sleeps-on-ramp-10000.html", page.format("Two")),
            site.add_page("/city/seal-sleeps-on-ramp-10000.html?from=city", page.format("Three")),
            site.add_page("/news/another-seal-is-awake-10001.html", page.format("Four")),
        ]
        site.add_feed("/feed.xml", links)
        run = run_crawl(
            crawl_job(
                site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"concurrency": 1}
            ),
            tmp_path,
        )
    outcomes = [run.page_outcome(link) for link in links[:3]]
    assert sorted(outcomes) == [
        ("fetched", "new"),
        ("redirected", "duplicate"),
        ("redirected", "duplicate"),
    ]
    assert run.page_outcome("another-seal-is-awake-10001.html") == ("fetched", "new")
    reported = [(event["outcome"], event["reason"]) for event in run.events_named("page")]
    assert sorted(reported) == [
        ("fetched", ""),
        ("fetched", ""),
        ("redirected", "duplicate"),
        ("redirected", "duplicate"),
    ]
