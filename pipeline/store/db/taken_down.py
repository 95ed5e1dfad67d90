"""URLs that were taken down: they are refused, and the archive does not name them.

The page of such a URL stays as a tombstone without its URL. Its key is a keyed hash: who only has
the list of tombstones cannot tell which URLs they stand for, and a crawl that meets the URL again
finds its tombstone.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, TypeVar

from sqlalchemy import Connection, insert, select

from pipeline.core.models import Reason
from pipeline.store.db.schema import ArchiveSecretRow, PageRow
from pipeline.store.db.sql import chunks

SECRET_NAME: Final = "taken down"
SECRET_BYTES: Final = 32
KEY_DIGITS: Final = 32  # hex digits of a page's key
URL_PREFIX: Final = "taken-down:"

T = TypeVar("T")


def secret_of(db: Connection) -> bytes | None:
    """Return the secret of the keyed hash; None while nothing was taken down."""
    return db.scalar(select(ArchiveSecretRow.value).where(ArchiveSecretRow.name == SECRET_NAME))


def ensure_secret(db: Connection) -> bytes:
    """Return the secret, and make it where there is none.

    Args:
        db: A connection in a transaction.

    Returns:
        32 random bytes, the key of the hashes of URLs that were taken down.
    """
    known = secret_of(db)
    if known is not None:
        return known
    value = secrets.token_bytes(SECRET_BYTES)
    db.execute(insert(ArchiveSecretRow).values(name=SECRET_NAME, value=value))
    return value


def tombstone_key(secret: bytes, url_key: str) -> str:
    """Return the key of the tombstone of a URL."""
    return hmac.new(secret, url_key.encode(), sha256).hexdigest()[:KEY_DIGITS]


def tombstone_url(key: str) -> str:
    """Return what stands in place of the URL."""
    return f"{URL_PREFIX}{key}"


def tombstones(db: Connection, url_keys: Sequence[str]) -> dict[str, str]:
    """Return the keys of the tombstones of those URLs that were taken down, by key of the URL.

    Args:
        db: A connection that reads.
        url_keys: Keys of canonical URLs, as `core.urls.url_key` makes them.

    Returns:
        For each of them that was taken down, the key of its tombstone: a keyed hash of the URL key.
    """
    secret = secret_of(db)
    if secret is None or not url_keys:
        return {}
    by_tombstone = {tombstone_key(secret, key): key for key in url_keys}
    query = select(PageRow.url_key).where(PageRow.reason == Reason.TAKEN_DOWN)
    found: dict[str, str] = {}
    for chunk in chunks(list(by_tombstone)):
        for key in db.scalars(query.where(PageRow.url_key.in_(chunk))):
            found[by_tombstone[key]] = key
    return found


def without_taken_down(db: Connection, by_key: Mapping[str, T]) -> dict[str, T]:
    """Return what belongs to URLs that were not taken down."""
    refused = tombstones(db, list(by_key))
    return {key: value for key, value in by_key.items() if key not in refused}
