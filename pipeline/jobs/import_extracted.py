"""Drafts that were made elsewhere → the shelf, a file at a time.

Promises that no Draft is believed: it has to be of bytes that are here, by the extractors that are here, and of each file some
are made again by lot and have to be the same, or nothing of the file is taken. What is there already is not written twice, so a
kill costs nothing and the same call goes on. The memory learns of them as of those that are made here.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from pipeline.core.models import ExtractedPage, Reason
from pipeline.extract import EXTRACTORS
from pipeline.jobs.clean import save_extracted
from pipeline.jobs.workers import tasks
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import StoredExtraction, PageSignals
from pipeline.store.codec.serialization import extracted_to_json
from pipeline.store.db.engine import Database
from pipeline.store.read import export_payloads
from pipeline.store.read.export_payloads import Known

SAMPLE_RATE: Final = 100  # Drafts of a file that are made again, but one at the least
MAX_SKIPPED_DIGESTS: Final = 10_000  # of what is left out
LIMITS: Final = (
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
    """A file of Drafts. Both raise ValueError for what cannot be read."""

    @property
    def path(self) -> Any: ...

    @property
    def site(self) -> str: ...

    def rows(self) -> Iterator[Mapping[str, Any]]: ...

    def extracted_pages(self, wanted: Container[int]) -> Iterator[tuple[int, ExtractedPage]]: ...


@dataclass(slots=True)
class ExtractedImportStats:
    """What came of it: Drafts that are here now by Site, how many were here before, how many were made again and were the same,
    files that were refused in sentences, and what was left out, by its reason and, the first of it, by its digest."""

    imported: Counter[str] = field(default_factory=Counter)
    already_present: int = 0
    verified: int = 0
    rejected_files: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    skipped_digests: list[tuple[str, str]] = field(default_factory=list)

    def skip(self, digest: str, why: str) -> None:
        self.skipped[why] += 1
        if len(self.skipped_digests) < MAX_SKIPPED_DIGESTS:
            self.skipped_digests.append((digest, why))


@dataclass(frozen=True, slots=True)
class MissingExtraction:
    """A Draft that is missing here: its Payload's digest, and the Payload."""

    digest: str
    known: Known


class FileRejected(Exception):
    """A file that is not believed; the message is the end of a sentence about it."""


def import_extracted_files(
    store: Database,
    files: Iterable[ExtractedFile],
    workers: WorkerPool,
    tell: Callable[[int], None] = lambda _: None,
) -> ExtractedImportStats:
    """Brings all that can be believed. Raises StoreError."""
    done = ExtractedImportStats()
    for file in files:
        try:
            wanted = _prove(store, file, _wanted(store, file, done), workers, done)
        except (FileRejected, ValueError) as error:
            done.rejected_files.append(f"{file.path}: {error}; nothing of this file is brought")
            continue
        for number in save_extracted(CleanSession(store, file.site), _made(file, wanted), learning=True):
            done.imported[file.site] += number
            tell(done.imported.total())
    return done


def _wanted(store: Database, file: ExtractedFile, done: ExtractedImportStats) -> dict[int, MissingExtraction]:
    """Rows whose Drafts are missing here."""
    offered = list(file.rows())
    here = export_payloads.known(
        store, file.site, sorted({str(each["payload_sha256"]) for each in offered}), EXTRACTORS
    )
    wanted: dict[int, MissingExtraction] = {}
    for number, each in enumerate(offered):
        digest = str(each["payload_sha256"])
        known = here.get(digest)
        if why := _why_not(each, known):
            done.skip(digest, why)
        elif known is not None and not known.is_drafted:
            wanted[number] = MissingExtraction(digest, known)
            here[digest] = replace(
                known, is_drafted=True
            )  # a second one in the same file is one too many
        else:
            done.already_present += 1
    return wanted


def _why_not(each: Mapping[str, Any], known: Known | None) -> str:
    """Why a Draft cannot be brought; "" where it can."""
    if known is None:
        return UNKNOWN
    if each["extractors"] != EXTRACTORS:
        return OTHER_EXTRACTORS
    if (each["charset"], each["media_type"]) != (known.charset, known.media_type):
        return OTHER_CHARSET
    if not known.pages:
        return OTHER_SITE
    return LIMITED if each["reason"] in LIMITS and not known.is_drafted else ""


def _prove(
    store: Database, file: ExtractedFile, wanted: dict[int, MissingExtraction], workers: WorkerPool, done: ExtractedImportStats
) -> dict[int, MissingExtraction]:
    """All of them that can be compared, once all are readable and those of a lot are what the bytes make here. Raises Refused
    and ValueError."""
    before = done.verified
    while wanted and done.verified == before:
        _compare(store, file, wanted, workers, done)
    return wanted


def _compare(
    store: Database, file: ExtractedFile, wanted: dict[int, MissingExtraction], workers: WorkerPool, done: ExtractedImportStats
) -> None:
    """One lot. What cannot be compared is taken out of what is wanted."""
    lot = {wanted[number].known.payload_id: number for number in _lot(wanted)}
    theirs: dict[int, bytes] = {}
    for number, draft in file.extracted_pages(wanted):
        if draft.extractors != EXTRACTORS or draft.reason in LIMITS:
            raise FileRejected(
                f"its row {number + 1} says something else of its draft than the draft itself"
            )
        if wanted[number].known.payload_id in lot:
            theirs[number] = _told(draft)
    for payload, ours in workers.extract(export_payloads.undrafted(store, sorted(lot))):
        number = lot.pop(payload.source.payload_id)
        if ours.reason in LIMITS:
            done.skip(wanted.pop(number).digest, UNPROVEN)
        elif _told(ours) != theirs.get(number):
            raise FileRejected(
                f"its draft of the payload {wanted[number].digest} is another than the same bytes make here"
            )
        else:
            done.verified += 1
    for number in lot.values():  # of damaged bytes
        done.skip(wanted.pop(number).digest, UNPROVEN)


def _lot(wanted: Mapping[int, MissingExtraction]) -> list[int]:
    """By chance, so that nobody can know which."""
    return random.SystemRandom().sample(sorted(wanted), max(1, len(wanted) // SAMPLE_RATE))


def _told(draft: ExtractedPage) -> bytes:
    """All of a Draft but what it cost."""
    return extracted_to_json(replace(draft, cost_ms=0))


def _made(file: ExtractedFile, wanted: Mapping[int, MissingExtraction]) -> Iterator[tuple[int, StoredExtraction, PageSignals]]:
    for number, draft in file.extracted_pages(wanted):
        known = wanted[number].known
        yield known.payload_id, tasks.to_stored_extraction(draft), tasks.page_signals(draft, known.pages)
