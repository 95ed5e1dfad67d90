"""Forgeries of a sealed archive by somebody who can write all of its database, without its key.

Each function is one forgery. Where that helps the forger, it also rewrites the hashes of the log
that it can compute, and signs with a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, text, update

from pipeline.evidence import keys, merkle
from pipeline.evidence.entries import ENTRY_BYTES, HASH_BYTES, KEY_BYTES, SALT_BYTES, entries_root
from pipeline.evidence.leaves import (
    SIGNATURE,
    EventKind,
    canonical_json,
    entry_hash,
    entry_key,
    leaf_hash,
    signed_bytes,
    utc_text,
)
from pipeline.store.codec.compression import compress
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import events, fields, log, sealing, tree
from pipeline.store.db.log_schema import (
    CheckpointRow,
    LogEventRow,
    LogLeafRow,
    LogNodeRow,
    SealedRunRow,
    TimestampRow,
)
from pipeline.store.db.schema import (
    ArticleRow,
    CaptureRow,
    CleanResultRow,
    LedgerEntryRow,
    PageRow,
    PayloadRow,
    RevisionRow,
    RunRow,
)
from tests.support.archive_factory import Reply, clean, night, url
from tests.support.sealed_archive import (
    FOREIGN_KEY,
    WEEK,
    changed,
    drop_runs,
    new_payload,
    rehash,
    renumber,
    reseal,
    resign,
)

# --- forgeries ---


def rename_a_page(db: Connection) -> None:
    db.execute(update(PageRow).where(PageRow.url == url("b")).values(url=url("other")))


def swap_the_bytes_of_two_payloads(db: Connection) -> None:
    first, second = db.execute(select(PayloadRow).order_by(PayloadRow.id).limit(2)).all()
    for row, other in ((first, second), (second, first)):
        values = {"body": other.body, "codec": other.codec, "size": other.size}
        db.execute(update(PayloadRow).where(PayloadRow.id == row.id).values(values))


def swap_the_payloads_of_two_captures(db: Connection) -> None:
    first, second = db.execute(
        select(CaptureRow.id, CaptureRow.payload_id)
        .where(CaptureRow.payload_id.is_not(None))
        .order_by(CaptureRow.id)
        .limit(2)
    ).all()
    for row, other in ((first, second), (second, first)):
        values = {"payload_id": other.payload_id}
        db.execute(update(CaptureRow).where(CaptureRow.id == row.id).values(values))


def change_stored_bytes(db: Connection) -> None:
    codec, packed = compress(b"Story a\nA price of \xc2\xa321")
    values = {"codec": codec, "body": packed, "dictionary_id": None}
    db.execute(update(PayloadRow).where(PayloadRow.id == 1).values(values))


def change_bytes_and_digest(db: Connection) -> None:
    body = b"Story a\nA price of \xc2\xa321"
    change_stored_bytes(db)
    values = {"digest": sha256(body).hexdigest(), "size": len(body)}
    db.execute(update(PayloadRow).where(PayloadRow.id == 1).values(values))


def change_bytes_digest_and_leaf(db: Connection) -> None:
    change_bytes_and_digest(db)
    rehash(db, 1)


def change_bytes_digest_leaf_and_checkpoints(db: Connection) -> None:
    change_bytes_digest_and_leaf(db)
    resign(db)


def capture_values(db: Connection, **changes: Any) -> dict[str, Any]:
    row = db.execute(select(CaptureRow).where(CaptureRow.id == 1)).one()
    values = dict(row._mapping) | changes
    values.pop("id")
    return values


def insert_a_capture(db: Connection) -> None:
    payload = new_payload(db, b"Never published")
    db.execute(insert(CaptureRow).values(capture_values(db, payload_id=payload)))


def insert_a_capture_with_a_leaf_at_the_end(db: Connection) -> None:
    payload = new_payload(db, b"Never published")
    values = capture_values(db, payload_id=payload)
    new = insert(CaptureRow).values(values).returning(CaptureRow.id)
    capture = int(db.execute(new).scalar_one())
    row = db.execute(fields.CAPTURES.where(CaptureRow.id == capture)).one()
    sealed = db.execute(select(SealedRunRow).where(SealedRunRow.run_id == 1)).one()
    salt = bytes(16)
    said = fields.capture_fields(row[1:], "courier")
    leaf = {
        "type": "capture",
        "n": 6,
        "run_id": 1,
        "capture_id": capture,
        "salt": salt,
        "hash": leaf_hash("capture", sealed.uuid, 6, salt, said),
    }
    tree.append(db, [leaf])


def insert_a_night_dated_back(db: Connection) -> None:
    at = datetime.now(UTC) - WEEK
    row = dict(db.execute(select(RunRow).where(RunRow.id == 1)).one()._mapping)
    row |= {"started_at": at, "finished_at": at + timedelta(minutes=9)}
    row.pop("id")
    run = int(db.execute(insert(RunRow).values(row).returning(RunRow.id)).scalar_one())
    payload = new_payload(db, b"Published a week ago, they say")
    values = capture_values(db, payload_id=payload, run_id=run, fetched_at=at)
    db.execute(insert(CaptureRow).values(values))
    sealing.seal_run(db, run)


def insert_a_night_as_if_adopted(db: Connection) -> None:
    at = datetime.now(UTC) - WEEK
    row = dict(db.execute(select(RunRow).where(RunRow.id == 1)).one()._mapping)
    row |= {"started_at": at, "finished_at": at + timedelta(minutes=9)}
    row.pop("id")
    run = int(db.execute(insert(RunRow).values(row).returning(RunRow.id)).scalar_one())
    sealing.seal_run(db, run, is_adopted=True)


def insert_an_old_capture_into_a_new_night(db: Connection) -> None:
    now = datetime.now(UTC)
    row = dict(db.execute(select(RunRow).where(RunRow.id == 1)).one()._mapping)
    row |= {"started_at": now, "finished_at": now}
    row.pop("id")
    run = int(db.execute(insert(RunRow).values(row).returning(RunRow.id)).scalar_one())
    payload = new_payload(db, b"Seen a week ago, they say")
    values = capture_values(db, payload_id=payload, run_id=run, fetched_at=now - WEEK)
    db.execute(insert(CaptureRow).values(values))
    sealing.seal_run(db, run)


def delete_a_capture(db: Connection) -> None:
    db.execute(delete(CaptureRow).where(CaptureRow.id == 2))


def delete_a_capture_and_its_leaf(db: Connection) -> None:
    db.execute(delete(LogLeafRow).where(LogLeafRow.capture_id == 2))
    delete_a_capture(db)


def delete_a_capture_and_renumber(db: Connection) -> None:
    delete_a_capture_and_its_leaf(db)
    renumber(db)


def delete_a_capture_and_rewrite_its_run(db: Connection) -> None:
    delete_a_capture_and_renumber(db)
    leaf = select(LogLeafRow.number).where(LogLeafRow.type == "run").order_by(LogLeafRow.number)
    number = db.scalar(leaf.limit(1))
    db.execute(update(LogLeafRow).where(LogLeafRow.number == number).values(n=5))
    captures = db.scalars(select(CaptureRow.id).where(CaptureRow.run_id == 1)).all()
    for n, capture in enumerate(captures):
        db.execute(update(LogLeafRow).where(LogLeafRow.capture_id == capture).values(n=n))
        rehash(db, capture)
    reseal(db, 1, captures=5)
    resign(db)


def delete_a_capture_without_an_event(db: Connection) -> None:
    values = {"salt": None, "removed_by": 0, "capture_id": None}
    db.execute(update(LogLeafRow).where(LogLeafRow.capture_id == 2).values(values))
    delete_a_capture(db)


def drop_a_night(db: Connection) -> None:
    drop_runs(db, [3, 4])
    renumber(db)


def drop_a_night_and_sign_again(db: Connection) -> None:
    drop_a_night(db)
    resign(db)


def cut_off_the_last_night(db: Connection) -> None:
    drop_runs(db, [5, 6])
    size = tree.size(db)
    db.execute(delete(CheckpointRow).where(CheckpointRow.size > size))


def change_a_ledger_entry(db: Connection) -> None:
    page = select(PageRow.id).where(PageRow.url == url("b")).scalar_subquery()
    entry = (LedgerEntryRow.run_id == 3, LedgerEntryRow.page_id == page)
    db.execute(update(LedgerEntryRow).where(*entry).values(outcome="unchanged", status=200))


def delete_a_ledger_entry(db: Connection) -> None:
    page = select(PageRow.id).where(PageRow.url == url("f")).scalar_subquery()
    entry = (LedgerEntryRow.run_id == 1, LedgerEntryRow.page_id == page)
    db.execute(delete(LedgerEntryRow).where(*entry))


def add_a_ledger_entry(db: Connection) -> None:
    page = db.scalar(select(PageRow.id).where(PageRow.url == url("g")))
    row = db.execute(select(LedgerEntryRow).where(LedgerEntryRow.run_id == 1).limit(1)).one()
    values = dict(row._mapping) | {"page_id": page}
    db.execute(insert(LedgerEntryRow).values(values))


def change_a_ledger_entry_and_its_hash(db: Connection) -> bytes:
    change_a_ledger_entry(db)
    packed = bytearray(
        db.scalar(select(SealedRunRow.ledger).where(SealedRunRow.run_id == 3)) or b""
    )
    key = entry_key(url("b"))
    said = dict(fields.ledger_of_run(db, 3))[url("b")]
    for start in range(0, len(packed), ENTRY_BYTES):
        if packed[start : start + KEY_BYTES] == key[:KEY_BYTES]:
            salt = bytes(packed[start + KEY_BYTES : start + KEY_BYTES + SALT_BYTES])
            hashed = entry_hash(key, salt, said)
            packed[start + ENTRY_BYTES - HASH_BYTES : start + ENTRY_BYTES] = hashed
    ledger = bytes(packed)
    db.execute(update(SealedRunRow).where(SealedRunRow.run_id == 3).values(ledger=ledger))
    return ledger


def change_a_ledger_up_to_its_leaf(db: Connection) -> None:
    ledger = change_a_ledger_entry_and_its_hash(db)
    size = len(ledger) // ENTRY_BYTES
    reseal(db, 3, ledger={"size": size, "root": entries_root(ledger).hex()})
    resign(db)


def claim_a_run_again(db: Connection) -> None:
    at = datetime.now(UTC) - WEEK
    db.execute(update(RunRow).where(RunRow.id == 3).values(finished_at=at))
    reseal(db, 3, finished_at=utc_text(at))


def exchange_two_leaves(db: Connection) -> None:
    for old, new in ((1, -1), (2, 1), (-1, 2)):
        db.execute(update(LogLeafRow).where(LogLeafRow.number == old).values(number=new))


def exchange_the_runs_of_two_captures(db: Connection) -> None:
    last = db.scalar(select(CaptureRow.id).order_by(CaptureRow.id.desc()).limit(1))
    db.execute(update(CaptureRow).where(CaptureRow.id == 1).values(run_id=5))
    db.execute(update(CaptureRow).where(CaptureRow.id == last).values(run_id=1))


def _prune(db: Connection, signer: keys.SigningKey | None) -> None:
    leaves = events.leaves_of_captures(db, [2])
    archive = events.archive_id(db)
    details: dict[str, Any] = {
        "kind": EventKind.PRUNE,
        "at": utc_text(events.read_end(db).next_time),
        "archive": archive,
        "leaves": events.ranges_of(leaves),
    }
    if signer is not None:
        details["key"] = signer.public_key
        details[SIGNATURE] = signer.sign_text(signed_bytes(details))
    event = events.write(db, archive, details)
    events.remove_private_fields(db, leaves, event)
    delete_a_capture(db)


def prune_without_a_signature(db: Connection) -> None:
    _prune(db, None)


def prune_with_another_key(db: Connection) -> None:
    _prune(db, FOREIGN_KEY)


def prune_after_a_false_change_of_the_key(db: Connection) -> None:
    details = {"public_key": FOREIGN_KEY.public_key, "how": "lost", "reason": "a new disk"}
    log.append_event(db, EventKind.KEY, details, FOREIGN_KEY)
    _prune(db, FOREIGN_KEY)


def prune_as_a_false_copy(db: Connection) -> None:
    size = tree.size(db)
    log.append_import(db, events.archive_id(db), size, tree.root(db, size), handed_over=False)
    details = {"public_key": FOREIGN_KEY.public_key, "how": "first"}
    log.append_event(db, EventKind.KEY, details, FOREIGN_KEY)
    _prune(db, FOREIGN_KEY)


def claim_a_repair(db: Connection) -> None:
    delete_a_ledger_entry(db)
    uuid = db.scalar(select(SealedRunRow.uuid).where(SealedRunRow.run_id == 1))
    archive = events.archive_id(db)
    details = {
        "kind": EventKind.REPAIR,
        "at": utc_text(events.read_end(db).next_time),
        "archive": archive,
        "runs": [uuid],
    }
    events.write(db, archive, details)


def write_the_log_anew(db: Connection) -> None:
    change_bytes_and_digest(db)
    for table in (TimestampRow, CheckpointRow, LogEventRow, SealedRunRow, LogNodeRow, LogLeafRow):
        db.execute(delete(table))
    sealing.start(db)


def remove_the_log(db: Connection) -> None:
    for table in (TimestampRow, CheckpointRow, LogEventRow, SealedRunRow, LogNodeRow, LogLeafRow):
        db.execute(delete(table))


def declare_a_restore_without_the_key(db: Connection) -> None:
    cut_off_the_last_night(db)
    archive = events.archive_id(db)
    details = {
        "kind": EventKind.RESTORE,
        "at": utc_text(events.read_end(db).next_time),
        "archive": archive,
        "reason": "the disk failed",
    }
    events.write(db, archive, details)


def change_an_event(db: Connection) -> None:
    at = datetime.now(UTC) - WEEK
    row = db.execute(select(LogEventRow).where(LogEventRow.leaf == 0)).one()
    said = msgspec.json.decode(row.fields) | {"at": utc_text(at)}
    values = {"at": at, "fields": canonical_json(said).decode()}
    db.execute(update(LogEventRow).where(LogEventRow.leaf == 0).values(values))


def replace_the_text_of_a_result(db: Connection) -> None:
    digest = sha256(b"Story a\nA price of \xc2\xa321").hexdigest()
    db.execute(update(CleanResultRow).where(CleanResultRow.id == 1).values(text_digest=digest))


def replace_the_metadata_of_a_result(db: Connection) -> None:
    row = db.execute(select(CleanResultRow).where(CleanResultRow.id == 1)).one()
    chosen = dict(row.chosen_metadata) | {"title": "Another headline"}
    db.execute(update(CleanResultRow).where(CleanResultRow.id == 1).values(chosen_metadata=chosen))


def replace_the_text_of_a_revision(db: Connection) -> None:
    db.execute(update(RevisionRow).where(RevisionRow.id == 1).values(text="Story a\nAnother text"))


def point_an_article_at_another_text(db: Connection) -> None:
    first, second = db.execute(select(ArticleRow).order_by(ArticleRow.page_id).limit(2)).all()
    values = {"revision_id": second.revision_id, "clean_result_id": second.clean_result_id}
    db.execute(update(ArticleRow).where(ArticleRow.page_id == first.page_id).values(values))


def point_an_article_at_an_older_revision(db: Connection) -> None:
    page = db.scalar(select(PageRow.id).where(PageRow.url == url("a")))
    old = select(RevisionRow.id, RevisionRow.clean_result_id).where(RevisionRow.page_id == page)
    row = db.execute(old.order_by(RevisionRow.number).limit(1)).one()
    values = {"revision_id": row.id, "clean_result_id": row.clean_result_id}
    db.execute(update(ArticleRow).where(ArticleRow.page_id == page).values(values))


def change_a_node(db: Connection) -> None:
    leaf = merkle.leaf_hash(b"of the forger")
    db.execute(insert(LogNodeRow).values(level=1, number=0, hash=leaf))


def hide_a_run_as_open(db: Connection) -> None:
    """Insert a run that never ends, whose capture would be 'not sealed yet' for ever."""
    db.execute(delete(SealedRunRow).where(SealedRunRow.run_id == 5))
    db.execute(delete(LogLeafRow).where(LogLeafRow.run_id == 5))
    db.execute(update(RunRow).where(RunRow.id == 5).values(status="running", finished_at=None))
    renumber(db)


def false_checkpoint(db: Connection) -> None:
    """Store a checkpoint of the same log, signed with another key, over all of the others."""
    db.execute(delete(TimestampRow))
    resign(db)


def rewind(store: Database) -> None:
    with store.write() as db:
        cut_off_the_last_night(db)


def fork(store: Database) -> None:
    """Give one reader another last night than the other."""
    from pipeline.store.crawl.session import CrawlSession

    rewind(store)
    replies: dict[str, bytes | Reply] = {url("h"): b"Story h\nOnly one reader sees this"}
    night(CrawlSession(store), replies, datetime.now(UTC))
    clean(store)


Forgery = Callable[[Connection], object]

IN_ROWS: dict[str, Forgery] = {
    "change a status": changed(CaptureRow, 1, status=203),
    "date a capture back": changed(CaptureRow, 1, fetched_at=datetime.now(UTC) - WEEK),
    "change headers": changed(CaptureRow, 1, headers={"etag": "of the forger"}),
    "change a location": changed(CaptureRow, 1, location="https://elsewhere.example/"),
    "change a sentence": changed(CaptureRow, 1, detail="the server said no"),
    "change opt-outs": changed(CaptureRow, 1, opt_outs="noai"),
    "change a size": changed(CaptureRow, 1, size=7),
    "change a media type": changed(CaptureRow, 1, media_type="text/plain"),
    "change a charset": changed(CaptureRow, 1, charset="koi8-r"),
    "change the visit before": changed(CaptureRow, 7, prior_seen_at=None),
    "change a requested URL": changed(CaptureRow, 1, requested_url="https://elsewhere.example/"),
    "move a capture to another page": changed(CaptureRow, 1, page_id=4),
    "take a capture out of its run": changed(CaptureRow, 1, run_id=None),
    "change the counts of a run": changed(RunRow, 1, counts={"fetched": 5}),
    "change the end of a run": changed(RunRow, 1, finished_at=datetime.now(UTC) - WEEK),
    "change the status of a run": changed(RunRow, 1, status="failed"),
    "change the site of a run": changed(RunRow, 1, site="gazette"),
    "say that a run was pruned": changed(RunRow, 1, pruned_at=datetime.now(UTC)),
    "change the digest of a payload": changed(PayloadRow, 1, digest="0" * 64),
}


def say_that_a_page_was_not_gone(db: Connection) -> None:
    gone = update(CaptureRow).where(CaptureRow.outcome == "gone")
    db.execute(gone.values(outcome="fetched", reason="changed"))


FORGERIES: dict[str, Forgery] = IN_ROWS | {
    function.__name__.replace("_", " "): function
    for function in (
        rename_a_page,
        say_that_a_page_was_not_gone,
        swap_the_bytes_of_two_payloads,
        swap_the_payloads_of_two_captures,
        change_stored_bytes,
        change_bytes_and_digest,
        change_bytes_digest_and_leaf,
        change_bytes_digest_leaf_and_checkpoints,
        insert_a_capture,
        insert_a_capture_with_a_leaf_at_the_end,
        insert_a_night_dated_back,
        insert_a_night_as_if_adopted,
        insert_an_old_capture_into_a_new_night,
        delete_a_capture,
        delete_a_capture_and_its_leaf,
        delete_a_capture_and_renumber,
        delete_a_capture_and_rewrite_its_run,
        delete_a_capture_without_an_event,
        drop_a_night,
        drop_a_night_and_sign_again,
        cut_off_the_last_night,
        change_a_ledger_entry,
        delete_a_ledger_entry,
        add_a_ledger_entry,
        change_a_ledger_entry_and_its_hash,
        change_a_ledger_up_to_its_leaf,
        claim_a_run_again,
        exchange_two_leaves,
        exchange_the_runs_of_two_captures,
        prune_without_a_signature,
        prune_with_another_key,
        prune_after_a_false_change_of_the_key,
        prune_as_a_false_copy,
        claim_a_repair,
        write_the_log_anew,
        remove_the_log,
        declare_a_restore_without_the_key,
        change_an_event,
        replace_the_text_of_a_result,
        replace_the_metadata_of_a_result,
        replace_the_text_of_a_revision,
        point_an_article_at_another_text,
        point_an_article_at_an_older_revision,
        change_a_node,
        hide_a_run_as_open,
        false_checkpoint,
    )
}
WHOLE: dict[str, Callable[[Database], None]] = {
    "roll back to an older state": rewind,
    "show two readers two logs": fork,
}


def forge(store: Database, name: str) -> None:
    """Do a forgery."""
    if name in WHOLE:
        WHOLE[name](store)
        return
    with store.write() as db:
        if store.is_sqlite:
            db.execute(text("PRAGMA defer_foreign_keys = ON"))
        FORGERIES[name](db)
