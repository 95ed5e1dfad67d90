"""What the events of a log declare, and whether the right key signed them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from pipeline.evidence import keys
from pipeline.evidence.leaves import EventKind
from pipeline.store.db.evidence import events
from pipeline.store.db.evidence.events import Event
from pipeline.store.maintenance.log_report import LogReport

REMOVALS: Final = (EventKind.PRUNE, EventKind.FORGET, EventKind.REDACT)


@dataclass(slots=True)
class Declared:
    """What the events of a log declare.

    Attributes:
        events: All events by the number of their leaf.
        removed: The leaves whose private fields an event removed, and the leaf of that event.
        pruned: The UUIDs of runs whose ledger was pruned.
        repaired: The UUIDs of runs whose ledger was counted again.
        forgotten: The numbers of forgotten entries by UUID of the run and tree.
        restores: The restores of a backup.
        imports: The events that made the archive a copy of another one.
        keys: From which leaf on which public key signs.
    """

    events: dict[int, Event] = field(default_factory=dict)
    removed: dict[int, int] = field(default_factory=dict)
    pruned: set[str] = field(default_factory=set)
    repaired: set[str] = field(default_factory=set)
    forgotten: dict[tuple[str, str], set[int]] = field(default_factory=lambda: defaultdict(set))
    restores: list[Event] = field(default_factory=list)
    imports: list[Event] = field(default_factory=list)
    keys: list[tuple[int, str]] = field(default_factory=list)

    def key_at(self, size: int) -> str:
        """Return the key that signed when the log had so many leaves; "" without one."""
        current = ""
        for leaf, key in self.keys:
            if leaf < size:
                current = key
        return current

    def archive_at(self, size: int) -> str:
        """Return the UUID of the archive when its log had so many leaves."""
        archive = ""
        for event in self.events.values():
            if event.leaf < size and event.kind in (EventKind.ADOPT, EventKind.IMPORT):
                archive = str(event.fields.get("archive", ""))
        return archive


def read_declared(
    db: Connection, report: LogReport, trusted_keys: Collection[str] = ()
) -> Declared:
    """Read the events of the log, and check their signatures.

    Args:
        db: A read transaction.
        report: Gets the faults and notes.
        trusted_keys: Fingerprints of keys that the reader trusts although no earlier key signed
            them.
    """
    declared = Declared()
    key = ""
    for event in events.events(db):
        declared.events[event.leaf] = event
        key = _next_key(event, key, report, trusted_keys)
        if not declared.keys or declared.keys[-1][1] != key:
            declared.keys.append((event.leaf, key))
        if (
            event.kind in events.SIGNED_KINDS
            and key
            and not keys.is_signed_event(event.fields, key)
        ):
            report.add(
                event.leaf,
                f"the event '{event.kind}' of {event.at:%Y-%m-%d %H:%M} UTC is not signed with the"
                " key of the archive",
            )
            continue  # it declares nothing
        _add(declared, event)
    _add_notes(declared, report)
    return declared


def _next_key(event: Event, key: str, report: LogReport, trusted: Collection[str]) -> str:
    if event.kind is EventKind.IMPORT and not event.fields.get("handed_over"):
        return ""
    if event.kind is not EventKind.KEY:
        return key
    new_key = str(event.fields.get("public_key", ""))
    is_trusted = bool(new_key) and keys.fingerprint(new_key) in trusted
    if key and not keys.is_signed_event(event.fields, key) and not is_trusted:
        report.add(
            event.leaf,
            f"the key changed on {event.at:%Y-%m-%d} and the old key did not sign that"
            f" ({event.fields.get('reason', 'no reason given')}); if you know that the new key"
            f" {keys.fingerprint(new_key)} is right, name it with --trust-key",
        )
    elif not key and not keys.is_signed_event(event.fields, new_key):
        report.add(event.leaf, "the first key of the archive did not sign its own announcement")
    return new_key


def _add(declared: Declared, event: Event) -> None:
    details = event.fields
    if event.kind in REMOVALS:
        for first, last in details.get("leaves", ()):
            for number in range(first, last + 1):
                declared.removed.setdefault(number, event.leaf)
    if event.kind is EventKind.PRUNE:
        declared.pruned.update(details.get("runs", ()))
    if event.kind is EventKind.REPAIR:
        declared.repaired.update(details.get("runs", ()))
    if event.kind in (EventKind.FORGET, EventKind.REDACT):
        for run, trees in details.get("entries", {}).items():
            for name, numbers in trees.items():
                declared.forgotten[run, name].update(numbers)
    if event.kind is EventKind.RESTORE:
        declared.restores.append(event)
    if event.kind is EventKind.IMPORT:
        declared.imports.append(event)


def _add_notes(declared: Declared, report: LogReport) -> None:
    for event in declared.restores:
        report.notes.append(
            f"a backup was restored, as declared on {event.at:%Y-%m-%d %H:%M} UTC: "
            f"{event.fields.get('reason', '')}"
        )
    for event in declared.imports:
        parent = event.fields.get("parent", "")
        report.notes.append(
            f"this is a copy of archive {parent}, made on {event.at:%Y-%m-%d}"
            if not event.fields.get("handed_over")
            else f"the archive moved here on {event.at:%Y-%m-%d}"
        )
    _note_removals(list(declared.events.values()), declared, report)


def _note_removals(all_events: Sequence[Event], declared: Declared, report: LogReport) -> None:
    counts: dict[int, int] = defaultdict(int)
    for event_leaf in declared.removed.values():
        counts[event_leaf] += 1
    by_kind: dict[str, list[Any]] = defaultdict(list)
    for event in all_events:
        if event.kind in (*REMOVALS, EventKind.REPAIR, EventKind.HIDE):
            by_kind[event.kind].append(event)
    for kind, of_kind in by_kind.items():
        leaves = sum(counts[event.leaf] for event in of_kind)
        last = f"{of_kind[-1].at:%Y-%m-%d}"
        unsigned = sum("key" not in event.fields for event in of_kind)
        text = f"'{kind}' was declared {len(of_kind)} times, last on {last}"
        text += f"; it removed what {leaves} leaves say" if leaves else ""
        text += f"; {unsigned} of these are not signed" if unsigned else ""
        report.notes.append(text)
