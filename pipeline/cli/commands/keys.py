"""`nightdesk keys`: makes, shows and replaces the key that signs checkpoints of the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.checkpoint_line import finish_log
from pipeline.cli.console import print_json, print_line
from pipeline.cli.context import AppContext, AsJson, get_context
from pipeline.core.errors import ConfigError, StoreError
from pipeline.jobs.evidence import checkpoints as jobs

if TYPE_CHECKING:
    from pipeline.evidence.keys import SigningKey
    from pipeline.store.db.engine import Database

EXAMPLES: Final = (
    "nightdesk keys",
    "nightdesk keys --rotate",
    'nightdesk keys --lost --reason "the disk with the key failed"',
)


def keys(
    context: typer.Context,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Replace the key; the old key signs that.")
    ] = False,
    lost: Annotated[
        bool, typer.Option("--lost", help="Replace a key that is lost. Tell readers the new one.")
    ] = False,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="How the key was lost, for the log.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Make the key that signs checkpoints of the log, show it, or replace it.

    The key is a file outside of the archive. Who can write to the archive cannot sign without it.
    """
    if rotate and lost:
        raise ConfigError("keys: --rotate needs the old key, and --lost is for a lost one")
    if lost and not reason.strip():
        raise ConfigError("keys --lost: say with --reason how the key was lost")
    app = get_context(context)
    path = app.settings.signing_key
    if rotate or lost:
        key = _replace(app, path, reason.strip() if lost else "")
    else:
        key = _make_or_show(app, path)
    from pipeline.evidence.keys import fingerprint

    values = {"file": str(path), "public_key": key.public_key}
    values["fingerprint"] = fingerprint(key.public_key)
    if as_json:
        print_json(values)
        return
    print_line(f"Key {values['fingerprint']} in {path}")
    print_line(f"Public key {key.public_key}")
    print_line(
        "Give the fingerprint to those who check the archive, and keep a copy of the file"
        " elsewhere."
    )


def _make_or_show(app: AppContext, path: Path) -> SigningKey:
    """Return the key; make it where there is none."""
    from pipeline.evidence.keys import load_key, new_key, save_key

    database = app.open_archive(create=True)
    try:
        key = load_key(path)
        if key is None:
            _refuse_second_key(database, path)
            key = new_key()
            save_key(path, key)
        finish_log(app, database, quiet=True)
    finally:
        database.close()
    return key


def _refuse_second_key(database: Database, path: Path) -> None:
    if jobs.logged_key(database):
        raise ConfigError(
            f"{path}: is missing, and the log names a key already; put the file back, or declare"
            " a new one with 'nightdesk keys --lost --reason TEXT'"
        )


def _replace(app: AppContext, path: Path, reason: str) -> SigningKey:
    from pipeline.evidence.keys import fingerprint, load_key, new_key, save_key

    database = app.open_archive()
    try:
        old, new = load_key(path), new_key()
        if not jobs.logged_key(database):
            raise StoreError(
                f"{database.name}: its log names no key yet; 'nightdesk keys' makes one"
            )
        fresh = path.with_name(path.name + ".new")
        fresh.unlink(missing_ok=True)
        save_key(fresh, new)
        if reason:
            jobs.replace_lost_key(database, new, reason)
        elif old is None:
            raise ConfigError(f"{path}: the old key is not there; if it is lost, use --lost")
        else:
            jobs.rotate_key(database, old, new)
        if old is not None:
            path.replace(path.with_name(f"{path.name}.{fingerprint(old.public_key)}.old"))
        fresh.replace(path)
        finish_log(app, database, quiet=True)
    finally:
        database.close()
    return new
