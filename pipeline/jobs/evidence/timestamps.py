"""Have checkpoints stamped by timestamp authorities, and read what they stamped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipeline.core.errors import NightdeskError
from pipeline.evidence import notes, timestamps
from pipeline.evidence.timestamps import TimestampError
from pipeline.store.db.engine import Database
from pipeline.store.db.evidence import stamps
from pipeline.store.maintenance.log_report import OutsideView

MAX_RETRIES: Final = 10  # older checkpoints that are tried again in one night


def stamp_checkpoints(database: Database, authorities: Sequence[str]) -> list[str]:
    """Have the newest checkpoint stamped, and older ones that no authority has stamped yet.

    Args:
        database: The archive.
        authorities: The URLs of the authorities.

    Returns:
        A sentence for each authority that gave no token.
    """
    errors: list[str] = []
    for authority in authorities:
        with database.read() as db:
            waiting = stamps.unstamped(db, authority, MAX_RETRIES)
        for checkpoint in waiting:
            error = _stamp(database, authority, checkpoint.id, checkpoint.note)
            if error:
                errors.append(
                    f"{authority}: gave no timestamp ({error}); the next night tries again"
                )
                break  # it does not answer for the others either
    return errors


def _stamp(database: Database, authority: str, checkpoint: int, note: str) -> str:
    error, token = "", None
    try:
        text = notes.parse_note(note).text
        token = timestamps.request_token(authority, text.encode())
    except NightdeskError as failure:
        error = str(failure)
    with database.write() as db:
        data, at = (None, None) if token is None else (token.data, token.at)
        stamps.save(db, checkpoint, authority, data, at, error, datetime.now(UTC))
    return error


def stamped_views(database: Database, roots: Sequence[Path]) -> tuple[list[OutsideView], list[str]]:
    """Return what the authorities have seen of the log.

    Args:
        database: The archive.
        roots: PEM files of the certificates that the reader trusts.

    Returns:
        The views of the tokens that these certificates signed, and a sentence for each other one.

    Raises:
        TimestampError: A file holds no certificate.
    """
    with database.read() as db:
        tokens = stamps.tokens(db)
    if not tokens:
        return [], []
    if not roots:
        last = max(token.stamped_at for token in tokens)
        sentence = (
            f"{len(tokens)} timestamps, the last of {last:%Y-%m-%d %H:%M} UTC, were not checked:"
            " --timestamp-root names the certificate of the authority"
        )
        return [], [sentence]
    timestamps.require_client()
    certificates: list[Any] = []
    for path in roots:
        try:
            certificates += timestamps.load_roots(path.read_bytes())
        except (OSError, TimestampError) as error:
            raise TimestampError(f"{path}: {error}") from None
    views: list[OutsideView] = []
    sentences: list[str] = []
    for token in tokens:
        note = notes.parse_note(token.note)
        try:
            stamped = timestamps.verify_token(token.token, note.text.encode(), certificates)
        except TimestampError as error:
            sentences.append(f"{token.authority}: checkpoint of {note.size} leaves: {error}")
            continue
        views.append(OutsideView(token.authority, note.size, note.root, note.archive, stamped.at))
    return views, sentences
