"""The view `links`: the links in the texts of articles, and the articles that they cite."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from pipeline.core.models import Block, BlockLink, ExtractedPage, Outcome, Reason
from pipeline.jobs import repair, review
from pipeline.store.clean import held_results
from pipeline.store.clean.types import PendingPayload
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance.faults import EVERYTHING, VerifiedCounts
from tests.support.archive_factory import DAY, NIGHT, SITE, Reply, do, night, one, rows, url
from tests.support.reclean_factory import PARAGRAPHS, STORY, Extractors, reclean, silent, site

LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")
OTHER = STORY.replace("ferries", "trams")
BASE = "/base/"
PAGE = 2  # the first story; page 1 is the feed


class LinkExtractors(Extractors):
    """The stand-in, which reads `[text](address)` as a link."""

    def extract(
        self, payloads: Iterable[PendingPayload]
    ) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        for payload, page in super().extract(payloads):
            yield payload, replace(page, blocks=tuple(map(with_links, page.blocks)), base=BASE)


def with_links(block: Block) -> Block:
    text, links = block.text, list[BlockLink]()
    while match := LINK.search(text):
        links.append(BlockLink(match.start(), match.start() + len(match[1]), match[2]))
        text = f"{text[: match.start()]}{match[1]}{text[match.end() :]}"
    return replace(block, text=text, links=tuple(links))


def stored(store: Database, page: int = PAGE) -> list[tuple[Any, ...]]:
    query = "SELECT url, text, cited_article FROM links WHERE article = :page ORDER BY number"
    return [tuple(row) for row in rows(store, query, page=page)]


def save(archive: CrawlSession, store: Database, body: str, at: Any = NIGHT) -> None:
    night(archive, {url("a"): body.encode()}, at)
    reclean(store, site(), extractors=LinkExtractors())


def citing(*lines: str) -> str:
    return "\n".join([STORY, *lines])


def test_links_are_absolute_and_name_the_cited_article_once_it_is_there(
    archive: CrawlSession, store: Database
) -> None:
    line = (
        f"The city wrote about it in [a letter]({url('b')}?utm_source=x#top), on [its site](page)"
        " and to [the mayor](mailto:mayor@courier.example) on Monday morning."
    )
    save(archive, store, citing(line))
    letter = f"{url('b')}?utm_source=x#top"
    assert stored(store) == [
        (letter, "a letter", None),
        ("https://courier.example/base/page", "its site", None),
    ]
    night(archive, {url("b"): OTHER.encode()}, NIGHT + DAY)
    reclean(store, site(), extractors=LinkExtractors())
    cited = one(store, "SELECT id FROM articles WHERE url = :url", url=url("b"))
    assert stored(store)[0] == (letter, "a letter", cited)
    assert stored(store, cited) == []


def test_a_link_to_a_url_that_redirects_names_the_article_behind_it(
    archive: CrawlSession, store: Database
) -> None:
    old = Reply(outcome=Outcome.REDIRECTED, reason=Reason.NONE, status=301, target=url("new"))
    night(archive, {url("old"): old, url("new"): OTHER.encode()})
    save(archive, store, citing(f"The trams were in [this story]({url('old')}) last year."), NIGHT)
    cited = one(store, "SELECT id FROM articles WHERE url = :url", url=url("new"))
    page = one(store, "SELECT id FROM articles WHERE url = :url", url=url("a"))
    assert stored(store, page) == [(url("old"), "this story", cited)]


def test_links_of_removed_lines_are_left_out(archive: CrawlSession, store: Database) -> None:
    night(
        archive,
        {url("a"): citing(f"The city said more on [the trams]({url('b')}) last week").encode()},
    )
    reclean(store, site("The city said .*"), extractors=LinkExtractors())
    assert stored(store) == []
    reclean(store, site(), extractors=LinkExtractors())
    assert stored(store) == [(url("b"), "the trams", None)]


def test_links_change_with_the_text_and_go_with_the_article(
    archive: CrawlSession, store: Database
) -> None:
    save(archive, store, citing(f"More is in [the first letter]({url('b')}) of the city."))
    second = citing(f"More is in [the second letter]({url('c')}) of the city.")
    save(archive, store, second, NIGHT + DAY)
    assert stored(store) == [(url("c"), "the second letter", None)]
    do(store, "DELETE FROM article")
    assert rows(store, "SELECT * FROM article_link") == []


def test_the_first_clean_after_an_upgrade_adds_links_without_a_new_revision(
    archive: CrawlSession, store: Database
) -> None:
    body = citing(f"More is in [the letter]({url('b')}) of the city.")
    night(archive, {url("a"): LINK.sub(r"\1", body).encode()})
    reclean(store, site())
    assert stored(store) == []
    before = rows(store, "SELECT * FROM articles")
    do(store, "UPDATE extracted_page SET extractors = 'older'")
    do(store, "UPDATE page SET clean_recipe = 'older' WHERE clean_recipe <> ''")
    reclean(store, site(), extractors=NewExtractors())
    assert stored(store) == [(url("b"), "the letter", None)]
    assert rows(store, "SELECT * FROM articles") == before
    assert one(store, "SELECT count(*) FROM clean_result") == 1


class NewExtractors(LinkExtractors):
    """The stand-in, which finds a link where the older version found none."""

    def extract(
        self, payloads: Iterable[PendingPayload]
    ) -> Iterator[tuple[PendingPayload, ExtractedPage]]:
        for payload, page in super().extract(payloads):
            blocks = []
            for block in page.blocks:
                start = block.text.find("the letter")
                link = BlockLink(start, start + len("the letter"), url("b"))
                blocks.append(replace(block, links=(link,)) if start >= 0 else block)
            yield payload, replace(page, blocks=tuple(blocks))


def test_a_review_and_a_rollback_bring_the_links_of_their_text(
    archive: CrawlSession, store: Database
) -> None:
    save(archive, store, citing(f"More is in [the letter]({url('b')}) of the city."))
    patterns = ["More is .*", *(f"{re.escape(line)}" for line in PARAGRAPHS[:4])]
    reclean(store, site(*patterns), extractors=LinkExtractors())
    assert stored(store) == [(url("b"), "the letter", None)], "the result is held"
    review.review(store, SITE, list(held_results.held_pages(store)[SITE]), review.accept, silent)
    assert stored(store) == []
    run = one(store, "SELECT max(id) FROM run WHERE kind = 'clean'")
    review.rollback(store, run, silent)
    assert stored(store) == [(url("b"), "the letter", None)]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE article_link SET url = 'https://courier.example/x'",
        "UPDATE article_link SET text = 'another'",
        "DELETE FROM article_link",
    ],
)
def test_verify_finds_links_that_are_not_of_the_text_and_repair_makes_them_again(
    archive: CrawlSession, store: Database, damage: str
) -> None:
    save(archive, store, citing(f"More is in [the letter]({url('b')}) of the city."))
    assert faults(store) == []
    do(store, damage)
    (fault,) = faults(store)
    assert fault.sentence == "article 2: its links are not those of its text"
    repair.repair_archive(store, (site(),), [fault], LinkExtractors(), lambda *_: None)  # type: ignore[arg-type]
    assert faults(store) == []
    assert stored(store) == [(url("b"), "the letter", None)]


def faults(store: Database) -> list[Any]:
    return list(repair.verify_archive(store, EVERYTHING, VerifiedCounts(), lambda *_: None))
