"""Two nights of the demo site through the command line, on both databases, and a third crawl."""

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

from pipeline.cli.views import night_report
from pipeline.demo_site import (
    SITES,
    DemoServer,
    ExpectedArticle,
    expected_articles,
    serve_demo_sites,
    site_file,
)
from pipeline.demo_site.data import load_site
from pipeline.store.db.engine import Database
from pipeline.store.read import pages, runs
from tests.conftest import ENGINES
from tests.support.browser import check_pages, chromium, needs_browser, serve_archive
from tests.support.cli import ROOT, CommandResult, clean_environment, command_line, nightdesk

pytestmark = pytest.mark.trial_on_postgresql

ENGLISH, RUSSIAN, TAJIK = IDS = tuple(site.id for site in SITES)
TONIGHT = "\n[revisit]\nafter_hours = 0\n"
SOURCES = ("/robots.txt", "/sitemap")  # paths that each crawl fetches completely
Key = tuple[str, str]  # (site, path)


@dataclass(frozen=True)
class CrawledNights:
    """The result of three crawls."""

    home: Path
    address: str
    bases: dict[str, str]
    nights: tuple[CommandResult, CommandResult, CommandResult]
    articles: tuple[dict[Key, dict[str, Any]], ...]  # after each of them
    bodies: tuple[str, ...]  # paths that the third crawl got a body of

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return what sqlite3 or psql would show."""
        if self.address.startswith("sqlite"):
            connection = sqlite3.connect(self.address.removeprefix("sqlite:///"))
            try:
                return connection.execute(statement).fetchall()
            finally:
                connection.close()
        with psycopg.connect(self.address) as database:
            return database.execute(statement.encode()).fetchall()

    def ledger(self, job: str, night: int, site: str) -> dict[str, tuple[str, str]]:
        """Return (outcome, reason) of each story, by its path."""
        key = "crawl_run" if job == "crawl" else "clean_run"
        results = {result["site"]: result for result in self.nights[night - 1].json}
        entries = self.rows(
            "SELECT url, outcome, reason FROM ledger"
            f" WHERE run = {results[site][key]} AND kind = 'story'"
        )
        return {url.removeprefix(self.bases[site]): (outcome, why) for url, outcome, why in entries}


def archived(home: Path, bases: dict[str, str]) -> dict[Key, dict[str, Any]]:
    """Return all articles by site and path."""
    articles = {}
    for hit in nightdesk(home, "search", "", "--limit", "1000", "--json").json:
        site = hit["site"]
        articles[site, hit["url"].removeprefix(bases[site])] = hit
    return articles


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group(f"two-nights-{name}")) for name in ENGINES
    ],
)
def crawled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CrawledNights]:
    home = tmp_path_factory.mktemp("home")
    name = ""
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres")
        name = postgres.create()
        address = postgres.address(name)
    else:
        address = f"sqlite:///{home / 'var' / 'nightdesk.db'}"
    with serve_demo_sites(night=1) as server:
        yield crawl_three_times(home, address, server)
    if name:
        postgres.drop(name)


def crawl_three_times(home: Path, address: str, server: DemoServer) -> CrawledNights:
    (home / "config" / "sites").mkdir(parents=True)
    (home / "config" / "nightdesk.toml").write_text(
        f'contact = "archive@example.org"\ndatabase_url = "{address}"\n'
    )
    for site in IDS:
        text = site_file(site, server.base_url(site)) + TONIGHT
        (home / "config" / "sites" / f"{site}.toml").write_text(text, encoding="utf8")
    bases = {site: server.base_url(site) for site in IDS}
    first = nightdesk(home, "crawl", "--json")
    one = archived(home, bases)
    server.night = 2
    second = nightdesk(home, "crawl", "--json")
    two = archived(home, bases)
    server.clear_requests()
    third = nightdesk(home, "crawl", "--json")
    bodies = tuple(request.path for request in server.requests if request.status == 200)
    return CrawledNights(
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
        (site, story.path)
        for site in IDS
        for story in load_site(site).stories
        if story.deleted_on == 2
    }


def test_all_three_crawls_succeed(crawled: CrawledNights) -> None:
    assert [(result.code, result.err) for result in crawled.nights] == [(0, "")] * 3


def test_every_story_of_the_first_night_is_archived_and_nothing_else(
    crawled: CrawledNights,
) -> None:
    assert set(crawled.articles[0]) == set(stories(1))
    assert set(crawled.articles[1]) == set(stories(1)) | set(stories(2))


@pytest.mark.parametrize("night", [1, 2])
def test_each_text_equals_that_of_its_story(crawled: CrawledNights, night: int) -> None:
    differences = {
        key: set(crawled.articles[night - 1][key]["text"].split("\n")) ^ set(story.text.split("\n"))
        for key, story in stories(night).items()
        if crawled.articles[night - 1][key]["text"] != story.text
    }
    assert not differences


def test_titles_authors_dates_and_languages_are_those_of_the_stories(
    crawled: CrawledNights,
) -> None:
    for key, story in stories(1).items():
        article = crawled.articles[0][key]
        assert article["title"] == story.title
        assert tuple(article["authors"]) == story.authors
        assert datetime.fromisoformat(article["published_at"]) == story.published
        assert article["published_source"]
        assert article["language"] == story.language
        modified = article["modified_at"] and datetime.fromisoformat(article["modified_at"])
        assert modified in (None, story.modified, story.published)


def test_sections_and_tags_are_those_of_the_stories(crawled: CrawledNights) -> None:
    for key, story in stories(1).items():
        article = crawled.articles[0][key]
        assert (article["section"], set(article["tags"])) == (story.section, set(story.tags))


def test_exactly_the_edited_stories_have_a_second_revision(crawled: CrawledNights) -> None:
    assert {
        key for key, article in crawled.articles[1].items() if article["revisions"] > 1
    } == edited()
    store = Database(crawled.address)
    for site, path in edited():
        page = pages.find_page(store, crawled.bases[site] + path)
        assert page is not None
        before, after = (
            set(revision.text.split("\n")) for revision in pages.list_revisions(store, page.id)
        )
        old, new = (set(stories(night)[site, path].text.split("\n")) for night in (1, 2))
        assert (before - after, after - before) == (old - new, new - old)
        assert crawled.ledger("clean", 2, site)[path] == ("revised", "changed")
    store.close()


def test_a_deleted_story_is_gone_and_its_article_stays(crawled: CrawledNights) -> None:
    assert deleted()
    for site, path in deleted():
        assert crawled.ledger("crawl", 2, site)[path] == ("gone", "not_found")
        assert crawled.articles[1][site, path] == crawled.articles[0][site, path]
    shown = nightdesk(crawled.home, "show", crawled.bases[site] + path)
    assert "the site no longer has it" in shown.out


def test_each_special_page_has_its_outcome_and_its_reason(crawled: CrawledNights) -> None:
    expected = {
        "consent": ("fetched", "new"),
        "broken": ("gone", "not_found"),
        "private": ("refused", "robots"),
        "moved": ("redirected", "http_redirect"),
    }
    seen = set()
    for site in IDS:
        crawl_ledger = crawled.ledger("crawl", 1, site)
        clean_ledger = crawled.ledger("clean", 1, site)
        for special in load_site(site).specials:
            if special.kind == "page":
                assert crawl_ledger[special.path][0] == "refused"
                continue
            assert crawl_ledger[special.path] == expected[special.kind], special.path
            seen.add(special.kind)
            if special.kind == "consent":
                assert clean_ledger[special.path] == ("not_article", "consent_wall")
    assert seen == set(expected)


def test_the_counts_of_each_night_add_up_to_the_urls_seen(crawled: CrawledNights) -> None:
    for night in crawled.nights:
        for site in night.json:
            assert site["exit_code"] == 0
            counts = [sum(reasons.values()) for reasons in site["crawl"].values()]
            assert sum(counts) == site["seen"]
    store = Database(crawled.address)
    run_ids = [run.id for run in runs.list_runs(store, 100)]
    assert runs.unbalanced_runs(store, run_ids) == frozenset()
    store.close()
    assert crawled.rows(
        "SELECT count(*) FROM ledger WHERE outcome IN ('pending', 'deferred', 'failed')"
    ) == [(0,)]
    assert crawled.rows("SELECT run, url FROM ledger GROUP BY run, url HAVING count(*) > 1") == []


def test_a_third_crawl_right_after_fetches_no_story_and_changes_nothing(
    crawled: CrawledNights,
) -> None:
    assert [path for path in crawled.bodies if not path.startswith(SOURCES)] == []
    for site in crawled.nights[2].json:
        assert site["clean_run"] in (None, 0)
        assert set(site["crawl"]) <= {"unchanged", "known", "gone", "refused", "redirected"}
    second, third = map(without_last_seen, crawled.articles[1:])
    assert third == second


def without_last_seen(articles: dict[Key, dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    return {key: article | {"last_seen_at": ""} for key, article in articles.items()}


def test_bytes_are_stored_once(crawled: CrawledNights) -> None:
    ((payloads, digests),) = crawled.rows("SELECT count(*), count(DISTINCT digest) FROM payload")
    ((captures,),) = crawled.rows("SELECT count(*) FROM capture WHERE payload_id IS NOT NULL")
    assert payloads == digests <= captures


def an_english_article(crawled: CrawledNights) -> dict[str, Any]:
    site_articles = [key for key in crawled.articles[1] if key[0] == ENGLISH]
    return crawled.articles[1][site_articles[0]]


def test_each_removed_block_names_its_rule(crawled: CrawledNights) -> None:
    article = an_english_article(crawled)
    explained = nightdesk(crawled.home, "explain", article["url"], "--json").json
    kept = [block["text"] for block in explained["blocks"] if block["kept"]]
    assert kept == article["text"].split("\n")
    removed = [block for block in explained["blocks"] if not block["kept"]]
    assert removed
    assert all(block["rule"] and block["why"] for block in removed)


def test_a_date_has_its_source_and_its_confidence(crawled: CrawledNights) -> None:
    article = an_english_article(crawled)
    metadata = nightdesk(crawled.home, "explain", article["url"], "--json").json["metadata"]
    source, confidence = metadata["published_source"], metadata["published_confidence"]
    assert confidence in ("high", "medium")
    printed = nightdesk(crawled.home, "explain", article["url"]).out
    assert f"(from {source}, confidence {confidence})" in printed


def test_search_finds_stories_newest_first_in_every_language(crawled: CrawledNights) -> None:
    store = Database(crawled.address)
    for words, site in (
        ("harbour levy", ENGLISH),
        ("водоканала", RUSSIAN),
        ("мактаби нав", TAJIK),
        ("анорбог", TAJIK),
    ):
        articles = pages.find_articles(store, words, 100)
        assert site in {article.site for article in articles}
        dates = [article.published_at for article in articles if article.published_at]
        assert dates == sorted(dates, reverse=True)
    store.close()


def test_a_search_has_further_pages_excerpts_and_counts(crawled: CrawledNights) -> None:
    words = ("search", "levy OR ferries", "--limit", "1")
    shown = nightdesk(crawled.home, *words).out
    cursor = shown.split("More with --after ")[1].split()[0]
    (second,) = nightdesk(crawled.home, *words, "--after", cursor, "--json").json
    assert f"{second['id']}  " not in shown
    start, end = second["excerpt"]["spans"][0]
    assert second["excerpt"]["text"][start:end].lower() in ("levy", "ferry", "ferries")
    counts = nightdesk(crawled.home, "search", "levy OR ferries", "--facets", "--json").json
    assert counts["total"] == sum(number for _, number in counts["over_time"]) > 1


def test_the_stored_bytes_are_shown_as_they_were_served(crawled: CrawledNights) -> None:
    digest, url, size = crawled.rows(
        "SELECT digest, url, size FROM page JOIN payload ON payload.id = payload_id"
    )[0]
    raw = subprocess.run(
        command_line(crawled.home, "show", url, "--raw"),
        capture_output=True,
        check=True,
        env=clean_environment(),
        cwd=ROOT,
    )
    assert (len(raw.stdout), sha256(raw.stdout).hexdigest()) == (size, digest)


def test_status_says_that_the_ledgers_add_up(crawled: CrawledNights) -> None:
    assert "The ledgers of the last runs add up." in nightdesk(crawled.home, "status").out
    assert crawled.rows("SELECT DISTINCT status FROM run") == [("finished",)]


def page_paths(crawled: CrawledNights) -> list[str]:
    """Return paths of the web app, with stories in all languages.

    On PostgreSQL, where the same templates are filled, there is only one path of each kind.
    """
    is_sqlite = crawled.address.startswith("sqlite")
    sites = IDS if is_sqlite else IDS[-1:]
    article_ids = []
    for site in sites:
        keys = sorted(key for key in crawled.articles[1] if key[0] == site)
        article_ids.append(crawled.articles[1][keys[0]]["id"])
    changed = crawled.articles[1][next(iter(sorted(edited())))]["id"]
    paths = ["", "search?q=шаҳр", "search", "sites", "report", "runs", "runs/3", "nothing"]
    paths += ["compare?q=lang:tg&q=lang:ru&by=day&words=1", "days/2026-11-02"]
    paths.append("changes")
    paths += [f"sites/{site}" for site in sites]
    paths += [f"articles/{article_id}" for article_id in article_ids]
    paths += [f"articles/{changed}/revisions", f"pages/{changed}"]
    paths += [f"pages/{changed}/why", f"pages/{changed}/raw"]
    if is_sqlite:
        wall = crawled.rows("SELECT page_id FROM ledger_entry WHERE reason = 'consent_wall'")[0][0]
        paths += ["authors?name=Martin+Dray", "tags?name=ferry", "compare?q=ferry&by=site&share=1"]
        paths += [f"sections?site={ENGLISH}&name=Politics", "search?q=harbour+-site:chashma"]
        paths += [f"pages/{wall}", f"pages/{wall}/why"]
    return paths


def test_the_report_shows_the_last_nights_in_every_format(crawled: CrawledNights) -> None:
    sites = nightdesk(crawled.home, "report", "--format", "json").json["sites"]
    assert {site["site"] for site in sites} == set(IDS)
    assert all(site["night"]["ledger_adds_up"] and site["issues"] == [] for site in sites)
    crawl_runs = {result["site"]: result["crawl_run"] for result in crawled.nights[-1].json}
    assert {site["site"]: site["night"]["run"] for site in sites} == crawl_runs
    text = nightdesk(crawled.home, "report").out
    assert "all 3 sites are well" in text
    headings = " ".join(text.splitlines()[2].split())
    assert headings == " ".join(night_report.COLUMNS), "also those that are empty for all sites"
    metrics = nightdesk(crawled.home, "report", ENGLISH, "--format", "metrics").out
    assert f'nightdesk_night_articles{{site="{ENGLISH}"}}' in metrics
    assert TAJIK not in metrics
    page = nightdesk(crawled.home, "report", "--format", "html").out
    assert page.startswith("<!doctype html>")
    assert "<script" not in page


@pytest.mark.trial
@needs_browser
def test_each_page_of_the_web_app_has_no_fault_on_a_desktop_and_on_a_phone(
    crawled: CrawledNights,
) -> None:
    store, paths = Database(crawled.address), page_paths(crawled)
    with serve_archive(store, []) as address, chromium() as browser:
        # PostgreSQL fills the same templates, and axe takes most of the time of a page.
        axe_paths = paths if store.is_sqlite else []
        faults = check_pages(browser, address, paths, axe_paths)
    store.close()
    assert not faults, "\n".join(faults)
