"""The log grows with each closed run, and proves what rows say."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update

from pipeline.core.errors import StoreError
from pipeline.core.models import Reason
from pipeline.evidence import merkle
from pipeline.evidence.leaves import EventKind, entry_key
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db import run_log
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import events, log, proofs, tree
from pipeline.store.db.log_schema import LogLeafRow, SealedRunRow
from pipeline.store.db.schema import CaptureRow, RunRow
from tests.support.archive_factory import DAY, GONE, NIGHT, clean, night, url

STORIES = {url(name): f"Story {name}".encode() for name in "abcde"}


def hashes(store: Database) -> list[bytes]:
    with store.read() as db:
        return list(db.scalars(select(LogLeafRow.hash).order_by(LogLeafRow.number)))


def test_a_closed_run_has_a_leaf_for_each_capture_and_one_for_itself(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, STORIES)
    with store.read() as db:
        types = list(db.scalars(select(LogLeafRow.type).order_by(LogLeafRow.number)))
        size = tree.size(db)
        root = tree.root(db, size)
    assert types == ["event", *["capture"] * 5, "run"]
    assert root == merkle.root(hashes(store))


def test_an_open_run_has_no_leaf(archive: CrawlSession, store: Database) -> None:
    night(archive, STORIES)
    before = hashes(store)
    run = archive.start_run("courier")
    assert hashes(store) == before
    archive.finish_run(run, "finished")
    assert len(hashes(store)) == len(before) + 1


def test_a_run_whose_process_died_is_sealed_when_it_is_closed(
    archive: CrawlSession, store: Database
) -> None:
    with store.write() as db:
        run = run_log.open_run(db, "courier", "crawl")
    night(archive, STORIES)
    with store.read() as db:
        assert db.scalar(select(SealedRunRow.leaf).where(SealedRunRow.run_id == run)) == 1


def test_proofs_lead_to_the_root_of_the_log(archive: CrawlSession, store: Database) -> None:
    night(archive, STORIES)
    night(archive, {url("a"): b"Changed"}, NIGHT + DAY)
    with store.read() as db:
        size = tree.size(db)
        root = tree.root(db, size)
        old_root = tree.root(db, 7)
        for capture in db.scalars(select(CaptureRow.id)).all():
            assert proofs.capture_proof(db, capture).root == root
        assert proofs.capture_proof(db, 1, 7).root == old_root
        assert proofs.event_proof(db, 0).root == root
        run = proofs.run_proof(db, 1)
        assert run.root == root
        assert run.fields["captures"] == 5
        proof = tree.consistency_proof(db, 7, size)
    assert merkle.is_consistent(7, old_root, size, root, proof)


def test_a_ledger_proves_what_it_lists_and_what_it_does_not_list(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, STORIES)
    with store.read() as db:
        listed = proofs.ledger_proof(db, 1, url("c"))
        absent = proofs.ledger_proof(db, 1, url("never listed"))
    ledger_root = listed.run.fields["ledger"]["root"]
    assert listed.is_listed
    assert listed.entries[0].fields is not None
    assert listed.entries[0].fields["outcome"] == "fetched"
    assert listed.entries[0].root.hex() == ledger_root
    assert not absent.is_listed
    assert {entry.root.hex() for entry in absent.entries} == {ledger_root}
    keys = [bytes.fromhex(entry.data.decode().split('"')[7]) for entry in absent.entries]
    numbers = [entry.number for entry in absent.entries]
    wanted = entry_key(url("never listed"))
    if len(keys) == 2:
        assert keys[0] < wanted < keys[1]
        assert numbers[1] == numbers[0] + 1
    else:
        assert numbers in ([0], [absent.entries[0].size - 1])


def test_leaves_hold_values_and_no_row_ids(archive: CrawlSession, store: Database) -> None:
    night(archive, {url("a"): b"One"})
    night(archive, {url("a"): GONE}, NIGHT + DAY)
    with store.read() as db:
        first = proofs.capture_proof(db, 1).fields
        gone = proofs.capture_proof(db, 2).fields
    assert first["fetched_at"] == "2024-03-01T02:30:00.000000Z"
    assert first["payload"] == ("8b12507783d5becacbf2ebe5b01a60024d8728a8f86dcc818bce699e8b3320bc")
    assert first["requested_url"] == url("a")
    assert gone["outcome"] == "gone"
    assert gone["payload"] is None
    assert gone["prior_seen_at"] == first["fetched_at"]


def test_the_log_adopts_what_was_there_before_it(archive: CrawlSession, store: Database) -> None:
    night(archive, STORIES)
    clean(store)
    with store.write() as db:
        for table in ("log_leaf", "log_node", "sealed_run", "log_event"):
            db.execute(text(f"DELETE FROM {table}"))
    night(archive, {url("a"): b"Changed"}, NIGHT + DAY)
    with store.read() as db:
        (adopt,) = events.events(db, EventKind.ADOPT)
        adopted = proofs.run_proof(db, 1).fields
        later = proofs.run_proof(db, 3).fields
        proof = proofs.capture_proof(db, 1)
        assert proof.root == tree.root(db, tree.size(db))
    assert adopt.fields["runs"] == 2
    assert adopted["adopted"] is True
    assert later["adopted"] is False


def test_stored_nodes_of_several_levels_give_the_same_root(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "FANOUT", 4)
    made: list[bytes] = []
    for count in (1, 3, 10, 1, 70, 1, 90):
        hashed = [merkle.leaf_hash(f"{len(made)} {number}".encode()) for number in range(count)]
        made += hashed
        with store.write() as db:
            tree.append(db, [{"type": "event", "n": 0, "hash": h, "salt": None} for h in hashed])
    with store.read() as db:
        for size in (0, 1, 3, 4, 5, 15, 16, 17, 63, 64, 65, 127, 128, 150, len(made)):
            assert tree.root(db, size) == merkle.root(made[:size]), size
        for number in (0, 3, 4, 63, 64, len(made) - 1):
            path = tree.inclusion_proof(db, number, len(made))
            root = merkle.root_from_inclusion(made[number], number, len(made), path)
            assert root == merkle.root(made)


def test_a_changed_row_has_no_proof(archive: CrawlSession, store: Database) -> None:
    night(archive, STORIES)
    with store.write() as db:
        db.execute(update(CaptureRow).where(CaptureRow.id == 2).values(status=203))
    with store.read() as db, pytest.raises(StoreError, match="is not what its row says"):
        proofs.capture_proof(db, 2)


def test_an_archive_that_was_handed_over_opens_no_run(
    archive: CrawlSession, store: Database
) -> None:
    night(archive, STORIES)
    with store.write() as db:
        log.append_event(db, EventKind.HAND_OVER, {"to": "postgresql://elsewhere/news"})
    with pytest.raises(StoreError, match="handed over to postgresql://elsewhere/news"):
        archive.start_run("courier")


def test_what_is_forgotten_leaves_its_hashes(archive: CrawlSession, store: Database) -> None:
    night(archive, STORIES)
    before = hashes(store)
    with store.write() as db:
        leaves = events.leaves_of_captures(db, [1])
        details = {"reason": "an order of a court", "leaves": events.ranges_of(leaves)}
        event = log.append_event(db, EventKind.FORGET, details)
        events.remove_private_fields(db, leaves, event)
        events.remove_entries(db, 1, ledger=[0])
    assert hashes(store)[: len(before)] == before
    with store.read() as db:
        sealed = db.execute(select(SealedRunRow).where(SealedRunRow.run_id == 1)).one()
        leaf = db.execute(select(LogLeafRow).where(LogLeafRow.number == leaves[0])).one()
    assert leaf.salt is None
    assert leaf.removed_by == event
    assert sealed.ledger[:24] == bytes(24)


def test_closing_a_run_twice_seals_it_once(archive: CrawlSession, store: Database) -> None:
    night(archive, STORIES)
    before = hashes(store)
    with store.write() as db:
        run_log.close_run(db, 1, "finished", "", Reason.INTERRUPTED)
        assert db.scalar(select(RunRow.status).where(RunRow.id == 1)) == "finished"
    assert hashes(store) == before
