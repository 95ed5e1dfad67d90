"""Each page case: a page written for it, the text that must be left, and which rule strikes which line."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.cleaning.apply_rules import RULES, strike
from pipeline.cleaning.boilerplate_keys import line_key
from pipeline.config.site import Cleaning
from pipeline.core.models import AnnouncedMetadata, CleanResult, LineStats, RawPage
from pipeline.extract import extract

PAGES = Path(__file__).parent
CASES = sorted(path.parent for path in PAGES.glob("*/case.toml"))
PLAIN = 0.15  # chance under which a line is so plainly no story that it may be no Block at all: the trees' training decides
VISIT = datetime(2026, 3, 1, tzinfo=UTC)


def read(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "case.toml").read_text(encoding="utf8"))


def clean(case: Path, spec: dict[str, Any]) -> tuple[CleanResult, dict[str, list[str]]]:
    """The Extraction of a case, and its struck lines by rule."""
    draft = extract(RawPage(1, (case / "page.html").read_bytes()))
    facts = {
        line_key(fact["line"]): LineStats(fact["pages"], fact["headline"])
        for fact in spec.get("facts", ())
    }
    extraction = strike(
        draft,
        facts=facts,
        told=AnnouncedMetadata(title=spec.get("announced_title", "")),
        cleaning=Cleaning(strike=tuple(spec.get("strike", ()))),
        language_hint="",
        timezone="UTC",
        fetched_at=VISIT,
    )
    struck: dict[str, list[str]] = {}
    named = {text for texts in spec["struck"].values() for text in texts}
    for cut in extraction.removed:
        block = draft.blocks[cut.index]
        if block.story_probability >= PLAIN or block.text in named:
            struck.setdefault(cut.rule, []).append(block.text)
    return extraction, struck


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_page_is_left_with_its_story(case: Path) -> None:
    spec = read(case)
    extraction, struck = clean(case, spec)
    assert extraction.text.split("\n") == (case / "expected.txt").read_text(encoding="utf8").rstrip(
        "\n"
    ).split("\n")
    assert struck == spec["struck"]
    assert extraction.metadata.language == spec["language"]
    assert extraction.outcome == spec.get("outcome", "archived")
    assert all(cut.why for cut in extraction.removed)


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_rule_has_a_page_it_mends_and_a_look_alike_it_keeps(rule: str) -> None:
    specs = [read(case) for case in CASES]
    assert any(rule in spec["mends"] and spec["struck"].get(rule) for spec in specs)
    assert any(rule in spec["keeps"] for spec in specs)
