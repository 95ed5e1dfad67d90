"""`nightdesk doctor`: checks the whole installation."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Final

import typer

from pipeline import diagnostics
from pipeline.cli.console import partial_failure_code, print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.core.formatting import pluralize
from pipeline.diagnostics import CheckState, DiagnosticCheck

EXAMPLES: Final = ("nightdesk doctor",)


def doctor(context: typer.Context, as_json: AsJson = False) -> None:
    """Check settings, sites, archive, disk, clock, browser and locks, and say what to do."""
    app = get_context(context)
    checks: list[DiagnosticCheck] = []
    try:
        for check in diagnostics.run_checks(app.settings, datetime.now(UTC), recipes=_recipe):
            checks.append(check)
            _print_check(check, as_json=as_json)
    except ConfigError as error:
        broken = DiagnosticCheck("settings", CheckState.BROKEN, str(error))
        checks.append(broken)
        _print_check(broken, as_json=as_json)
    states = Counter(check.state for check in checks)
    if as_json:
        print_json(checks)
    else:
        print_line()
        print_line(
            f"{pluralize(len(checks), 'check')}: {states[CheckState.OK]} ok,"
            f" {states[CheckState.LOOK]} to look at, {states[CheckState.BROKEN]} broken."
        )
    raise typer.Exit(partial_failure_code(states[CheckState.BROKEN]))


def _recipe(site: Site) -> str:
    # the extractors and rules take a second to load
    from pipeline.jobs.recipe import current_recipe

    return str(current_recipe(site))


def _print_check(check: DiagnosticCheck, *, as_json: bool) -> None:
    if not as_json:
        print_line(f"{check.state:<7} {check.name:<16} {check.message}")
