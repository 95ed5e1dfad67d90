"""Read from strace what a program wrote and synced, and simulate a disk that loses power.

What was synced is there. Of what was written since then, anything may be there, be missing or be
torn at a sector. The order of two writes counts only if there is a sync between them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

SECTOR = 512
CALLS = "pwrite64,write,fsync,fdatasync,ftruncate,unlink"
STRACE = (
    "strace",
    "-f",
    "--seccomp-bpf",
    "-y",
    "-xx",
    "-s",
    "4000000",
    "-e",
    f"trace={CALLS}",
    "-e",
    "signal=none",
    "-o",
)
LINE = re.compile(rb"(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))", re.S)
WRITE = re.compile(rb'\d+<([^>]*)>, "([^"]*)", \d+(?:, (\d+))?')
ON_FILE = re.compile(rb"\d+<([^>]*)>(?:, (\d+))?")
NAMED = re.compile(rb'"([^"]*)"')


@dataclass(frozen=True)
class DiskEvent:
    """One successful call. `kind` is write, sync, cut or gone."""

    kind: str
    name: str
    at: int = 0
    data: bytes = b""


def read_events(log: Path, folder: Path) -> Iterator[DiskEvent]:
    """Yield the calls on files of a folder, in the order in which they ended."""
    begun: dict[bytes, bytes] = {}
    with log.open("rb") as lines:
        for line in lines:
            match = LINE.match(line)
            if match is None:
                continue
            pid, call, arguments, resumed, rest = match.groups()
            if resumed:
                call, arguments = resumed, begun.pop(pid, b"") + rest
            elif arguments.rstrip().endswith(b"<unfinished ...>"):
                begun[pid] = arguments.rpartition(b"<unfinished ...>")[0]
                continue
            if not re.search(rb"\) += -1 ", arguments[-200:]) and (
                event := _event(call.decode(), arguments)
            ):
                path = Path(event.name)
                if path.parent == folder:
                    yield DiskEvent(event.kind, path.name, event.at, event.data)


def _event(call: str, arguments: bytes) -> DiskEvent | None:
    if call == "pwrite64" and (match := WRITE.search(arguments)):
        return DiskEvent("write", _plain(match[1]), int(match[3] or 0), _bytes(match[2]))
    if call in ("fsync", "fdatasync") and (match := ON_FILE.search(arguments)):
        return DiskEvent("sync", _plain(match[1]))
    if call == "ftruncate" and (match := ON_FILE.search(arguments)):
        return DiskEvent("cut", _plain(match[1]), int(match[2] or 0))
    if call == "unlink" and (match := NAMED.search(arguments)):
        return DiskEvent("gone", _plain(match[1]))
    return None


def _bytes(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode("ascii"))


def _plain(text: bytes) -> str:
    return (_bytes(text) if text.startswith(b"\\x") else text).decode("utf8", "replace")


@dataclass
class SimulatedDisk:
    """The files of a folder, as programs see them and as they are durable.

    Attributes:
        current: The contents that programs see.
        durable: The contents that were synced.
        unsynced: The events since the last sync.
    """

    current: dict[str, bytearray] = field(default_factory=dict)
    durable: dict[str, bytearray] = field(default_factory=dict)
    unsynced: dict[str, list[DiskEvent]] = field(default_factory=dict)

    def apply(self, event: DiskEvent, *, honest: bool = True) -> None:
        """Apply one event. A disk that is not `honest` claims to sync, but does not."""
        if event.kind == "gone":  # the file system has its own journal for names
            for files in (self.current, self.durable):
                files.pop(event.name, None)
            self.unsynced.pop(event.name, None)
        elif event.kind == "sync":
            if honest:
                for earlier in self.unsynced.pop(event.name, []):
                    _apply_event(self.durable, earlier)
        else:
            _apply_event(self.current, event)
            self.unsynced.setdefault(event.name, []).append(event)

    def write_current(self, folder: Path) -> Path:
        """Write the files as programs see them."""
        return _write_files(folder, self.current)

    def write_after_power_loss(self, folder: Path, random_source: random.Random) -> Path:
        """Write the files as the disk may hold them if the power fails now."""
        files = {name: bytearray(data) for name, data in self.durable.items()}
        for name in self.unsynced:
            files.setdefault(name, bytearray())
        for event in chain.from_iterable(self.unsynced.values()):
            chance = random_source.random()
            if chance < 0.4:
                _apply_event(files, event)
            elif chance < 0.7 and event.kind == "write":
                sectors = range(0, len(event.data), SECTOR)
                for start in sectors:
                    if random_source.random() >= 0.5:
                        continue
                    _apply_event(
                        files,
                        DiskEvent(
                            "write",
                            event.name,
                            event.at + start,
                            event.data[start : start + SECTOR],
                        ),
                    )
        return _write_files(folder, files)


def _apply_event(files: dict[str, bytearray], event: DiskEvent) -> None:
    data = files.setdefault(event.name, bytearray())
    if event.kind == "cut":
        del data[event.at :]
        data.extend(bytes(event.at - len(data)))
    else:
        data.extend(bytes(max(0, event.at - len(data))))
        data[event.at : event.at + len(event.data)] = event.data


def _write_files(folder: Path, files: dict[str, bytearray]) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        if not name.endswith("-shm"):  # shared memory, which a database creates again
            (folder / name).write_bytes(data)
    return folder
