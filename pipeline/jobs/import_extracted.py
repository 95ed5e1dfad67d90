"""Import extracted pages that another machine made, one file at a time.

No extracted page is trusted. Its bytes must be in this archive and its extractors must be the
ones in use. A random sample of each file is extracted again here, and must be the same; otherwise
nothing of the file is imported. What the archive has already is not written again, so an import
that is killed can be repeated. The site profile grows as if the pages were extracted here.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from pipeline.core.models import ExtractedPage, Reason
from pipeline.extract import EXTRACTORS
from pipeline.jobs.clean_steps.extract_payloads import save_extracted
from pipeline.jobs.workers import tasks
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.jobs.workers.tasks import ExtractedPayload
from pipeline.store.clean.session import CleanSession
from pipeline.store.codec.serialization import extracted_to_json
from pipeline.store.db.engine import Database
from pipeline.store.read import export_payloads
from pipeline.store.read.export_payloads import KnownPayload

SAMPLE_RATE: Final = 100  # one of so many extracted pages of a file is verified, but at least one
MAX_SKIPPED_DIGESTS: Final = 10_000
LIMIT_REASONS: Final = (
    Reason.EXTRACTOR_TIMEOUT,
    Reason.EXTRACTOR_DIED,
    Reason.EXTRACTOR_MEMORY,
    Reason.EXTRACTOR_ERROR,
)
UNKNOWN: Final = "its bytes are not in this archive"
OTHER_SITE: Final = "no page of that site had these bytes"
OTHER_CHARSET: Final = "it was made for another charset or media type"
OTHER_EXTRACTORS: Final = "it was made by other extractors"
LIMITED: Final = "it came to a limit there, and is made here"
UNPROVEN: Final = "it comes to a limit here, so it cannot be compared"


class ExtractedFile(Protocol):
    """A file of extracted pages. Its methods raise ValueError for what cannot be read."""

    @property
    def path(self) -> Any:
        """Return the path for messages."""

    @property
    def site(self) -> str:
        """Return the id of the site of all its pages."""

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield what each row says of its extracted page."""

    def extracted_pages(self, wanted: Container[int]) -> Iterator[tuple[int, ExtractedPage]]:
        """Yield the extracted pages of the wanted rows, each with the number of its row."""


@dataclass(slots=True)
class ExtractedImportStats:
    """What an import did.

    Attributes:
        imported: Extracted pages that were saved, by site.
        already_present: Extracted pages that the archive had before.
        verified: Extracted pages that were made again here and were the same.
        rejected_files: A sentence for each file that was rejected.
        skipped: Extracted pages that were skipped, by reason.
        skipped_digests: The digests of the payloads of the first of these, each with the reason.
    """

    imported: Counter[str] = field(default_factory=Counter)
    already_present: int = 0
    verified: int = 0
    rejected_files: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    skipped_digests: list[tuple[str, str]] = field(default_factory=list)

    def skip(self, digest: str, reason: str) -> None:
        """Record an extracted page that is skipped."""
        self.skipped[reason] += 1
        if len(self.skipped_digests) < MAX_SKIPPED_DIGESTS:
            self.skipped_digests.append((digest, reason))


@dataclass(frozen=True, slots=True)
class MissingExtraction:
    """An extracted page that the archive does not have: its payload and the payload's digest."""

    digest: str
    payload: KnownPayload


class FileRejected(Exception):
    """A file that is not trusted. The message is the end of a sentence about it."""


def import_extracted_files(
    database: Database,
    files: Iterable[ExtractedFile],
    workers: WorkerPool,
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    sample_rate: int = SAMPLE_RATE,
) -> ExtractedImportStats:
    """Import all extracted pages that can be trusted.

    Args:
        database: The archive.
        files: The files.
        workers: The processes that extract the samples.
        on_progress: Receives the number of extracted pages that were imported so far.
        sample_rate: One of so many extracted pages of a file is verified, but at least one.

    Raises:
        StoreError: The database cannot be read or written.
    """
    stats = ExtractedImportStats()
    for file in files:
        try:
            missing = _missing_extractions(database, file, stats)
            _verify_file(database, file, missing, workers, stats, sample_rate)
        except (FileRejected, ValueError) as error:
            stats.rejected_files.append(f"{file.path}: {error}; nothing of this file is imported")
            continue
        session = CleanSession(database, file.site)
        for batch_size in save_extracted(session, _extracted_payloads(file, missing)):
            stats.imported[file.site] += batch_size
            on_progress(stats.imported.total())
    return stats


def _missing_extractions(
    database: Database, file: ExtractedFile, stats: ExtractedImportStats
) -> dict[int, MissingExtraction]:
    """Return the extracted pages that the archive does not have, by the number of their row."""
    rows = list(file.rows())
    digests = sorted({str(row["payload_sha256"]) for row in rows})
    payloads = export_payloads.known_payloads(database, file.site, digests, EXTRACTORS)
    missing: dict[int, MissingExtraction] = {}
    for number, row in enumerate(rows):
        digest = str(row["payload_sha256"])
        payload = payloads.get(digest)
        reason = _skip_reason(row, payload)
        if reason:
            stats.skip(digest, reason)
        elif payload is not None and not payload.is_extracted:
            missing[number] = MissingExtraction(digest, payload)
            # A second row with the same payload counts as present.
            payloads[digest] = replace(payload, is_extracted=True)
        else:
            stats.already_present += 1
    return missing


def _skip_reason(row: Mapping[str, Any], payload: KnownPayload | None) -> str:
    """Return why an extracted page cannot be imported, or ""."""
    if payload is None:
        return UNKNOWN
    if row["extractors"] != EXTRACTORS:
        return OTHER_EXTRACTORS
    if (row["charset"], row["media_type"]) != (payload.charset, payload.media_type):
        return OTHER_CHARSET
    if not payload.pages:
        return OTHER_SITE
    if row["reason"] in LIMIT_REASONS and not payload.is_extracted:
        return LIMITED
    return ""


def _verify_file(
    database: Database,
    file: ExtractedFile,
    missing: dict[int, MissingExtraction],
    workers: WorkerPool,
    stats: ExtractedImportStats,
    sample_rate: int,
) -> None:
    """Verify random samples until at least one extracted page could be compared.

    Extracted pages that cannot be compared are removed from `missing`.

    Raises:
        FileRejected: An extracted page differs from the one that is made here.
        ValueError: The file cannot be read.
    """
    verified_before = stats.verified
    while missing and stats.verified == verified_before:
        sample = _random_sample(missing, sample_rate)
        _verify_sample(database, file, missing, sample, workers, stats)


def _verify_sample(
    database: Database,
    file: ExtractedFile,
    missing: dict[int, MissingExtraction],
    sample: Collection[int],
    workers: WorkerPool,
    stats: ExtractedImportStats,
) -> None:
    rows_by_payload = {missing[number].payload.payload_id: number for number in sample}
    theirs: dict[int, bytes] = {}
    for number, page in file.extracted_pages(missing):
        if page.extractors != EXTRACTORS or page.reason in LIMIT_REASONS:
            raise FileRejected(
                f"its row {number + 1} differs from the extracted page that it holds"
            )
        if missing[number].payload.payload_id in rows_by_payload:
            theirs[number] = _comparable_json(page)
    payloads = export_payloads.payloads_by_id(database, sorted(rows_by_payload))
    for payload, page in workers.extract(payloads):
        number = rows_by_payload.pop(payload.raw_page.payload_id)
        if page.reason in LIMIT_REASONS:
            stats.skip(missing.pop(number).digest, UNPROVEN)
        elif _comparable_json(page) != theirs.get(number):
            raise FileRejected(
                f"its extracted page of the payload {missing[number].digest} differs from the"
                " one that the same bytes make here"
            )
        else:
            stats.verified += 1
    for number in rows_by_payload.values():  # payloads whose bytes are damaged
        stats.skip(missing.pop(number).digest, UNPROVEN)


def _random_sample(missing: Mapping[int, MissingExtraction], sample_rate: int) -> list[int]:
    """Return the numbers of random rows. They cannot be predicted, so nobody can prepare them."""
    size = max(1, len(missing) // sample_rate)
    return random.SystemRandom().sample(sorted(missing), size)


def _comparable_json(page: ExtractedPage) -> bytes:
    """Return all of an extracted page but the time that it took."""
    return extracted_to_json(replace(page, cost_ms=0))


def _extracted_payloads(
    file: ExtractedFile, missing: Mapping[int, MissingExtraction]
) -> Iterator[ExtractedPayload]:
    for number, page in file.extracted_pages(missing):
        payload = missing[number].payload
        stored = tasks.to_stored_extraction(page)
        yield ExtractedPayload(payload.payload_id, stored, tasks.page_signals(page, payload.pages))
