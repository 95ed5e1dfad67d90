"""The Python interface gives the answers of the command line."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

import nightdesk
from nightdesk import open_archive
from pipeline.core.errors import ConfigError, NightdeskError
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.archive_factory import DAY, NIGHT, clean, night, url


def fill(archive: CrawlSession, store: Database) -> None:
    for number, text in enumerate(("a seal on the ramp", "the ferry was late", "a seal slept")):
        night(archive, {url(str(number)): f"Story {number}\n{text}".encode()}, NIGHT + number * DAY)
    clean(store)


def test_all_parts_of_an_article_can_be_read(archive: CrawlSession, store: Database) -> None:
    fill(archive, store)
    with open_archive(store.url.render_as_string(hide_password=False)) as reader:
        assert len(reader) == 3
        hits = list(reader.search("seal"))
        assert [hit.article.text for hit in hits] == [
            "Story 2\na seal slept",
            "Story 0\na seal on the ramp",
        ]
        assert hits[0].excerpt.spans
        assert len(list(reader.search("seal", limit=1))) == 1
        article = hits[0].article
        assert reader.article(article.id) == reader.article(article.url) == article
        assert reader.raw(article.url) == b"Story 2\na seal slept"
        assert [revision.text for revision in reader.revisions(article.id)] == [
            "Story 2\na seal slept"
        ]
        assert reader.markdown(article.id) == "Story 2\n\na seal slept"
        assert (reader.links(article.id), reader.figures(article.id)) == ((), ())
        explanation = reader.explain(article.id)
        assert explanation is not None
        assert explanation.digest
        assert reader.article(10**9) is None
        assert reader.raw(10**9) is None
        assert reader.markdown(10**9) is None
        assert (reader.links(10**9), reader.figures(10**9)) == ((), ())
        assert reader.explain(10**30) is None
        assert reader.revisions("x") == ()


def test_rows_are_plain_values_newest_first(archive: CrawlSession, store: Database) -> None:
    fill(archive, store)
    with open_archive(store.url.render_as_string(hide_password=False)) as reader:
        rows = list(reader.rows())
        assert [row["id"] for row in rows] == [article.id for article in reader.articles()]
        assert {len(row["payload_sha256"]) for row in rows} == {64}
        assert all(isinstance(row["authors"], list) and row["recipe"] for row in rows)
        assert [row["id"] for row in reader.rows("seal", limit=1)] == [rows[0]["id"]]
        assert list(reader.rows(since="2999-01-01")) == []
        assert len(list(reader.articles(since="2024-03-02", until="2024-03-02"))) == 1
        assert len(list(reader.articles(until=date(2024, 3, 2)))) == 2
        assert len(list(reader.articles(until=NIGHT + DAY))) == 2
        assert len(list(reader.articles(until=NIGHT + DAY - timedelta(seconds=1)))) == 1
        assert len(list(reader.articles(until="9999-12-31"))) == 3


def test_counts_and_words_are_those_of_the_command_line(
    archive: CrawlSession, store: Database
) -> None:
    fill(archive, store)
    with open_archive(store.url.render_as_string(hide_password=False)) as reader:
        table = reader.count("seal", "ferry", by="month", within="story")
        assert list(table.records()) == [{"month": "2024-03", "seal": 2, "ferry": 1, "stories": 3}]
        assert reader.count("seal", "seal").rows == ()
        assert [word.word for word in reader.top_words("seal")] == []
        with pytest.raises(ConfigError, match="by: 'hour' is unknown"):
            reader.count("seal", by="hour")


def test_a_wrong_archive_or_argument_raises_an_error_of_one_sentence_at_once(
    tmp_path: Path, archive: CrawlSession, store: Database
) -> None:
    with pytest.raises(NightdeskError, match=r"nothing\.db"):
        open_archive(tmp_path / "nothing.db")
    assert not (tmp_path / "nothing.db").exists()
    with open_archive(store.url.render_as_string(hide_password=False)) as reader:
        with pytest.raises(ConfigError, match="since: 'soon' is no date"):
            reader.rows(since="soon")
        with pytest.raises(ConfigError, match="order: 'best' is unknown"):
            reader.search("seal", order="best")


def test_all_public_names_can_be_imported() -> None:
    for name in nightdesk.__all__:
        assert getattr(nightdesk, name) is not None
    with pytest.raises(AttributeError, match="module 'nightdesk' has no attribute 'close'"):
        _ = nightdesk.close


def test_the_import_does_not_load_the_database_library() -> None:
    program = "import nightdesk, sys; print('sqlalchemy' in sys.modules, nightdesk.__version__)"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["False", nightdesk.__version__]
