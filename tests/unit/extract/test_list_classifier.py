"""A page that lists other pages is no article; a page that only looks like a list is one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipeline.cleaning.apply_rules import clean_document, recipe_digest
from pipeline.config.site import CleaningOptions
from pipeline.core.models import (
    AnnouncedMetadata,
    Block,
    BlockKind,
    CleanResult,
    ExtractedPage,
    ListEvidence,
    Outcome,
    RawPage,
    Reason,
)
from pipeline.extract import extract
from pipeline.extract.lists.list_classifier import ListTrees
from pipeline.extract.lists.page_shape import SHAPE_NAMES
from pipeline.store.codec.serialization import extracted_from_json, extracted_to_json
from tests.support.list_pages import NOUNS, list_pages, story_pages

LISTS, STORIES = list_pages("en", 22), story_pages("en", 12)
LANGUAGES = sorted(NOUNS)


def clean(extracted: ExtractedPage, *, accept_lists: bool = False) -> CleanResult:
    return clean_document(
        extracted,
        line_stats={},
        announced=AnnouncedMetadata(),
        cleaning=CleaningOptions(accept_lists=accept_lists),
        language_hint="",
        timezone="UTC",
        fetched_at=datetime(2026, 11, 28, tzinfo=UTC),
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LISTS)
def test_a_page_that_lists_other_pages_is_no_article(name: str, language: str) -> None:
    extracted = extract(RawPage(1, list_pages(language, 22)[name]))
    result = clean(extracted)
    assert (result.outcome, result.reason) == (Outcome.NOT_ARTICLE, Reason.LISTING)
    assert "modules that look alike" in str(extracted.list_evidence)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", STORIES)
def test_a_story_that_looks_like_a_list_is_an_article(name: str, language: str) -> None:
    extracted = extract(RawPage(1, story_pages(language, 12)[name]))
    result = clean(extracted)
    assert (result.outcome, result.reason) == (Outcome.ARCHIVED, Reason.NONE), str(
        extracted.list_evidence
    )


@pytest.mark.parametrize("body", ["x", "<p>Moved.</p>", '<a href="/news">News</a>'])
def test_a_page_of_a_few_words_is_no_list(body: str) -> None:
    extracted = extract(RawPage(1, f"<html><body>{body}</body></html>".encode()))
    assert clean(extracted).outcome is Outcome.NOT_ARTICLE
    assert clean(extracted).reason is not Reason.LISTING


def test_a_site_file_can_accept_lists() -> None:
    extracted = extract(RawPage(1, LISTS["section front"]))
    assert clean(extracted, accept_lists=True).reason is not Reason.LISTING
    assert recipe_digest(CleaningOptions(accept_lists=True)) != recipe_digest(CleaningOptions())


def test_the_longer_the_story_the_surer_a_list_must_be() -> None:
    extracted = extract(RawPage(1, STORIES["opinion without headings"]))
    doubtful = replace(extracted, list_evidence=ListEvidence(0.6))
    certain = replace(extracted, list_evidence=ListEvidence(0.99))
    assert clean(doubtful).outcome is Outcome.ARCHIVED
    assert clean(certain).reason is Reason.LISTING


@pytest.mark.parametrize(
    ("modules", "linked_lines", "probability", "outcome"),
    [
        (0, 4, 0.68, Outcome.ARCHIVED),
        (4, 5, 0.68, Outcome.ARCHIVED),
        (0, 4, 0.75, Outcome.NOT_ARTICLE),
        (0, 6, 0.68, Outcome.NOT_ARTICLE),
        (5, 0, 0.68, Outcome.NOT_ARTICLE),
        (30, 90, 0.55, Outcome.ARCHIVED),
    ],
)
def test_the_fewer_other_pages_a_page_names_the_surer_a_list_must_be(
    modules: int, linked_lines: int, probability: float, outcome: Outcome
) -> None:
    """A recipe and an entry of a dictionary have short lines of one look, but few links."""
    evidence = ListEvidence(probability, modules, linked_lines)
    extracted = replace(
        extract(RawPage(1, STORIES["short story beside headlines"])), list_evidence=evidence
    )
    assert clean(extracted).outcome is outcome


def test_a_page_of_an_older_version_has_no_evidence_and_stays_an_article() -> None:
    extracted = replace(extract(RawPage(1, STORIES["listicle"])), list_evidence=None)
    stored = extracted_from_json(extracted_to_json(extracted))
    assert stored.list_evidence is None
    assert clean(stored).outcome is Outcome.ARCHIVED


def test_the_evidence_is_stored_with_the_page() -> None:
    extracted = extract(RawPage(1, LISTS["search results"]))
    stored = extracted_from_json(extracted_to_json(extracted))
    assert stored.list_evidence == extracted.list_evidence
    assert stored.list_evidence is not None
    assert stored.list_evidence.probability > 0.5


def test_trees_of_other_features_are_refused() -> None:
    with pytest.raises(ValueError, match="train them again"):
        ListTrees({"names": list(SHAPE_NAMES[1:]), "trees": [0.5]})


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (ListEvidence(0.02), Reason.NONE),
        (ListEvidence(0.4), Reason.LISTING),
        (None, Reason.LISTING),
    ],
)
def test_a_brief_among_many_links_is_an_article_where_its_shape_is_no_list(
    evidence: ListEvidence | None, reason: Reason
) -> None:
    brief = "The ferry of Lowmere was late on Tuesday because a seal had gone to sleep on the ramp."
    links = [f"Headline number {number} of another story on the island" for number in range(12)]
    blocks = [Block(BlockKind.PARAGRAPH, brief)]
    blocks += [Block(BlockKind.PARAGRAPH, line, len(line)) for line in links]
    extracted = ExtractedPage("x", tuple(blocks), list_evidence=evidence)
    assert clean(extracted).reason is reason
