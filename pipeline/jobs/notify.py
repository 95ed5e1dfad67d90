"""Telling people: once for each Finding, and once when it is over; and the sign of life that a watcher elsewhere waits for.

Promises that nothing is told twice, that what could not be told is told by the next one, and that an address, which holds a
password, is never written anywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol
from urllib.request import Request, urlopen

from pipeline.core.errors import ConfigError
from pipeline.store.db.engine import Database, retry_while_unavailable
from pipeline.store.monitoring import issues
from pipeline.store.monitoring.issues import IssueView

SECONDS = 20.0  # that a sign of life may take


class Send(Protocol):
    """Sends a title and a text, and returns whether it went out."""

    def __call__(self, title: str, body: str) -> bool: ...


def sender(urls: Sequence[str]) -> Send:
    """Sends to these addresses of Apprise. Raises ConfigError, which names the position of a wrong one and not the address."""
    try:
        import apprise
    except ImportError:
        raise ConfigError(
            "'alerts' needs the extra 'alerts', which is not installed: pip install -e '.[alerts]'"
        ) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    desk = apprise.Apprise()
    for number, url in enumerate(urls, 1):
        if not desk.add(url):
            raise ConfigError(
                f"config/nightdesk.toml: address {number} of 'alerts' is none that Apprise knows; see its list"
            )
    return lambda title, body: bool(desk.notify(title=title, body=body))


def tell(store: Database, send: Send, now: datetime | None = None) -> tuple[int, bool]:
    """Tells what nobody was told yet: how many things, and whether it went out. Quiet where there is nothing."""
    some = retry_while_unavailable(lambda: issues.unsent_issues(store))
    if not some:
        return 0, True
    if not send(title_of(some), "\n\n".join(map(paragraph, some))):
        return len(some), False
    retry_while_unavailable(
        lambda: issues.mark_notified(store, some, now or datetime.now(UTC))
    )  # else the next night tells it again
    return len(some), True


def title_of(some: Sequence[IssueView]) -> str:
    """Which sites it is about."""
    sites = list(dict.fromkeys(found.site for found in some))
    is_over = all(found.closed_at for found in some)
    named = ", ".join(sites[:3]) + (f" and {len(sites) - 3} more" if len(sites) > 3 else "")
    return f"Nightdesk: {named} {'well again' if is_over else 'in trouble' if any(f.is_serious for f in some) else 'worth a look'}"


def paragraph(found: IssueView) -> str:
    """One thing, for somebody who reads it on a phone."""
    if found.closed_at:
        return f"{found.site}: well again: {found.kind}, which lasted since {found.opened_at:%Y-%m-%d}."
    cause = f" Likely: {found.cause}." if found.cause else ""
    return f"{found.site}: {found.sentence}.{cause}\n({found.kind}; {found.command})"


def beat(url: str, *, failed: bool) -> str:
    """Asks the URL of a dead man's switch, "/fail" behind it where the night failed. Returns what went wrong, or ""."""
    try:
        with urlopen(
            Request(url.rstrip("/") + ("/fail" if failed else ""), method="GET"), timeout=SECONDS
        ) as answer:
            return "" if answer.status < 400 else f"HTTP {answer.status}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
