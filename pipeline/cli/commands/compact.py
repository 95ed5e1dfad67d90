"""The command that packs stored bytes anew."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from pipeline.cli.commands.prune import tell_unused
from pipeline.cli.console import Cell, complain, print_json, say, size, table
from pipeline.cli.context import AsJson, SiteNames, door
from pipeline.cli.views.night_progress import watcher
from pipeline.core.errors import AlreadyRunning, ExitCode
from pipeline.store.maintenance import recompress
from pipeline.store.maintenance.recompress import Compacted


def compact(
    context: typer.Context,
    sites: SiteNames = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show about what it would save, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Pack stored pages by earlier pages of their site: those that were kept before it had a dictionary. No byte changes."""
    here = door(context)
    chosen, done, code = here.sites(sites or (), also_disabled=True), list[Compacted](), here.code
    store = here.archive()
    try:
        with watcher(quiet=as_json) as looking:
            for site in chosen:
                try:
                    done.append(
                        recompress.compact(
                            store, site.id, partial(looking.clean, site.id), dry=dry_run
                        )
                    )
                except AlreadyRunning as error:
                    complain(str(error))
                    code = code or ExitCode.RUNNING
        if as_json:
            print_json(
                {
                    "dry_run": dry_run,
                    "sites": [asdict(each) | {"saved": each.saved} for each in done],
                }
            )
        else:
            _show(done, dry=dry_run)
            if not dry_run:
                tell_unused(store)
    except KeyboardInterrupt:
        complain("interrupted; what is packed stays so, and the same command goes on from here")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        store.close()
    raise typer.Exit(code)


def _show(done: list[Compacted], *, dry: bool) -> None:
    some = [each for each in done if each.packed]
    if not some:
        say(
            "All that can be packed by a dictionary is. A site gets its first one when it has some ten stored stories."
        )
        return
    rows: list[list[Cell]] = [
        [
            each.site,
            each.packed,
            size(each.before),
            size(each.after),
            f"{each.after / each.before:.0%}",
        ]
        for each in some
    ]
    table(["Site", "Payloads", "take", "would take" if dry else "now", "of it"], rows)
    saved = size(sum(each.saved for each in some))
    say()
    say(
        f"Dry run: about {saved} would be saved, and nothing was changed."
        if dry
        else f"{saved} are saved."
    )
