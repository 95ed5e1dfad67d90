"""`nightdesk prove`: prints the proofs that what a page's captures say is in the log."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from pipeline.cli.console import print_json, print_line
from pipeline.cli.context import get_context
from pipeline.cli.views.page_lookup import require_page
from pipeline.core.errors import ConfigError, StoreError
from pipeline.core.formatting import pluralize
from pipeline.jobs.evidence import log_proofs

EXAMPLES: Final = (
    "nightdesk prove 42",
    "nightdesk prove https://gazette.example/story --json",
    "nightdesk prove https://gazette.example/never-seen --run 7",
)


def prove(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="ID|URL", help="The number of an article, or the URL of a page."),
    ],
    run: Annotated[
        int | None,
        typer.Option(
            metavar="RUN",
            help="Prove what the ledger of this run says of the URL, or that it says nothing.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the proofs themselves, for programs.")
    ] = False,
) -> None:
    """Prove that the captures of a page, or its absence in a night, are in the log."""
    database = get_context(context).open_archive()
    try:
        if run is None:
            page = require_page(database, name)
            proofs = log_proofs.prove_page(database, page.id)
            if not proofs["captures"]:
                raise StoreError(f"{page.url}: none of its captures is sealed yet")
        else:
            url = name
            if name.isdecimal():
                url = require_page(database, name).url
            proofs = log_proofs.prove_ledger(database, run, url)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None
    finally:
        database.close()
    if as_json:
        print_json(proofs)
    elif run is None:
        _print_captures(proofs)
    else:
        _print_ledger(proofs)


def _print_captures(proofs: dict[str, Any]) -> None:
    for proof in proofs["captures"]:
        said = proof["fields"]
        print_line(
            f"Leaf {proof['number']}: {said['outcome']} {said['fetched_at']}"
            f" sha256 {said['payload'] or '-'}"
        )
    count = pluralize(len(proofs["captures"]), "capture is", "captures are")
    print_line(f"{count} in the log of {proofs['size']:,} leaves, root {proofs['root']}.")
    print_line("--json prints the proofs.")


def _print_ledger(proofs: dict[str, Any]) -> None:
    run = proofs["run"]["fields"]
    if proofs["is_listed"]:
        entry = proofs["entries"][0]["fields"]
        print_line(f"{proofs['url']}: {entry['outcome']} {entry['reason']}".rstrip())
    else:
        print_line(f"{proofs['url']}: is not in the ledger of this run")
    print_line(
        f"{run['site']}, {run['kind']} from {run['started_at']} to {run['finished_at']}:"
        f" a ledger of {pluralize(run['ledger']['size'], 'URL')}, sealed in leaf"
        f" {proofs['run']['number']}."
    )
    print_line("--json prints the proofs.")
