"""Near-copies in an archive, on both databases: grouped, never deleted, and whatever came in whichever order."""

from __future__ import annotations

import random
from itertools import permutations
from typing import Any

import archiving
import pytest
from archiving import NIGHT, RECIPE, clean, do, night, one, rows
from recleaning import reclean, silent, site, striking
from recleaning import text as text_of

from pipeline.model import Kind, Place, Recipe
from pipeline.runs import groups
from pipeline.runs.groups import also_at, group_site
from pipeline.store import query, search, sketches
from pipeline.store.archive import Archive
from pipeline.store.engine import Store

WORDS = [
    f"{a}{b}" for a in ("bar", "kor", "min", "sul", "tev", "dan") for b in ("ano", "ilt", "ura", "esh", "oma", "ykk", "anz")
]
SITES = ("a", "b", "c", "d")


def story(seed: int, paragraphs: int = 8) -> list[str]:
    """Paragraphs of a made-up story; the first one is its title, and each has words of its own."""
    chance = random.Random(seed)
    return [" ".join(f"{word}{chance.randrange(90)}x" for word in chance.choices(WORDS, k=20)) for _ in range(paragraphs)]


WIRE = story(1)


def publish(archive: Archive, paper: str, *stories: list[str], at: Any = NIGHT) -> None:
    """One night of a paper, whose stories have addresses that are told by their order."""
    pages = {f"https://{paper}.example/{n}": "\n".join(each).encode() for n, each in enumerate(stories)}
    night(archive, pages, at, paper, Place(f"https://{paper}.example/feed.xml", Kind.FEED))


def group(store: Store, *papers: str) -> None:
    for paper in papers:
        group_site(store, paper, silent)


def prepare(archive: Archive, store: Store, papers: dict[str, list[list[str]]]) -> None:
    """An archive of some papers, cleaned and grouped."""
    for paper, stories in papers.items():
        publish(archive, paper, *stories)
        clean(store, site=paper)
        group(store, paper)


def found(store: Store) -> dict[str, str]:
    """Who follows whom: address → that of its group's head."""
    statement = "SELECT articles.url, head.url FROM articles JOIN page head ON head.id = articles.story_group"
    return {url.removeprefix("https://"): head.removeprefix("https://") for url, head in rows(store, statement)}


def from_scratch(store: Store, *papers: str) -> list[tuple[Any, ...]]:
    """The groups as they are found in an archive that has none."""
    do(store, "DELETE FROM sketch_band")
    do(store, "UPDATE sketch SET version = '', head = NULL, likeness = NULL, runs = 0, slots = NULL, numbers = NULL")
    group(store, *papers)
    return kept(store)


def kept(store: Store) -> list[tuple[Any, ...]]:
    assert one(store, "SELECT count(*) FROM sketch WHERE version = ''") == 0
    statement = "SELECT page_id, head, likeness, runs, slots, numbers FROM sketch ORDER BY page_id"
    return [*rows(store, statement), *rows(store, "SELECT key, page_id FROM sketch_band ORDER BY key, page_id")]


def test_a_story_that_several_papers_print_is_one_group_and_stays_in_all(archive: Archive, store: Store) -> None:
    cut, longer = WIRE[:5], ["title " + WIRE[0], *WIRE[1:], *story(9, 2)]
    prepare(archive, store, {"a": [WIRE, story(2)], "b": [cut], "c": [story(3), longer], "d": [story(4)]})
    head = "a.example/0"
    assert found(store) == {
        "a.example/0": head, "a.example/1": "a.example/1", "b.example/0": head, "c.example/0": "c.example/0",
        "c.example/1": head, "d.example/0": "d.example/0",
    }  # fmt: skip
    assert one(store, "SELECT count(DISTINCT story_group) FROM articles") == 4
    page = one(store, "SELECT id FROM articles WHERE site = 'b'")
    copies = also_at(store, page)
    assert sorted((copy.site, copy.url) for copy in copies) == [("a", "https://a.example/0"), ("c", "https://c.example/1")]
    assert all(copy.likeness > 0.9 for copy in copies)
    assert one(store, "SELECT likeness FROM articles WHERE id = :id", id=page) in [copy.likeness for copy in copies]
    assert also_at(store, one(store, "SELECT id FROM articles WHERE site = 'd'")) == ()
    assert [len(query.find_articles(store, "", 10, once=once)) for once in (False, True)] == [6, 4]
    assert [hit.copies for hit in query.find_articles(store, WIRE[1].split()[0], 10)] == [2, 2, 2]
    assert len(query.find_articles(store, WIRE[1].split()[0], 10, once=True)) == 1


def test_a_changed_text_leaves_its_group_and_the_others_find_each_other(archive: Archive, store: Store) -> None:
    prepare(archive, store, {"a": [WIRE], "b": [WIRE], "c": [WIRE]})
    assert set(found(store).values()) == {"a.example/0"}
    publish(archive, "a", story(5), at=NIGHT + archiving.DAY)
    clean(store, site="a")
    group(store, "a")
    assert found(store) == {"a.example/0": "a.example/0", "b.example/0": "b.example/0", "c.example/0": "b.example/0"}
    publish(archive, "a", WIRE, at=NIGHT + 2 * archiving.DAY)
    clean(store, site="a")
    group(store, "a")
    assert set(found(store).values()) == {"a.example/0"}
    assert kept(store) == from_scratch(store, *SITES)


def test_what_is_no_article_any_more_leaves_its_group(archive: Archive, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(archive, store, {"a": [WIRE], "b": [WIRE], "c": [WIRE]})
    monkeypatch.setattr(archiving, "WALL", WIRE[0])
    clean(store, Recipe(RECIPE.extractors, "rules-2"), site="a")
    assert sorted(found(store)) == ["b.example/0", "c.example/0"]
    assert sketches.count_waiting(store, "a") == 1
    group(store, "a")
    assert found(store) == {"b.example/0": "b.example/0", "c.example/0": "b.example/0"}
    assert one(store, "SELECT count(*) FROM sketch") == 2
    assert kept(store) == from_scratch(store, *SITES)


def test_groups_do_not_depend_on_the_order_in_which_sites_are_cleaned(archive: Archive, store: Store) -> None:
    chain = [[*WIRE[n : n + 8], *story(6, 12)[n : n + 4]] for n in range(4)]
    drift = [[*story(7, 14)[n : n + 8]] for n in (0, 2, 4, 6)]  # each is alike the next one, and the first not the last one
    for n, paper in enumerate(SITES):
        publish(archive, paper, chain[n], drift[n], WIRE, story(20 + n))
        clean(store, site=paper)
    group(store, *SITES)
    first = kept(store)
    heads = found(store)
    assert heads["c.example/1"] == "c.example/1" != heads["b.example/1"]  # none follows one that it is not alike
    assert heads["d.example/1"] == "c.example/1"
    orders = list(permutations(SITES)) if store.is_sqlite else [SITES[::-1]]
    assert all(from_scratch(store, *order) == first for order in orders)


def test_a_clean_that_is_killed_before_it_compares_is_made_up_for(
    archive: Archive, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(archive, store, {"b": [WIRE]})
    publish(archive, archiving.SITE, WIRE)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(groups, "_settle", killed)
        with pytest.raises(KeyboardInterrupt):
            reclean(store, site())
    assert sketches.count_waiting(store, archiving.SITE) == 1
    assert len(set(found(store).values())) == 2
    do(store, "DELETE FROM article_index")  # as an upgrade leaves it
    do(store, "UPDATE article SET indexed = ''")
    assert reclean(store, site()).run == 0  # nothing is stale, and no run is made for it
    assert len(set(found(store).values())) == 1
    assert [each.site for each in query.find_articles(store, WIRE[1].split()[0], 10)] == [archiving.SITE]
    assert search.waiting(store) == 1, "the other site waits for its own clean"


def test_a_text_that_stays_the_same_under_other_rules_is_not_compared_again(archive: Archive, store: Store) -> None:
    publish(archive, archiving.SITE, WIRE, ["Title", *(f"Paragraph {n} {line}" for n, line in enumerate(story(8, 12)))])
    reclean(store, site())
    before = kept(store)
    assert reclean(store, site("no line is like this")).counts
    assert kept(store) == before
    assert reclean(store, striking(3)).counts["recleaned"] == 1
    assert "Paragraph 3" not in text_of(store, one(store, "SELECT max(id) FROM articles"))
    assert kept(store) != before


def test_sketches_of_another_version_are_made_anew(archive: Archive, store: Store) -> None:
    prepare(archive, store, {"a": [WIRE, story(2)], "b": [WIRE]})
    before = kept(store)
    do(store, "UPDATE sketch SET version = 'of yesterday', slots = numbers")
    do(store, "UPDATE sketch_band SET key = key + 1")
    group(store, "a", "b")
    assert kept(store) == before


def test_more_than_a_batch_touches_waits_for_the_next_one(
    archive: Archive, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(archive, store, {paper: [WIRE] for paper in SITES})
    publish(archive, "a", story(5), at=NIGHT + archiving.DAY)
    clean(store, site="a")
    monkeypatch.setattr(groups, "MOST", 2)
    for _ in range(3):
        group(store, *SITES)
    assert found(store) == {"a.example/0": "a.example/0"} | {f"{paper}.example/0": "b.example/0" for paper in "bcd"}
    monkeypatch.undo()
    assert kept(store) == from_scratch(store, *SITES)


def test_under_a_crowded_key_the_first_ones_are_looked_at(
    archive: Archive, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sketches, "CROWD", 2)
    prepare(archive, store, {paper: [WIRE] for paper in SITES})
    assert set(found(store).values()) == {"a.example/0"}
    with sketches.grouping(store) as open_groups:
        keys = [key for (key,) in rows(store, "SELECT DISTINCT key FROM sketch_band")]
        (near,) = open_groups.near({0: keys}, 10).values()
    assert [each.site for each in near] == ["a", "b"]
