"""Merkle trees as in RFC 6962, section 2.1: roots, inclusion proofs and consistency proofs.

A proof needs the hashes of a few ranges of leaves. The caller passes a function that returns the
hash of a range, so that an archive can read stored hashes of large ranges instead of all leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()
RangeHash = Callable[[int, int], bytes]
"""Returns the hash of the tree over the leaves from the first number up to the second one."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node."""
    return sha256(b"\x01" + left + right).digest()


def split_point(size: int) -> int:
    """Return the largest power of two below a size, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def root(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a tree over leaf hashes.

    Args:
        hashes: The hashes of the leaves, 32 bytes each.

    Returns:
        32 bytes, by RFC 6962 (2.1). The root of no leaves is the SHA-256 of nothing.
    """
    if not hashes:
        return EMPTY_ROOT
    level = hashes
    while len(level) > 1:  # a last one without a partner is a node of the next level
        pairs = zip(level[::2], level[1::2], strict=False)
        nodes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
        if len(level) % 2:
            nodes.append(level[-1])
        level = nodes
    return level[0]


def range_hash_of(hashes: Sequence[bytes]) -> RangeHash:
    """Return the range hash of leaf hashes in memory."""
    return lambda start, end: root(hashes[start:end])


def inclusion_proof(number: int, size: int, range_hash: RangeHash) -> list[bytes]:
    """Return the audit path of a leaf (RFC 6962, section 2.1.1), lowest node first.

    Args:
        number: The number of the leaf, from 0.
        size: The size of the tree.
        range_hash: Returns the hash of a range of leaves.

    Raises:
        ValueError: The tree has no such leaf.
    """
    if not 0 <= number < size:
        raise ValueError(f"a log of {size} leaves has no leaf {number}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split_point(end - start)
        if number < middle:
            path.append(range_hash(middle, end))
            end = middle
        else:
            path.append(range_hash(start, middle))
            start = middle
    return path[::-1]


def root_from_inclusion(leaf: bytes, number: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 9162, section 2.1.3.2).

    Args:
        leaf: The hash of the leaf.
        number: The number of the leaf, from 0.
        size: The size of the tree.
        path: The proof, lowest node first.

    Raises:
        ValueError: The proof has not the length that a tree of this size asks for.
    """
    if not 0 <= number < size:
        raise ValueError(f"a log of {size} leaves has no leaf {number}")
    position, last, node = number, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the inclusion proof is too long")
        if position % 2 or position == last:
            node = node_hash(sibling, node)
            while position % 2 == 0 and position:
                position //= 2
                last //= 2
        else:
            node = node_hash(node, sibling)
        position //= 2
        last //= 2
    if last:
        raise ValueError("the inclusion proof is too short")
    return node


def consistency_proof(old_size: int, size: int, range_hash: RangeHash) -> list[bytes]:
    """Return the proof that a tree extends an older one (RFC 6962, section 2.1.2).

    Args:
        old_size: The size of the older tree.
        size: The size of the tree.
        range_hash: Returns the hash of a range of leaves.

    Raises:
        ValueError: The older tree is larger.
    """
    if not 0 <= old_size <= size:
        raise ValueError(f"a log of {size} leaves does not extend one of {old_size}")
    if old_size in (0, size):
        return []
    proof: list[bytes] = []
    start, end, is_whole = 0, size, True
    while old_size != end - start:
        middle = split_point(end - start)
        if old_size <= middle:
            proof.append(range_hash(start + middle, end))
            end = start + middle
        else:
            proof.append(range_hash(start, start + middle))
            old_size -= middle
            start += middle
            is_whole = False
    if not is_whole:
        proof.append(range_hash(start, end))
    return proof[::-1]


def is_consistent(
    old_size: int, old_root: bytes, size: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether a proof shows that a tree extends an older one (RFC 9162, 2.1.4.2).

    Args:
        old_size: The size of the older tree, in leaves.
        old_root: Its root, 32 bytes.
        size: The size of the newer tree.
        new_root: Its root, 32 bytes.
        proof: The hashes of the proof, in order.

    Returns:
        False where the proof leads to another root, or has too few or too many hashes.
    """
    if old_size == size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    if not proof or not 0 < old_size < size:
        return False
    nodes = list(proof)
    if old_size & (old_size - 1) == 0:
        nodes.insert(0, old_root)
    position, last = old_size - 1, size - 1
    while position % 2:
        position //= 2
        last //= 2
    old_node = new_node = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if position % 2 or position == last:
            old_node = node_hash(sibling, old_node)
            new_node = node_hash(sibling, new_node)
            while position % 2 == 0 and position:
                position //= 2
                last //= 2
        else:
            new_node = node_hash(new_node, sibling)
        position //= 2
        last //= 2
    return last == 0 and old_node == old_root and new_node == new_root
