"""What to do about a Site whose pages come to nothing, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.cli.console import plural
from pipeline.core.models import Outcome, Reason

FEWEST_SHELLS = 3  # before a Site is said to be built by JavaScript
SHELL_SHARE = 0.8


def javascript_advice(site: str, cleaned: Mapping[tuple[str, str], int]) -> list[str]:
    """What to do about a Site whose pages are of no use as they are, from what its clean came to."""
    shells = cleaned.get((Outcome.NOT_ARTICLE, Reason.SCRIPT_SHELL), 0)
    if shells < FEWEST_SHELLS or shells < SHELL_SHARE * sum(cleaned.values()):
        return []
    pages = plural(sum(cleaned.values()), "page")
    todo = "set render = true in its site file; where that is set, look for a print or AMP edition, or set enabled = false"
    return [f"{site}: {shells} of {pages} are built by JavaScript and hold no text; {todo}"]
