"""What `forget` would touch: the pages of a story, and all rows that hold something of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from pipeline.core.models import UrlKind
from pipeline.core.pictures import PICTURE_TYPES
from pipeline.evidence.entries import unpack_entries
from pipeline.evidence.leaves import KEY_BYTES, entry_key
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import events
from pipeline.store.db.log_schema import SealedRunRow
from pipeline.store.db.schema import (
    ArticleLinkRow,
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    DictionaryRow,
    JoinedPeriodRow,
    LedgerEntryRow,
    PageRow,
    PayloadRow,
    PlacementRow,
    RevisionRow,
    RunRow,
    StoryPictureRow,
)
from pipeline.store.db.sql import chunks

STORY_KINDS: Final = (UrlKind.STORY, UrlKind.PART)


@dataclass(frozen=True, slots=True)
class ForgottenPage:
    """A page of the story.

    That is its own, those that redirect to it, its parts, others of its bytes, and its pictures.
    """

    id: int
    site: str
    url: str
    requested_url: str
    url_key: str


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version of a source, with what is needed to read and to replace it."""

    payload_id: int
    page_id: int
    url: str
    kind: str
    charset: str


@dataclass(frozen=True, slots=True)
class RunEntries:
    """The entries of a sealed run that are about the story, by number."""

    run_id: int
    uuid: str
    ledger: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """All that belongs to one story.

    Attributes:
        pages: Its pages, the named one first.
        titles: Its titles, as pages and sources give them.
        captures: Ids of their captures.
        payloads: Ids of their payloads, lists of parts included.
        dictionaries: Ids of the dictionaries that are made of these payloads.
        counts: How many rows of each kind there are, for people.
        cited_by: Ids of other articles that link to the story. They stay as they are.
    """

    pages: tuple[ForgottenPage, ...]
    titles: tuple[str, ...]
    captures: tuple[int, ...]
    payloads: tuple[int, ...]
    dictionaries: tuple[int, ...]
    counts: dict[str, int] = field(default_factory=dict)
    cited_by: tuple[int, ...] = ()

    @property
    def site(self) -> str:
        """The site of the named page."""
        return self.pages[0].site

    @property
    def page_ids(self) -> tuple[int, ...]:
        """Return the ids of the pages."""
        return tuple(page.id for page in self.pages)

    @property
    def urls(self) -> tuple[str, ...]:
        """Return all spellings of their URLs."""
        urls: dict[str, None] = {}
        for page in self.pages:
            urls[page.url] = None
            if page.requested_url:
                urls[page.requested_url] = None
        return tuple(urls)


def plan_forget(database: Database, page_id: int) -> ForgetPlan:
    """Return what belongs to the story of a page. It changes nothing."""
    with database.read() as db:
        pages = _pages(db, page_id)
        ids = [page.id for page in pages]
        captures = _numbers(db, select(CaptureRow.id), CaptureRow.page_id, ids)
        payloads = payloads_of(db, ids)
        keys = [page.url_key for page in pages]
        results = select(func.count()).select_from(CleanResultRow)
        cited_by = _numbers(db, select(ArticleLinkRow.page_id), ArticleLinkRow.url_key, keys)
        counts = {
            "captures": len(captures),
            "payloads": len(payloads),
            "results": _count(db, results, CleanResultRow.page_id, ids),
            "revisions": _count(
                db, select(func.count()).select_from(RevisionRow), RevisionRow.page_id, ids
            ),
            "articles": _count(
                db, select(func.count()).select_from(ArticleRow), ArticleRow.page_id, ids
            ),
            "ledger entries": _count(
                db, select(func.count()).select_from(LedgerEntryRow), LedgerEntryRow.page_id, ids
            ),
            "placements": _count(
                db, select(func.count()).select_from(PlacementRow), PlacementRow.url_key, keys
            ),
        }
        return ForgetPlan(
            pages=pages,
            titles=_titles(db, ids),
            captures=captures,
            payloads=payloads,
            dictionaries=dictionaries_of(db, payloads),
            counts=counts,
            cited_by=tuple(page for page in cited_by if page not in ids),
        )


def _pages(db: Connection, page_id: int) -> tuple[ForgottenPage, ...]:
    """Return the pages of a story: its own, and all that lead to it, belong to it or equal it."""
    found = [page_id]
    while True:
        related: list[ColumnElement[bool]] = []
        for chunk in chunks(found):
            related += [PageRow.redirect_to.in_(chunk), PageRow.part_of.in_(chunk)]
        with_bytes = select(CaptureRow.payload_id).where(
            CaptureRow.page_id.in_(found), CaptureRow.payload_id.is_not(None)
        )
        same_bytes = select(CaptureRow.page_id).where(CaptureRow.payload_id.in_(with_bytes))
        query = select(PageRow.id).where(
            PageRow.kind.in_(STORY_KINDS),
            PageRow.id.not_in(found),
            or_(*related, PageRow.id.in_(same_bytes)),
        )
        new = list(db.scalars(query.order_by(PageRow.id)))
        if not new:
            break
        found += new
    found += _pictures(db, found)
    columns = (PageRow.id, PageRow.site, PageRow.url, PageRow.requested_url, PageRow.url_key)
    rows: dict[int, Any] = {}
    for chunk in chunks(found):
        for row in db.execute(select(*columns).where(PageRow.id.in_(chunk))):
            rows[row.id] = row
    return tuple(ForgottenPage(*rows[number]) for number in found)


def _pictures(db: Connection, stories: Sequence[int]) -> list[int]:
    """Return the pages of the lead pictures that no other story has."""
    pictures = set[int]()
    shared = set[int]()
    for chunk in chunks(stories):
        query = select(StoryPictureRow.picture_id).where(StoryPictureRow.page_id.in_(chunk))
        pictures.update(db.scalars(query))
    owners = select(StoryPictureRow.picture_id, StoryPictureRow.page_id)
    for chunk in chunks(sorted(pictures)):
        for row in db.execute(owners.where(StoryPictureRow.picture_id.in_(chunk))):
            if row.page_id not in stories:
                shared.add(row.picture_id)
    return sorted(pictures - shared)


def _titles(db: Connection, pages: Sequence[int]) -> tuple[str, ...]:
    titles: dict[str, None] = {}
    for column, page in (
        (PageRow.announced_title, PageRow.id),
        (ArticleRow.title, ArticleRow.page_id),
        (RevisionRow.title, RevisionRow.page_id),
    ):
        for chunk in chunks(pages):
            titles |= dict.fromkeys(db.scalars(select(column).where(page.in_(chunk))))
    return tuple(filter(None, titles))


def payloads_of(db: Connection, pages: Sequence[int]) -> tuple[int, ...]:
    """Return the payloads of pages, lists of parts included.

    Bytes of a picture that another picture has, too, are left out.
    """
    payloads = set[int]()
    for column, page in (
        (CaptureRow.payload_id, CaptureRow.page_id),
        (PageRow.payload_id, PageRow.id),
        (PageRow.joined_payload_id, PageRow.id),
        (JoinedPeriodRow.payload_id, JoinedPeriodRow.page_id),
        (CleanResultRow.payload_id, CleanResultRow.page_id),
    ):
        for chunk in chunks(pages):
            numbers = db.scalars(select(column).where(page.in_(chunk)))
            payloads.update(number for number in numbers if number is not None)
    return tuple(sorted(payloads - _shared_pictures(db, payloads, pages)))


def _shared_pictures(db: Connection, payloads: set[int], pages: Sequence[int]) -> set[int]:
    """Return those of some payloads that pictures of other stories brought."""
    shared = set[int]()
    query = (
        select(CaptureRow.payload_id, CaptureRow.page_id)
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(PageRow.kind == UrlKind.PICTURE)
    )
    for chunk in chunks(sorted(payloads)):
        for row in db.execute(query.where(CaptureRow.payload_id.in_(chunk))):
            if row.page_id not in pages:
                shared.add(row.payload_id or 0)
    return shared


def dictionaries_of(db: Connection, payloads: Iterable[int]) -> tuple[int, ...]:
    """Return the dictionaries that are made of some of these payloads."""
    wanted = set(payloads)
    rows = db.execute(select(DictionaryRow.id, DictionaryRow.page_payload_ids)).all()
    return tuple(row.id for row in rows if wanted.intersection(row.page_payload_ids))


def source_versions(database: Database, site: str) -> tuple[StoredVersion, ...]:
    """Return all stored versions of the sources of a site, each payload once.

    Args:
        database: The archive.
        site: The id of the site.

    Returns:
        The versions, oldest first.
    """
    query = (
        select(
            CaptureRow.payload_id, CaptureRow.page_id, PageRow.url, PageRow.kind, CaptureRow.charset
        )
        .join(PageRow, PageRow.id == CaptureRow.page_id)
        .where(
            PageRow.site == site,
            PageRow.kind.not_in((*STORY_KINDS, UrlKind.PICTURE)),
            CaptureRow.payload_id.is_not(None),
        )
        .order_by(CaptureRow.id)
    )
    versions: dict[int, StoredVersion] = {}
    with database.read() as db:
        for row in db.execute(query):
            version = StoredVersion(row[0] or 0, *row[1:])
            versions.setdefault(version.payload_id, version)
    return tuple(versions.values())


def payload_body(database: Database, payload_id: int) -> bytes:
    """Return the bytes of a payload.

    Raises:
        ValueError: They are damaged.
    """
    query = select(*COMPRESSED_COLUMNS).where(PayloadRow.id == payload_id)
    with database.read() as db:
        return decompress_payload(db, *db.execute(query).one())


def run_entries(db: Connection, pages: Sequence[ForgottenPage]) -> tuple[RunEntries, ...]:
    """Return the entries of all sealed runs that are about these pages.

    Args:
        db: A connection that reads.
        pages: The pages that are to be forgotten.

    Returns:
        The entries of each run, by their place in the sorted ledger.
    """
    keys = {entry_key(page.url)[:KEY_BYTES] for page in pages}
    sites = {page.site for page in pages}
    query = (
        select(SealedRunRow.run_id, SealedRunRow.uuid, SealedRunRow.ledger, SealedRunRow.results)
        .join(RunRow, RunRow.id == SealedRunRow.run_id)
        .where(RunRow.site.in_(sites))
        .order_by(SealedRunRow.run_id)
    )
    found: list[RunEntries] = []
    for row in db.execute(query):
        ledger, results = _numbers_of(row.ledger, keys), _numbers_of(row.results, keys)
        if ledger or results:
            found.append(RunEntries(row.run_id, row.uuid, ledger, results))
    return tuple(found)


def entries_field(runs: Sequence[RunEntries]) -> dict[str, dict[str, list[int]]]:
    """Return the field `entries` of an event that removes entries."""
    entries: dict[str, dict[str, list[int]]] = {}
    for run in runs:
        trees = {"ledger": list(run.ledger), "results": list(run.results)}
        entries[run.uuid] = {name: numbers for name, numbers in trees.items() if numbers}
    return entries


def remove_run_entries(db: Connection, runs: Sequence[RunEntries]) -> None:
    """Delete keys and salts of entries: see `events.remove_entries`."""
    for run in runs:
        events.remove_entries(db, run.run_id, run.ledger, run.results)


def _numbers_of(packed: bytes | None, keys: set[bytes]) -> tuple[int, ...]:
    if packed is None or not any(key in packed for key in keys):
        return ()
    entries = enumerate(unpack_entries(packed))
    return tuple(number for number, entry in entries if entry.key in keys)


def _numbers(
    db: Connection, query: Select[Any], column: Any, values: Sequence[Any]
) -> tuple[int, ...]:
    numbers = set[int]()
    for chunk in chunks(values):
        numbers.update(db.scalars(query.where(column.in_(chunk))))
    return tuple(sorted(numbers))


def _count(db: Connection, query: Select[Any], column: Any, values: Sequence[Any]) -> int:
    return sum(db.scalar(query.where(column.in_(chunk))) or 0 for chunk in chunks(values))


def payload_digest(database: Database, payload_id: int) -> str:
    """Return the SHA-256 of a payload, hex."""
    with database.read() as db:
        digest = db.scalar(select(PayloadRow.digest).where(PayloadRow.id == payload_id))
    return digest or ""


def charsets_of(db: Connection, payloads: Sequence[int]) -> dict[int, str]:
    """Return the charsets of those payloads that fetches brought, as they were declared.

    Pictures have none and are left out.

    Args:
        db: A connection that reads.
        payloads: Ids of payloads.

    Returns:
        The charsets by payload. One without a declared charset is absent or "".
    """
    charsets: dict[int, str] = {}
    query = (
        select(PayloadRow.id, PayloadRow.charset)
        .join(CaptureRow, CaptureRow.payload_id == PayloadRow.id)
        .where(PayloadRow.media_type.not_in(PICTURE_TYPES))
        .distinct()
        .order_by(PayloadRow.id)
    )
    for chunk in chunks(payloads):
        for number, charset in db.execute(query.where(PayloadRow.id.in_(chunk))):
            charsets[number] = charset
    return charsets
