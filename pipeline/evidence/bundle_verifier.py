"""Verify an evidence bundle of Nightdesk. This file needs Python 3.11 and nothing else.

    python3 verify.py BUNDLE.wacz [--key PUBLIC_KEY] [--ca CERTIFICATES.pem]
        [--witness PUBLIC_KEY]

It checks that every file is as the bundle says, that the stored bytes are those of the captures,
and that captures, runs and results are in the log of the archive at a signed checkpoint. It prints
what is proven, and ends with 1 where something does not fit, with 2 where a check that was asked
for cannot be made. Compare the keys with copies that you got from somewhere else than the bundle.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

# Ed25519 as in RFC 8032, section 5.1.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_ONE = pow(2, (P - 1) // 4, P)
MAX_FILE_BYTES = 1 << 30
COSIGNATURE_BYTES = 4 + 8 + 64  # id of the key, time, signature
PROOFS = "evidence/proofs.json"
RECORD_END = b"\r\n\r\n"
Point = tuple[int, int, int, int]


class Forged(Exception):
    """Something does not fit."""


class CannotCheck(Exception):
    """A check that was asked for cannot be made here."""


def add_points(first: Point, second: Point) -> Point:
    """Add two points in extended coordinates."""
    a = (first[1] - first[0]) * (second[1] - second[0]) % P
    b = (first[1] + first[0]) * (second[1] + second[0]) % P
    c = 2 * first[3] * second[3] * D % P
    d = 2 * first[2] * second[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar: int, point: Point) -> Point:
    """Multiply a point."""
    result: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add_points(result, point)
        point = add_points(point, point)
        scalar >>= 1
    return result


def recover_x(y: int, sign: int) -> int:
    """Return the x of a point. Raises Forged if there is none."""
    if y >= P:
        raise Forged("a point is not on the curve")
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_MINUS_ONE % P
    if (x * x - x2) % P or (not x2 and sign):
        raise Forged("a point is not on the curve")
    return x if x & 1 == sign else P - x


def decode_point(data: bytes) -> Point:
    """Return the point that 32 bytes stand for."""
    number = int.from_bytes(data, "little")
    y = number & (1 << 255) - 1
    x = recover_x(y, number >> 255)
    return x, y, 1, x * y % P


def is_signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether an Ed25519 key signed a message."""
    if len(key) != 32 or len(signature) != 64:
        return False
    base_y = 4 * pow(5, P - 2, P) % P
    base_x = recover_x(base_y, 0)
    base = (base_x, base_y, 1, base_x * base_y % P)
    try:
        public, r_point = decode_point(key), decode_point(signature[:32])
    except Forged:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    if scalar >= ORDER:
        return False
    digest = sha512(signature[:32] + key + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    left, right = multiply(scalar, base), add_points(r_point, multiply(challenge, public))
    same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return same_x and (left[1] * right[2] - right[1] * left[2]) % P == 0


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of a value without fractions."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def hash_leaf(data: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962)."""
    return sha256(b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node (RFC 6962)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(proof: dict[str, Any]) -> str:
    """Return the root to which a proof leads (RFC 9162, section 2.1.3.2), hex."""
    number, size, node = proof["number"], proof["size"], hash_leaf(proof["data"].encode())
    if not 0 <= number < size:
        raise Forged(f"there is no leaf {number} among {size}")
    position, last = number, size - 1
    for sibling in map(bytes.fromhex, proof["path"]):
        if not last:
            raise Forged("a proof is too long")
        if position % 2 or position == last:
            node = hash_node(sibling, node)
            while position % 2 == 0 and position:
                position, last = position // 2, last // 2
        else:
            node = hash_node(node, sibling)
        position, last = position // 2, last // 2
    if last:
        raise Forged("a proof is too short")
    return node.hex()


def check_commit(proof: dict[str, Any], what: str) -> dict[str, Any]:
    """Check that a leaf or entry commits to its fields, and return what it says itself."""
    said: dict[str, Any] = json.loads(proof["data"])
    if canonical(said) != proof["data"].encode():
        raise Forged(f"{what}: its leaf is not in the canonical form")
    if proof["fields"] is not None:
        commit = sha256(bytes.fromhex(proof["salt"]) + canonical(proof["fields"])).hexdigest()
        if commit != said["commit"]:
            raise Forged(f"{what}: its leaf does not commit to these fields")
    return said


def read_warc(data: bytes) -> list[dict[str, Any]]:
    """Return the records of a WARC file that are responses or revisits."""
    data = gzip.decompress(data)
    records: list[dict[str, Any]] = []
    position = 0
    while position < len(data):
        head_end = data.index(RECORD_END, position)
        headers: dict[str, str] = {}
        for line in data[position:head_end].decode("utf8", "replace").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        start = head_end + len(RECORD_END)
        block = data[start : start + int(headers["content-length"])]
        position = start + len(block) + len(RECORD_END)
        if headers["warc-type"] in ("response", "revisit"):
            http_head, _, body = block.partition(RECORD_END)
            records.append({"headers": headers, "http": http_head, "body": body})
    return records


class Bundle:
    """A bundle whose files have the digests that it says."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            if any(entry.file_size > MAX_FILE_BYTES for entry in archive.infolist()):
                raise Forged("a file of the bundle is too large")
            names = archive.namelist()
            self.files = {name: archive.read(name) for name in names}
        if len(names) != len(self.files):
            raise Forged("two files of the bundle have one name")
        self._check_digests()
        self.proofs: dict[str, Any] = json.loads(self.files[PROOFS])
        self.notes: list[str] = []

    def _check_digests(self) -> None:
        package = self.files["datapackage.json"]
        digest = json.loads(self.files["datapackage-digest.json"])
        if digest["hash"] != f"sha256:{sha256(package).hexdigest()}":
            raise Forged("datapackage.json has another digest")
        listed = {"datapackage.json", "datapackage-digest.json"}
        for resource in json.loads(package)["resources"]:
            listed.add(resource["path"])
            body = self.files.get(resource["path"])
            if body is None or resource["hash"] != f"sha256:{sha256(body).hexdigest()}":
                raise Forged(f"{resource['path']} is missing or has another digest")
        if set(self.files) - listed:
            raise Forged(f"{min(set(self.files) - listed)} is not listed")


def check_checkpoint(bundle: Bundle, key: str) -> tuple[int, str]:
    """Check the signature of the checkpoint, and return its size and root."""
    note = bundle.files["evidence/checkpoint.txt"].decode()
    text, _, signatures = note.partition("\n\n")
    text += "\n"
    lines = text.splitlines()
    origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2]).hex()
    if origin != f"nightdesk/{bundle.proofs['archive']}":
        raise Forged("the checkpoint is of another archive")
    public = base64.b64decode(key or bundle.proofs["key"])
    if not public:
        bundle.notes.append(
            "The checkpoint is not signed: it proves only that all parts fit together. Compare its"
            f" root {root} with one that you trust."
        )
        return size, root
    for line in signatures.splitlines():
        _, _, encoded = line.rpartition(" ")
        if is_signed(public, text.encode(), base64.b64decode(encoded)[4:]):
            fingerprint = sha256(public).hexdigest()[:16]
            bundle.notes.append(f"The checkpoint is signed by the key {fingerprint}.")
            if not key:
                bundle.notes.append("That key comes from the bundle; compare it with another copy.")
            return size, root
    raise Forged("the checkpoint is not signed by the key")


def check_leaf(proof: dict[str, Any], kind: str, size: int, root: str) -> None:
    """Check that a leaf is in the log at the checkpoint."""
    what = f"leaf {proof['number']}"
    said = check_commit(proof, what)
    if said["type"] != kind:
        raise Forged(f"{what} is no {kind}")
    if proof["size"] != size or root_of(proof) != root:
        raise Forged(f"{what} is not in the log of the checkpoint")


def check_bytes(bundle: Bundle) -> None:
    """Compare the records of the WARC file with the captures that are proven."""
    records = read_warc(bundle.files["archive/data.warc.gz"])
    bodies = {sha256(record["body"]).hexdigest() for record in records}
    captures: dict[tuple[str, str], dict[str, Any]] = {}
    places = [(one["headers"]["warc-target-uri"], one["headers"]["warc-date"]) for one in records]
    if len(set(places)) < len(places):
        raise Forged("two records are of one capture")
    for proof in bundle.proofs["captures"]:
        fields = proof["fields"]
        place = (fields["url"], fields["fetched_at"])
        captures[place] = fields
        if fields["payload"] and place not in places:
            raise Forged(f"the record of {place[0]} at {place[1]} is missing")
        if fields["payload"] and fields["payload"] not in bodies:
            raise Forged(f"the bytes of {fields['url']} at {fields['fetched_at']} are missing")
    for where, record in zip(places, records, strict=True):
        headers = record["headers"]
        fields = captures.get(where)
        if fields is None:
            raise Forged(f"a record of {where[0]} at {where[1]} belongs to no proven capture")
        digest = sha256(record["body"]).hexdigest()
        if headers["warc-type"] == "revisit":  # its bytes are in the record of an earlier capture
            digest = headers.get("warc-payload-digest", "").removeprefix("sha256:")
        if fields["payload"] and digest != fields["payload"]:
            raise Forged(f"the bytes of {where[0]} at {where[1]} are not those of its capture")
        status = record["http"].partition(b" ")[2][:3].decode()
        if status and fields["status"] is not None and status != str(fields["status"]):
            raise Forged(f"the status of {where[0]} at {where[1]} is not that of its capture")


def check_entries(run: dict[str, Any], size: int, root: str) -> list[str]:
    """Check what one run says of a URL, and return it in sentences."""
    check_leaf(run["run"], "run", size, root)
    said = run["run"]["fields"]
    tree = said[run["tree"]]
    when = f"{said['kind']} of {said['site']}, {said['started_at'][:16]} UTC"
    keys: list[tuple[int, str]] = []
    for entry in run["entries"]:
        key = check_commit(entry, f"an entry of the {when}")["key"]
        if entry["size"] != tree["size"] or root_of(entry) != tree["root"]:
            raise Forged(f"an entry is not in the {run['tree']} of the {when}")
        fields = entry["fields"]
        if fields is not None and sha256(fields["url"].encode()).hexdigest() != key:
            raise Forged(f"an entry of the {when} is about another URL")
        keys.append((entry["number"], key))
    wanted = sha256(run["url"].encode()).hexdigest()
    if run["is_listed"]:
        if not keys or any(key != wanted for _, key in keys):
            raise Forged(f"the {when} has no entry of {run['url']}")
        fields = run["entries"][0]["fields"] or {}
        return [f"{when}: {fields.get('outcome') or fields.get('status')} {run['url']}"]
    check_gap(keys, wanted, tree["size"], when)
    return [f"{when}: not listed by any source of this site in this night: {run['url']}"]


def check_gap(keys: list[tuple[int, str]], wanted: str, size: int, when: str) -> None:
    """Check that two neighbours leave no room for a URL."""
    before = [entry for entry in keys if entry[1] < wanted]
    after = [entry for entry in keys if entry[1] > wanted]
    if len(before) + len(after) != len(keys) or len(before) > 1 or len(after) > 1:
        raise Forged(f"the entries of the {when} do not prove an absence")
    low = before[0][0] if before else -1
    high = after[0][0] if after else size
    if high - low != 1:
        raise Forged(f"the entries of the {when} are no neighbours")


def check_text(bundle: Bundle) -> list[str]:
    """Compare the clean text with the result that a run recorded."""
    results = [run for run in bundle.proofs["runs"] if run["tree"] == "results"]
    if "evidence/text.txt" not in bundle.files:
        return []
    digest = sha256(bundle.files["evidence/text.txt"]).hexdigest()
    for run in results:
        for entry in run["entries"]:
            if entry["fields"]["text"] == digest:
                return [f"The clean text was recorded by the {run['run']['fields']['kind']}."]
    if results:
        raise Forged("evidence/text.txt is not the text that a clean recorded")
    return ["No sealed clean recorded the clean text; it can be made from the bytes."]


def check_tokens(bundle: Bundle, authorities: str) -> list[str]:
    """Check the timestamps with openssl."""
    sentences: list[str] = []
    message = bundle.files["evidence/checkpoint.txt"].partition(b"\n\n")[0] + b"\n"
    if authorities and not Path(authorities).is_file():
        raise CannotCheck(f"--ca {authorities}: there is no such file")
    for name, body in sorted(bundle.files.items()):
        if not name.endswith(".tsr"):
            continue
        if not authorities:
            sentences.append(f"{name} was not checked; --ca names the authority's certificates.")
            continue
        if not is_stamp_valid(body, message, authorities):
            raise Forged(f"{name} is no timestamp of the checkpoint by this authority")
        sentences.append(f"{name}: the authority's timestamp of the checkpoint is valid.")
    return sentences


def is_stamp_valid(token: bytes, message: bytes, authorities: str) -> bool:
    """Ask openssl whether a timestamp is of these bytes, and by an authority of a file."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, part) for part in ("token", "data")]
        paths[0].write_bytes(token)
        paths[1].write_bytes(message)
        command = ["openssl", "ts", "-verify", "-in", str(paths[0]), "-data", str(paths[1])]
        try:
            done = subprocess.run(
                [*command, "-CAfile", authorities], capture_output=True, check=False
            )
        except FileNotFoundError:
            raise CannotCheck(
                "the timestamps were not checked: the command openssl is not installed; install"
                " it, or leave out --ca to check all else"
            ) from None
    return not done.returncode


def check_cosignatures(bundle: Bundle, witnesses: Sequence[str]) -> list[str]:
    """Check the cosignatures of witnesses (https://c2sp.org/tlog-cosignature)."""
    text, _, below = bundle.files["evidence/checkpoint.txt"].decode().partition("\n\n")
    text += "\n"
    lines = [line.removeprefix("\u2014 ").rpartition(" ") for line in below.splitlines()]
    signed = [(name, base64.b64decode(data)) for name, _, data in lines if name]
    shown = [(name, data) for name, data in signed if len(data) == COSIGNATURE_BYTES]
    sentences: list[str] = []
    for encoded in witnesses:
        key = base64.b64decode(encoded)
        times: list[str] = []
        for name, data in shown:
            key_id = sha256(name.encode() + b"\n\x04" + key).digest()[:4]
            seconds = int.from_bytes(data[4:12], "big")
            said = f"cosignature/v1\ntime {seconds}\n{text}".encode()
            if data[:4] == key_id and is_signed(key, said, data[12:]):
                at = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
                times.append(f"The witness {name} co-signed the checkpoint at {at} UTC.")
        if not times:
            raise Forged(f"the witness with the key {encoded} did not co-sign the checkpoint")
        sentences += times
    if shown and not witnesses:
        names = ", ".join(sorted({name for name, _ in shown}))
        sentences.append(f"Cosignatures were not checked; --witness names the key of: {names}.")
    return sentences


def gone_sentences(bundle: Bundle) -> list[str]:
    """Say between which visits a page went away."""
    sentences: list[str] = []
    last: dict[str, str] = {}
    fields = [proof["fields"] for proof in bundle.proofs["captures"]]
    for one in sorted(fields, key=lambda capture: str(capture["fetched_at"])):
        if one["payload"]:
            last[one["url"]] = one["fetched_at"]
        elif one["outcome"] == "gone":
            seen = one["prior_seen_at"] or last.get(one["url"])
            between = f"between {seen} and {one['fetched_at']}" if seen else one["fetched_at"]
            sentences.append(f"gone {between}: {one['url']}")
    return sentences


def verify(
    path: Path, key: str = "", authorities: str = "", witnesses: Sequence[str] = ()
) -> list[str]:
    """Verify a bundle, and return what it proves in sentences.

    Args:
        path: The bundle.
        key: The public key that must have signed the checkpoint, Base64; "" takes that of the
            bundle.
        authorities: A file with certificates of timestamp authorities; "" checks no timestamp.
        witnesses: The public keys of witnesses that must have co-signed, Base64.

    Raises:
        Forged: Something does not fit.
        CannotCheck: A check that was asked for cannot be made here.
    """
    try:
        bundle = Bundle(path)
        size, root = check_checkpoint(bundle, key)
        sentences: list[str] = []
        for proof in bundle.proofs["captures"]:
            check_leaf(proof, "capture", size, root)
            fields = proof["fields"]
            what = f"sha256 {fields['payload']}" if fields["payload"] else fields["outcome"]
            sentences.append(f"captured {fields['fetched_at']}: {fields['url']} ({what})")
        check_bytes(bundle)
        for run in bundle.proofs["runs"]:
            sentences += check_entries(run, size, root)
        sentences += gone_sentences(bundle)
        sentences += check_text(bundle)
        sentences += check_cosignatures(bundle, witnesses)
        sentences += check_tokens(bundle, authorities)
    except Forged:
        raise
    except (
        KeyError,
        ValueError,
        TypeError,
        IndexError,
        OSError,
        EOFError,
        RecursionError,
    ) as error:
        raise Forged(f"the bundle cannot be read ({type(error).__name__}: {error})") from None
    except zipfile.BadZipFile as error:
        raise Forged(f"the bundle is no ZIP file ({error})") from None
    return [*bundle.notes, *sentences]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Verify an evidence bundle of Nightdesk.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", default="", help="the public key that must have signed, Base64")
    parser.add_argument("--ca", default="", help="certificates of timestamp authorities, PEM")
    parser.add_argument(
        "--witness", action="append", default=[], help="the public key of a witness, Base64"
    )
    arguments = parser.parse_args()
    try:
        sentences = verify(arguments.bundle, arguments.key, arguments.ca, arguments.witness)
    except CannotCheck as error:
        sys.stderr.write(f"NOT CHECKED: {error}\n")
        return 2
    except Forged as error:
        sys.stderr.write(f"FORGED OR DAMAGED: {error}\n")
        return 1
    sys.stdout.write("\n".join([*sentences, "All is as the archive recorded it.", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
