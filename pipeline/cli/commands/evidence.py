"""`nightdesk evidence`: writes a bundle that proves a story, or its absence, to a stranger."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.console import print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.core.errors import ConfigError
from pipeline.core.formatting import pluralize
from pipeline.core.urls import canonicalize
from pipeline.jobs.evidence import bundle as evidence_bundle
from pipeline.store import read

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

EXAMPLES: Final = (
    "nightdesk evidence 12 --out ferry.wacz",
    "nightdesk evidence https://gazette.example/never-seen --site gazette",
)


def evidence(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="ID|URL", help="The number of an article, or a URL.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to make. Default: a name of the page, .wacz."),
    ] = None,
    site: Annotated[
        str,
        typer.Option(
            metavar="SITE",
            help="For a URL that is not in the archive: prove that this site did not list it.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Write a bundle with bytes, history and proofs of a story, which anybody can verify."""
    app = get_context(context)
    database = app.open_archive()
    try:
        page = read.find_page(database, name)
        if page is not None and not site:
            path = out or Path(f"evidence-{page.id}.wacz")
            summary = evidence_bundle.write_page_bundle(database, page, path)
        else:
            url = _absent_url(database, name, site)
            app.check_site_name(database, site)
            path = out or Path(f"evidence-{re.sub('[^a-z0-9]+', '-', url.lower())[-60:]}.wacz")
            summary = evidence_bundle.write_absence_bundle(database, site, url, path)
    finally:
        database.close()
    if as_json:
        print_json({"file": path, "summary": summary})
        return
    captures = pluralize(summary.captures, "capture")
    nights = pluralize(summary.runs, "run")
    print_line(f"{path}: {captures}, what {nights} say, {pluralize(summary.tokens, 'timestamp')}.")
    if not summary.is_signed:
        print_line("The checkpoint is not signed: 'nightdesk keys' makes a key for the next one.")
    print_line(f"To verify it: {evidence_bundle.HOW_TO_VERIFY.replace('BUNDLE', str(path))}")


def _absent_url(database: Database, name: str, site: str) -> str:
    if not site:
        raise ConfigError(
            f"{name}: is not in the archive; --site names the site that did not list it"
        )
    page = read.find_page(database, name) if name.isdecimal() else None
    try:
        return page.url if page is not None else canonicalize(name)
    except ValueError:
        raise ConfigError(f"{name}: is no URL") from None
