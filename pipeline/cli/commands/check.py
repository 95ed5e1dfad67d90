"""`nightdesk check`: probes known sites again, and compares them with their files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import typer

from pipeline.cli.console import partial_failure_code, print_error, print_json
from pipeline.cli.context import AsJson, SiteNames, get_context
from pipeline.cli.views import check_report
from pipeline.cli.views.probe_progress import probe_progress
from pipeline.core.errors import ExitCode
from pipeline.jobs import onboarding
from pipeline.jobs.onboarding import SiteCheck
from pipeline.jobs.results import worst_exit_code

EXAMPLES: Final = (
    "nightdesk check",
    "nightdesk check gazette",
)


def check(context: typer.Context, sites: SiteNames = None, as_json: AsJson = False) -> None:
    """Probe sites again, and show what is broken, changed or new. Changes no file."""
    app = get_context(context)
    selected = app.sites(sites or ())
    _ = app.settings.sent_user_agent  # without a contact in the settings nothing is started
    try:
        with probe_progress(quiet=as_json) as progress:
            checks = onboarding.check_sites(app.settings, selected, progress)
    except KeyboardInterrupt:
        print_error("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if as_json:
        print_json([check_report.check_json(site_check) for site_check in checks])
    else:
        check_report.print_checks(checks)
    raise typer.Exit(worst_exit_code([app.exit_code, *_exit_codes(checks)]))


def _exit_codes(checks: Sequence[SiteCheck]) -> list[ExitCode]:
    """Print the errors of the probes, and return a code for each site."""
    codes = []
    for site_check in checks:
        if site_check.error:
            print_error(site_check.error)
        is_wrong = site_check.error or check_report.is_broken(site_check)
        codes.append(partial_failure_code(is_wrong))
    return codes
