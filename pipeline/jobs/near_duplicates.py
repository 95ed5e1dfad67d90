"""Near-copies: which Articles tell the same story in the same words, in one paper or in many.

Promises that groups are found from what the archive holds and not from the order in which it came: in the order of their
numbers, each Article follows the head before it that it shares most with, or becomes a head itself. What a change touches is
decided anew, in that order, so that nothing is decided twice. A group says who follows the same head; nothing is taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heappush

from pipeline.cleaning import near_duplicates
from pipeline.core.models import MinHashSketch, SketchedArticle
from pipeline.store.clean import near_duplicates as groups_store
from pipeline.store.clean.near_duplicates import StoryGroups, PendingSketch
from pipeline.store.db.engine import Database

BATCH = 100  # Articles in one transaction
NEAR = 60  # Articles that one is compared with, those first that share most keys
MOST = 2000  # Articles that one batch may touch; the others wait for the next one
NOTHING = MinHashSketch(0)  # of a text that is too short

Progress = Callable[[str, int, int], None]  # (stage, done, of)
Draw = Callable[[str], MinHashSketch | None]
Keys = dict[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Where else a story stands, and how much of the shorter text the two share, 0.0 to 1.0."""

    id: int
    site: str
    url: str
    title: str
    published_at: datetime | None
    first_seen_at: datetime
    similarity: float


def near_duplicates_of(store: Database, page: int) -> tuple[NearDuplicate, ...]:
    """The other Articles of a Page's group, those first that it shares most with."""
    group = groups_store.group_members(store, page)
    own = next((each.sketched.sketch for each in group if each.sketched.page_id == page), NOTHING)
    found = [
        NearDuplicate(
            each.sketched.page_id, each.sketched.site, each.url, each.title, each.published_at, each.first_seen_at,
            near_duplicates.containment(own, each.sketched.sketch),
        )
        for each in group
        if own.shingle_count and each.sketched.sketch.shingle_count and each.sketched.page_id != page
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda copy: (-copy.similarity, copy.id)))


def group_near_duplicates(
    store: Database, site: str, progress: Progress, sketch: Draw = near_duplicates.make_sketch
) -> int:
    """Brings the groups of a Site's Articles up to date; returns how many were looked at. Whoever calls it holds the lock of
    the Site's cleaning, so that no text changes meanwhile. `sketch` draws a text, or has drawn it before."""
    groups_store.reset_outdated(store, near_duplicates.SKETCH_VERSION)
    total, done = groups_store.count_pending(store, site), 0
    while done < total and (batch := groups_store.pending(store, site, BATCH)):
        made = [(each, sketch(each.text) if each.text else None) for each in batch]
        with groups_store.locked_groups(store) as groups:
            fresh, touched = _keep(groups, made)
            groups.wait(_settle(groups, fresh, touched))
        done += len(batch)
        progress("comparing", done, max(total, done))
    return done


def _keep(
    groups: StoryGroups, made: Sequence[tuple[PendingSketch, MinHashSketch | None]]
) -> tuple[set[int], set[int]]:
    """Keeps what is other than before. Returns the Articles that may be heads of others now, and all that this touches."""
    before = groups.known([each.page_id for each, _ in made])
    same, gone, new = list[int](), list[int](), list[SketchedArticle]()
    for each, sketch in made:
        old = before.get(each.page_id)
        if each.text is None:
            gone.append(each.page_id)
        elif old is not None and (old.sketch, old.day) == (sketch, each.day):
            same.append(each.page_id)
        else:
            new.append(SketchedArticle(each.page_id, each.site, each.day, sketch or NOTHING))
    others = [*gone, *(each.page_id for each in new)]
    groups.drop_keys(
        {
            page: near_duplicates.band_keys(before[page].sketch, before[page].day)
            for page in others
            if page in before
        }
    )
    groups.drop(gone)
    groups.confirm(near_duplicates.SKETCH_VERSION, same)
    groups.put(near_duplicates.SKETCH_VERSION, new)
    groups.add_keys(
        {
            each.page_id: near_duplicates.band_keys(each.sketch, each.day)
            for each in new
            if each.sketch.shingle_count
        }
    )
    fresh = {
        *same,
        *(each.page_id for each in new if each.sketch.shingle_count),
    }  # also the same ones: a batch may have had no room
    return fresh, (groups.followers([*others, *same]) | fresh) - {*gone}


def _settle(groups: StoryGroups, fresh: set[int], touched: set[int]) -> list[int]:
    """Decides anew, by number, whom the touched Articles follow, and all whom that touches in turn. Returns those that there
    was no room for."""
    queue, settled = [*touched], set[int]()
    heapify(queue)
    near = _near(groups, touched)
    while queue and len(settled) < MOST:
        page = heappop(queue)
        if page not in settled:
            settled.add(page)
            if page not in near:
                near |= _near(groups, {page})
            for other in _decide(groups, page, near.get(page, []), page in fresh):
                heappush(queue, other)
    return sorted(set(queue) - settled)


def _near(groups: StoryGroups, pages: set[int]) -> dict[int, list[int]]:
    """Articles that these may be alike, by id: what they are is asked when it is needed, since heads change meanwhile."""
    known = groups.known(pages)
    keys: Mapping[int, Sequence[int]] = {
        page: near_duplicates.candidate_band_keys(each.sketch, each.day) for page, each in known.items()
    }
    return {
        page: [each.page_id for each in found] for page, found in groups.near(keys, NEAR).items()
    }


def _decide(groups: StoryGroups, page: int, near: Sequence[int], is_fresh: bool) -> set[int]:
    """Whom an Article follows; returns those behind it that are to be decided anew by that."""
    own = groups.known([page]).get(page)
    if own is None:
        return set()
    around = list(groups.known(near).values())
    found = near_duplicates.best_leader(own, around)
    head, share = (found[0].page_id, found[1]) if found else (None, None)
    if own.group_leader_id is not None or head is not None:
        groups.follow(page, head, share)
    if head is None and (is_fresh or own.group_leader_id is not None):
        return {
            each.page_id
            for each in around
            if each.page_id > page and near_duplicates.near_duplicate_score(own, each)
        }
    if head is not None and own.group_leader_id is None and not is_fresh:
        return groups.followers([page])
    return set()
