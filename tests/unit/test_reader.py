"""The archive for programs in Python gives the answers of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import open_archive
from pipeline.core.errors import ConfigError, NightdeskError
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.support.archive_factory import DAY, NIGHT, clean, night, url


def filled(archive: CrawlSession, store: Database) -> None:
    for number, words in enumerate(("a seal on the ramp", "the ferry was late", "a seal slept")):
        night(
            archive, {url(str(number)): f"Story {number}\n{words}".encode()}, NIGHT + number * DAY
        )
    clean(store)


def test_everything_about_an_article_can_be_asked(archive: CrawlSession, store: Database) -> None:
    filled(archive, store)
    with open_archive(store.url.render_as_string(hide_password=False)) as reader:
        assert len(reader) == 3
        hits = list(reader.search("seal"))
        assert [hit.article.text for hit in hits] == [
            "Story 2\na seal slept",
            "Story 0\na seal on the ramp",
        ]
        assert hits[0].excerpt.spans
        assert len(list(reader.search("seal", limit=1))) == 1
        one = hits[0].article
        assert reader.article(one.id) == reader.article(one.url) == one
        assert reader.raw(one.url) == b"Story 2\na seal slept"
        assert [each.text for each in reader.revisions(one.id)] == ["Story 2\na seal slept"]
        explained = reader.explain(one.id)
        assert explained is not None
        assert explained.digest
        assert (
            reader.article(10**9),
            reader.raw(10**9),
            reader.explain(10**30),
            reader.revisions("x"),
        ) == (
            None,
            None,
            None,
            (),
        )


def test_rows_are_plain_values_in_the_order_of_the_archive(
    archive: CrawlSession, store: Database
) -> None:
    filled(archive, store)
    with open_archive(store.url.render_as_string(hide_password=False)) as reader:
        rows = list(reader.rows())
        assert [row["id"] for row in rows] == [article.id for article in reader.articles()]
        assert {len(row["payload"]) for row in rows} == {64}
        assert all(isinstance(row["authors"], list) and row["recipe"] for row in rows)
        assert [row["id"] for row in reader.rows("seal", limit=1)] == [rows[0]["id"]]
        assert list(reader.rows(since="2999-01-01")) == []


def test_what_cannot_be_opened_or_asked_is_one_sentence(
    tmp_path: Path, archive: CrawlSession, store: Database
) -> None:
    with pytest.raises(NightdeskError, match=r"nothing\.db"):
        open_archive(tmp_path / "nothing.db")
    assert not (tmp_path / "nothing.db").exists()
    with open_archive(store.url.render_as_string(hide_password=False)) as reader:
        with pytest.raises(ConfigError, match="since: 'soon' is no date"):
            list(reader.rows(since="soon"))
        with pytest.raises(ConfigError, match="order: 'best' is none"):
            list(reader.search("seal", order="best"))
