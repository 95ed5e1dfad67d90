"""Rules that need no past: what is wrong with a night whatever the nights before were like."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.monitoring.issues import Issue, IssueKind
from pipeline.monitoring.night_stats import Night

MIN_TRAPS = 10  # fewer are a slip of the site
MIN_TRAP_SHARE = 0.01  # of the stories that the sources list


def absolute_issues(tonight: Night) -> Iterator[Issue]:
    """Iterate over what is wrong with a night by itself."""
    yield from _traps(tonight)


def _traps(tonight: Night) -> Iterator[Issue]:
    """Many links were refused as traps, and may be stories."""
    stats = tonight.stats
    if stats.traps < MIN_TRAPS or stats.traps < MIN_TRAP_SHARE * stats.seen:
        return
    yield Issue(
        IssueKind.TRAPS,
        f"{stats.traps} of {stats.seen} links were refused as traps that never end",
        "stories have URLs that look like lists of years, or repeat a part of their path;"
        " a pattern of 'allow' that matches up to the end of a URL lets it through",
        f"nightdesk runs {tonight.run} --outcome refused",
        {"part": float(stats.traps), "whole": float(stats.seen)},
    )
