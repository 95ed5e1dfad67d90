"""The command line: `nightdesk`.

Promises one clear sentence and a documented exit code for each trouble, a traceback only for a fault of our own, and
`--json` on whatever a program may want to read.
"""

from __future__ import annotations

import sys

import typer

from pipeline.cli import choosing, cleaning, extracting, night, onboarding, reading, setup
from pipeline.cli.output import complain
from pipeline.errors import NightdeskError

app = typer.Typer(
    name="nightdesk",
    help="A nightly archive of news sites: crawl, keep the bytes, clean, search, and say why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(setup.options)
for command in (
    onboarding.add,
    onboarding.check,
    night.crawl,
    cleaning.clean,
    choosing.review,
    choosing.rollback,
    cleaning.memory,
    night.schedule,
    reading.sites,
    reading.search,
    reading.show,
    reading.explain,
    reading.runs,
    reading.status,
    extracting.extract,
    night.demo,
):
    app.command()(command)


def main() -> None:
    """The console script."""
    try:
        app()
    except NightdeskError as error:
        complain(str(error))
        sys.exit(int(error.exit_code))
