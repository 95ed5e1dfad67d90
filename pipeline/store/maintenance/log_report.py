"""What a verification of the log is given and what it reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pipeline.evidence import merkle

MAX_FAULTS: Final = 100  # that a report holds; more are counted


@dataclass(frozen=True, slots=True)
class OutsideView:
    """What somebody outside of the archive has seen of its log at a time.

    Attributes:
        source: Who, for people: a file, a witness, a timestamp authority.
        size: How many leaves the log had.
        root: Its root; None where only its size is known.
        archive: The UUID of the archive; "" where it is not known.
        at: When that was; None where it is not known.
    """

    source: str
    size: int
    root: bytes | None
    archive: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LogFault:
    """Something that does not fit.

    Attributes:
        leaf: The number of the leaf that it is about; None where it is about no leaf.
        sentence: What is wrong.
    """

    leaf: int | None
    sentence: str


@dataclass(slots=True)
class LogReport:
    """What a verification of the log came to.

    Attributes:
        archive: The UUID of the archive; "" where there is no log.
        key: The public key that signs now, Base64; "" without one.
        size: How many leaves the log has.
        root: Its root.
        counts: How many leaves and entries of each kind were compared with their rows.
        faults: What does not fit, in the order in which it was found.
        fault_count: How many faults there are in all.
        notes: What was declared: removals, restores, copies, keys. It is no fault.
        open_runs: How many runs are not over, so that their rows are not sealed yet.
        covered: The latest view from outside that fits.
    """

    archive: str = ""
    key: str = ""
    size: int = 0
    root: bytes = b""
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[LogFault] = field(default_factory=list)
    fault_count: int = 0
    notes: list[str] = field(default_factory=list)
    open_runs: int = 0
    covered: OutsideView | None = None

    def add(self, leaf: int | None, sentence: str) -> None:
        """Add a fault."""
        self.fault_count += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(LogFault(leaf, sentence))

    def count(self, kind: str, number: int = 1) -> None:
        """Count leaves or entries that were compared."""
        self.counts[kind] = self.counts.get(kind, 0) + number


class MerkleFold:
    """The tree over leaves that come one after the other, and the nodes that become full.

    Args:
        fanout: How many leaves make a node of level 1, and nodes of a level one of the next.
    """

    def __init__(self, fanout: int) -> None:
        self.size = 0
        self._fanout = fanout
        self._leaves: list[bytes] = []  # that make no full node yet
        self._stack: list[tuple[int, bytes]] = []  # sizes and hashes of full subtrees

    def extend(self, hashes: Sequence[bytes]) -> Iterator[tuple[int, int, bytes]]:
        """Add the hashes of leaves, and yield level, number and hash of each node that is full.

        Args:
            hashes: The hashes of the next leaves, 32 bytes each.

        Yields:
            Level 0 is that of the leaves, and numbers begin at 0 on each level.
        """
        start = 0
        while start < len(hashes):
            end = start + self._fanout - len(self._leaves)
            chunk = hashes[start:end]
            self._leaves += chunk
            self.size += len(chunk)
            start = end
            if len(self._leaves) == self._fanout:
                node, self._leaves = merkle.root(self._leaves), []
                yield from self._add_node(node)

    def _add_node(self, node: bytes) -> Iterator[tuple[int, int, bytes]]:
        size, level, unit = self._fanout, 1, self._fanout
        yield level, self.size // unit - 1, node
        while self._stack and self._stack[-1][0] == size:
            node = merkle.node_hash(self._stack.pop()[1], node)
            size *= 2
            if size == unit * self._fanout:
                level, unit = level + 1, size
                yield level, self.size // unit - 1, node
        self._stack.append((size, node))

    @property
    def root(self) -> bytes:
        """The root of the tree as it is."""
        nodes = [node for _, node in self._stack]
        if self._leaves or not nodes:
            nodes.append(merkle.root(self._leaves))
        root = nodes.pop()
        for left in reversed(nodes):
            root = merkle.node_hash(left, root)
        return root
