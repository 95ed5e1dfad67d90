"""Delete a story for good, hide it, or replace its bytes by redacted ones.

Each of these is one transaction that also writes an event of the log. The hashes of the leaves
stay, so the rest of the archive stays provable. `scrub` removes what the database leaves in free
space afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Text, cast, delete, func, or_, select, text, update

from pipeline.core.models import Outcome, Reason
from pipeline.evidence.leaves import EventKind
from pipeline.store.codec.compression import compress
from pipeline.store.codec.dictionaries import COMPRESSED_COLUMNS, decompress_payload
from pipeline.store.db import taken_down
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import events
from pipeline.store.db.evidence.events import Signer
from pipeline.store.db.evidence.log import append_event
from pipeline.store.db.log_schema import LogLeafRow
from pipeline.store.db.schema import (
    ArticleLinkRow,
    ArticleRow,
    CaptureRow,
    ChangeRow,
    CleanResultRow,
    DictionaryRow,
    ExtractedPageRow,
    ForgottenCountRow,
    IssueRow,
    JoinedPeriodRow,
    LedgerEntryRow,
    LineSightingRow,
    NightStatsRow,
    PageRow,
    PayloadRow,
    PlacementRow,
    RevisionRow,
    RunRow,
    SketchBandRow,
    SketchRow,
    StoryPictureRow,
)
from pipeline.store.db.sql import chunks, insert_or_ignore
from pipeline.store.db.watch_schema import WatchMessageRow
from pipeline.store.maintenance.forget_plan import (
    ForgetPlan,
    RunEntries,
    dictionaries_of,
    entries_field,
    remove_run_entries,
    run_entries,
)
from pipeline.store.search import index

# Rows of a page, in the order in which references allow to delete them.
PAGE_TABLES: Final = (
    ArticleLinkRow,
    ArticleRow,
    SketchBandRow,
    SketchRow,
    LineSightingRow,
    ChangeRow,
    RevisionRow,
    CleanResultRow,
    JoinedPeriodRow,
)
BLANK_PAGE: Final[Mapping[str, Any]] = {
    "requested_url": "",
    "announced_title": "",
    "announced_tags": "",
    "announced_source": "",
    "announced_published_at": None,
    "announced_modified_at": None,
    "due_at": None,
    "lease_run": None,
    "lease_until": None,
    "outcome": Outcome.REFUSED,
    "reason": Reason.TAKEN_DOWN,
    "etag": "",
    "last_modified": "",
    "redirect_to": None,
    "part_of": None,
    "part_number": None,
    "kind": "story",
    "story_key": "",
    "payload_id": None,
    "joined_payload_id": None,
    "last_matched_at": None,
    "gone_at": None,
    "clean_payload_id": None,
    "clean_recipe": "",
    "needs_clean": False,
    "profile_updated_at": None,
}


@dataclass(frozen=True, slots=True)
class NewBody:
    """The bytes that take the place of a payload."""

    payload_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ForgetOrder:
    """Why something is forgotten, and who signs that.

    Attributes:
        reason: The reason, which the log keeps. It must not name what is forgotten.
        signer: The key of the archive, if it has one.
    """

    reason: str
    signer: Signer | None = None


def forget_story(
    database: Database, plan: ForgetPlan, sources: Sequence[NewBody], order: ForgetOrder
) -> int:
    """Delete a story, and return the number of the event's leaf.

    Args:
        database: The archive. The caller holds the locks of the site.
        plan: What belongs to the story.
        sources: The redacted successors of the versions of sources that name it.
        order: Why.
    """
    pages = plan.page_ids
    with database.write() as db:
        _prepare(db)
        runs = run_entries(db, plan.pages)
        redacted = _captures_of(db, [new.payload_id for new in sources])
        captures = _Captures(plan.captures, redacted)
        leaf = _log_removal(db, EventKind.FORGET, captures, runs, order)
        _unpack(db, [*plan.payloads, *(new.payload_id for new in sources)])
        _delete_derived(db, pages)
        _delete_ledger(db, pages)
        _delete_pictures(db, pages)
        for chunk in chunks(plan.captures):
            db.execute(delete(CaptureRow).where(CaptureRow.id.in_(chunk)))
        for page in plan.pages:
            db.execute(delete(PlacementRow).where(PlacementRow.url_key == page.url_key))
        _blank_pages(db, plan)
        _delete_payloads(db, plan.payloads)
        _replace(db, sources)
        _delete_mentions(db, plan.urls)
    return leaf


def hide_pages(database: Database, plan: ForgetPlan, order: ForgetOrder) -> int:
    """Hide a story from readers; return the number of the event's leaf. Its bytes stay."""
    with database.write() as db:
        leaf = append_event(
            db, EventKind.HIDE, {"reason": order.reason, "hidden": True}, order.signer
        )
        keys = _order_keys(db, plan.page_ids)
        index.remove_articles(db, keys)
        for chunk in chunks(plan.page_ids):
            db.execute(delete(ArticleRow).where(ArticleRow.page_id.in_(chunk)))
            hidden = update(PageRow).where(PageRow.id.in_(chunk))
            db.execute(hidden.values(hidden_at=datetime.now(UTC)))
        _leave_groups(db, plan.page_ids)
    return leaf


def show_pages(database: Database, plan: ForgetPlan, order: ForgetOrder) -> int:
    """Take back that a story is hidden. The next clean of its site makes its article again."""
    with database.write() as db:
        leaf = append_event(
            db, EventKind.HIDE, {"reason": order.reason, "hidden": False}, order.signer
        )
        for chunk in chunks(plan.page_ids):
            shown = update(PageRow).where(PageRow.id.in_(chunk))
            db.execute(shown.values(hidden_at=None, needs_clean=True, clean_recipe=""))
    return leaf


def redact_story(
    database: Database, plan: ForgetPlan, bodies: Sequence[NewBody], order: ForgetOrder
) -> int:
    """Replace bytes of a story by redacted ones; return the number of the event's leaf.

    What was made from the bytes is deleted, and the next clean makes it again from the new ones.
    """
    replaced = [new.payload_id for new in bodies]
    with database.write() as db:
        _prepare(db)
        runs = tuple(
            RunEntries(run.run_id, run.uuid, (), run.results)
            for run in run_entries(db, plan.pages)
            if run.results
        )
        captures = _Captures((), _captures_of(db, replaced))
        leaf = _log_removal(db, EventKind.REDACT, captures, runs, order)
        _unpack(db, [*plan.payloads])
        _delete_derived(db, plan.page_ids)
        cleaned = {"clean_payload_id": None, "clean_recipe": "", "joined_payload_id": None}
        for chunk in chunks(plan.page_ids):
            stale = update(PageRow).where(PageRow.id.in_(chunk))
            db.execute(stale.values(cleaned | {"needs_clean": True, "announced_title": ""}))
        _delete_extracted(db, plan.payloads)
        _replace(db, bodies)
        used = select(CaptureRow.payload_id).where(CaptureRow.payload_id.is_not(None))
        lists = [number for number in plan.payloads if number not in replaced]
        unused = PayloadRow.id.not_in(used)
        for chunk in chunks(lists):  # lists of the parts of a story
            db.execute(delete(PayloadRow).where(PayloadRow.id.in_(chunk), unused))
    return leaf


def _prepare(db: Connection) -> None:
    """Let SQLite overwrite what is deleted."""
    if db.dialect.name == "sqlite":
        db.exec_driver_sql("PRAGMA secure_delete = ON")


@dataclass(frozen=True, slots=True)
class _Captures:
    """Captures whose leaves lose their private fields: their rows go, or stay with other bytes."""

    deleted: Sequence[int]
    redacted: Sequence[int]


def _log_removal(
    db: Connection,
    kind: EventKind,
    captures: _Captures,
    runs: Sequence[RunEntries],
    order: ForgetOrder,
) -> int:
    """Write the event, and remove the private fields of the leaves and entries that it names."""
    leaves = events.leaves_of_captures(db, [*captures.deleted, *captures.redacted])
    kept = _leaf_by_capture(db, captures.redacted)
    details = {
        "reason": order.reason,
        "leaves": events.ranges_of(leaves),
        "entries": entries_field(runs),
    }
    leaf = append_event(db, kind, details, order.signer)
    events.remove_private_fields(db, leaves, leaf)
    for capture, number in kept.items():  # the row has a leaf still, which says nothing of it
        row = update(LogLeafRow).where(LogLeafRow.number == number)
        db.execute(row.values(capture_id=capture))
    remove_run_entries(db, runs)
    return leaf


def _leaf_by_capture(db: Connection, captures: Sequence[int]) -> dict[int, int]:
    leaves: dict[int, int] = {}
    query = select(LogLeafRow.capture_id, LogLeafRow.number)
    for chunk in chunks(captures):
        for capture, number in db.execute(query.where(LogLeafRow.capture_id.in_(chunk))):
            leaves[capture or 0] = number
    return leaves


def _captures_of(db: Connection, payloads: Sequence[int]) -> list[int]:
    captures: list[int] = []
    for chunk in chunks(payloads):
        query = select(CaptureRow.id).where(CaptureRow.payload_id.in_(chunk))
        captures += db.scalars(query.order_by(CaptureRow.id))
    return captures


def _unpack(db: Connection, payloads: Sequence[int]) -> None:
    """Delete the dictionaries that are made of some payloads, and compress without them."""
    for dictionary in dictionaries_of(db, payloads):
        packed = select(PayloadRow.id).where(PayloadRow.dictionary_id == dictionary)
        for number in db.scalars(packed).all():
            columns = select(*COMPRESSED_COLUMNS).where(PayloadRow.id == number)
            codec, body = compress(decompress_payload(db, *db.execute(columns).one()))
            alone = {"codec": codec, "body": body, "dictionary_id": None}
            db.execute(update(PayloadRow).where(PayloadRow.id == number).values(alone))
        db.execute(delete(DictionaryRow).where(DictionaryRow.id == dictionary))


def _delete_derived(db: Connection, pages: Sequence[int]) -> None:
    index.remove_articles(db, _order_keys(db, pages))
    _leave_groups(db, pages)
    for table in PAGE_TABLES:
        for chunk in chunks(pages):
            db.execute(delete(table).where(table.page_id.in_(chunk)))


def _delete_pictures(db: Connection, pages: Sequence[int]) -> None:
    """Delete which pictures stories have. The pictures themselves are pages of the plan."""
    for chunk in chunks(pages):
        of_pages = StoryPictureRow.page_id.in_(chunk) | StoryPictureRow.picture_id.in_(chunk)
        db.execute(delete(StoryPictureRow).where(of_pages))


def _order_keys(db: Connection, pages: Sequence[int]) -> list[int]:
    keys: list[int] = []
    for chunk in chunks(pages):
        keys += db.scalars(select(ArticleRow.order_key).where(ArticleRow.page_id.in_(chunk)))
    return keys


def _leave_groups(db: Connection, pages: Sequence[int]) -> None:
    """Let the near-duplicates of pages look for another group."""
    alone = {"leader_id": None, "similarity": None, "version": ""}
    for chunk in chunks(pages):
        db.execute(update(SketchRow).where(SketchRow.leader_id.in_(chunk)).values(alone))
        db.execute(update(SketchRow).where(SketchRow.page_id.in_(chunk)).values(alone))


def _delete_ledger(db: Connection, pages: Sequence[int]) -> None:
    """Delete ledger entries, and keep how many there were of each outcome."""
    columns = (LedgerEntryRow.run_id, LedgerEntryRow.outcome)
    for chunk in chunks(pages):
        of_pages = LedgerEntryRow.page_id.in_(chunk)
        query = select(*columns, func.count()).where(of_pages).group_by(*columns)
        for run, outcome, count in db.execute(query).all():
            key = {"run_id": run, "outcome": outcome}
            blank = insert_or_ignore(db, ForgottenCountRow, ["run_id", "outcome"])
            db.execute(blank, [key | {"entries": 0}])
            row = update(ForgottenCountRow).filter_by(**key)
            db.execute(row.values(entries=ForgottenCountRow.entries + count))
            db.execute(delete(NightStatsRow).where(NightStatsRow.run_id == run))
        db.execute(delete(LedgerEntryRow).where(of_pages))


def _blank_pages(db: Connection, plan: ForgetPlan) -> None:
    secret = taken_down.ensure_secret(db)
    for page in plan.pages:
        key = taken_down.tombstone_key(secret, page.url_key)
        values = {**BLANK_PAGE, "url_key": key, "url": taken_down.tombstone_url(key)}
        db.execute(update(PageRow).where(PageRow.id == page.id).values(values))


def _delete_extracted(db: Connection, payloads: Sequence[int]) -> None:
    for chunk in chunks(payloads):
        db.execute(delete(ExtractedPageRow).where(ExtractedPageRow.payload_id.in_(chunk)))


def _delete_payloads(db: Connection, payloads: Sequence[int]) -> None:
    _delete_extracted(db, payloads)
    for chunk in chunks(payloads):
        db.execute(delete(PayloadRow).where(PayloadRow.id.in_(chunk)))


def _replace(db: Connection, bodies: Sequence[NewBody]) -> None:
    """Put other bytes in the place of payloads, under the same ids."""
    for new in bodies:
        digest = sha256(new.body).hexdigest()
        codec, body = compress(new.body)
        values = {
            "digest": digest,
            "size": len(new.body),
            "codec": codec,
            "body": body,
            "dictionary_id": None,
        }
        known = db.scalar(select(PayloadRow.id).where(PayloadRow.digest == digest))
        if known is None or known == new.payload_id:
            db.execute(update(PayloadRow).where(PayloadRow.id == new.payload_id).values(values))
            continue
        of_old = CaptureRow.payload_id == new.payload_id
        db.execute(update(CaptureRow).where(of_old).values(payload_id=known))
        of_page = PageRow.payload_id == new.payload_id
        db.execute(update(PageRow).where(of_page).values(payload_id=known))
        db.execute(delete(PayloadRow).where(PayloadRow.id == new.payload_id))


def _delete_mentions(db: Connection, urls: Sequence[str]) -> None:
    """Delete what else names a URL: issues, details of runs, and tasks that are done."""
    for url in urls:
        part = f"%{_escaped(url)}%"

        def names(column: Any, part: str = part) -> Any:
            return cast(column, Text).like(part, escape="\\")

        columns = (IssueRow.subject, IssueRow.sentence, IssueRow.cause, IssueRow.evidence)
        db.execute(delete(IssueRow).where(or_(*map(names, columns))))
        db.execute(delete(WatchMessageRow).where(names(WatchMessageRow.matches)))
        db.execute(update(RunRow).where(names(RunRow.detail)).values(detail=""))
        db.execute(update(LedgerEntryRow).where(names(LedgerEntryRow.detail)).values(detail=""))
    if db.dialect.name == "postgresql" and db.scalar(
        text("SELECT to_regclass('procrastinate_jobs')")
    ):
        done = text("DELETE FROM procrastinate_jobs WHERE status <> 'doing' AND args::text LIKE :p")
        for url in urls:
            db.execute(done, {"p": f"%{_escaped(url)}%"})


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
