"""What a clean, a review or a rollback changes of one page, in a form for people.

A change names the lines that are lost with the rules that remove them, the lines that are gained,
and the metadata that differ. Everything here is a pure function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import SequenceMatcher
from typing import NamedTuple

from pipeline.cleaning.clean_page import results_with_status
from pipeline.cleaning.regression_guard import is_same_article
from pipeline.core.clean_values import CleanInput, CleanOutcome, StoredResult
from pipeline.core.models import Block, CleanResult, Metadata, Outcome, Reason, ResultStatus
from pipeline.store.clean.types import ReviewInput

# Instead of a rule: the extractors do not find the line, or the new bytes do not hold it.
NOT_EXTRACTED = "not extracted"
_COMPARED_FIELDS = tuple(field.name for field in fields(Metadata) if field.compare)


@dataclass(frozen=True, slots=True)
class LostLine:
    """A line that is lost, and the rule that removes it."""

    text: str
    rule: str


class MetadataChange(NamedTuple):
    """A field of the metadata that differs, with its values as text."""

    field: str
    before: str
    after: str


class DiffLine(NamedTuple):
    """A line of a diff: its sign (" ", "-" or "+"), its text, and the rule that removes it."""

    sign: str
    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one page; for a page that is held, what would become of it.

    Attributes:
        page_id: The page.
        url: Its URL.
        title: The title of its article.
        outcome: How the clean or the review ended.
        reason: Why.
        before: The outcome of the result so far: whether the page was an article.
        after: The outcome of the new result.
        lost: Lines that the article loses.
        gained: Lines that the article gains.
        metadata: The metadata that differ.
        diff: The whole text as a diff.
    """

    page_id: int
    url: str
    title: str
    outcome: Outcome
    reason: Reason
    before: Outcome | None = None
    after: Outcome | None = None
    lost: tuple[LostLine, ...] = ()
    gained: tuple[str, ...] = ()
    metadata: tuple[MetadataChange, ...] = ()
    diff: tuple[DiffLine, ...] = ()

    @property
    def differs(self) -> bool:
        """Tell whether the article differs from the one before."""
        return self.before is not self.after or bool(self.diff or self.metadata)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two results of a page, of which either may be missing."""

    old: CleanResult | None
    new: CleanResult | None
    new_blocks: Sequence[Block]


def change_by_clean(page: CleanInput, cleaned: CleanOutcome) -> Change:
    """Return what a clean changes of a page.

    The change is from the current article to the new one, or to the one that is held.

    Args:
        page: What the clean loaded.
        cleaned: What it made.

    Returns:
        Lines lost and gained with their rules, and changes of the metadata.
    """
    current = results_with_status(page.results, ResultStatus.ACCEPTED)
    new_results = {new.payload_id: new.result for new in cleaned.held or cleaned.results}
    payload_id = _deciding_payload(cleaned, new_results)
    old_payload_id = payload_id
    if not cleaned.held and page.previous is not None:
        old_payload_id = page.previous.payload_id
    blocks: Sequence[Block] = ()
    if payload_id in new_results:
        blocks = _extracted_blocks(page, payload_id)
    new = new_results.get(payload_id) or current[payload_id]
    results = _Comparison(current.get(old_payload_id), new, blocks)
    return _compare(page.page_id, page.url, (cleaned.outcome, cleaned.reason), results)


def change_by_review(
    page: ReviewInput,
    old: StoredResult | None,
    new: StoredResult | None,
    outcome: tuple[Outcome, Reason],
) -> Change:
    """Return what the choice of another result changes of a page."""
    results = _Comparison(
        old.result if old else None, new.result if new else None, new.blocks if new else ()
    )
    return _compare(page.page_id, page.url, outcome, results)


def _deciding_payload(cleaned: CleanOutcome, new_results: Mapping[int, CleanResult]) -> int:
    """Return the payload that the outcome of the page is about."""
    if cleaned.held:
        if cleaned.payload_id in new_results:
            return cleaned.payload_id
        return cleaned.held[-1].payload_id
    if cleaned.revisions:
        return cleaned.revisions[-1].payload_id
    return cleaned.payload_id


def _extracted_blocks(page: CleanInput, payload_id: int) -> Sequence[Block]:
    for period in page.periods:
        if period.payload_id == payload_id:
            return period.extracted.blocks
    raise LookupError(f"page {page.page_id} has no payload {payload_id}")


def _compare(
    page_id: int, url: str, outcome: tuple[Outcome, Reason], results: _Comparison
) -> Change:
    old, new = results.old, results.new
    change = Change(
        page_id,
        url,
        _title(results),
        *outcome,
        before=old.outcome if old else None,
        after=new.outcome if new else None,
    )
    old_lines, new_lines = _article_lines(old), _article_lines(new)
    if old_lines == new_lines and (old is None or new is None or is_same_article(old, new)):
        return change
    rules = _rules_by_line(new, results.new_blocks)
    lost = []
    for line in (Counter(old_lines) - Counter(new_lines)).elements():
        lost.append(LostLine(line, rules.get(line, NOT_EXTRACTED)))
    gained = Counter(new_lines) - Counter(old_lines)
    return Change(
        page_id,
        url,
        change.title,
        *outcome,
        change.before,
        change.after,
        tuple(lost),
        tuple(gained.elements()),
        tuple(_metadata_changes(old, new)) if old and new else (),
        tuple(_diff(old_lines, new_lines, rules)),
    )


def _title(results: _Comparison) -> str:
    for result in (results.new, results.old):
        if result is not None and result.metadata.title:
            return result.metadata.title
    return ""


def _article_lines(result: CleanResult | None) -> list[str]:
    """Return the lines of the text, or none if the result is no article."""
    if result is None or result.outcome is not Outcome.ARCHIVED:
        return []
    return result.text.split("\n")


def _rules_by_line(result: CleanResult | None, blocks: Sequence[Block]) -> dict[str, str]:
    """Return the rule that removes each line.

    If the result is no article, its reason stands for the lines that no rule removes.
    """
    if result is None:
        return {}
    rules = {}
    for removed in result.removed:
        if removed.index < len(blocks):
            rules[blocks[removed.index].text] = removed.rule
    if result.outcome is not Outcome.ARCHIVED:
        for block in blocks:
            rules.setdefault(block.text, str(result.reason))
    return rules


def _diff(
    old_lines: Sequence[str], new_lines: Sequence[str], rules: Mapping[str, str]
) -> Iterator[DiffLine]:
    matcher = SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            for line in old_lines[old_start:old_end]:
                yield DiffLine(" ", line, "")
            continue
        for line in old_lines[old_start:old_end]:
            yield DiffLine("-", line, rules.get(line, NOT_EXTRACTED))
        for line in new_lines[new_start:new_end]:
            yield DiffLine("+", line, "")


def _metadata_changes(old: CleanResult, new: CleanResult) -> Iterator[MetadataChange]:
    for name in _COMPARED_FIELDS:
        before, after = getattr(old.metadata, name), getattr(new.metadata, name)
        if before != after:
            yield MetadataChange(name, _as_text(before), _as_text(after))


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value or "")
