"""Group near-duplicates: articles that tell the same story in the same words, on any site.

Groups depend on what the archive holds, and not on the order in which it came. In the order of
their ids, each article follows the earlier leader that it shares most with, or becomes a leader.
When an article changes, those that this affects are decided again in the same order, so that none
is decided twice. A group only says which articles follow the same leader; nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush

from pipeline.cleaning import near_duplicates
from pipeline.core.models import MinHashSketch, SketchedArticle
from pipeline.jobs.progress import ProgressCallback
from pipeline.store.clean import near_duplicates as groups_store
from pipeline.store.clean.near_duplicates import PendingSketch, StoryGroups
from pipeline.store.db.engine import Database

ARTICLES_PER_BATCH = 100  # in one transaction
MAX_CANDIDATES = 60  # that one article is compared with, those that share most keys first
MAX_DECISIONS = 2000  # of one batch; further articles wait for the next one
EMPTY_SKETCH = MinHashSketch(0)  # of a text that is too short


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Another article with the same story.

    Attributes:
        id: The id of its page.
        site: The id of its site.
        url: Its URL.
        title: Its title.
        published_at: When it was published, if known.
        published_precision: "day" or "second".
        first_seen_at: When it was first seen.
        similarity: How much of the shorter text both share, 0.0 to 1.0.
    """

    id: int
    site: str
    url: str
    title: str
    published_at: datetime | None
    published_precision: str
    first_seen_at: datetime
    similarity: float


@dataclass(slots=True)
class _SavedSketches:
    """What a batch of sketches changed.

    Attributes:
        unchanged: Articles whose sketch is as before.
        removed: Pages that are no articles any more.
        changed: Articles with a new sketch.
    """

    unchanged: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    changed: list[SketchedArticle] = field(default_factory=list)


def near_duplicates_of(database: Database, page_id: int) -> tuple[NearDuplicate, ...]:
    """Return the other articles of a page's group, those that share most with it first.

    Args:
        database: The archive.
        page_id: The id of the article.

    Returns:
        The others with their similarity; none for an article that stands alone.
    """
    members = groups_store.group_members(database, page_id)
    own_sketch = EMPTY_SKETCH
    for member in members:
        if member.article.page_id == page_id:
            own_sketch = member.article.sketch
    if not own_sketch.shingle_count:
        return ()
    duplicates = []
    for member in members:
        article = member.article
        if article.page_id == page_id or not article.sketch.shingle_count:
            continue
        duplicate = NearDuplicate(
            article.page_id,
            article.site,
            member.url,
            member.title,
            member.published_at,
            member.published_precision,
            member.first_seen_at,
            near_duplicates.containment(own_sketch, article.sketch),
        )
        duplicates.append(duplicate)
    duplicates.sort(key=lambda duplicate: (-duplicate.similarity, duplicate.id))
    return tuple(duplicates)


def group_near_duplicates(
    database: Database,
    site: str,
    progress: ProgressCallback,
    make_sketch: Callable[[str], MinHashSketch | None] = near_duplicates.make_sketch,
    *,
    max_decisions: int = MAX_DECISIONS,
) -> int:
    """Bring the groups of a site's articles up to date.

    Args:
        database: The archive.
        site: The id of the site. The caller holds the lock of its clean, so that no text changes.
        progress: Receives the progress.
        make_sketch: Returns the sketch of a text.
        max_decisions: Articles that one transaction decides on.

    Returns:
        The number of pending articles that were compared.
    """
    groups_store.reset_outdated(database, near_duplicates.SKETCH_VERSION)
    total = groups_store.count_pending(database, site)
    done = 0
    while done < total:
        batch = groups_store.pending(database, site, ARTICLES_PER_BATCH)
        if not batch:
            break
        sketches = [make_sketch(pending.text) if pending.text else None for pending in batch]
        with groups_store.locked_groups(database) as groups:
            saved = _save_sketches(groups, batch, sketches)
            groups.mark_pending(_decide_affected(groups, saved, max_decisions))
        done += len(batch)
        progress("comparing", done, max(total, done))
    return done


def _save_sketches(
    groups: StoryGroups,
    batch: Sequence[PendingSketch],
    sketches: Sequence[MinHashSketch | None],
) -> _SavedSketches:
    before = groups.sketches([pending.page_id for pending in batch])
    saved = _SavedSketches()
    for pending, sketch in zip(batch, sketches, strict=True):
        page_id = pending.page_id
        old = before.get(page_id)
        if pending.text is None:
            saved.removed.append(page_id)
        elif old is not None and (old.sketch, old.day) == (sketch, pending.day):
            saved.unchanged.append(page_id)
        else:
            new_sketch = sketch or EMPTY_SKETCH
            article = SketchedArticle(page_id, pending.site, pending.day, new_sketch)
            saved.changed.append(article)
    old_keys = {}
    for page_id in (*saved.removed, *(article.page_id for article in saved.changed)):
        if page_id in before:
            old = before[page_id]
            old_keys[page_id] = near_duplicates.band_keys(old.sketch, old.day)
    new_keys = {}
    for article in saved.changed:
        if article.sketch.shingle_count:
            keys = near_duplicates.band_keys(article.sketch, article.day)
            new_keys[article.page_id] = keys
    groups.remove_band_keys(old_keys)
    groups.remove_pages(saved.removed)
    groups.mark_current(near_duplicates.SKETCH_VERSION, saved.unchanged)
    groups.save_sketches(near_duplicates.SKETCH_VERSION, saved.changed)
    groups.add_band_keys(new_keys)
    return saved


def _decide_affected(groups: StoryGroups, saved: _SavedSketches, max_decisions: int) -> list[int]:
    """Decide whom the affected articles follow, in the order of their ids.

    Returns:
        The articles that exceed `max_decisions`. They must be decided later.
    """
    # Unchanged articles can be new leaders, too: an earlier batch may have had no room for them.
    possible_leaders = set(saved.unchanged)
    for article in saved.changed:
        if article.sketch.shingle_count:
            possible_leaders.add(article.page_id)
    touched = [*saved.removed, *saved.unchanged]
    touched.extend(article.page_id for article in saved.changed)
    affected = (groups.followers(touched) | possible_leaders) - set(saved.removed)
    queue, decided = list(affected), set[int]()
    heapify(queue)
    candidates = _candidates(groups, affected)
    while queue and len(decided) < max_decisions:
        page_id = heappop(queue)
        if page_id in decided:
            continue
        decided.add(page_id)
        if page_id not in candidates:
            candidates |= _candidates(groups, {page_id})
        near = candidates.get(page_id, [])
        for other in _decide(groups, page_id, near, may_lead=page_id in possible_leaders):
            heappush(queue, other)
    return sorted(set(queue) - decided)


def _candidates(groups: StoryGroups, page_ids: set[int]) -> dict[int, list[int]]:
    """Return the ids of articles that each of these may be near-duplicates of.

    Their sketches are loaded when they are needed, because leaders change meanwhile.
    """
    keys: dict[int, Sequence[int]] = {}
    for page_id, article in groups.sketches(page_ids).items():
        keys[page_id] = near_duplicates.candidate_band_keys(article.sketch, article.day)
    candidates = {}
    for page_id, articles in groups.candidates(keys, MAX_CANDIDATES).items():
        candidates[page_id] = [article.page_id for article in articles]
    return candidates


def _decide(
    groups: StoryGroups, page_id: int, candidate_ids: Sequence[int], *, may_lead: bool
) -> set[int]:
    """Decide whom an article follows.

    Args:
        groups: The groups.
        page_id: The article.
        candidate_ids: Articles that it may be a near-duplicate of.
        may_lead: Whether the article is new or changed, so that others may follow it now.

    Returns:
        Later articles that must be decided again because of this decision.
    """
    article = groups.sketches([page_id]).get(page_id)
    if article is None:
        return set()
    candidates = list(groups.sketches(candidate_ids).values())
    best = near_duplicates.best_leader(article, candidates)
    leader_id, similarity = (best[0].page_id, best[1]) if best else (None, None)
    was_leader = article.group_leader_id is None
    if not was_leader or leader_id is not None:
        groups.set_leader(page_id, leader_id, similarity)
    if leader_id is None and (may_lead or not was_leader):
        affected = set()
        for candidate in candidates:
            is_later = candidate.page_id > page_id
            if is_later and near_duplicates.near_duplicate_score(article, candidate):
                affected.add(candidate.page_id)
        return affected
    if leader_id is not None and was_leader and not may_lead:
        return groups.followers([page_id])
    return set()
