"""The part of `import` that brings Drafts back which were made elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from pipeline.cli.console import complain, plural, print_json, say
from pipeline.cli.context import Door
from pipeline.cli.progress import counted
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.formats import manifest
from pipeline.formats.atomic_files import MARK
from pipeline.formats.readers import parquet_drafts
from pipeline.jobs import import_drafts
from pipeline.jobs.import_drafts import Brought
from pipeline.jobs.workers.pool import Workers
from pipeline.offline.recipe_manifest import differing
from pipeline.store.db.engine import Database

SHOWN = 10  # of what is left out


def folders(sources: Sequence[Path]) -> list[Path]:
    """Those of the sources that hold Drafts: all or none. Raises ConfigError."""
    found = [source for source in sources if _holds_drafts(source)]
    if found and len(found) < len(sources):
        raise ConfigError(
            f"{found[0]}: holds drafts; bring pages and drafts with a command of their own each"
        )
    return found


def _holds_drafts(source: Path) -> bool:
    if (source / MARK).exists():
        raise ConfigError(
            f"{source}: is not whole yet; the 'nightdesk draft' that makes it goes on when it is typed again"
        )
    if not (source / manifest.NAME).is_file():
        return False
    form = manifest.read(source)[1]["format"]
    if form == "pages":
        raise ConfigError(
            f"{source}: is an export as 'pages'; 'nightdesk draft' makes drafts of it, which can be brought back"
        )
    return bool(form == "drafts")


def bring(here: Door, store: Database, roots: Sequence[Path], *, as_json: bool) -> list[str]:
    """Brings all Drafts of these folders that can be believed, says what came of it, and returns the Sites. Raises ConfigError
    and StoreError."""
    parquet_drafts.page_schema()  # says what to install
    for root in roots:
        if how := differing(parquet_drafts.opened(root, "drafts")):
            raise ConfigError(
                f"{root}: its drafts were made by other extractors than those here ({how});"
                " have the same versions on both machines, and make them again"
            )
    settings, wrong = here.settings, list[str]()
    try:
        with (
            counted("drafts", quiet=as_json) as tell,
            Workers(settings.processes, settings.page_seconds, settings.page_megabytes) as workers,
        ):
            done = import_drafts.bring(store, _files(roots, wrong), workers, tell)
    except KeyboardInterrupt:
        complain("interrupted; what was brought is kept, and the same command goes on from there")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    done.refused = sorted([*wrong, *done.refused])
    for sentence in done.refused:
        complain(sentence)
        here.code = ExitCode.PARTLY
    if as_json:
        print_json(_as_json(done))
    else:
        _show(done)
    return sorted(done.sites)


def _files(roots: Sequence[Path], wrong: list[str]) -> Iterator[parquet_drafts.DraftFile]:
    """The files that are as their manifest says."""
    for root in roots:
        for each in parquet_drafts.opened(root, "drafts")["files"]:
            if found := manifest.wrong_with(root, each):
                wrong += [f"{sentence}; nothing of this file is brought" for sentence in found]
            else:
                yield parquet_drafts.DraftFile(root, each["path"])


def _as_json(done: Brought) -> dict[str, Any]:
    return {
        "drafts": dict(sorted(done.sites.items())),
        "there": done.there,
        "made_again": done.proven,
        "refused": done.refused,
        "left_out": dict(done.left_out.most_common()),
        "left_out_payloads": [{"payload_sha256": digest, "why": why} for digest, why in done.named],
    }


def _show(done: Brought) -> None:
    proven = f"{done.proven:,} of them made again here, and the same; " if done.sites else ""
    say(f"{plural(done.sites.total(), 'draft')} brought, {proven}{done.there:,} were here already.")
    if done.left_out:
        say(f"{plural(done.left_out.total(), 'draft')} left out:")
        for digest, why in done.named[:SHOWN]:
            say(f"  {digest}: {why}")
        if (others := done.left_out.total() - SHOWN) > 0:
            say(f"  and {others:,} more; --json lists them.")
    if done.sites:
        say(
            "'nightdesk clean --dry-run' shows what they change, and 'nightdesk clean' strikes them."
        )
