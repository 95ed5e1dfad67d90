"""The process: what it reads and prints, how it ends, and what a kill costs. And how it behaves towards a site in trouble."""

from __future__ import annotations

import json
import signal
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from pipeline.store.crawl.session import CrawlSession
from tests.support.local_site import Crawl, LocalSite, begin, crawl, job, serving


def with_stories(site: LocalSite, count: int, **more: object) -> list[str]:
    links = [
        site.story(f"/news/story-{number}.html", **more) for number in range(10_000, 10_000 + count)
    ]
    site.feed("/feed.xml", links)
    return links


def test_after_a_kill_the_next_crawl_takes_up_the_rest_and_nothing_twice(tmp_path: Path) -> None:
    with serving() as site:
        with_stories(site, 40, pause=0.01)
        description = job(site, tmp_path, feeds=[site.url + "/feed.xml"])
        run = begin(description, tmp_path)
        run.read(until=lambda event: len(run.of("page")) == 7)
        run.child.send_signal(signal.SIGKILL)
        run.child.wait(timeout=5)
        kept = {url for (url,) in run.sql("SELECT url FROM page WHERE payload_id IS NOT NULL")}
        before = len(site.seen)
        again = crawl(description, tmp_path)
        asked = {site.url + each.path for each in site.seen[before:]}
    assert 7 <= len(kept) < 40
    assert not kept & asked
    assert again.sql("SELECT count(*) FROM page WHERE payload_id IS NOT NULL") == [(40,)]
    assert again.sql("SELECT status FROM run ORDER BY id") == [("interrupted",), ("finished",)]
    assert again.sql("SELECT count(*) FROM ledger_entry WHERE outcome = 'pending'") == [(0,)]


def test_sigterm_ends_the_crawl_in_order_and_the_rest_stays_due(tmp_path: Path) -> None:
    with serving() as site:
        with_stories(site, 30, pause=0.3)
        run = begin(job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
        run.read(until=lambda event: event["event"] == "page")
        run.child.send_signal(signal.SIGTERM)
        run.read()
    assert run.code == 0
    assert run.finished["status"] == "stopped"
    assert run.finished["counts"]["deferred"] >= 20
    assert run.sql("SELECT count(*) FROM page WHERE lease_run IS NOT NULL") == [(0,)]
    assert (
        run.sql("SELECT count(*) FROM page WHERE payload_id IS NULL AND due_at IS NOT NULL")[0][0]
        >= 20
    )


def test_when_the_parent_is_gone_the_process_ends_at_once(tmp_path: Path) -> None:
    with serving() as site:
        site.feed("/feed.xml", [site.story("/news/slow-10000.html", pause=60)])
        run = begin(
            job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"timeout": 60}),
            tmp_path,
        )
        run.read(until=lambda event: event["event"] == "due")
        closed = time.monotonic()
        assert run.child.stdin is not None
        run.child.stdin.close()
        assert run.child.wait(timeout=30) == 130
        assert time.monotonic() - closed < 30, "it waited for the page"


def test_a_wrong_job_is_one_sentence_without_its_values_and_exit_code_3(tmp_path: Path) -> None:
    run = crawl(
        '{"site": {"id": "x"}, "database_url": "postgresql://me:hunter2@host/x", "user_agent": "a"}',
        tmp_path,
    )
    assert run.code == 3
    (error,) = run.of("error")
    assert error["kind"] == "ConfigError"
    assert "'site.name'" in error["message"]
    assert "hunter2" not in json.dumps(run.events)


def test_a_database_that_is_none_is_an_error_and_exit_code_4(tmp_path: Path) -> None:
    (tmp_path / "archive.db").write_bytes(b"no database at all, but a text " * 100)
    with serving() as site:
        run = crawl(job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    assert run.code == 4
    assert [each["kind"] for each in run.of("error")] == ["StoreError"]
    assert not site.seen


def test_a_site_is_crawled_by_one_process_at_a_time(tmp_path: Path) -> None:
    archive = CrawlSession.open(f"sqlite:///{tmp_path / 'archive.db'}")
    archive.start_run("local")
    with serving() as site:
        run = crawl(job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    archive.close()
    assert run.code == 6
    assert not site.seen


def test_a_night_ends_with_its_budget_and_says_so(tmp_path: Path) -> None:
    with serving() as site:
        with_stories(site, 9)
        run = crawl(
            job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"max_pages": 4}),
            tmp_path,
        )
    assert run.finished["status"] == "finished"
    assert "max_pages" in run.finished["detail"]
    assert run.finished["counts"] == {"fetched": 5, "deferred": 5}  # the feed is one of the fetched
    assert run.sql("SELECT DISTINCT reason FROM ledger_entry WHERE outcome = 'deferred'") == [
        ("budget",)
    ]


def test_a_site_that_only_fails_is_left_alone_for_tonight(tmp_path: Path) -> None:
    with serving() as site:
        site.feed(
            "/feed.xml",
            [site.add(f"/news/down-{n}.html", "x", status=500) for n in range(10_000, 10_040)],
        )
        run = crawl(job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    assert run.finished["status"] == "failed"
    assert "in a row" in run.finished["detail"]
    assert 10 <= run.finished["counts"]["failed"] <= 12
    assert run.sql("SELECT count(*) FROM page WHERE due_at IS NOT NULL") == [(40,)]


def test_an_overloaded_site_is_asked_again_when_it_says(tmp_path: Path) -> None:
    with serving() as site:
        busy = site.add(
            "/news/busy-10000.html", "later", status=429, headers={"Retry-After": "7200"}
        )
        site.feed("/feed.xml", [busy])
        run = crawl(
            job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"retries": 3}), tmp_path
        )
    assert run.fate("/news/busy-10000.html") == ("deferred", "try_again")
    assert len(site.requests("/news/busy-10000.html")) == 1
    ((due_at,),) = run.sql("SELECT due_at FROM page WHERE url LIKE '%busy%'")
    wait = datetime.fromisoformat(due_at).replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(minutes=110) < wait < timedelta(minutes=121)


def test_a_hiccup_is_tried_again_tonight(tmp_path: Path) -> None:
    with serving() as site:
        flaky = site.add("/news/flaky-10000.html", "x", status=502)
        site.feed("/feed.xml", [flaky])
        run = crawl(
            job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"retries": 2}), tmp_path
        )
    assert len(site.requests("/news/flaky-10000.html")) == 3
    assert run.fate("/news/flaky-10000.html") == ("failed", "http_status")


def test_without_a_robots_txt_that_can_be_read_nothing_is_fetched(tmp_path: Path) -> None:
    with serving() as site:
        with_stories(site, 2)
        site.add("/robots.txt", "oh no", status=500)
        run = crawl(job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    assert set(site.paths) == {"/robots.txt"}
    assert run.fate("/feed.xml") == ("refused", "robots_unreachable")
    assert run.finished["status"] == "failed"


def test_a_crawl_delay_is_kept(tmp_path: Path) -> None:
    with serving() as site:
        with_stories(site, 3)
        site.add("/robots.txt", "User-agent: *\nCrawl-delay: 0.4\n", "text/plain")
        crawl(job(site, tmp_path, feeds=[site.url + "/feed.xml"]), tmp_path)
    times = [each.at for each in site.seen if each.path != "/robots.txt"]
    assert len(times) == 4
    assert min(later - earlier for earlier, later in pairwise(times)) > 0.35


def refused(run: Crawl) -> set[tuple[str, str]]:
    return {(each["outcome"], each["reason"]) for each in run.of("source")}


def test_inner_addresses_are_refused_in_every_spelling_unless_the_site_allows_them(
    tmp_path: Path,
) -> None:
    with serving() as site:
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
        run = crawl(job(site, tmp_path, feeds=feeds, safety={"allow_private": False}), tmp_path)
    assert not site.seen, "not even robots.txt was asked for"
    assert len(run.of("source")) == len(hosts)
    assert refused(run) == {("refused", "blocked_address")}


def test_the_site_that_may_have_a_private_address_leads_to_no_other_one(tmp_path: Path) -> None:
    with serving() as site:
        moved = site.redirect("/moved.xml", f"http://localhost:{site.port}/feed.xml")
        story = site.redirect(
            "/news/moved-10001.html", f"http://127.1:{site.port}/news/inner-10002.html"
        )
        feeds = [site.feed("/feed.xml", [story]), moved]
        more = {
            "hosts": [f"127.1:{site.port}"],
            "safety": {"allow_private": [f"127.0.0.1:{site.port}"]},
        }
        run = crawl(job(site, tmp_path, feeds=feeds, **more), tmp_path)
        asked = [each.headers["host"] for each in site.seen]
    assert set(asked) == {f"127.0.0.1:{site.port}"}
    assert run.fate("/moved.xml") == ("refused", "blocked_address")
    assert run.fate("/news/moved-10001.html") == ("redirected", "http_redirect")
    assert run.fate("/news/inner-10002.html") == ("refused", "blocked_address")


def test_names_that_do_not_resolve_and_ports_that_are_closed_have_their_reasons(
    tmp_path: Path,
) -> None:
    with serving() as closed:
        pass
    feeds = ["http://no-such-host.invalid/feed.xml", f"{closed.url}/feed.xml"]
    run = crawl(job(closed, tmp_path, feeds=feeds), tmp_path)
    assert run.fate("no-such-host.invalid/feed.xml") == ("failed", "dns")
    assert run.fate(f":{closed.port}/feed.xml") == ("failed", "connect")


def test_a_page_that_the_site_file_now_denies_is_not_fetched_again_though_no_place_shows_it(
    tmp_path: Path,
) -> None:
    with serving() as site:
        kept, denied = with_stories(site, 2)
        site.pages["/feed.xml"].headers["ETag"] = '"the same"'
        places = {"feeds": [site.url + "/feed.xml"], "revisit": {"after_hours": 0}}
        crawl(job(site, tmp_path, **places), tmp_path)
        before = len(site.seen)
        again = crawl(job(site, tmp_path, deny=["story-10001"], **places), tmp_path)
        asked = {site.url + each.path for each in site.seen[before:]}
    assert kept in asked
    assert denied not in asked
    assert again.fate("story-10001.html") == ("refused", "denied")


def test_a_host_that_says_twice_that_we_ask_too_much_is_left_for_the_night(tmp_path: Path) -> None:
    with serving() as site:
        busy = [
            site.add(f"/news/busy-{n}.html", "later", status=429) for n in range(10_000, 10_020)
        ]
        site.feed("/feed.xml", busy)
        politeness = {"retries": 0, "concurrency": 1}
        run = crawl(
            job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness=politeness), tmp_path
        )
    assert len([path for path in site.paths if "busy" in path]) == 2
    assert run.finished["counts"] == {"fetched": 1, "deferred": 20}
    assert "429" in run.finished["detail"]
    assert run.sql("SELECT DISTINCT reason FROM ledger_entry WHERE outcome = 'deferred'") == [
        ("try_again",)
    ]
    assert run.sql("SELECT count(*) FROM page WHERE due_at IS NOT NULL") == [(20,)]


def test_no_request_goes_to_a_host_before_the_time_that_it_named(tmp_path: Path) -> None:
    with serving() as site:
        with_stories(site, 2)
        site.pages["/news/story-10001.html"].status = 503
        site.pages["/news/story-10001.html"].headers["Retry-After"] = "2"
        description = job(
            site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"concurrency": 1}
        )
        run = crawl(description, tmp_path)
    times = [each.at for each in site.seen if "story" in each.path]
    assert len(times) == 2
    assert times[1] - times[0] > 1.9 or site.paths[-1] == "/news/story-10001.html"
    assert run.fate("story-10001.html") == ("deferred", "try_again")


def test_a_night_ends_when_its_bytes_are_used_up(tmp_path: Path) -> None:
    with serving() as site:
        links = [
            site.add(f"/news/long-{n}.html", "<html>" + "x" * 50_000) for n in range(10_000, 10_010)
        ]
        site.feed("/feed.xml", links)
        politeness = {"max_megabytes": 0.1, "concurrency": 1}
        run = crawl(
            job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness=politeness), tmp_path
        )
    assert "max_megabytes" in run.finished["detail"]
    assert run.finished["counts"]["deferred"] >= 6
    assert run.sql("SELECT DISTINCT reason FROM ledger_entry WHERE outcome = 'deferred'") == [
        ("budget",)
    ]


NOARCHIVE = '<html><head><meta name="robots" content="index, NOARCHIVE"></head><p>The harbour was closed again.</p>'


def test_what_a_page_opted_out_of_is_written_down_and_obeyed_as_the_site_file_says(
    tmp_path: Path,
) -> None:
    with serving() as site:
        links = [
            site.add("/news/no-archive-10000.html", NOARCHIVE),
            site.story(
                "/news/no-ai-10001.html", headers={"X-Robots-Tag": "noai", "TDM-Reservation": "1"}
            ),
            site.story("/news/plain-10002.html", headers={"X-Robots-Tag": "otherbot: noarchive"}),
        ]
        site.feed("/feed.xml", links)
        feeds = [site.url + "/feed.xml"]
        usual = crawl(job(site, tmp_path, feeds=feeds), tmp_path)
        other = job(
            site, tmp_path, feeds=feeds, politeness={"obey_noarchive": True, "obey_noai": True}
        )
        other["database_url"] = f"sqlite:///{tmp_path / 'other.db'}"
        strict = crawl(other, tmp_path)
        strict.database = tmp_path / "other.db"
    assert (
        usual.fate("no-archive-10000.html") == usual.fate("plain-10002.html") == ("fetched", "new")
    )
    assert usual.sql(
        "SELECT c.opt_outs FROM capture c JOIN page p ON p.id = c.page_id WHERE url LIKE '%/news/%' ORDER BY url"
    ) == [("noai tdm",), ("noarchive",), ("",)]
    assert (
        strict.fate("no-archive-10000.html")
        == strict.fate("no-ai-10001.html")
        == ("refused", "opted_out")
    )
    assert strict.fate("plain-10002.html") == ("fetched", "new")


def test_cookies_and_headers_of_the_site_file_go_to_its_own_host(tmp_path: Path) -> None:
    with serving() as site:
        with_stories(site, 1)
        own = {
            "cookies": {"consent": "yes", "edition": "tj", "lost": "${NOBODY_SET}"},
            "headers": {"X-Key": "ours"},
        }
        crawl(job(site, tmp_path, feeds=[site.url + "/feed.xml"], **own), tmp_path)
    (seen,) = site.requests("/news/story-10000.html")
    assert (seen.headers["cookie"], seen.headers["x-key"]) == ("consent=yes; edition=tj", "ours")


def test_a_crawl_that_is_to_end_waits_for_no_host(tmp_path: Path) -> None:
    with serving() as site:
        with_stories(site, 5)
        site.pages["/news/story-10004.html"].status = 503
        site.pages["/news/story-10004.html"].headers["Retry-After"] = "500"
        politeness = {"concurrency": 1, "max_minutes": 0.05}
        run = begin(
            job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness=politeness), tmp_path
        )
        began = time.monotonic()
        run.read()
    assert time.monotonic() - began < 20
    assert run.code == 0
    assert "pending" not in run.finished["counts"]


def test_a_story_that_is_shown_under_two_addresses_is_kept_once(tmp_path: Path) -> None:
    with serving() as site:
        page = '<html><head><link rel="canonical" href="/news/seal-sleeps-on-ramp-10000.html"></head><p>{} The seal sleeps.</p>'
        links = [
            site.add("/news/seal-sleeps-on-ramp-10000.html", page.format("One")),
            site.add("/amp/news/seal-sleeps-on-ramp-10000.html", page.format("Two")),
            site.add("/city/seal-sleeps-on-ramp-10000.html?from=city", page.format("Three")),
            site.add("/news/another-seal-is-awake-10001.html", page.format("Four")),
        ]
        site.feed("/feed.xml", links)
        run = crawl(
            job(site, tmp_path, feeds=[site.url + "/feed.xml"], politeness={"concurrency": 1}),
            tmp_path,
        )
    fates = [run.fate(link) for link in links[:3]]
    assert sorted(fates) == [
        ("fetched", "new"),
        ("redirected", "duplicate"),
        ("redirected", "duplicate"),
    ]
    assert run.fate("another-seal-is-awake-10001.html") == ("fetched", "new")
    told = [(each["outcome"], each["reason"]) for each in run.of("page")]
    assert sorted(told) == [
        ("fetched", ""),
        ("fetched", ""),
        ("redirected", "duplicate"),
        ("redirected", "duplicate"),
    ]
