"""Clean one page: apply the rules to all its payloads and build its revisions again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.cleaning import apply_rules, boilerplate_keys
from pipeline.cleaning.regression_guard import (
    ReviewDecision,
    compare_with_current,
    is_same_article,
)
from pipeline.cleaning.revisions import build_revisions, classify_outcome
from pipeline.config.site import Site
from pipeline.core.clean_values import (
    CleanInput,
    CleanOutcome,
    NewResult,
    PayloadPeriod,
    StoredResult,
    UnchangedResult,
)
from pipeline.core.models import (
    CleanResult,
    LineStats,
    Observation,
    Outcome,
    PreviousArticle,
    Reason,
    ResultStatus,
    Revision,
)
from pipeline.core.story import StoryLink, base_address, raw_links, story_links


def all_line_keys(page: CleanInput) -> tuple[int, ...]:
    """Return the keys of all lines that the page ever showed."""
    keys = set[int]()
    for period in page.periods:
        keys.update(boilerplate_keys.line_keys(period.extracted, period.extracted.metadata.title))
    return tuple(keys)


def clean_page(page: CleanInput, line_stats: Mapping[int, LineStats], site: Site) -> CleanOutcome:
    """Clean one page.

    The same rules clean all payloads of the page. A new result that would lose much of the
    current text is held for a review. The revisions follow from the results that are accepted
    then.

    Args:
        page: The page with at least one period.
        line_stats: What the other pages of the site say of each line, by the line's key.
        site: The site of the page.
    """
    new_results = clean_payloads(page, line_stats, site)
    accepted_rows = {row.payload_id: row for row in page.results if _is_accepted(row)}
    current = {payload_id: row.result for payload_id, row in accepted_rows.items()}
    made = {payload_id: new.result for payload_id, new in new_results.items()}
    rejected = rejected_results(page.results)
    decision = compare_with_current(current, rejected, made, page.provisional)
    replaced, unchanged = list[NewResult](), list[UnchangedResult]()
    for payload_id, new in new_results.items():
        if payload_id not in decision.accepted:
            continue
        if payload_id in current and is_same_article(current[payload_id], new.result):
            unchanged.append(_unchanged_result(accepted_rows[payload_id], new))
        else:
            replaced.append(new)
    accepted = current | {payload_id: made[payload_id] for payload_id in decision.accepted}
    observations = _observations(page, accepted)
    revisions = build_revisions(observations)
    outcome, reason = _classify(page, decision, current, observations[-1])
    is_article_unchanged = not replaced and _has_same_revisions(page.previous, revisions)
    links: tuple[StoryLink, ...] | None = None
    if revisions:
        payload_id = revisions[-1].payload_id
        newest = new_results[payload_id] if payload_id in decision.accepted else None
        before = accepted_rows.get(payload_id)
        links = _changed_links(page, before, newest, is_article_unchanged=is_article_unchanged)
    return CleanOutcome(
        page.page_id,
        observations[-1].payload_id,
        tuple(replaced),
        revisions,
        outcome,
        reason,
        unchanged=tuple(unchanged),
        held=tuple(new for new in new_results.values() if new.payload_id in decision.held),
        is_article_unchanged=is_article_unchanged,
        links=links,
    )


def clean_payloads(
    page: CleanInput, line_stats: Mapping[int, LineStats], site: Site
) -> dict[int, NewResult]:
    """Return a new result for each payload. The payload that was seen last comes last.

    Args:
        page: The page with at least one period.
        line_stats: What the other pages of the site say of each line, by the line's key.
        site: The site of the page.
    """
    first_periods: dict[int, PayloadPeriod] = {}
    for period in page.periods:
        # Dates of a payload are compared with the time of its first period.
        first_periods.setdefault(period.payload_id, period)
    newest_first = dict.fromkeys(period.payload_id for period in reversed(page.periods))
    results = {}
    for payload_id in reversed(newest_first):
        period = first_periods[payload_id]
        result = apply_rules.clean_document(
            period.extracted,
            line_stats=line_stats,
            announced=page.announced,
            cleaning=site.cleaning,
            language_hint=site.language,
            timezone=site.timezone,
            fetched_at=period.first_seen_at,
        )
        results[payload_id] = NewResult(payload_id, period.extracted_page_id, result)
    return results


def results_with_status(
    results: Iterable[StoredResult], status: ResultStatus
) -> dict[int, CleanResult]:
    """Return the results that have one status, by payload id."""
    return {row.payload_id: row.result for row in results if row.status is status}


def rejected_results(results: Iterable[StoredResult]) -> dict[int, list[CleanResult]]:
    """Return the results that somebody rejected, by payload id."""
    rejected: dict[int, list[CleanResult]] = defaultdict(list)
    for row in results:
        if row.status is ResultStatus.REJECTED:
            rejected[row.payload_id].append(row.result)
    return rejected


def article_links(page_url: str, row: StoredResult) -> tuple[StoryLink, ...]:
    """Return the links of the article that a stored result makes.

    Args:
        page_url: The address of its page.
        row: The result.
    """
    return _links_of_row(page_url, row).resolve()


@dataclass(frozen=True, slots=True)
class _PageLinks:
    """The links of a text as its page has them, and the address that they are relative to."""

    links: tuple[StoryLink, ...] = ()
    base: str = ""

    def resolve(self) -> tuple[StoryLink, ...]:
        return story_links(self.links, self.base)


def _changed_links(
    page: CleanInput,
    before: StoredResult | None,
    new: NewResult | None,
    *,
    is_article_unchanged: bool,
) -> tuple[StoryLink, ...] | None:
    """Return the links of an article; None where the archive has the same."""
    old_links = _links_of_row(page.url, before) if before is not None else _PageLinks()
    links = _links_of_result(page, new) if new is not None else old_links
    if is_article_unchanged and links == old_links:
        return None
    resolved = links.resolve()
    if is_article_unchanged and resolved == old_links.resolve():
        return None
    return resolved


def _links_of_row(page_url: str, row: StoredResult) -> _PageLinks:
    removed = {block.index for block in row.result.removed}
    return _PageLinks(raw_links(row.blocks, removed), base_address(page_url, row.base))


def _links_of_result(page: CleanInput, new: NewResult) -> _PageLinks:
    removed = {block.index for block in new.result.removed}
    for period in page.periods:
        if period.extracted_page_id == new.extracted_page_id:
            extracted = period.extracted
            base = base_address(page.url, extracted.base)
            return _PageLinks(raw_links(extracted.blocks, removed), base)
    return _PageLinks()


def _is_accepted(row: StoredResult) -> bool:
    return row.status is ResultStatus.ACCEPTED


def _observations(page: CleanInput, results: Mapping[int, CleanResult]) -> list[Observation]:
    observations = []
    for period in page.periods:
        result = results[period.payload_id]
        times = period.first_seen_at, period.last_seen_at
        observations.append(Observation(result, period.payload_id, *times))
    return observations


def _classify(
    page: CleanInput,
    decision: ReviewDecision,
    current: Mapping[int, CleanResult],
    newest: Observation,
) -> tuple[Outcome, Reason]:
    """Return how the clean ended.

    The newest payload decides, and for bytes that were cleaned before also the regression guard.
    """
    if newest.payload_id in current and decision.held:
        return Outcome.HELD, decision.reason
    if newest.payload_id not in decision.accepted:
        return Outcome.UNCHANGED, Reason.REJECTED
    return classify_outcome(page.previous, newest)


def _unchanged_result(row: StoredResult, new: NewResult) -> UnchangedResult:
    old = row.result
    only_recipe_changed = (
        row.extracted_page_id == new.extracted_page_id
        and old.profile_digest == new.result.profile_digest
        and old.removed == new.result.removed
    )
    return UnchangedResult(row.id, new.extracted_page_id, new.result, only_recipe_changed)


def _has_same_revisions(previous: PreviousArticle | None, revisions: Sequence[Revision]) -> bool:
    """Tell whether unchanged results also make the same article: no further period of time."""
    if previous is None:
        return not revisions
    if not revisions:
        return False
    newest = revisions[-1].payload_id
    return (len(revisions), newest) == (previous.revisions, previous.payload_id)
