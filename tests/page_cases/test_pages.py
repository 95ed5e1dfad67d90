"""Each page case is a page with the text that must stay, and the lines that each rule removes."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.cleaning.apply_rules import RULES, clean_document
from pipeline.cleaning.boilerplate_keys import line_key
from pipeline.cleaning.join_parts import join_parts
from pipeline.config.site import CleaningOptions
from pipeline.core.models import AnnouncedMetadata, CleanResult, ExtractedPage, LineStats, RawPage
from pipeline.extract import extract

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/case.toml"))
# Whether a line below this probability becomes a block depends on the training of the trees, so a
# case need not name it.
MIN_PROBABILITY = 0.15
FETCHED_AT = datetime(2026, 3, 1, tzinfo=UTC)


def read(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "case.toml").read_text(encoding="utf8"))


def extract_case(case: Path) -> ExtractedPage:
    """Extract the page of a case, joined with its further pages: `page-2.html` and so on."""
    pages = [case / "page.html", *sorted(case.glob("page-*.html"))]
    parts = [extract(RawPage(1, page.read_bytes())) for page in pages]
    return join_parts(list(enumerate(parts, 1))) if len(parts) > 1 else parts[0]


def clean(extracted: ExtractedPage, spec: dict[str, Any]) -> CleanResult:
    line_stats = {}
    for row in spec.get("line_stats", ()):
        line_stats[line_key(row["line"])] = LineStats(row["page_count"], row["is_headline"])
    return clean_document(
        extracted,
        line_stats=line_stats,
        announced=AnnouncedMetadata(title=spec.get("announced_title", "")),
        cleaning=CleaningOptions(remove=tuple(spec.get("remove", ()))),
        language_hint="",
        timezone="UTC",
        fetched_at=FETCHED_AT,
    )


def removed_lines(
    extracted: ExtractedPage, result: CleanResult, spec: dict[str, Any]
) -> dict[str, list[str]]:
    """Return the removed lines by rule, without improbable lines that the case does not name."""
    named = {line for lines in spec["removed"].values() for line in lines}
    lines_by_rule: dict[str, list[str]] = {}
    for removed in result.removed:
        block = extracted.blocks[removed.index]
        if block.story_probability >= MIN_PROBABILITY or block.text in named:
            lines_by_rule.setdefault(removed.rule, []).append(block.text)
    return lines_by_rule


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cleaning_leaves_the_story_of_a_page(case: Path) -> None:
    spec = read(case)
    extracted = extract_case(case)
    result = clean(extracted, spec)
    expected = (case / "expected.txt").read_text(encoding="utf8").rstrip("\n")
    assert result.text.split("\n") == expected.split("\n")
    assert removed_lines(extracted, result, spec) == spec["removed"]
    assert result.metadata.language == spec["language"]
    assert result.outcome == spec.get("outcome", "archived")
    assert all(removed.why for removed in result.removed)


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_rule_has_a_page_that_it_corrects_and_a_look_alike_that_it_keeps(rule: str) -> None:
    specs = [read(case) for case in CASES]
    assert any(rule in spec["corrects"] and spec["removed"].get(rule) for spec in specs)
    assert any(rule in spec["keeps"] for spec in specs)
