"""Verify the archive, and make again what can be made again.

These are extracted pages, results, articles, the full-text index, and the sums of ledgers. They
are made from the stored bytes in the same way as by any clean. A site that another command cleans
is left alone. What is still wrong after a repair is found by another verification.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from pipeline.config.site import Site
from pipeline.core.errors import AlreadyRunning, NightdeskError
from pipeline.extract import EXTRACTORS
from pipeline.jobs.clean import clean_site
from pipeline.jobs.progress import ProgressCallback
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean import story_changes
from pipeline.store.clean.session import CleanSession
from pipeline.store.codec import dictionary_training
from pipeline.store.db import site_counts
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence.events import Signer
from pipeline.store.maintenance import repair, verify_changes, verify_derived, verify_sources
from pipeline.store.maintenance.faults import Fault, RepairKind, VerifiedCounts, VerifyScope
from pipeline.store.search import index

FAULTS_PER_BATCH = 500
# Faults that are repaired site by site, each after those whose repair it may depend on.
SITE_REPAIRS = (
    RepairKind.EXTRACTED_PAGE,
    RepairKind.RESULT,
    RepairKind.ARTICLE,
    RepairKind.CHANGE,
    RepairKind.INDEX,
)

SiteProgressCallback = Callable[[str, str, int, int], None]
"""Receives the id of a site, the stage, how much of it is done, and how much there is."""


@dataclass(slots=True)
class RepairStats:
    """What a repair did.

    Attributes:
        counts: What was made again, by a name for people.
        problems: A sentence for each fault that could not be repaired.
        created_at: When articles were first made, by page id. Unpublished articles get this
            time again.
        sites: The sites that must be cleaned.
    """

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    created_at: dict[int, datetime] = field(default_factory=dict)
    sites: set[str] = field(default_factory=set)


def verify_archive(
    database: Database,
    scope: VerifyScope,
    counts: VerifiedCounts,
    tell: ProgressCallback,
    *,
    check_bytes: bool = True,
) -> Iterator[Fault]:
    """Yield all faults, as they are found; each damaged extracted page once.

    Args:
        database: The archive.
        scope: What to verify.
        counts: Counts the rows that were verified.
        tell: Receives the progress.
        check_bytes: Whether to verify the database file and the payloads.

    Raises:
        StoreError: The database cannot be read any further.
    """
    yield from verify_sources.check_dictionaries(database, counts, tell)
    if check_bytes:
        yield from verify_sources.check_database(database, scope, tell)
        yield from verify_sources.check_payloads(database, scope, counts, tell)
    damaged = set[int]()
    for fault in verify_derived.check_results(database, scope, counts, tell):
        if fault.repair is RepairKind.EXTRACTED_PAGE:
            if fault.id in damaged:
                continue
            damaged.add(fault.id)
        yield fault
    yield from verify_derived.check_extracted_pages(database, scope, counts, tell)
    yield from verify_derived.check_articles(database, scope, counts, tell)
    yield from verify_changes.check_changes(database, scope, counts, tell)
    if scope == VerifyScope():
        yield from verify_derived.check_missing(database, tell)
        yield from verify_sources.check_pages(database, counts, tell)
        yield from verify_derived.check_index_entries(database, tell)
        yield from verify_sources.check_fulltext_index(database)
        yield from verify_sources.check_site_counts(database, tell)
    yield from verify_sources.check_ledgers(database, scope, counts, tell)


def repair_archive(
    database: Database,
    sites: Sequence[Site],
    faults: Iterable[Fault],
    workers: WorkerPool,
    progress: SiteProgressCallback,
    signer: Signer | None = None,
) -> RepairStats:
    """Repair what can be repaired, and clean the sites that the faults were of.

    Args:
        database: The archive.
        sites: The sites that have a file.
        faults: The faults of a verification, as it finds them.
        workers: The processes that extract.
        progress: Receives the progress of the cleans.
        signer: The key of the archive, which signs what the log says of a repair.
    """
    archive_repair = _ArchiveRepair(database, sites, workers, signer)
    archive_repair.repair(faults)
    archive_repair.clean_sites(progress)
    stats = archive_repair.stats
    repair.restore_created_at(database, stats.created_at)
    return stats


class _ArchiveRepair:
    """One repair of the archive."""

    def __init__(
        self,
        database: Database,
        sites: Sequence[Site],
        workers: WorkerPool,
        signer: Signer | None,
    ) -> None:
        self.stats = RepairStats()
        self._signer = signer
        self._database = database
        self._sites = {site.id: site for site in sites}
        self._workers = workers

    def repair(self, faults: Iterable[Fault]) -> None:
        remaining = self._after_dictionaries(faults)
        while batch := list(islice(remaining, FAULTS_PER_BATCH)):
            self._repair_batch(batch)

    def clean_sites(self, progress: SiteProgressCallback) -> None:
        for site_id in sorted(self.stats.sites):
            site = self._sites[site_id]

            def report(stage: str, done: int, total: int, site_id: str = site_id) -> None:
                progress(site_id, stage, done, total)

            try:
                result = clean_site(self._database, site, self._workers, report)
                self.stats.counts["pages cleaned again"] += sum(result.counts.values())
            except NightdeskError as error:
                self.stats.problems.append(str(error))

    def _after_dictionaries(self, faults: Iterable[Fault]) -> Iterator[Fault]:
        """Rebuild dictionaries at once, because the verification reads payloads next."""
        for fault in faults:
            if fault.repair is not RepairKind.DICTIONARY:
                yield fault
            elif dictionary_training.rebuild(self._database, fault.id):
                self.stats.counts["dictionaries made again"] += 1
            else:
                self.stats.problems.append(
                    f"dictionary {fault.id}: a page that it was made of is damaged too;"
                    " a backup has it"
                )

    def _repair_batch(self, batch: Sequence[Fault]) -> None:
        by_repair = defaultdict[RepairKind, list[Fault]](list)
        for fault in batch:
            by_repair[fault.repair].append(fault)
        self._repair_counts(by_repair[RepairKind.LEDGER], by_repair[RepairKind.COUNT])
        self._repair_index(by_repair[RepairKind.ORPHAN], by_repair[RepairKind.FULLTEXT])
        site_faults = list[Fault]()
        for name in SITE_REPAIRS:
            site_faults += by_repair[name]
        for site_id, faults in self._faults_by_site(site_faults).items():
            self._repair_site(site_id, faults)

    def _repair_counts(self, ledgers: Sequence[Fault], counts: Sequence[Fault]) -> None:
        for fault in ledgers:
            sentence = repair.recount_run(self._database, fault.id, self._signer)
            self.stats.problems.append(f"run {fault.id}: {sentence}")
            self.stats.counts["ledgers counted again"] += 1
        if counts:
            for site_id, *_ in site_counts.mismatches(self._database):
                site_counts.refresh(self._database, site_id)
            self.stats.counts["sites counted again"] += len(counts)

    def _repair_index(self, orphans: Sequence[Fault], damaged: Sequence[Fault]) -> None:
        if orphans:
            ids = [fault.id for fault in orphans]
            repair.delete_orphan_index_rows(self._database, ids)
            self.stats.counts["entries taken out of the index"] += len(ids)
        if damaged:
            repair.rebuild_fulltext(self._database)
            self.stats.counts["full-text index rebuilt"] += 1

    def _faults_by_site(self, faults: Sequence[Fault]) -> Mapping[str, list[Fault]]:
        """Return the faults by the site of their pages; "" for those without a page."""
        pages_of_faults, page_ids = [], list[int]()
        for fault in faults:
            pages = fault.pages
            if not pages and fault.repair is RepairKind.EXTRACTED_PAGE:
                pages = repair.pages_of_extracted(self._database, fault.id)
            pages_of_faults.append(pages)
            page_ids += pages
        sites_by_page = repair.sites_of_pages(self._database, page_ids)
        by_site = defaultdict[str, list[Fault]](list)
        for fault, pages in zip(faults, pages_of_faults, strict=True):
            site_id = sites_by_page.get(pages[0], "") if pages else ""
            by_site[site_id].append(fault)
        return by_site

    def _repair_site(self, site_id: str, faults: Sequence[Fault]) -> None:
        if site_id and site_id not in self._sites:
            self.stats.problems.append(
                f"{site_id}: has no site file by which its pages could be cleaned again;"
                " write one, and repair again"
            )
            return
        try:
            with CleanSession(self._database, site_id).locked():
                self._repair_locked_site(site_id, faults)
        except AlreadyRunning as error:
            self.stats.problems.append(f"{error}, and repair again")

    def _repair_locked_site(self, site_id: str, faults: Sequence[Fault]) -> None:
        ids: dict[str, list[int]] = {name: [] for name in SITE_REPAIRS}
        for fault in faults:
            ids[fault.repair].append(fault.id)
        for extracted_page_id in ids[RepairKind.EXTRACTED_PAGE]:
            self._repair_extracted(extracted_page_id)
        if ids[RepairKind.RESULT]:
            self.stats.created_at |= repair.delete_results(self._database, ids[RepairKind.RESULT])
            self.stats.counts["results made again"] += len(ids[RepairKind.RESULT])
        if ids[RepairKind.ARTICLE]:
            self.stats.created_at |= repair.unpublish(self._database, ids[RepairKind.ARTICLE])
            self.stats.counts["articles made again"] += len(ids[RepairKind.ARTICLE])
        if ids[RepairKind.CHANGE]:
            repair.mark_changes_pending(self._database, ids[RepairKind.CHANGE])
            while story_changes.list_pending(self._database, site_id):
                pass
            self.stats.counts["lists of changes made again"] += len(ids[RepairKind.CHANGE])
        if ids[RepairKind.INDEX]:
            repair.mark_for_indexing(self._database, ids[RepairKind.INDEX])
            while index.index_pending(self._database, site_id):
                pass
            self.stats.counts["articles indexed again"] += len(ids[RepairKind.INDEX])
        if site_id:
            self.stats.sites.add(site_id)

    def _repair_extracted(self, extracted_page_id: int) -> None:
        """Extract the page again.

        If other extractors made it, it is deleted instead, together with what was made of it.
        """
        source = repair.load_source(self._database, extracted_page_id)
        if source is None:
            self.stats.problems.append(
                f"extracted page {extracted_page_id}: its bytes are damaged themselves,"
                " so it stays as it is"
            )
            return
        extractors, payload = source
        if extractors != EXTRACTORS:
            self.stats.created_at |= repair.delete_extracted(self._database, extracted_page_id)
        else:
            for _, page in self._workers.extract((payload,)):
                payload_id = payload.raw_page.payload_id
                repair.replace_extracted(self._database, payload_id, page)
        self.stats.counts["extracted pages made again"] += 1
