"""`nightdesk verify`: checks the archive row by row, or exports against their manifests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from pipeline.cli.console import partial_failure_code, print_error, print_json, print_line
from pipeline.cli.context import AsJson, get_context
from pipeline.cli.dates import DAY_FORMATS, start_of_day
from pipeline.core.errors import ConfigError
from pipeline.core.formatting import pluralize
from pipeline.formats import manifest

EXAMPLES: Final = (
    "nightdesk verify",
    "nightdesk verify --sample 1000",
    "nightdesk verify --repair",
    "nightdesk verify articles.parquet",
)


def verify(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Exports: files or folders. Default: the archive itself."
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=DAY_FORMATS,
            metavar="DATE",
            help="Only what was stored or made on this day (UTC) or later.",
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Only a random sample of N rows of each kind."),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Make again what can be made again from the stored bytes."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check bytes, texts, articles, index and ledgers of the archive, or exports."""
    if paths:
        if since or sample or repair:
            raise ConfigError(
                "verify: --since, --sample and --repair are for the archive;"
                " leave them out, or the paths"
            )
        _verify_exports(paths, as_json=as_json)
    # A check of exports does not need the modules that clean.
    from pipeline.cli.views.verify_report import verify_and_exit
    from pipeline.store.maintenance import VerifyScope

    scope = VerifyScope(start_of_day(since), sample)
    verify_and_exit(get_context(context), scope, repair=repair, as_json=as_json)


def _verify_exports(paths: Sequence[Path], *, as_json: bool) -> NoReturn:
    rows: list[dict[str, Any]] = []
    is_wrong = False
    for path in paths:
        export, faults = manifest.verify_export(path)
        is_wrong = is_wrong or bool(faults)
        row = {"path": str(path), "format": export["format"], "made_at": export["made_at"]}
        rows.append(row | {"faults": faults})
        if not as_json:
            _print_export(path, export, faults)
    if as_json:
        print_json(rows)
    raise typer.Exit(partial_failure_code(is_wrong))


def _print_export(path: Path, export: dict[str, Any], faults: Sequence[str]) -> None:
    for sentence in faults:
        print_error(sentence)
    if not faults:
        ((content, number),) = export["counts"].items()
        count = pluralize(number, manifest.item_name(content))
        day = export["made_at"][:10]
        print_line(f"{path}: has not changed since the export on {day}: {count}.")
