"""The command that packs stored bytes anew."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from pipeline.cli.commands.prune import tell_unused
from pipeline.cli.console import Cell, print_error, print_json, print_line, size, print_table
from pipeline.cli.context import AsJson, SiteNames, get_context
from pipeline.cli.views.night_progress import night_progress
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
    here = get_context(context)
    chosen, done, code = here.sites(sites or (), also_disabled=True), list[Compacted](), here.exit_code
    store = here.open_archive()
    try:
        with night_progress(quiet=as_json) as looking:
            for site in chosen:
                try:
                    done.append(
                        recompress.compact(
                            store, site.id, partial(looking.clean, site.id), dry=dry_run
                        )
                    )
                except AlreadyRunning as error:
                    print_error(str(error))
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
        print_error("interrupted; what is packed stays so, and the same command goes on from here")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        store.close()
    raise typer.Exit(code)


def _show(done: list[Compacted], *, dry: bool) -> None:
    some = [each for each in done if each.packed]
    if not some:
        print_line(
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
    print_table(["Site", "Payloads", "take", "would take" if dry else "now", "of it"], rows)
    saved = size(sum(each.saved for each in some))
    print_line()
    print_line(
        f"Dry run: about {saved} would be saved, and nothing was changed."
        if dry
        else f"{saved} are saved."
    )
