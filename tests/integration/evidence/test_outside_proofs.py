"""Timestamps and cosignatures in a bundle: honest ones are accepted, foreign ones refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.evidence import bundle_verifier, keys
from pipeline.evidence.bundle_verifier import CannotCheck, Forged, verify
from pipeline.evidence.witness import BadBundle
from pipeline.jobs.evidence import bundle as evidence_bundle
from pipeline.jobs.evidence import checkpoints as jobs
from pipeline.jobs.evidence.cosignatures import add_cosignatures
from pipeline.jobs.evidence.timestamps import stamp_checkpoints
from pipeline.jobs.evidence.witness import Witness
from pipeline.store import read
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from tests.integration.evidence.test_evidence_bundle import read_files, write_files
from tests.integration.evidence.test_timestamps import Authority
from tests.integration.evidence.test_timestamps import authority as authority
from tests.support.archive_factory import night, url
from tests.support.sealed_archive import checkpoint


@dataclass(frozen=True)
class Proven:
    """A bundle with a token and a cosignature."""

    store: Database
    bundle: Path
    witness: Witness
    seen: Path
    key: str


@pytest.fixture(scope="module")
def proven(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[Proven]:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "archive.db").write_bytes(sqlite_template.read_bytes())
    store = Database(f"sqlite:///{folder / 'archive.db'}")
    archive = CrawlSession(store)
    night(archive, {url("a"): b"Story a"}, datetime.now(UTC))
    key = keys.new_key()
    jobs.announce_key(store, key)
    checkpoint(store, key)
    assert stamp_checkpoints(store, [authority.url]) == []
    (folder / "latest.json").write_text(json.dumps(jobs.bundle(store)))
    witness = Witness(folder / "witness", "library.example")
    (observation,) = witness.observe(str(folder / "latest.json"))
    assert add_cosignatures(store, str(observation.path)) == 1
    page = read.find_page(store, url("a"))
    assert page is not None
    evidence_bundle.write_page_bundle(store, page, folder / "a.wacz")
    yield Proven(store, folder / "a.wacz", witness, observation.path, key.public_key)
    archive.close()


def test_an_honest_token_is_accepted(proven: Proven, authority: Authority) -> None:
    sentences = verify(proven.bundle, proven.key, str(authority.root))
    assert any("the authority's timestamp of the checkpoint is valid" in one for one in sentences)
    assert any("was not checked" in one for one in verify(proven.bundle, proven.key))


@pytest.mark.parametrize("forgery", ["other authority", "other checkpoint", "damaged"])
def test_a_foreign_or_forged_token_is_refused(
    proven: Proven, authority: Authority, tmp_path: Path, forgery: str
) -> None:
    files = read_files(proven.bundle)
    root = authority.root
    if forgery == "other authority":
        other = Authority(tmp_path)
        other.make_certificates()
        root = other.root
    elif forgery == "damaged":
        token = bytearray(files["evidence/token-1.tsr"])
        token[-1] ^= 1
        files["evidence/token-1.tsr"] = bytes(token)
    else:
        (tmp_path / "text").write_bytes(b"another text")
        query = ["openssl", "ts", "-query", "-data", "text", "-sha256", "-cert", "-out", "q"]
        subprocess.run(query, check=True, capture_output=True, cwd=tmp_path)
        files["evidence/token-1.tsr"] = authority.reply((tmp_path / "q").read_bytes())
    write_files(tmp_path / "forged.wacz", files)
    with pytest.raises(Forged, match="no timestamp of the checkpoint by this authority"):
        verify(tmp_path / "forged.wacz", proven.key, str(root))


def test_a_stranger_without_openssl_is_told_so(proven: Proven, authority: Authority) -> None:
    command = [sys.executable, "-I", "-S", bundle_verifier.__file__, str(proven.bundle)]
    done = subprocess.run(
        [*command, "--ca", str(authority.root)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": "/nowhere"},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("NOT CHECKED: the timestamps were not checked: the command")
    with pytest.raises(CannotCheck, match="there is no such file"):
        verify(proven.bundle, authorities="/nowhere/ca.pem")


def test_cosignatures_are_in_the_api_and_in_bundles(proven: Proven) -> None:
    assert "library.example" in jobs.bundle(proven.store)["checkpoint"]
    witness_key = proven.witness.key.public_key
    sentences = verify(proven.bundle, proven.key, witnesses=[witness_key])
    assert any("library.example co-signed the checkpoint at" in one for one in sentences)
    unchecked = [one for one in verify(proven.bundle) if "were not checked" in one]
    assert unchecked == [
        "Cosignatures were not checked; --witness names the key of: library.example."
    ]
    assert add_cosignatures(proven.store, str(proven.seen)) == 0


def test_a_bundle_that_a_witness_did_not_cosign_is_refused(proven: Proven, tmp_path: Path) -> None:
    with pytest.raises(Forged, match="did not co-sign"):
        verify(proven.bundle, proven.key, witnesses=[keys.new_key().public_key])
    files = read_files(proven.bundle)
    note = files["evidence/checkpoint.txt"].rstrip(b"\n")
    head, _, data = note.rpartition(b" ")
    files["evidence/checkpoint.txt"] = head + b" " + data[:-8] + b"AAAAAA==" + b"\n"
    write_files(tmp_path / "forged.wacz", files)
    with pytest.raises(Forged):
        verify(tmp_path / "forged.wacz", proven.key, witnesses=[proven.witness.key.public_key])
    with zipfile.ZipFile(tmp_path / "forged.wacz") as bundle:
        assert bundle.testzip() is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"witness_key": keys.new_key().public_key}, "not by the key that the file names"),
        ({"witness_key": None}, "names no 'witness_key'"),
        ({"checkpoint": "nightdesk/other\n5\nAAAA\n"}, "not by the key that the file names"),
    ],
)
def test_a_file_that_does_not_fit_adds_no_cosignature(
    proven: Proven, tmp_path: Path, change: dict[str, str | None], message: str
) -> None:
    path = tmp_path / "seen.json"
    path.write_text(json.dumps(json.loads(proven.seen.read_text()) | change))
    with pytest.raises(BadBundle, match=message):
        add_cosignatures(proven.store, str(path))


def test_a_checkpoint_of_another_archive_takes_no_cosignature_here(
    proven: Proven, archive: CrawlSession, store: Database
) -> None:
    night(archive, {url("b"): b"Story b"}, datetime.now(UTC))
    checkpoint(store, keys.new_key())
    with pytest.raises(BadBundle, match="did not make"):
        add_cosignatures(store, str(proven.seen))
