"""The article's page and the API say where a story stood on the front page."""

from __future__ import annotations

from starlette.testclient import TestClient

from pipeline.core.models import UrlKind
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.web.app import create_app
from tests.support.archive_factory import (
    DAY,
    FRONT_PAGE,
    NIGHT,
    SITE,
    Reply,
    capture,
    clean,
    night,
    one,
    url,
)

A, B = url("a"), url("b")


def test_the_page_and_the_api_show_the_places_of_an_article(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: b"One story", B: b"Another story"})
    clean(store)
    for day, stories in enumerate([(B, A), (B, A), (A, B)], 1):
        run = archive.start_run(SITE)
        due = archive.register_source(run, FRONT_PAGE)
        answer = capture(due, Reply(" ".join(stories).encode()), NIGHT + day * DAY)
        archive.save_source(run, answer, (), UrlKind.FRONT_PAGE, stories)
        archive.finish_run(run, "finished")
    article = one(store, "SELECT id FROM articles WHERE url = :url", url=A)
    with TestClient(create_app(store), base_url="http://127.0.0.1:8642") as web:
        placements = web.get(f"/api/articles/{article}").json()["placements"]
        page = web.get(f"/articles/{article}").text
    assert [(row["rank"], row["visits"]) for row in placements] == [(1, 1), (2, 2)]
    assert placements[1]["first_seen_at"] == "2024-03-02T02:30:00Z"
    assert placements[1]["last_seen_at"] == "2024-03-03T02:30:00Z"
    assert "On the front page" in page
    assert page.count("2024-03-04 02:30") >= 1


def test_an_article_that_was_never_there_has_no_such_part(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, {A: b"One story"})
    clean(store)
    article = one(store, "SELECT id FROM articles")
    with TestClient(create_app(store), base_url="http://127.0.0.1:8642") as web:
        assert web.get(f"/api/articles/{article}").json()["placements"] == []
        assert "On the front page" not in web.get(f"/articles/{article}").text
