"""What an article says of itself where its page later shows something else."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from pipeline.store.db.engine import Database
from tests.integration.jobs.test_jobs_story_parts import add_story, page, run, sentences, use_site
from tests.support.archive_factory import rows
from tests.support.local_site import serve_local_site

pytestmark = pytest.mark.trial_on_postgresql

CONSENT = (
    "<!doctype html><html><head><title>Before you continue</title></head><body><h1>Before you"
    " continue</h1><p>We use cookies. Please accept all cookies to continue, or manage your"
    " cookie settings.</p><p>We and our partners store cookies and process personal data with"
    " your consent.</p><p>By clicking accept you agree to our cookie policy and privacy policy."
    "</p></body></html>"
)
STUB = (
    '<!doctype html><html><head><title>The harbour</title><script type="application/ld+json">'
    '{"@context":"https://schema.org","@type":"NewsArticle","headline":"The harbour",'
    '"isAccessibleForFree":false}</script></head><body><main><article><h1>The harbour</h1><p>'
    + sentences(1, "harbour")[0]
    + "</p></article></main></body></html>"
)


@pytest.mark.parametrize(
    ("body", "state"),
    [(CONSENT, "consent_wall"), (STUB, "paywall_stub")],
    ids=["consent", "paywall"],
)
def test_article_cites_the_bytes_that_it_was_made_of(
    home: Path, store: Database, database_url: str, body: str, state: str
) -> None:
    path = "/news/harbour-10001"
    with serve_local_site() as site:
        url = site.add_page(path, page("The harbour", sentences(1, "harbour")))
        use_site(home, site, [path])
        run(home, database_url, "crawl")
        before = run(home, database_url, "show", url, "--json").json
        for night in range(2):  # a wall has other bytes each night
            site.add_page(path, body.replace("</body>", f"<!-- {night} --></body>"))
            run(home, database_url, "crawl")
        after = run(home, database_url, "show", url, "--json").json
        head = run(home, database_url, "show", url).out
        explained = run(home, database_url, "explain", url, "--json").json
        raw = run(home, database_url, "show", url, "--raw").out
        exported = home / "out.jsonl"
        run(home, database_url, "export", str(exported), "--format", "jsonl")
        record = exported.read_text(encoding="utf8")
    ((wall_at,),) = rows(
        store, "SELECT min(fetched_at) FROM capture JOIN run ON run.id = run_id WHERE run_id > 2"
    )
    assert before["live"] is None
    assert after["text"] == before["text"]
    assert after["digest"] == before["digest"]
    assert after["last_seen_at"] == before["last_seen_at"], "a wall does not show the text"
    assert after["live"]["state"] == state
    since = datetime.fromisoformat(after["live"]["since"]).replace(tzinfo=None)
    assert since == datetime.fromisoformat(str(wall_at)).replace(tzinfo=None)
    assert f"{state} since" in head
    assert explained["digest"] == before["digest"]
    assert explained["outcome"] == "archived"
    assert explained["origin"]["live"]["state"] == state
    assert "workers from the neighbouring district" in raw
    assert f'"live_state":"{state}"' in record.replace('": "', '":"')
    ((seen,),) = rows(store, "SELECT last_seen_at FROM articles")
    assert datetime.fromisoformat(str(seen)).replace(tzinfo=None) < since


def test_page_that_is_gone_says_since_when(home: Path, database_url: str) -> None:
    path = "/news/harbour-10001"
    with serve_local_site() as site:
        url = site.add_page(path, page("The harbour", sentences(1, "harbour")))
        use_site(home, site, [path])
        run(home, database_url, "crawl")
        del site.pages[path]
        run(home, database_url, "crawl")
        shown = run(home, database_url, "show", url, "--json").json
    assert shown["live"]["state"] == "gone"
    assert shown["text"] == "\n".join(sentences(1, "harbour"))


def test_story_in_parts_behind_a_wall_keeps_its_parts(home: Path, database_url: str) -> None:
    with serve_local_site() as site:
        paths = add_story(site, "harbour-10001", "numbers", 3)
        use_site(home, site, paths[:1])
        run(home, database_url, "crawl")
        for path in paths:
            site.add_page(path, CONSENT)
        run(home, database_url, "crawl")
        shown = run(home, database_url, "show", site.url + paths[0], "--json").json
    assert [part["number"] for part in shown["parts"]] == [1, 2, 3]
    assert shown["live"]["state"] == "consent_wall"
    assert len(shown["history"]) == 1


def test_story_that_is_what_it_was_says_nothing_else(home: Path, database_url: str) -> None:
    path = "/news/harbour-10001"
    with serve_local_site() as site:
        url = site.add_page(path, page("The harbour", sentences(1, "harbour")))
        use_site(home, site, [path])
        run(home, database_url, "crawl")
        first = run(home, database_url, "show", url, "--json").json
        run(home, database_url, "crawl")
        second = run(home, database_url, "show", url, "--json").json
    assert second["live"] is None
    assert second["last_seen_at"] > first["last_seen_at"]
