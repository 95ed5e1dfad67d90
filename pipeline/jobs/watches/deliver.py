"""Find the new matches of all watches, and send them.

One process at a time does this. A message counts as sent once its address has taken it. If the
program ends in between, the next night sends it again: rather twice than never. A message to people
then says so, and one to a webhook has the same delivery id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Final

from pipeline.config.settings import Settings, expand_variables
from pipeline.config.watch import WEBHOOK, Watch
from pipeline.core.errors import AlreadyRunning, ConfigError
from pipeline.jobs import notify
from pipeline.jobs.watches import messages, webhook
from pipeline.store import read
from pipeline.store.db import locks
from pipeline.store.db.engine import Database, retry_while_unavailable
from pipeline.store.monitoring import watches as store
from pipeline.store.monitoring.watches import MatchValues, WatchMessage, WatchProgress
from pipeline.store.read import ChangeQuery

LOCK: Final = "watches"
LOCK_SECONDS: Final = 60  # to wait for another night that tells its matches
OVERLAP: Final = timedelta(days=2)  # of what an earlier look has seen, for articles indexed late
FIRST_LOOK: Final = timedelta(days=1)  # how far back a new watch looks
WEEK: Final = timedelta(days=6, hours=12)  # nights do not begin at the same minute
MAX_ATTEMPTS: Final = 30  # after which a message is given up

SendToPeople = Callable[[str, str, str], bool]
"""Sends a title and a text to one address of Apprise, and tells whether it took it."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a watch: its digest, and where it leads to."""

    digest: str
    url: str

    @property
    def is_webhook(self) -> bool:
        """Whether it is a webhook of ours, and no address of Apprise."""
        return self.url.startswith(WEBHOOK)


def tell_watches(
    settings: Settings,
    database: Database,
    now: datetime | None = None,
    send: SendToPeople | None = None,
) -> tuple[str, ...]:
    """Find the new matches of all watches of the settings, and send them.

    Args:
        settings: The settings.
        database: The archive.
        now: The time to record.
        send: Sends to people; by default through Apprise.

    Returns:
        A sentence for each thing that went wrong. The next night tries again.
    """
    if not settings.watch:
        return ()
    at = now or datetime.now(UTC)
    try:
        lock = _lock(database)
    except AlreadyRunning:
        return ()  # that night tells what it finds, and the next one the rest
    problems: list[str] = []
    try:
        for watch in settings.watch:
            tell = partial(_tell, watch, database, at, send)
            problems += retry_while_unavailable(tell)
        retry_while_unavailable(lambda: store.delete_old(database, at))
    finally:
        lock.release()
    return tuple(problems)


@dataclass(frozen=True, slots=True)
class WatchState:
    """When a watch last looked, how many matches it found, and messages that are not sent."""

    checked_at: datetime | None
    found: int
    unsent: int


def watch_state(database: Database, watch: Watch) -> WatchState:
    """Return what is known of a watch.

    Args:
        database: The archive.
        watch: A watch of the settings.

    Returns:
        When it was last looked at, how many matches it found, and how many messages wait.
    """
    progress = store.progress_of_watches(database).get(watch.name)
    unsent = len(store.unsent_messages(database, watch.name))
    checked_at = progress.checked_at if progress else None
    return WatchState(checked_at, store.count_told(database, watch.name), unsent)


def send_test(watch: Watch, database: Database, send: SendToPeople | None = None) -> list[str]:
    """Send the newest matches of a watch to all its addresses, and record nothing.

    Returns:
        A sentence for each address that did not take it.

    Raises:
        ConfigError: An address names a variable that is not set, or is none that Apprise knows.
    """
    found = read.find_articles(database, watch.query, 3)
    matches = [messages.article_match(article) for article in found]
    problems: list[str] = []
    for number, address in enumerate(_addresses(watch), 1):
        message = WatchMessage(0, "test", watch.name, "", matches, datetime.now(UTC), None, 0)
        error = _send(watch, address, message, send, title=f"Nightdesk, {watch.name}: test")
        if error:
            problems.append(_problem(watch, number, error))
    return problems


def _lock(database: Database) -> locks.Lock:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return locks.acquire(database, LOCK)
        except AlreadyRunning:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _tell(watch: Watch, database: Database, now: datetime, send: SendToPeople | None) -> list[str]:
    try:
        addresses = _addresses(watch)
        _collect(watch, database, addresses, now)
        return list(_deliver(watch, database, addresses, now, send))
    except ConfigError as error:
        return [str(error)]


def _addresses(watch: Watch) -> list[Address]:
    """Return the addresses of a watch, with the variables of the environment in them."""
    where = f"{notify.SETTINGS_FILE}, 'to' of the watch '{watch.name}'"
    values = {str(number): url for number, url in enumerate(watch.to)}
    expanded = expand_variables(values, where)
    addresses: list[Address] = []
    for number, url in values.items():
        digest = blake2b(url.encode(), digest_size=16).hexdigest()
        addresses.append(Address(digest, expanded[number]))
    return addresses


def _collect(watch: Watch, database: Database, addresses: Sequence[Address], now: datetime) -> None:
    """Save the new matches of a watch with their messages, if it is due."""
    digest = blake2b(f"{watch.query}\0{watch.changes}".encode(), digest_size=16).hexdigest()
    before = store.progress_of_watches(database).get(watch.name)
    if before is not None and before.query_digest != digest:
        store.forget_watch(database, watch.name)
        before = None
    if before is None:
        before = WatchProgress(watch.name, digest, now - FIRST_LOOK, now - FIRST_LOOK)
    elif watch.every == "week" and now - before.checked_at < WEEK:
        return
    since = max(before.since_at, before.checked_at - OVERLAP)
    matches = list(_matches(watch, database, since))
    known = store.known_keys(database, watch.name, [match["key"] for match in matches])
    new = [match for match in matches if match["key"] not in known]
    progress = WatchProgress(watch.name, digest, before.since_at, now)
    store.save_matches(database, progress, new, {address.digest for address in addresses})


def _matches(watch: Watch, database: Database, since: datetime) -> Iterator[MatchValues]:
    for article in read.new_matches(database, watch.query, since):
        yield messages.article_match(article)
    if watch.changes:
        wanted = ChangeQuery(since=since, query=watch.query)
        for change in read.iter_changes(database, wanted, limit=read.MAX_MATCHES):
            yield messages.change_match(change)


def _deliver(
    watch: Watch,
    database: Database,
    addresses: Sequence[Address],
    now: datetime,
    send: SendToPeople | None,
) -> Iterator[str]:
    """Send the messages of a watch that are not sent."""
    by_digest = {address.digest: address for address in addresses}
    numbers = {address.digest: number for number, address in enumerate(addresses, 1)}
    for message in store.unsent_messages(database, watch.name):
        address = by_digest.get(message.address)
        if address is None:  # it is not in the settings any more
            store.end_message(database, message.id, now)
            continue
        if message.attempts >= MAX_ATTEMPTS:
            store.end_message(database, message.id, now)
            yield f"the watch '{watch.name}': a message was given up after {MAX_ATTEMPTS} nights"
            continue
        store.begin_message(database, message.id, now)
        try:
            error = _send(watch, address, message, send)
        except ConfigError as wrong_address:
            error = str(wrong_address)
        store.end_message(database, message.id, None if error else now)
        if error:
            yield _problem(watch, numbers[address.digest], error) + "; the next night tries again"


def _send(
    watch: Watch,
    address: Address,
    message: WatchMessage,
    send: SendToPeople | None,
    title: str = "",
) -> str:
    """Send one message. Return what went wrong, or ""."""
    if address.is_webhook:
        where = f"{notify.SETTINGS_FILE}, 'secret' of the watch '{watch.name}'"
        secret = expand_variables({"secret": watch.secret}, where)["secret"]
        document = messages.webhook_document(message, watch.query)
        url = address.url.removeprefix(WEBHOOK)
        return webhook.post(url, secret, message.delivery_id, document)
    subject = title or messages.message_title(watch.name, message.matches)
    text = messages.message_text(message) or "No article matches yet."
    was_sent = (send or _send_by_apprise)(address.url, subject, text)
    return "" if was_sent else "it was not taken"


def _send_by_apprise(url: str, title: str, text: str) -> bool:
    return notify.apprise_sender([url], "'to' of a watch")(title, text)


def _problem(watch: Watch, number: int, error: str) -> str:
    return f"the watch '{watch.name}': address {number} did not get its message ({error})"
