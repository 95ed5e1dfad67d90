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
from pipeline.jobs.clean import put_made
from pipeline.jobs.workers import tasks
from pipeline.jobs.workers.pool import Workers
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import Packed, Shown
from pipeline.store.codec.serialization import draft_to_json
from pipeline.store.db.engine import Database
from pipeline.store.read import export_payloads
from pipeline.store.read.export_payloads import Known

ONE_IN: Final = 100  # Drafts of a file that are made again, but one at the least
NAMED: Final = 10_000  # of what is left out
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


class File(Protocol):
    """A file of Drafts. Both raise ValueError for what cannot be read."""

    @property
    def path(self) -> Any: ...

    @property
    def site(self) -> str: ...

    def offered(self) -> Iterator[Mapping[str, Any]]: ...

    def drafts(self, wanted: Container[int]) -> Iterator[tuple[int, ExtractedPage]]: ...


@dataclass(slots=True)
class Brought:
    """What came of it: Drafts that are here now by Site, how many were here before, how many were made again and were the same,
    files that were refused in sentences, and what was left out, by its reason and, the first of it, by its digest."""

    sites: Counter[str] = field(default_factory=Counter)
    there: int = 0
    proven: int = 0
    refused: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    named: list[tuple[str, str]] = field(default_factory=list)

    def leave(self, digest: str, why: str) -> None:
        self.left_out[why] += 1
        if len(self.named) < NAMED:
            self.named.append((digest, why))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A Draft that is missing here: its Payload's digest, and the Payload."""

    digest: str
    known: Known


class Refused(Exception):
    """A file that is not believed; the message is the end of a sentence about it."""


def bring(
    store: Database,
    files: Iterable[File],
    workers: Workers,
    tell: Callable[[int], None] = lambda _: None,
) -> Brought:
    """Brings all that can be believed. Raises StoreError."""
    done = Brought()
    for file in files:
        try:
            wanted = _prove(store, file, _wanted(store, file, done), workers, done)
        except (Refused, ValueError) as error:
            done.refused.append(f"{file.path}: {error}; nothing of this file is brought")
            continue
        for number in put_made(CleanSession(store, file.site), _made(file, wanted), learning=True):
            done.sites[file.site] += number
            tell(done.sites.total())
    return done


def _wanted(store: Database, file: File, done: Brought) -> dict[int, Wanted]:
    """Rows whose Drafts are missing here."""
    offered = list(file.offered())
    here = export_payloads.known(
        store, file.site, sorted({str(each["payload_sha256"]) for each in offered}), EXTRACTORS
    )
    wanted: dict[int, Wanted] = {}
    for number, each in enumerate(offered):
        digest = str(each["payload_sha256"])
        known = here.get(digest)
        if why := _why_not(each, known):
            done.leave(digest, why)
        elif known is not None and not known.is_drafted:
            wanted[number] = Wanted(digest, known)
            here[digest] = replace(
                known, is_drafted=True
            )  # a second one in the same file is one too many
        else:
            done.there += 1
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
    store: Database, file: File, wanted: dict[int, Wanted], workers: Workers, done: Brought
) -> dict[int, Wanted]:
    """All of them that can be compared, once all are readable and those of a lot are what the bytes make here. Raises Refused
    and ValueError."""
    before = done.proven
    while wanted and done.proven == before:
        _compare(store, file, wanted, workers, done)
    return wanted


def _compare(
    store: Database, file: File, wanted: dict[int, Wanted], workers: Workers, done: Brought
) -> None:
    """One lot. What cannot be compared is taken out of what is wanted."""
    lot = {wanted[number].known.payload_id: number for number in _lot(wanted)}
    theirs: dict[int, bytes] = {}
    for number, draft in file.drafts(wanted):
        if draft.extractors != EXTRACTORS or draft.reason in LIMITS:
            raise Refused(
                f"its row {number + 1} says something else of its draft than the draft itself"
            )
        if wanted[number].known.payload_id in lot:
            theirs[number] = _told(draft)
    for payload, ours in workers.drafts(export_payloads.undrafted(store, sorted(lot))):
        number = lot.pop(payload.source.payload_id)
        if ours.reason in LIMITS:
            done.leave(wanted.pop(number).digest, UNPROVEN)
        elif _told(ours) != theirs.get(number):
            raise Refused(
                f"its draft of the payload {wanted[number].digest} is another than the same bytes make here"
            )
        else:
            done.proven += 1
    for number in lot.values():  # of damaged bytes
        done.leave(wanted.pop(number).digest, UNPROVEN)


def _lot(wanted: Mapping[int, Wanted]) -> list[int]:
    """By chance, so that nobody can know which."""
    return random.SystemRandom().sample(sorted(wanted), max(1, len(wanted) // ONE_IN))


def _told(draft: ExtractedPage) -> bytes:
    """All of a Draft but what it cost."""
    return draft_to_json(replace(draft, cost_ms=0))


def _made(file: File, wanted: Mapping[int, Wanted]) -> Iterator[tuple[int, Packed, Shown]]:
    for number, draft in file.drafts(wanted):
        known = wanted[number].known
        yield known.payload_id, tasks.packed(draft), tasks.shown_by(draft, known.pages)
