"""The archive is looked through, and what can be made again is: Drafts, results, Articles, the index, the sums of ledgers.

Promises that what is mended is made from the stored bytes by the way of every clean, that a Site which is being cleaned is left
alone, and that what is left wrong is known by looking again, not by believing what was done.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from pipeline.config.site import Site
from pipeline.core.errors import AlreadyRunning, NightdeskError
from pipeline.extract import EXTRACTORS
from pipeline.jobs.clean import clean_site
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.session import CleanSession
from pipeline.store.codec import dictionary_training
from pipeline.store.db import site_counts
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import repair, verify_derived, verify_sources
from pipeline.store.maintenance.verify_sources import VerifyScope, Fault, VerifiedCounts, Tell
from pipeline.store.search import index

LOT = 500  # faults mended together

Progress = Callable[[str, str, int, int], None]  # (site, stage, done, of)


@dataclass(slots=True)
class RepairStats:
    """What was made again, in numbers, and what stood in the way."""

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    times: dict[int, datetime] = field(default_factory=dict)
    sites: set[str] = field(default_factory=set)


def verify_archive(
    store: Database, asked: VerifyScope, looked: VerifiedCounts, tell: Tell, *, bytes_too: bool = True
) -> Iterator[Fault]:
    """All that is wrong, as it is found; each damaged Draft once. Raises StoreError where the database cannot be read on."""
    yield from verify_sources.check_dictionaries(store, looked, tell)
    if bytes_too:
        yield from verify_sources.check_database(store, asked, tell)
        yield from verify_sources.check_payloads(store, asked, looked, tell)
    known: set[int] = set()
    for each in verify_derived.check_results(store, asked, looked, tell):
        if each.repair != "draft" or each.id not in known:
            known |= {each.id} if each.repair == "draft" else set()
            yield each
    yield from verify_derived.check_extracted_pages(store, asked, looked, tell)
    yield from verify_derived.check_articles(store, asked, looked, tell)
    if asked == VerifyScope():
        yield from verify_derived.check_missing(store, tell)
        yield from verify_sources.check_pages(store, looked, tell)
        yield from verify_derived.check_index_entries(store, tell)
        yield from verify_sources.check_fulltext_index(store)
        yield from verify_sources.check_site_counts(store, tell)
    yield from verify_sources.check_ledgers(store, asked, looked, tell)


def repair_archive(
    store: Database,
    sites: Sequence[Site],
    found: Iterable[Fault],
    workers: WorkerPool,
    progress: Progress,
) -> RepairStats:
    """Makes again what can be made again of what is wrong, and cleans the Sites that it was of."""
    mended, known = RepairStats(), {site.id: site for site in sites}
    source = _without_dictionaries(store, found, mended)
    while lot := list(islice(source, LOT)):
        _mend(store, known, lot, workers, mended)
    for site in sorted(mended.sites):
        try:
            result = clean_site(
                store, known[site], workers, lambda *said, site=site: progress(site, *said)
            )
            mended.counts["pages cleaned again"] += sum(result.counts.values())
        except NightdeskError as error:
            mended.problems.append(str(error))
    repair.restore_created_at(store, mended.times)
    return mended


def _without_dictionaries(
    store: Database, found: Iterable[Fault], mended: RepairStats
) -> Iterator[Fault]:
    """Makes dictionaries again at once, since the look at the payloads comes next."""
    for each in found:
        if each.repair == "dictionary":
            _mend_dictionary(store, each, mended)
        else:
            yield each


def _mend_dictionary(store: Database, fault: Fault, mended: RepairStats) -> None:
    if dictionary_training.rebuild(store, fault.id):
        mended.counts["dictionaries made again"] += 1
    else:
        mended.problems.append(
            f"dictionary {fault.id}: a page that it was made of is damaged too; a backup has it"
        )


def _mend(
    store: Database, known: dict[str, Site], lot: Sequence[Fault], workers: WorkerPool, mended: RepairStats
) -> None:
    by = defaultdict[str, list[Fault]](list)
    for each in lot:
        by[each.repair].append(each)
    for each in by["ledger"]:
        mended.problems.append(f"run {each.id}: {repair.recount_run(store, each.id)}")
        mended.counts["ledgers counted anew"] += 1
    if by["count"]:
        for site, *_ in site_counts.mismatches(store):
            site_counts.refresh(store, site)
        mended.counts["sites counted anew"] += len(by["count"])
    if by["stray"]:
        repair.delete_orphan_index_rows(store, [each.id for each in by["stray"]])
        mended.counts["entries taken out of the index"] += len(by["stray"])
    if by["words"]:
        repair.rebuild_fulltext(store)
        mended.counts["full-text index rebuilt"] += 1
    mine = [
        (
            each,
            each.pages or (repair.pages_of_extracted(store, each.id) if each.repair == "draft" else ()),
        )
        for each in (*by["draft"], *by["result"], *by["article"], *by["index"])
    ]
    owners = repair.sites_of_pages(store, [page for _, pages in mine for page in pages])
    here = defaultdict[str, list[Fault]](list)
    for each, pages in mine:
        here[owners.get(pages[0], "") if pages else ""].append(each)
    for site, some in here.items():
        _mend_site(store, site, some, workers, mended, is_known=site in known)


def _mend_site(
    store: Database,
    site: str,
    some: Sequence[Fault],
    workers: WorkerPool,
    mended: RepairStats,
    *,
    is_known: bool,
) -> None:
    if site and not is_known:
        mended.problems.append(
            f"{site}: has no site file by which its pages could be cleaned again; write one, and repair again"
        )
        return
    try:
        with CleanSession(store, site).locked():
            _mend_locked(store, site, some, workers, mended)
    except AlreadyRunning as error:
        mended.problems.append(f"{error}, and repair again")


def _mend_locked(
    store: Database, site: str, some: Sequence[Fault], workers: WorkerPool, mended: RepairStats
) -> None:
    ids = {
        mend: [each.id for each in some if each.repair == mend]
        for mend in ("draft", "result", "article", "index")
    }
    if ids["draft"]:
        _mend_drafts(store, ids["draft"], workers, mended)
    if ids["result"]:
        mended.times |= repair.delete_results(store, ids["result"])
        mended.counts["results made anew"] += len(ids["result"])
    if ids["article"]:
        mended.times |= repair.unpublish(store, ids["article"])
        mended.counts["articles made anew"] += len(ids["article"])
    if ids["index"]:
        repair.mark_for_indexing(store, ids["index"])
        while index.catch_up(store, site):
            pass
        mended.counts["articles indexed anew"] += len(ids["index"])
    if site:
        mended.sites.add(site)


def _mend_drafts(store: Database, drafts: Sequence[int], workers: WorkerPool, mended: RepairStats) -> None:
    """By the extractors of today a Draft becomes what it was. One by older ones is dropped with what was made of it."""
    for number in drafts:
        source = repair.load_source(store, number)
        if source is None:
            mended.problems.append(
                f"draft {number}: its bytes are damaged themselves, so it stays as it is"
            )
            continue
        if source[0] != EXTRACTORS:
            mended.times |= repair.delete_extracted(store, number)
        else:
            for payload, draft in workers.extract((source[1],)):
                repair.replace_extracted(store, payload.source.payload_id, draft)
        mended.counts["drafts made anew"] += 1
