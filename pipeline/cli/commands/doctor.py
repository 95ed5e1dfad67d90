"""The command that looks at the whole installation."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime

import typer

from pipeline import diagnostics as looking
from pipeline.cli.console import print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.diagnostics import Check, State


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Look at everything that nights need, and say what to do: settings, sites, archive, disk, clock, browser, locks."""
    here = get_context(context)
    found: list[Check] = []
    try:
        for check in looking.examine(here.settings, datetime.now(UTC)):
            found.append(check)
            _say(check, as_json)
    except ConfigError as error:
        found.append(Check("settings", State.BROKEN, str(error)))
        _say(found[-1], as_json)
    states = Counter(check.state for check in found)
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        print_line()
        print_line(
            f"{len(found)} checks: {states[State.OK]} ok, {states[State.LOOK]} to look at, {states[State.BROKEN]} broken."
        )
    raise typer.Exit(ExitCode.PARTLY if states[State.BROKEN] else ExitCode.OK)


def _say(check: Check, as_json: bool) -> None:
    if not as_json:
        print_line(f"{check.state:<7} {check.name:<16} {check.sentence}")
