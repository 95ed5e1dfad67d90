"""Watch the log of an archive on another machine: fetch checkpoints, check them, keep them.

Each accepted checkpoint is a file in the folder of its archive, with the cosignature of the
witness. The newest file is what the next checkpoint is checked against.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urljoin
from urllib.request import Request, urlopen

from pipeline.core.errors import NightdeskError
from pipeline.evidence import keys, notes, witness
from pipeline.evidence.witness import Accepted, BadBundle, NeedsProof, Seen

CHECKPOINTS_PATH: Final = "api/checkpoints"
TIMEOUT: Final = 30.0  # seconds
MAX_REPLY_BYTES: Final = 4 << 20
MAX_OLDER: Final = 1000  # checkpoints by which a restore is checked
KEY_FILE: Final = "witness-key.pem"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a witness saw of a log.

    Attributes:
        accepted: The checkpoint.
        path: The file in which it is kept.
        previous_size: How many leaves were seen before; 0 for the first time.
    """

    accepted: Accepted
    path: Path
    previous_size: int


class Witness:
    """A folder of checkpoints, and the key that co-signs them."""

    def __init__(self, folder: Path, name: str) -> None:
        """Open the folder; make it and the key where they are missing.

        Args:
            folder: The folder.
            name: The name of the witness in cosignatures.

        Raises:
            ConfigError: The key cannot be written or read.
        """
        self.folder = folder
        self.name = name
        path = folder / KEY_FILE
        key = keys.load_key(path)
        if key is None:
            key = keys.new_key()
            keys.save_key(path, key)
        self.key = key

    def observe(self, source: str, token: str = "", fingerprint: str = "") -> list[Observation]:
        """Check the newest checkpoint of an archive, or those in files, and keep them.

        Args:
            source: The address of `nightdesk serve`, a file, or a checkpoint folder.
            token: The token of the web app.
            fingerprint: The fingerprint that the archive's key has to have; "" for the first one
                that was seen.

        Raises:
            LogForked: The log does not extend what was seen.
            BadBundle: The reply or file is no checkpoint, or lacks a proof.
            NightdeskError: It cannot be fetched or read.
        """
        if source.startswith(("http://", "https://")):
            return [self._observe_url(source, token, fingerprint)]
        observations: list[Observation] = []
        for path in _files(Path(source)):
            observation = self._observe_file(path, fingerprint)
            if observation is not None:
                observations.append(observation)
        if not observations:
            raise BadBundle(f"{source}: has no checkpoint that is newer than what was seen")
        return observations

    def _observe_url(self, url: str, token: str, fingerprint: str) -> Observation:
        bundle = fetch_bundle(url, 0, token)
        seen = self._seen(_origin(bundle))
        if seen is not None:
            bundle = fetch_bundle(url, seen.checkpoint.size, token)
        try:
            accepted = witness.check(bundle, seen, fingerprint)
        except NeedsProof as need:
            accepted = witness.check(fetch_bundle(url, need.size, token), seen, fingerprint)
        return self._keep(accepted, seen)

    def _observe_file(self, path: Path, fingerprint: str) -> Observation | None:
        try:
            text = path.read_text(encoding="utf8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadBundle(f"{path}: cannot be read ({error})") from None
        (bundle,) = witness.read_bundles(text)
        seen = self._seen(_origin(bundle))
        note = notes.parse_note(str(bundle["checkpoint"]))
        if seen is not None and note.text == seen.checkpoint.text:
            return None
        is_older = seen is not None and any(note.size == size for size, _ in seen.older)
        if is_older and not bundle.get("restores"):
            return None
        return self._keep(witness.check(bundle, seen, fingerprint), seen)

    def _folder_of(self, origin: str) -> Path:
        return self.folder / "".join(c if c.isalnum() or c in "-." else "_" for c in origin)

    def _seen(self, origin: str) -> Seen | None:
        files = sorted(self._folder_of(origin).glob("*.json"))
        if not files:
            return None
        older: list[tuple[int, bytes]] = []
        for path in files[-MAX_OLDER:]:
            note = notes.parse_note(_read_json(path)["checkpoint"])
            older.append((note.size, note.root))
        last = _read_json(files[-1])
        checkpoint = notes.parse_note(last["checkpoint"])
        return Seen(checkpoint, last["key"], tuple(older), frozenset(last["restores"]))

    def _keep(self, accepted: Accepted, seen: Seen | None) -> Observation:
        checkpoint, at = accepted.checkpoint, datetime.now(UTC)
        folder = self._folder_of(checkpoint.origin)
        folder.mkdir(parents=True, exist_ok=True)
        line = witness.cosign(checkpoint, self.name, self.key, at)
        signed = [notes.line_of(signature) for signature in checkpoint.signatures]
        values = {
            "checkpoint": notes.note_of(checkpoint.text, [*signed, line]),
            "key": accepted.key,
            "witness_key": self.key.public_key,
            "seen_at": at.isoformat(),
            "restores": sorted(accepted.restores),
            "declared": list(accepted.declared),
        }
        path = folder / f"{at:%Y%m%dT%H%M%S%f}-{checkpoint.size}.json"
        if accepted.is_new or accepted.declared or seen is None:
            part = path.with_suffix(".part")
            part.write_text(json.dumps(values, indent=1) + "\n", encoding="utf8")
            part.replace(path)
        else:
            path = sorted(folder.glob("*.json"))[-1]
        return Observation(accepted, path, 0 if seen is None else seen.checkpoint.size)


def _origin(bundle: Mapping[str, Any]) -> str:
    if not bundle.get("checkpoint"):
        raise BadBundle("has no checkpoint yet")
    return notes.parse_note(str(bundle["checkpoint"])).origin


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise BadBundle(f"{path}: cannot be read ({error})") from None
    if not isinstance(value, dict):
        raise BadBundle(f"{path}: is no checkpoint")
    return value


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [file for file in sorted(path.glob("*.json")) if file.name != "latest.json"]
    return [path]


def fetch_bundle(url: str, after: int, token: str = "") -> dict[str, Any]:
    """Fetch the newest checkpoint of an archive.

    Args:
        url: The address of `nightdesk serve`.
        after: The size of the checkpoint that the proof has to begin with; 0 for none.
        token: The token of the web app.

    Raises:
        NightdeskError: It does not answer, or the answer is no JSON.
    """
    base = url if url.endswith("/") else url + "/"
    address = urljoin(base, CHECKPOINTS_PATH) + "?" + urlencode({"after": after})
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(address, headers=headers), timeout=TIMEOUT) as response:
            value = json.loads(response.read(MAX_REPLY_BYTES))
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", error)) or type(error).__name__
        raise NightdeskError(f"{address}: gives no checkpoint ({reason})") from None
    if not isinstance(value, dict):
        raise BadBundle(f"{address}: is no checkpoint")
    return value
