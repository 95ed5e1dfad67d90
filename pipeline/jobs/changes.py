"""What a clean, a review or a rollback changes of a Page, as people want to see it: lines lost with the rule that strikes them,
lines won, metadata that are other than before.

Promises pure functions over what the shelf hands out; nothing is read or written here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import SequenceMatcher

from pipeline.cleaning.regression_guard import is_same_article
from pipeline.core.models import Block, CleanResult, Metadata, Outcome, Reason, ResultStatus
from pipeline.store.clean.types import CleanOutcome, CleanInput, StoredResult, ReviewInput

NOT_EXTRACTED = "not extracted"  # no rule: the extractors do not find this line, or the new bytes do not hold it
_FIELDS = tuple(field.name for field in fields(Metadata) if field.compare)


@dataclass(frozen=True, slots=True)
class LostLine:
    """A line that is lost, and the Rule that strikes it."""

    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one Page. Of one that is held, what would become of it."""

    page_id: int
    url: str
    title: str
    outcome: Outcome
    reason: Reason
    before: Outcome | None = None  # whether it was an article
    after: Outcome | None = None
    lost: tuple[LostLine, ...] = ()
    gained: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str, str], ...] = ()  # (field, before, after)
    diff: tuple[tuple[str, str, str], ...] = ()  # (" ", "-" or "+", line, rule)

    @property
    def differs(self) -> bool:
        """Whether the article is another one than before."""
        return self.before is not self.after or bool(self.diff or self.metadata)


def results_with_status(results: Iterable[StoredResult], standing: ResultStatus) -> dict[int, CleanResult]:
    """The results of one standing, by Payload."""
    return {each.payload_id: each.extraction for each in results if each.standing is standing}


def rejected_results(results: Iterable[StoredResult]) -> dict[int, list[CleanResult]]:
    """Results that somebody refused, by Payload."""
    found: dict[int, list[CleanResult]] = defaultdict(list)
    for each in results:
        if each.standing is ResultStatus.REJECTED:
            found[each.payload_id].append(each.extraction)
    return found


def change_by_clean(material: CleanInput, cleaned: CleanOutcome) -> Change:
    """What a clean changes of a Page: the Article that was against the one that is now, or against the one that is held."""
    stands = results_with_status(material.results, ResultStatus.ACCEPTED)
    made = {new.payload_id: new.result for new in cleaned.held or cleaned.results}
    payload = _spoken_for(cleaned, made)
    old = stands.get(
        payload if cleaned.held or material.before is None else material.before.payload_id
    )
    new = made.get(payload) or stands[payload]
    blocks = (
        next(met.draft.blocks for met in material.met if met.payload_id == payload)
        if payload in made
        else ()
    )
    return compare(
        material.page_id, material.url, (cleaned.outcome, cleaned.reason), old, new, blocks
    )


def _spoken_for(cleaned: CleanOutcome, made: Mapping[int, CleanResult]) -> int:
    """The Payload that the Page is judged by."""
    if cleaned.held:
        return cleaned.payload_id if cleaned.payload_id in made else cleaned.held[-1].payload_id
    return cleaned.revisions[-1].payload_id if cleaned.revisions else cleaned.payload_id


def change_by_review(
    page: ReviewInput, old: StoredResult | None, new: StoredResult | None, how: tuple[Outcome, Reason]
) -> Change:
    """What choosing another result changes of a Page."""
    one = old.extraction if old else None
    other = new.extraction if new else None
    return compare(page.page_id, page.url, how, one, other, new.blocks if new else ())


def compare(
    page: int,
    url: str,
    how: tuple[Outcome, Reason],
    old: CleanResult | None,
    new: CleanResult | None,
    blocks: Sequence[Block],
) -> Change:
    """Two results of a Page side by side; `blocks` are those that the new one was struck from."""
    one, other = _lines(old), _lines(new)
    title = next((each.metadata.title for each in (new, old) if each and each.metadata.title), "")
    before, after = (each.outcome if each else None for each in (old, new))
    if one == other and (old is None or new is None or is_same_article(old, new)):
        return Change(page, url, title, *how, before, after)
    rules = _rules(new, blocks)
    diff = tuple(_diff(one, other, rules))
    lost, won = Counter(one) - Counter(other), Counter(other) - Counter(one)
    gone = tuple(LostLine(line, rules.get(line, NOT_EXTRACTED)) for line in lost.elements())
    metadata = _metadata(old, new) if old and new else ()
    return Change(
        page, url, title, *how, before, after, gone, tuple(won.elements()), metadata, diff
    )


def _lines(result: CleanResult | None) -> list[str]:
    """The text as far as it is an Article's."""
    is_article = result is not None and result.outcome is Outcome.ARCHIVED
    return result.text.split("\n") if is_article and result is not None else []


def _rules(result: CleanResult | None, blocks: Sequence[Block]) -> dict[str, str]:
    """Line → the Rule that strikes it."""
    if result is None:
        return {}
    found = {
        blocks[strike.index].text: strike.rule
        for strike in result.removed
        if strike.index < len(blocks)
    }
    if result.outcome is not Outcome.ARCHIVED:
        found |= {block.text: str(result.reason) for block in blocks if block.text not in found}
    return found


def _diff(
    one: Sequence[str], other: Sequence[str], rules: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    for what, start, end, begin, stop in SequenceMatcher(
        None, one, other, autojunk=False
    ).get_opcodes():
        if what == "equal":
            yield from ((" ", line, "") for line in one[start:end])
        else:
            yield from (("-", line, rules.get(line, NOT_EXTRACTED)) for line in one[start:end])
            yield from (("+", line, "") for line in other[begin:stop])


def _metadata(old: CleanResult, new: CleanResult) -> tuple[tuple[str, str, str], ...]:
    pairs = ((name, getattr(old.metadata, name), getattr(new.metadata, name)) for name in _FIELDS)
    return tuple((name, _plain(one), _plain(other)) for name, one, other in pairs if one != other)


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")
