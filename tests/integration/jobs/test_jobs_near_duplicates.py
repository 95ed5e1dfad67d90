"""Near-duplicates are grouped and never deleted, in any order of arrival, on both databases."""

from __future__ import annotations

import random
from itertools import permutations
from typing import Any

import pytest

from pipeline.core.models import CrawlSource, Recipe, UrlKind
from pipeline.jobs import near_duplicates
from pipeline.jobs.near_duplicates import (
    MAX_DECISIONS,
    group_near_duplicates,
    near_duplicates_of,
)
from pipeline.store.clean import near_duplicates as groups_store
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.read import pages as query
from pipeline.store.search import index
from tests.support import archive_factory
from tests.support.archive_factory import NIGHT, RECIPE, clean, do, night, one, rows
from tests.support.reclean_factory import reclean, silent, site, site_removing
from tests.support.reclean_factory import text as text_of

pytestmark = pytest.mark.trial_on_postgresql

WORDS = [
    f"{a}{b}"
    for a in ("bar", "kor", "min", "sul", "tev", "dan")
    for b in ("ano", "ilt", "ura", "esh", "oma", "ykk", "anz")
]
SITES = ("a", "b", "c", "d")


def story(seed: int, paragraphs: int = 8) -> list[str]:
    """Return paragraphs of a generated story. The first is its title; each has its own words."""
    chance = random.Random(seed)
    return [
        " ".join(f"{word}{chance.randrange(90)}x" for word in chance.choices(WORDS, k=20))
        for _ in range(paragraphs)
    ]


WIRE = story(1)


def publish(archive: CrawlSession, paper: str, *stories: list[str], at: Any = NIGHT) -> None:
    """Save one night of a site. The URLs of its stories are numbers in their order."""
    pages = {
        f"https://{paper}.example/{n}": "\n".join(each).encode() for n, each in enumerate(stories)
    }
    night(archive, pages, at, paper, CrawlSource(f"https://{paper}.example/feed.xml", UrlKind.FEED))


def group(store: Database, *papers: str, max_decisions: int = MAX_DECISIONS) -> None:
    for paper in papers:
        group_near_duplicates(store, paper, silent, max_decisions=max_decisions)


def prepare(archive: CrawlSession, store: Database, papers: dict[str, list[list[str]]]) -> None:
    """Save, clean and group the stories of some sites."""
    for paper, stories in papers.items():
        publish(archive, paper, *stories)
        clean(store, site=paper)
        group(store, paper)


def leaders(store: Database) -> dict[str, str]:
    """Return the URL of the group leader of each article, by the URL of the article."""
    statement = (
        "SELECT articles.url, leader.url FROM articles"
        " JOIN page leader ON leader.id = articles.story_group"
    )
    return {
        url.removeprefix("https://"): leader.removeprefix("https://")
        for url, leader in rows(store, statement)
    }


def from_scratch(store: Database, *papers: str) -> list[tuple[Any, ...]]:
    """Return the groups as a comparison of all articles makes them."""
    do(store, "DELETE FROM sketch_band")
    do(
        store,
        "UPDATE sketch SET version = '', leader_id = NULL, similarity = NULL, shingle_count = 0,"
        " minhash = NULL, number_digests = NULL",
    )
    group(store, *papers)
    return sketch_rows(store)


def sketch_rows(store: Database) -> list[tuple[Any, ...]]:
    assert one(store, "SELECT count(*) FROM sketch WHERE version = ''") == 0
    statement = (
        "SELECT page_id, leader_id, similarity, shingle_count, minhash, number_digests FROM sketch"
        " ORDER BY page_id"
    )
    return [
        *rows(store, statement),
        *rows(store, "SELECT key, page_id FROM sketch_band ORDER BY key, page_id"),
    ]


def test_a_story_on_several_sites_is_one_group_and_stays_on_all(
    archive: CrawlSession, store: Database
) -> None:
    cut, longer = WIRE[:5], ["title " + WIRE[0], *WIRE[1:], *story(9, 2)]
    prepare(
        archive,
        store,
        {"a": [WIRE, story(2)], "b": [cut], "c": [story(3), longer], "d": [story(4)]},
    )
    leader = "a.example/0"
    assert leaders(store) == {
        "a.example/0": leader,
        "a.example/1": "a.example/1",
        "b.example/0": leader,
        "c.example/0": "c.example/0",
        "c.example/1": leader,
        "d.example/0": "d.example/0",
    }
    assert one(store, "SELECT count(DISTINCT story_group) FROM articles") == 4
    page = one(store, "SELECT id FROM articles WHERE site = 'b'")
    copies = near_duplicates_of(store, page)
    assert sorted((copy.site, copy.url) for copy in copies) == [
        ("a", "https://a.example/0"),
        ("c", "https://c.example/1"),
    ]
    assert all(copy.similarity > 0.9 for copy in copies)
    assert one(store, "SELECT similarity FROM articles WHERE id = :id", id=page) in [
        copy.similarity for copy in copies
    ]
    assert near_duplicates_of(store, one(store, "SELECT id FROM articles WHERE site = 'd'")) == ()
    assert [len(query.find_articles(store, "", 10, unique=once)) for once in (False, True)] == [
        6,
        4,
    ]
    assert [hit.copies for hit in query.find_articles(store, WIRE[1].split()[0], 10)] == [2, 2, 2]
    assert len(query.find_articles(store, WIRE[1].split()[0], 10, unique=True)) == 1


def test_a_changed_text_leaves_its_group_and_the_others_find_each_other(
    archive: CrawlSession, store: Database
) -> None:
    prepare(archive, store, {"a": [WIRE], "b": [WIRE], "c": [WIRE]})
    assert set(leaders(store).values()) == {"a.example/0"}
    publish(archive, "a", story(5), at=NIGHT + archive_factory.DAY)
    clean(store, site="a")
    group(store, "a")
    assert leaders(store) == {
        "a.example/0": "a.example/0",
        "b.example/0": "b.example/0",
        "c.example/0": "b.example/0",
    }
    publish(archive, "a", WIRE, at=NIGHT + 2 * archive_factory.DAY)
    clean(store, site="a")
    group(store, "a")
    assert set(leaders(store).values()) == {"a.example/0"}
    assert sketch_rows(store) == from_scratch(store, *SITES)


def test_a_page_that_is_no_article_any_more_leaves_its_group(
    archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(archive, store, {"a": [WIRE], "b": [WIRE], "c": [WIRE]})
    monkeypatch.setattr(archive_factory, "WALL", WIRE[0])
    clean(store, Recipe(RECIPE.extractors, "rules-2"), site="a")
    assert sorted(leaders(store)) == ["b.example/0", "c.example/0"]
    assert groups_store.count_pending(store, "a") == 1
    group(store, "a")
    assert leaders(store) == {"b.example/0": "b.example/0", "c.example/0": "b.example/0"}
    assert one(store, "SELECT count(*) FROM sketch") == 2
    assert sketch_rows(store) == from_scratch(store, *SITES)


def test_groups_do_not_depend_on_the_order_in_which_sites_are_cleaned(
    archive: CrawlSession, store: Database
) -> None:
    chain = [[*WIRE[n : n + 8], *story(6, 12)[n : n + 4]] for n in range(4)]
    drift = [
        [*story(7, 14)[n : n + 8]] for n in (0, 2, 4, 6)
    ]  # each is alike the next one, and the first not the last one
    for n, paper in enumerate(SITES):
        publish(archive, paper, chain[n], drift[n], WIRE, story(20 + n))
        clean(store, site=paper)
    group(store, *SITES)
    first = sketch_rows(store)
    heads = leaders(store)
    assert (
        heads["c.example/1"] == "c.example/1" != heads["b.example/1"]
    )  # none follows one that it is not alike
    assert heads["d.example/1"] == "c.example/1"
    orders = list(permutations(SITES)) if store.is_sqlite else [SITES[::-1]]
    assert all(from_scratch(store, *order) == first for order in orders)


def test_the_next_clean_groups_the_articles_of_a_clean_that_was_killed_before(
    archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(archive, store, {"b": [WIRE]})
    publish(archive, archive_factory.SITE, WIRE)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(near_duplicates, "_decide_affected", killed)
        with pytest.raises(KeyboardInterrupt):
            reclean(store, site())
    assert groups_store.count_pending(store, archive_factory.SITE) == 1
    assert len(set(leaders(store).values())) == 2
    do(store, "DELETE FROM article_index")  # as an upgrade leaves it
    do(store, "UPDATE article SET index_version = ''")
    assert reclean(store, site()).run_id == 0  # nothing is stale, and no run is made for it
    assert len(set(leaders(store).values())) == 1
    assert [each.site for each in query.find_articles(store, WIRE[1].split()[0], 10)] == [
        archive_factory.SITE
    ]
    assert index.count_unindexed(store) == 1, "the other site waits for its own clean"


def test_a_text_that_stays_the_same_under_other_rules_is_not_compared_again(
    archive: CrawlSession, store: Database
) -> None:
    publish(
        archive,
        archive_factory.SITE,
        WIRE,
        ["Title", *(f"Paragraph {n} {line}" for n, line in enumerate(story(8, 12)))],
    )
    reclean(store, site())
    before = sketch_rows(store)
    assert reclean(store, site("no line is like this")).counts
    assert sketch_rows(store) == before
    assert reclean(store, site_removing(3)).counts["recleaned"] == 1
    assert "Paragraph 3" not in text_of(store, one(store, "SELECT max(id) FROM articles"))
    assert sketch_rows(store) != before


def test_sketches_of_another_version_are_made_again(archive: CrawlSession, store: Database) -> None:
    prepare(archive, store, {"a": [WIRE, story(2)], "b": [WIRE]})
    before = sketch_rows(store)
    do(store, "UPDATE sketch SET version = 'of yesterday', minhash = number_digests")
    do(store, "UPDATE sketch_band SET key = key + 1")
    group(store, "a", "b")
    assert sketch_rows(store) == before


def test_articles_beyond_the_limit_of_a_batch_wait_for_the_next_one(
    archive: CrawlSession, store: Database
) -> None:
    prepare(archive, store, {paper: [WIRE] for paper in SITES})
    publish(archive, "a", story(5), at=NIGHT + archive_factory.DAY)
    clean(store, site="a")
    for _ in range(3):
        group(store, *SITES, max_decisions=2)
    assert leaders(store) == {"a.example/0": "a.example/0"} | {
        f"{paper}.example/0": "b.example/0" for paper in "bcd"
    }
    assert sketch_rows(store) == from_scratch(store, *SITES)


def test_only_the_first_pages_of_a_crowded_key_are_compared(
    archive: CrawlSession, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups_store, "MAX_PAGES_PER_KEY", 2)
    prepare(archive, store, {paper: [WIRE] for paper in SITES})
    assert set(leaders(store).values()) == {"a.example/0"}
    with groups_store.locked_groups(store) as open_groups:
        keys = [key for (key,) in rows(store, "SELECT DISTINCT key FROM sketch_band")]
        (near,) = open_groups.candidates({0: keys}, 10).values()
    assert [each.site for each in near] == ["a", "b"]
