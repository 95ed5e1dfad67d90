"""`nightdesk verify`: checks the archive row by row, its log, or exports by their manifests."""

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
    "nightdesk verify --log --against checkpoint.json --bytes",
    "nightdesk verify articles.parquet",
)
CheckLog = Annotated[
    bool,
    typer.Option(
        "--log", help="Check the log instead: whether anything was changed since it was sealed."
    ),
]
Against = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CHECKPOINT",
        help="With --log: a checkpoint that somebody kept: a file, a folder of a witness, or"
        " SIZE:ROOT. Repeatable.",
    ),
]
CheckBytes = Annotated[
    bool, typer.Option("--bytes", help="With --log: unpack and hash each payload, too.")
]
Derive = Annotated[
    bool,
    typer.Option("--derive", help="With --log: extract pages again and compare texts, too."),
]
TrustKeys = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FINGERPRINT",
        help="With --log: a key that you trust although the lost key did not sign it.",
    ),
]
TimestampRoots = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="With --log: the certificate (PEM) of a timestamp authority. Repeatable.",
    ),
]


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
    log: CheckLog = False,
    against: Against = None,
    check_bytes: CheckBytes = False,
    derive: Derive = False,
    trust_key: TrustKeys = None,
    timestamp_root: TimestampRoots = None,
    as_json: AsJson = False,
) -> None:
    """Check bytes, texts, articles, index and ledgers of the archive, its log, or exports."""
    if paths:
        if since or sample or repair or log:
            raise ConfigError(
                "verify: --since, --sample, --repair and --log are for the archive;"
                " leave them out, or the paths"
            )
        _verify_exports(paths, as_json=as_json)
    if log:
        if since or sample or repair:
            raise ConfigError("verify --log: checks all of the log; leave out the other options")
        from pipeline.cli.views.log_verification import LogOptions, verify_log_and_exit

        roots, keys = timestamp_root or (), trust_key or ()
        options = LogOptions(against or (), check_bytes, derive, keys, roots)
        verify_log_and_exit(get_context(context), options, as_json=as_json)
    if against or check_bytes or derive or trust_key or timestamp_root:
        raise ConfigError(
            "verify: --against, --bytes, --derive, --trust-key and --timestamp-root need --log"
        )
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
