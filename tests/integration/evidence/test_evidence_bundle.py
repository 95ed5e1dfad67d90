"""Evidence bundles: honest ones are accepted by the stand-alone verifier, forged ones refused."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert

from pipeline.core.errors import ConfigError
from pipeline.core.models import CrawlSource, Outcome, Reason, UrlKind
from pipeline.evidence import bundle_verifier
from pipeline.evidence.bundle_verifier import Forged, is_signed, verify
from pipeline.evidence.leaves import EventKind
from pipeline.formats.export import write_export
from pipeline.jobs.evidence import bundle as evidence_bundle
from pipeline.store import read
from pipeline.store.crawl.session import CrawlSession
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import events, tree
from pipeline.store.db.evidence.log import append_event
from pipeline.store.db.log_schema import CheckpointRow
from pipeline.store.read import ExportQuery
from tests.support.archive_factory import (
    DAY,
    GONE,
    NIGHT,
    SITE,
    Reply,
    capture,
    clean,
    night,
    url,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
ROBOTS = CrawlSource(url("robots.txt"), UrlKind.ROBOTS)
FERRY, GONE_STORY, MOVED = url("ferry"), url("gone"), url("moved")
NAMES = ["ferry", "gone", *(f"story-{number}" for number in range(12)), "d%C3%B6rte?b=1&id=7"]
ABSENT = ["never", "zzz", "0", "story-99", "fer"]
Files = dict[str, bytes]


class Signer:
    """The key of the archive in these tests."""

    public_key = PUBLIC

    def sign_text(self, data: bytes) -> str:
        return base64.b64encode(KEY.sign(data)).decode()


@dataclass(frozen=True)
class Archive:
    store: Database
    folder: Path

    def bundle(self, name: str) -> Path:
        """Return the bundle of a story, or of the absence of a URL."""
        path = self.folder / f"{sha256(name.encode()).hexdigest()[:12]}.wacz"
        if not path.exists():
            page = read.find_page(self.store, url(name))
            if page is None:
                evidence_bundle.write_absence_bundle(self.store, SITE, url(name), path)
            else:
                evidence_bundle.write_page_bundle(self.store, page, path)
        return path


def make_checkpoint(store: Database, key: Ed25519PrivateKey = KEY) -> None:
    """Sign the log as it is."""
    with store.write() as db:
        size = tree.size(db)
        root, archive = tree.root(db, size), events.archive_id(db)
        text = f"nightdesk/{archive}\n{size}\n{base64.b64encode(root).decode()}\n"
        line = base64.b64encode(bytes(4) + key.sign(text.encode())).decode()
        note = f"{text}\n\N{EM DASH} nightdesk {line}\n"
        values = {"size": size, "root": root, "at": NIGHT, "note": note}
        db.execute(insert(CheckpointRow).values(values))


@pytest.fixture(scope="module")
def grown(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """A signed archive of three nights."""
    folder = tmp_path_factory.mktemp("bundles")
    shutil.copy(sqlite_template, folder / "archive.db")
    store = Database(f"sqlite:///{folder / 'archive.db'}")
    archive = CrawlSession(store)
    run = archive.start_run(SITE)
    due = archive.register_source(run, ROBOTS)
    answer = capture(due, Reply(b"User-agent: *\nAllow: /"), NIGHT)
    archive.save_source(run, answer, (), ROBOTS.kind)
    archive.finish_run(run, "finished")
    with store.write() as db:
        append_event(db, EventKind.KEY, {"public_key": PUBLIC}, Signer())
    replies: dict[str, bytes | Reply] = {}
    for name in NAMES:
        replies[url(name)] = f"About {name}\nIt is news of {name}, wörd".encode()
    replies[MOVED] = Reply(None, Outcome.REDIRECTED, Reason.HTTP_REDIRECT, 301, target=FERRY)
    night(archive, replies)
    clean(store)
    night(archive, {FERRY: b"About ferry\nIt is other news", GONE_STORY: GONE}, NIGHT + DAY)
    clean(store)
    night(archive, {FERRY: replies[FERRY]}, NIGHT + 2 * DAY)
    make_checkpoint(store)
    yield Archive(store, folder)
    archive.close()


@pytest.mark.parametrize("name", [*NAMES, *ABSENT])
def test_honest_bundles_are_accepted(grown: Archive, name: str) -> None:
    sentences = verify(grown.bundle(name), PUBLIC)
    assert any("signed by the key" in sentence for sentence in sentences)
    if name in ABSENT:
        assert sum("not listed by any source" in sentence for sentence in sentences) == 4
    else:
        assert any(sentence.startswith("captured") for sentence in sentences)
        assert any("text was recorded" in sentence for sentence in sentences)


def test_a_bundle_says_between_which_visits_a_page_went_away(grown: Archive) -> None:
    gone = [one for one in verify(grown.bundle("gone"), PUBLIC) if one.startswith("gone between")]
    assert gone == [
        f"gone between 2024-03-01T02:30:00.000000Z and 2024-03-02T02:30:00.000000Z: {GONE_STORY}"
    ]


def test_a_stranger_verifies_with_python_alone(grown: Archive, tmp_path: Path) -> None:
    with zipfile.ZipFile(grown.bundle("ferry")) as bundle:
        bundle.extract("evidence/verify.py", tmp_path)
    command = [sys.executable, "-I", "-S", str(tmp_path / "evidence" / "verify.py")]
    done = subprocess.run(
        [*command, str(grown.bundle("ferry")), "--key", PUBLIC], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"All is as the archive recorded it." in done.stdout


def test_a_bundle_has_what_a_person_and_a_replay_need(grown: Archive) -> None:
    files = read_files(grown.bundle("ferry"))
    assert {
        "archive/data.warc.gz", "indexes/index.cdx", "pages/pages.jsonl", "evidence/summary.html",
        "evidence/article.json", "evidence/text.txt", "evidence/checkpoint.txt",
    } <= files.keys()  # fmt: skip
    assert b"User-agent" in gzip.decompress(files["archive/data.warc.gz"])
    for line in files["indexes/index.cdx"].decode().splitlines():
        place = json.loads(line.split(" ", 2)[2])
        start, length = int(place["offset"]), int(place["length"])
        record = gzip.decompress(files["archive/data.warc.gz"][start : start + length])
        assert place["url"].encode() in record
    described = json.loads(files["evidence/article.json"])
    assert len(described["revisions"]) == 2
    assert "-It is news of ferry, wörd" in described["revisions"][1]["diff"]
    package = json.loads(files["datapackage.json"])
    assert package["wacz_version"] == "1.1.1"


def read_files(path: Path) -> Files:
    with zipfile.ZipFile(path) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def write_files(path: Path, files: Files) -> None:
    """Write a bundle whose digests are right, as a forger would."""
    package = json.loads(files["datapackage.json"])
    for resource in package["resources"]:
        body = files.get(resource["path"], b"")
        resource |= {"hash": f"sha256:{sha256(body).hexdigest()}", "bytes": len(body)}
    files["datapackage.json"] = json.dumps(package).encode()
    digest = sha256(files["datapackage.json"]).hexdigest()
    files["datapackage-digest.json"] = json.dumps({"hash": f"sha256:{digest}"}).encode()
    with zipfile.ZipFile(path, "w") as bundle:
        for name, body in files.items():
            bundle.writestr(name, body)


def in_proofs(change: Callable[[dict[str, Any]], None]) -> Callable[[Files], None]:
    def forge(files: Files) -> None:
        proofs = json.loads(files["evidence/proofs.json"])
        change(proofs)
        files["evidence/proofs.json"] = json.dumps(proofs).encode()

    return forge


def in_capture(**changes: Any) -> Callable[[Files], None]:
    return in_proofs(lambda proofs: proofs["captures"][0].update(changes))


def in_fields(name: str, value: Any) -> Callable[[Files], None]:
    return in_proofs(lambda proofs: proofs["captures"][0]["fields"].update({name: value}))


def in_data(name: str, value: Any) -> Callable[[Files], None]:
    """Change what a leaf says itself."""

    def change(proofs: dict[str, Any]) -> None:
        leaf = json.loads(proofs["captures"][0]["data"])
        leaf[name] = value
        proofs["captures"][0]["data"] = bundle_verifier.canonical(leaf).decode()

    return in_proofs(change)


def in_warc(old: bytes, new: bytes) -> Callable[[Files], None]:
    def forge(files: Files) -> None:
        records = gzip.decompress(files["archive/data.warc.gz"])
        assert old in records
        files["archive/data.warc.gz"] = gzip.compress(records.replace(old, new))

    return forge


def in_file(name: str, old: bytes, new: bytes) -> Callable[[Files], None]:
    def forge(files: Files) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new)

    return forge


def without_record(files: Files) -> None:
    records = gzip.decompress(files["archive/data.warc.gz"]).split(b"WARC/1.1\r\n")
    files["archive/data.warc.gz"] = gzip.compress(b"WARC/1.1\r\n".join(records[:-2] + records[-1:]))


def with_second_record(files: Files) -> None:
    records = gzip.decompress(files["archive/data.warc.gz"]).split(b"WARC/1.1\r\n")
    extra = records[-1].replace(b"ferry", b"barge")
    files["archive/data.warc.gz"] = gzip.compress(b"WARC/1.1\r\n".join([*records, extra]))


def signed_by_another(files: Files) -> None:
    text = files["evidence/checkpoint.txt"].partition(b"\n\n")[0] + b"\n"
    line = base64.b64encode(bytes(4) + OTHER_KEY.sign(text))
    files["evidence/checkpoint.txt"] = text + b"\n\xe2\x80\x94 nightdesk " + line + b"\n"


def another_size(files: Files) -> None:
    lines = files["evidence/checkpoint.txt"].split(b"\n")
    lines[1] = str(int(lines[1]) + 1).encode()
    files["evidence/checkpoint.txt"] = b"\n".join(lines)


def another_outcome(proofs: dict[str, Any]) -> None:
    listed = next(run for run in proofs["runs"] if run["is_listed"] and run["tree"] == "ledger")
    listed["entries"][0]["fields"]["outcome"] = "gone"


def claimed_absence(proofs: dict[str, Any]) -> None:
    for run in proofs["runs"]:
        if run["tree"] == "ledger":
            run["is_listed"], run["entries"] = False, []


FORGERIES: dict[str, Callable[[Files], None]] = {
    "bytes": in_warc(b"It is other news", b"It is otter news"),
    "status of a record": in_warc(b"HTTP/1.1 200 OK", b"HTTP/1.1 203 OK"),
    "date of a record": in_warc(b"2024-03-02T02:30:00", b"2024-03-02T02:31:00"),
    "a record less": without_record,
    "a record more": with_second_record,
    "status of a capture": in_fields("status", 203),
    "time of a capture": in_fields("fetched_at", "2024-02-01T02:30:00.000000Z"),
    "payload of a capture": in_fields("payload", "0" * 64),
    "headers of a capture": in_fields("headers", {"server": "other"}),
    "salt": in_capture(salt="00" * 16),
    "number of a leaf": in_capture(number=0),
    "size of a proof": in_capture(size=3),
    "no path": in_capture(path=[]),
    "longer path": in_proofs(lambda proofs: proofs["captures"][0]["path"].append("00" * 32)),
    "commit of a leaf": in_data("commit", "0" * 64),
    "run of a leaf": in_data("run", "00000000-0000-4000-8000-000000000000"),
    "kind of a leaf": in_data("type", "event"),
    "another key": signed_by_another,
    "size of the checkpoint": another_size,
    "text": in_file("evidence/text.txt", b"news", b"lies"),
    "outcome in a ledger": in_proofs(another_outcome),
    "absence in a ledger": in_proofs(claimed_absence),
    "fields of a run": in_proofs(
        lambda proofs: proofs["runs"][0]["run"]["fields"].update({"site": "other"})
    ),
    "archive": in_proofs(lambda proofs: proofs.update({"archive": "other"})),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_bundles_are_refused(grown: Archive, tmp_path: Path, name: str) -> None:
    files = read_files(grown.bundle("ferry"))
    FORGERIES[name](files)
    forged = tmp_path / "forged.wacz"
    write_files(forged, files)
    with pytest.raises(Forged):
        verify(forged, PUBLIC)


def test_an_untouched_copy_is_accepted(grown: Archive, tmp_path: Path) -> None:
    copy = tmp_path / "copy.wacz"
    write_files(copy, read_files(grown.bundle("ferry")))
    assert verify(copy, PUBLIC)


@pytest.mark.parametrize("name", ["never", "zzz", "0"])
def test_an_absence_needs_two_neighbours(grown: Archive, tmp_path: Path, name: str) -> None:
    files = read_files(grown.bundle(name))

    def drop(proofs: dict[str, Any]) -> None:
        for run in proofs["runs"]:
            run["entries"] = run["entries"][:-1]

    in_proofs(drop)(files)
    write_files(tmp_path / "forged.wacz", files)
    with pytest.raises(Forged):
        verify(tmp_path / "forged.wacz", PUBLIC)


def test_a_file_that_is_not_listed_is_refused(grown: Archive, tmp_path: Path) -> None:
    shutil.copy(grown.bundle("ferry"), tmp_path / "more.wacz")
    with zipfile.ZipFile(tmp_path / "more.wacz", "a") as bundle:
        bundle.writestr("evidence/more.txt", b"more")
    with pytest.raises(Forged, match="not listed"):
        verify(tmp_path / "more.wacz", PUBLIC)


def test_a_search_is_exported_as_wacz(grown: Archive, tmp_path: Path) -> None:
    out = tmp_path / "found.wacz"
    write_export(grown.store, ExportQuery("ferry"), "wacz", out)
    files = read_files(out)
    pages = [json.loads(line) for line in files["pages/pages.jsonl"].splitlines()]
    assert {page.get("url") for page in pages} == {None, FERRY}
    package = json.loads(files["datapackage.json"])
    for resource in package["resources"]:
        assert resource["hash"] == f"sha256:{sha256(files[resource['path']]).hexdigest()}"


def test_a_story_that_is_not_sealed_has_no_bundle(grown: Archive, tmp_path: Path) -> None:
    page = read.find_page(grown.store, FERRY)
    assert page is not None
    with pytest.raises(ConfigError, match="sealed"):
        evidence_bundle.write_absence_bundle(grown.store, "other", FERRY, tmp_path / "x.wacz")


def test_signatures_as_in_rfc_8032() -> None:
    """Test 3 of RFC 8032, section 7.1."""
    key = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
    signature = bytes.fromhex(
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )
    assert is_signed(key, bytes.fromhex("af82"), signature)
    assert not is_signed(key, bytes.fromhex("af83"), signature)
    assert not is_signed(key, bytes.fromhex("af82"), signature[:32] + bytes(32))
