"""Two nights of the newsroom through the command line, on both databases: all that a night promises, and nothing twice."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pipeline.demo_site import SITES, DemoServer, ExpectedArticle, serve_demo_sites, site_file, expected_articles
from pipeline.demo_site.data import load_site
from pipeline.store.db.engine import Database
from pipeline.store.read import pages, runs
from tests.conftest import ENGINES
from tests.support.browser import needs_browser, chromium, serve_archive, check_pages
from tests.support.cli import ROOT, CommandResult, command_line, clean_environment, nightdesk

ENGLISH, RUSSIAN, TAJIK = IDS = tuple(site.id for site in SITES)
TONIGHT = "\n[revisit]\nafter_hours = 0\n"
LISTS = ("/robots.txt", "/sitemap")  # asked whole each time
Key = tuple[str, str]  # (site, path)


@dataclass(frozen=True)
class Flow:
    """What three crawls came to."""

    home: Path
    address: str
    bases: dict[str, str]
    nights: tuple[CommandResult, CommandResult, CommandResult]
    articles: tuple[dict[Key, dict[str, Any]], ...]  # after each of them
    bodies: tuple[str, ...]  # paths that the third crawl got a body of

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What anybody with sqlite3 or psql would see."""
        if self.address.startswith("sqlite"):
            connection = sqlite3.connect(self.address.removeprefix("sqlite:///"))
            try:
                return connection.execute(statement).fetchall()
            finally:
                connection.close()
        with psycopg.connect(self.address) as database:
            return database.execute(statement.encode()).fetchall()

    def ledger(self, job: str, night: int, site: str) -> dict[str, tuple[str, str]]:
        """Path → (outcome, reason), of stories alone."""
        key = "crawl_run" if job == "crawl" else "clean_run"
        run = next(each[key] for each in self.nights[night - 1].json if each["site"] == site)
        found = self.rows(
            f"SELECT url, outcome, reason FROM ledger WHERE run = {run} AND kind = 'story'"
        )
        return {
            url.removeprefix(self.bases[site]): (outcome, reason) for url, outcome, reason in found
        }


def archived(home: Path, bases: dict[str, str]) -> dict[Key, dict[str, Any]]:
    """All articles by site and path."""
    found = nightdesk(home, "search", "", "--limit", "1000", "--json").json
    return {(each["site"], each["url"].removeprefix(bases[each["site"]])): each for each in found}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"flow-{name}")) for name in ENGINES],
)
def flow(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flow]:
    home = tmp_path_factory.mktemp("home")
    name = ""
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres")
        name = postgres.create()
        address = postgres.address(name)
    else:
        address = f"sqlite:///{home / 'var' / 'nightdesk.db'}"
    with serve_demo_sites(night=1) as room:
        yield crawl_it(home, address, room)
    if name:
        postgres.drop(name)


def crawl_it(home: Path, address: str, room: DemoServer) -> Flow:
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text(
        f'contact = "archive@example.org"\ndatabase_url = "{address}"\n'
    )
    for site in IDS:
        text = site_file(site, room.base_url(site)) + TONIGHT
        (home / "config" / "sites" / f"{site}.toml").write_text(text, encoding="utf8")
    bases = {site: room.base_url(site) for site in IDS}
    first = nightdesk(home, "crawl", "--json")
    one = archived(home, bases)
    room.night = 2
    second = nightdesk(home, "crawl", "--json")
    two = archived(home, bases)
    room.clear_requests()
    third = nightdesk(home, "crawl", "--json")
    bodies = tuple(seen.path for seen in room.requests if seen.status == 200)
    return Flow(
        home, address, bases, (first, second, third), (one, two, archived(home, bases)), bodies
    )


def stories(night: int) -> dict[Key, ExpectedArticle]:
    return {(site, story.path): story for site in IDS for story in expected_articles(site, night)}


def edited() -> set[Key]:
    return {
        (site, story.path)
        for site in IDS
        for story in load_site(site).stories
        if story.edit and story.is_live(2)
    }


def deleted() -> set[Key]:
    return {
        (site, story.path) for site in IDS for story in load_site(site).stories if story.deleted_on == 2
    }


def test_all_three_crawls_are_a_success(flow: Flow) -> None:
    assert [(each.code, each.err) for each in flow.nights] == [(0, "")] * 3


def test_every_story_of_the_first_night_is_archived_and_nothing_else(flow: Flow) -> None:
    assert set(flow.articles[0]) == set(stories(1))
    assert set(flow.articles[1]) == set(stories(1)) | set(stories(2))


@pytest.mark.parametrize("night", [1, 2])
def test_every_text_is_exactly_that_of_its_story(flow: Flow, night: int) -> None:
    wrong = {
        key: set(flow.articles[night - 1][key]["text"].split("\n")) ^ set(story.text.split("\n"))
        for key, story in stories(night).items()
        if flow.articles[night - 1][key]["text"] != story.text
    }
    assert not wrong


def test_titles_authors_dates_and_languages_are_those_of_the_stories(flow: Flow) -> None:
    for key, story in stories(1).items():
        article = flow.articles[0][key]
        assert article["title"] == story.title
        assert tuple(article["authors"]) == story.authors
        assert datetime.fromisoformat(article["published_at"]) == story.published
        assert article["published_source"]
        assert article["language"] == story.language
        modified = article["modified_at"] and datetime.fromisoformat(article["modified_at"])
        assert modified in (None, story.modified, story.published)


def test_sections_and_tags_are_those_of_the_stories(flow: Flow) -> None:
    found = {
        key: (flow.articles[0][key]["section"], set(flow.articles[0][key]["tags"]))
        for key in stories(1)
    }
    assert found == {key: (story.section, set(story.tags)) for key, story in stories(1).items()}


def test_exactly_the_edited_stories_have_a_second_revision(flow: Flow) -> None:
    assert {
        key for key, article in flow.articles[1].items() if article["revisions"] > 1
    } == edited()
    store = Database(flow.address)
    for site, path in edited():
        page = pages.find_page(store, flow.bases[site] + path)
        assert page is not None
        before, after = (
            set(revision.text.split("\n")) for revision in pages.revisions(store, page.id)
        )
        old, new = (set(stories(night)[site, path].text.split("\n")) for night in (1, 2))
        assert (before - after, after - before) == (old - new, new - old)
        assert flow.ledger("clean", 2, site)[path] == ("revised", "changed")
    store.close()


def test_a_deleted_story_is_gone_and_its_article_stays(flow: Flow) -> None:
    assert deleted()
    for site, path in deleted():
        assert flow.ledger("crawl", 2, site)[path] == ("gone", "not_found")
        assert flow.articles[1][site, path] == flow.articles[0][site, path]
    shown = nightdesk(flow.home, "show", flow.bases[site] + path)
    assert "the site no longer has it" in shown.out


def test_each_special_page_has_its_outcome_and_its_reason(flow: Flow) -> None:
    expected = {
        "consent": ("fetched", "new"),
        "broken": ("gone", "not_found"),
        "private": ("refused", "robots"),
        "moved": ("redirected", "http_redirect"),
    }
    seen = set()
    for site in IDS:
        crawled, cleaned = flow.ledger("crawl", 1, site), flow.ledger("clean", 1, site)
        for special in load_site(site).specials:
            if special.kind == "page":
                assert crawled[special.path][0] == "refused"
                continue
            assert crawled[special.path] == expected[special.kind], special.path
            seen.add(special.kind)
            if special.kind == "consent":
                assert cleaned[special.path] == ("not_article", "consent_wall")
    assert seen == set(expected)


def test_the_counts_of_each_night_add_up_to_the_urls_seen(flow: Flow) -> None:
    for answer in flow.nights:
        for site in answer.json:
            assert site["exit_code"] == 0
            assert (
                sum(number for reasons in site["crawl"].values() for number in reasons.values())
                == site["seen"]
            )
    store = Database(flow.address)
    every = [run.id for run in runs.list_runs(store, 100)]
    assert runs.unbalanced_runs(store, every) == frozenset()
    store.close()
    assert flow.rows(
        "SELECT count(*) FROM ledger WHERE outcome IN ('pending', 'deferred', 'failed')"
    ) == [(0,)]
    assert flow.rows("SELECT run, url FROM ledger GROUP BY run, url HAVING count(*) > 1") == []


def test_a_third_crawl_at_once_fetches_no_story_and_changes_nothing(flow: Flow) -> None:
    assert [path for path in flow.bodies if not path.startswith(LISTS)] == []
    for site in flow.nights[2].json:
        assert site["clean_run"] in (None, 0)
        assert set(site["crawl"]) <= {"unchanged", "known", "gone", "refused", "redirected"}
    _, second, third = (
        {key: each | {"last_seen_at": ""} for key, each in found.items()} for found in flow.articles
    )
    assert third == second


def test_bytes_are_stored_once(flow: Flow) -> None:
    ((payloads, digests),) = flow.rows("SELECT count(*), count(DISTINCT digest) FROM payload")
    ((captures,),) = flow.rows("SELECT count(*) FROM capture WHERE payload_id IS NOT NULL")
    assert payloads == digests <= captures


def test_each_cut_names_its_rule(flow: Flow) -> None:
    article = next(each for key, each in flow.articles[1].items() if key[0] == ENGLISH)
    explained = nightdesk(flow.home, "explain", article["url"], "--json").json
    assert [block["text"] for block in explained["blocks"] if block["kept"]] == article[
        "text"
    ].split("\n")
    struck = [block for block in explained["blocks"] if not block["kept"]]
    assert struck
    assert all(block["rule"] and block["why"] for block in struck)


def test_a_date_says_where_it_came_from_and_how_sure_it_is(flow: Flow) -> None:
    article = next(each for key, each in flow.articles[1].items() if key[0] == ENGLISH)
    metadata = nightdesk(flow.home, "explain", article["url"], "--json").json["metadata"]
    assert metadata["published_certainty"] in ("high", "medium")
    printed = nightdesk(flow.home, "explain", article["url"]).out
    assert (
        f"(from {metadata['published_source']}, certainty {metadata['published_certainty']})"
        in printed
    )


def test_search_finds_stories_newest_first_in_every_language(flow: Flow) -> None:
    store = Database(flow.address)
    for words, site in (
        ("harbour levy", ENGLISH),
        ("водоканала", RUSSIAN),
        ("мактаби нав", TAJIK),
        ("анорбог", TAJIK),
    ):
        found = pages.find_articles(store, words, 100)
        assert site in {each.site for each in found}
        dates = [each.published_at for each in found if each.published_at]
        assert dates == sorted(dates, reverse=True)
    store.close()


def test_a_search_goes_on_shows_what_it_found_and_counts(flow: Flow) -> None:
    words = ("search", "levy OR ferries", "--limit", "1")
    shown = nightdesk(flow.home, *words).out
    place = shown.split("More with --after ")[1].split()[0]
    (second,) = nightdesk(flow.home, *words, "--after", place, "--json").json
    assert f"{second['id']}  " not in shown
    start, end = second["excerpt"]["spans"][0]
    assert second["excerpt"]["text"][start:end].lower() in ("levy", "ferry", "ferries")
    counts = nightdesk(flow.home, "search", "levy OR ferries", "--facets", "--json").json
    assert counts["total"] == sum(number for _, number in counts["over_time"]) > 1


def test_the_stored_bytes_come_out_as_they_were_served(flow: Flow) -> None:
    digest, url, size = flow.rows(
        "SELECT digest, url, size FROM page JOIN payload ON payload.id = payload_id"
    )[0]
    raw = subprocess.run(
        command_line(flow.home, "show", url, "--raw"),
        capture_output=True,
        check=True,
        env=clean_environment(),
        cwd=ROOT,
    )
    assert (len(raw.stdout), sha256(raw.stdout).hexdigest()) == (size, digest)


def test_status_proves_the_ledgers(flow: Flow) -> None:
    assert "The ledgers of the last runs add up." in nightdesk(flow.home, "status").out
    assert flow.rows("SELECT DISTINCT status FROM run") == [("finished",)]


def rooms(flow: Flow) -> list[str]:
    """The pages of the reading room, stories in all languages; on PostgreSQL, where the same templates are filled, one of each
    kind."""
    site, path = next(iter(sorted(edited())))
    ids = IDS if flow.address.startswith("sqlite") else IDS[-1:]
    numbers = [
        next(each["id"] for key, each in sorted(flow.articles[1].items()) if key[0] == site)
        for site in ids
    ]
    ((wall,),) = flow.rows("SELECT page_id FROM ledger_entry WHERE reason = 'consent_wall'")[:1]
    changed = flow.articles[1][site, path]["id"]
    kinds = [
        "", "search?q=шаҳр", "search", "sites", *(f"sites/{each}" for each in ids), "morning", "runs", "runs/3",
        *(f"articles/{each}" for each in numbers), f"articles/{changed}/revisions", f"pages/{changed}", f"pages/{changed}/why",
        f"pages/{changed}/raw", "nothing",
    ]  # fmt: skip
    return (
        kinds if ids != IDS else [*kinds, "search?q=harbour", f"pages/{wall}", f"pages/{wall}/why"]
    )


def test_the_morning_report_tells_the_last_nights_in_every_form(flow: Flow) -> None:
    told = nightdesk(flow.home, "report", "--format", "json").json
    assert {each["site"] for each in told["sites"]} == set(IDS)
    assert all(each["night"]["ledger_adds_up"] and each["findings"] == [] for each in told["sites"])
    crawls = {each["site"]: each["crawl_run"] for each in flow.nights[-1].json}
    assert {each["site"]: each["night"]["run"] for each in told["sites"]} == crawls
    text = nightdesk(flow.home, "report").out
    assert "all 3 sites are well" in text
    metrics = nightdesk(flow.home, "report", ENGLISH, "--format", "metrics").out
    assert f'nightdesk_night{{site="{ENGLISH}",figure="articles"}}' in metrics
    assert TAJIK not in metrics
    page = nightdesk(flow.home, "report", "--format", "html").out
    assert page.startswith("<!doctype html>")
    assert "<script" not in page


@needs_browser
def test_every_page_of_the_reading_room_is_sound_on_a_desk_and_on_a_phone(flow: Flow) -> None:
    store, paths = Database(flow.address), rooms(flow)
    with serve_archive(store, []) as address, chromium() as browser:
        wrong = check_pages(browser, address, paths, paths)
    store.close()
    assert not wrong, "\n".join(wrong)
