"""The tree of RFC 6962, the canonical JSON of RFC 8785, and the notes of C2SP."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evidence import keys, merkle, notes
from pipeline.evidence.leaves import canonical_json, parse_utc, utc_text

# The test vectors of RFC 6962's reference implementation (certificate-transparency, merkle_tree).
INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
HASHES = [merkle.leaf_hash(bytes.fromhex(data)) for data in INPUTS]


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_of_the_reference_implementation(size: int) -> None:
    assert merkle.root(HASHES[:size]).hex() == ROOTS[size]


def test_proofs_of_each_leaf_and_size_verify_and_forged_ones_do_not() -> None:
    hashes = [merkle.leaf_hash(bytes([number])) for number in range(19)]
    other = merkle.leaf_hash(b"other")
    for size in range(20):
        read, root = merkle.range_hash_of(hashes[:size]), merkle.root(hashes[:size])
        for number in range(size):
            path = merkle.inclusion_proof(number, size, read)
            leaf = hashes[number]
            assert merkle.root_from_inclusion(leaf, number, size, path) == root
            assert merkle.root_from_inclusion(other, number, size, path) != root
            with pytest.raises(ValueError, match="too long"):
                merkle.root_from_inclusion(leaf, number, size, [*path, other])
        for old in range(size + 1):
            proof, before = merkle.consistency_proof(old, size, read), merkle.root(hashes[:old])
            assert merkle.is_consistent(old, before, size, root, proof)
            assert not merkle.is_consistent(old, other, size, root, proof)
            if 0 < old < size:
                assert not merkle.is_consistent(old, before, size, other, proof)
                assert not merkle.is_consistent(old, before, size, root, proof[:-1])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(max_codepoint=0xD7FF)), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(st.characters(max_codepoint=0xD7FF)), VALUES, max_size=6))
def test_canonical_json_is_that_of_rfc_8785(fields: dict[str, object]) -> None:
    assert canonical_json(fields) == rfc8785.dumps(fields)  # type: ignore[arg-type]


def test_times_keep_their_microseconds_in_utc() -> None:
    moment = datetime(2026, 11, 28, 3, 4, 5, 60, tzinfo=UTC)
    assert utc_text(moment) == "2026-11-28T03:04:05.000060Z"
    assert parse_utc("2026-11-28T03:04:05.000060Z") == moment


def checkpoint_note(key: keys.SigningKey) -> str:
    moment = datetime(2026, 11, 28, tzinfo=UTC)
    text = notes.checkpoint_text("an-archive", 7, merkle.root(HASHES[:7]), moment, b"before")
    return key.sign_note("nightdesk/an-archive", text)


def test_a_checkpoint_is_a_signed_note() -> None:
    key = keys.new_key()
    note = checkpoint_note(key)
    lines = note.split("\n")
    assert lines[:2] == ["nightdesk/an-archive", "7"]
    assert lines[5] == ""
    assert lines[6].startswith("— nightdesk/an-archive ")
    read = notes.parse_note(note)
    assert (read.size, read.root, read.previous) == (7, merkle.root(HASHES[:7]), b"before")
    assert keys.is_signed_note(read, key.public_key)
    assert not keys.is_signed_note(read, keys.new_key().public_key)
    forged = notes.parse_note(note.replace("\n7\n", "\n8\n"))
    assert not keys.is_signed_note(forged, key.public_key)


@pytest.mark.parametrize(
    "text", ["", "origin\n", "origin\nseven\nAAAA\n", "origin\n7\n!\n", json.dumps({"size": 7})]
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(notes.BadNote):
        notes.parse_note(text)
