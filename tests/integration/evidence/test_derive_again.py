"""What present recipes made is made again, and compared with the archive."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from pipeline.jobs.evidence import derive_again
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import verify_derived
from pipeline.store.maintenance.faults import EVERYTHING, VerifiedCounts
from pipeline.store.maintenance.log_report import LogReport
from tests.support.archive_factory import DAY, NIGHT, do, night, one, url
from tests.support.reclean_factory import ADVERT, STORY, reclean, silent, site, site_removing

OURS = site_removing(0)


@pytest.fixture
def cleaned(archive: CrawlSession, store: Database) -> Database:
    """An archive with two stories, one of them with an edit."""
    trams = STORY.replace("ferries", "trams")
    night(archive, {url("a"): f"{STORY}\n{ADVERT}".encode(), url("b"): trams.encode()})
    night(archive, {url("a"): f"{STORY} Again.\n{ADVERT}".encode()}, NIGHT + DAY)
    reclean(store, OURS)
    return store


def differences(store: Database, report: LogReport | None = None) -> list[str]:
    made = derive_again.apply_rules_again(store, [OURS], report or LogReport(), silent)
    return list(made)


def test_an_honest_archive_is_what_its_rules_make(cleaned: Database) -> None:
    report = LogReport()
    assert differences(cleaned, report) == []
    assert report.counts == {"results made again": 3}
    assert report.notes == []


def test_a_line_that_no_rule_removes_is_found_although_all_digests_fit(cleaned: Database) -> None:
    result = "(SELECT max(id) FROM clean_result)"
    removed = json.loads(
        one(cleaned, f"SELECT CAST(removed AS TEXT) FROM clean_result WHERE id = {result}")
    )
    text = one(cleaned, f"SELECT text FROM revision WHERE clean_result_id = {result}")
    first, *rest = text.split("\n")
    assert first.startswith("Paragraph 1")
    digest = sha256("\n".join(rest).encode()).hexdigest()
    forged = json.dumps(sorted([*removed, [1, "wanted", ""]]))
    do(
        cleaned,
        f"UPDATE clean_result SET removed = :removed, text_digest = :digest WHERE id = {result}",
        removed=forged,
        digest=digest,
    )
    do(
        cleaned,
        f"UPDATE revision SET text = :text WHERE clean_result_id = {result}",
        text="\n".join(rest),
    )
    counts = VerifiedCounts()
    assert not list(verify_derived.check_results(cleaned, EVERYTHING, counts, silent))
    (sentence,) = differences(cleaned)
    assert "its text is not what the rules make of its extracted page" in sentence


def test_other_metadata_are_found(cleaned: Database) -> None:
    do(
        cleaned,
        "UPDATE clean_result SET chosen_metadata = :metadata"
        " WHERE id = (SELECT min(id) FROM clean_result)",
        metadata='{"v": 1, "title": "Another title"}',
    )
    (sentence,) = differences(cleaned)
    assert "its metadata is not" in sentence


def test_what_another_recipe_made_is_not_compared(cleaned: Database) -> None:
    report = LogReport()
    made = derive_again.apply_rules_again(cleaned, [site()], report, silent)
    assert list(made) == []
    assert report.counts == {}


def test_results_of_another_profile_are_counted_and_noted(cleaned: Database) -> None:
    do(cleaned, "UPDATE clean_result SET profile_digest = 'another'")
    report = LogReport()
    assert differences(cleaned, report) == []
    assert "3 results cannot be made again" in report.notes[0]
