"""The end of a night: what is wrong with its Sites is judged, told once to those who want to be told, and a sign of life sent.

Promises that trouble with the telling is a sentence, and ends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config.settings import Settings, expand_variables
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.jobs import notify
from pipeline.jobs.night_report import evaluate_nights
from pipeline.store.db.engine import Database


def send(settings: Settings, store: Database) -> str:
    """Tells what nobody was told yet. Returns what went wrong, or ""."""
    if not settings.alerts:
        return ""
    try:
        filled = expand_variables(
            {str(number): url for number, url in enumerate(settings.alerts)},
            "config/nightdesk.toml, 'alerts'",
        )
        number, went = notify.tell(store, notify.sender(list(filled.values())))
    except ConfigError as error:
        return str(error)
    what = "1 finding" if number == 1 else f"{number} findings"
    return (
        ""
        if went
        else f"{what} could not be told to all addresses under 'alerts'; the next night tries again"
    )


def beat(settings: Settings, *, failed: bool) -> str:
    """Sends the sign of life, where one is wanted. Returns what went wrong, or "". Raises ConfigError."""
    if not settings.heartbeat:
        return ""
    url = expand_variables({"heartbeat": settings.heartbeat}, "config/nightdesk.toml")["heartbeat"]
    trouble = notify.beat(url, failed=failed)
    return (
        f"the sign of life could not be sent to the address under 'heartbeat' ({trouble})"
        if trouble
        else ""
    )


def tell(
    settings: Settings, store: Database, sites: Sequence[Site], *, failed: bool
) -> tuple[str, ...]:
    """All of it. Returns what went wrong with the telling."""
    evaluate_nights(store, sites)
    try:
        return tuple(filter(None, (send(settings, store), beat(settings, failed=failed))))
    except ConfigError as error:
        return (str(error),)
