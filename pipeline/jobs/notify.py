"""Notify people of issues, and ping a heartbeat URL, when a night is over.

Each issue is sent once when it opens and once when it is closed. What could not be sent is sent
by the next night. A failure to send is a sentence, and ends nothing. Addresses hold passwords, so
they are never written anywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.request import Request, urlopen

from pipeline.config.settings import Settings, expand_variables
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.jobs.evidence.checkpoints import finish_with_checkpoint
from pipeline.jobs.night_report import evaluate_nights
from pipeline.store.db.engine import Database, retry_while_unavailable
from pipeline.store.monitoring import issues
from pipeline.store.monitoring.issues import IssueView

HEARTBEAT_TIMEOUT = 20.0  # seconds
MAX_SITES_IN_TITLE = 3
SETTINGS_FILE = "config/nightdesk.toml"


class Sender(Protocol):
    """Send a title and a text. Return whether all addresses took it."""

    def __call__(self, title: str, body: str) -> bool:
        """Send one message."""


@dataclass(frozen=True, slots=True)
class SentIssues:
    """How many issues were to be sent, and whether they were sent."""

    count: int
    was_sent: bool


def finish_night(
    settings: Settings, database: Database, sites: Sequence[Site], *, failed: bool
) -> tuple[str, ...]:
    """Evaluate the nights of some sites, send their issues and the heartbeat.

    Args:
        settings: The settings of the installation.
        database: The archive.
        sites: The sites whose night is over.
        failed: Whether the night as a whole failed; the heartbeat says so.

    Returns:
        A sentence for each failure to send.
    """
    evaluate_nights(database, sites)
    checkpoint = finish_with_checkpoint(settings, database)
    footer = f"Checkpoint {checkpoint.line}" if checkpoint.line else ""
    try:
        errors = (
            *checkpoint.errors,
            send_alerts(settings, database, footer),
            send_heartbeat(settings, failed=failed),
        )
    except ConfigError as error:
        return (str(error),)
    return tuple(error for error in errors if error)


def send_alerts(settings: Settings, database: Database, footer: str = "") -> str:
    """Send the issues that were not sent yet.

    Args:
        settings: The settings of the installation.
        database: The archive.
        footer: A line below the issues.

    Returns:
        What went wrong, or "".
    """
    if not settings.alerts:
        return ""
    addresses = {str(number): url for number, url in enumerate(settings.alerts)}
    try:
        expanded = expand_variables(addresses, f"{SETTINGS_FILE}, 'alerts'")
        sent = send_issues(database, apprise_sender(list(expanded.values())), footer=footer)
    except ConfigError as error:
        return str(error)
    if sent.was_sent:
        return ""
    issues_text = "1 issue" if sent.count == 1 else f"{sent.count} issues"
    return (
        f"{issues_text} could not be sent to all addresses under 'alerts';"
        " the next night tries again"
    )


def send_heartbeat(settings: Settings, *, failed: bool) -> str:
    """Ping the heartbeat URL of the settings, if there is one.

    Returns:
        What went wrong, or "".

    Raises:
        ConfigError: The URL names an environment variable that is not set.
    """
    if not settings.heartbeat:
        return ""
    url = expand_variables({"heartbeat": settings.heartbeat}, SETTINGS_FILE)["heartbeat"]
    error = ping_heartbeat(url, failed=failed)
    if error:
        return f"the heartbeat could not be sent to the address under 'heartbeat' ({error})"
    return ""


def apprise_sender(urls: Sequence[str], key: str = "'alerts'") -> Sender:
    """Return a function that sends to some addresses of Apprise.

    Args:
        urls: The addresses.
        key: The key of the settings that holds them, for messages.

    Raises:
        ConfigError: Apprise is not installed or does not know an address. The message names the
            position of the address and not the address itself.
    """
    try:
        import apprise
    except ImportError:
        raise ConfigError(
            f"{key} needs the extra 'alerts', which is not installed:"
            " pip install 'nightdesk[alerts]'"
        ) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    notifier = apprise.Apprise()
    for number, url in enumerate(urls, 1):
        if not notifier.add(url):
            raise ConfigError(
                f"{SETTINGS_FILE}: address {number} of {key} is none that Apprise knows;"
                " see its list"
            )
    return lambda title, body: bool(notifier.notify(title=title, body=body))


def send_issues(
    database: Database, send: Sender, now: datetime | None = None, *, footer: str = ""
) -> SentIssues:
    """Send the issues that were not sent yet. Nothing is sent if there are none.

    Args:
        database: The archive.
        send: Sends one message.
        now: The time to record.
        footer: A line below the issues.
    """
    unsent = retry_while_unavailable(lambda: issues.unsent_issues(database))
    if not unsent:
        return SentIssues(0, was_sent=True)
    paragraphs = [*map(alert_paragraph, unsent)]
    if footer:
        paragraphs.append(footer)
    if not send(alert_title(unsent), "\n\n".join(paragraphs)):
        return SentIssues(len(unsent), was_sent=False)
    at = now or datetime.now(UTC)
    # If this fails, the next night sends the same issues again.
    retry_while_unavailable(lambda: issues.mark_notified(database, unsent, at))
    return SentIssues(len(unsent), was_sent=True)


def alert_title(alert_issues: Sequence[IssueView]) -> str:
    """Return the title of a message: which sites it is about, and how serious it is.

    Args:
        alert_issues: The issues of the message, at least one.

    Returns:
        One line.
    """
    sites = list(dict.fromkeys(issue.site for issue in alert_issues))
    named = ", ".join(sites[:MAX_SITES_IN_TITLE])
    if len(sites) > MAX_SITES_IN_TITLE:
        named += f" and {len(sites) - MAX_SITES_IN_TITLE} more"
    if all(issue.closed_at for issue in alert_issues):
        state = "well again"
    elif any(issue.is_serious for issue in alert_issues):
        state = "with serious issues"
    else:
        state = "worth a look"
    return f"Nightdesk: {named} {state}"


def alert_paragraph(issue: IssueView) -> str:
    """Return the text about one issue, short enough to read on a phone."""
    if issue.closed_at:
        since = f"{issue.opened_at:%Y-%m-%d}"
        return f"{issue.site}: well again: {issue.kind}, which lasted since {since}."
    cause = f" Likely: {issue.cause}." if issue.cause else ""
    return f"{issue.site}: {issue.sentence}.{cause}\n({issue.kind}; {issue.command})"


def ping_heartbeat(url: str, *, failed: bool) -> str:
    """Request the URL of a dead man's switch, with "/fail" at its end if the night failed.

    Returns:
        What went wrong, or "".
    """
    address = url.rstrip("/") + ("/fail" if failed else "")
    try:
        with urlopen(Request(address, method="GET"), timeout=HEARTBEAT_TIMEOUT) as response:
            return "" if response.status < 400 else f"HTTP {response.status}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
