"""The part of `import` that brings Drafts back which were made elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from pipeline.cli.console import print_error, plural, print_json, print_line
from pipeline.cli.context import AppContext
from pipeline.cli.progress import progress_bar
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.formats import manifest
from pipeline.formats.atomic_files import MARK
from pipeline.formats.readers import parquet_drafts
from pipeline.jobs import import_drafts
from pipeline.jobs.import_drafts import ExtractedImportStats
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.offline.recipe_manifest import describe_difference
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


def bring(here: AppContext, store: Database, roots: Sequence[Path], *, as_json: bool) -> list[str]:
    """Brings all Drafts of these folders that can be believed, says what came of it, and returns the Sites. Raises ConfigError
    and StoreError."""
    parquet_drafts.page_schema()  # says what to install
    for root in roots:
        if how := describe_difference(parquet_drafts.opened(root, "drafts")):
            raise ConfigError(
                f"{root}: its drafts were made by other extractors than those here ({how});"
                " have the same versions on both machines, and make them again"
            )
    settings, wrong = here.settings, list[str]()
    try:
        with (
            progress_bar("drafts", quiet=as_json) as tell,
            WorkerPool(settings.processes, settings.page_seconds, settings.page_megabytes) as workers,
        ):
            done = import_drafts.import_extracted(store, _files(roots, wrong), workers, tell)
    except KeyboardInterrupt:
        print_error("interrupted; what was brought is kept, and the same command goes on from there")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    done.rejected_files = sorted([*wrong, *done.rejected_files])
    for sentence in done.rejected_files:
        print_error(sentence)
        here.exit_code = ExitCode.PARTLY
    if as_json:
        print_json(_as_json(done))
    else:
        _show(done)
    return sorted(done.imported)


def _files(roots: Sequence[Path], wrong: list[str]) -> Iterator[parquet_drafts.DraftFile]:
    """The files that are as their manifest says."""
    for root in roots:
        for each in parquet_drafts.opened(root, "drafts")["files"]:
            if found := manifest.wrong_with(root, each):
                wrong += [f"{sentence}; nothing of this file is brought" for sentence in found]
            else:
                yield parquet_drafts.DraftFile(root, each["path"])


def _as_json(done: ExtractedImportStats) -> dict[str, Any]:
    return {
        "drafts": dict(sorted(done.imported.items())),
        "there": done.already_present,
        "made_again": done.verified,
        "refused": done.rejected_files,
        "left_out": dict(done.skipped.most_common()),
        "left_out_payloads": [{"payload_sha256": digest, "why": why} for digest, why in done.skipped_digests],
    }


def _show(done: ExtractedImportStats) -> None:
    proven = f"{done.verified:,} of them made again here, and the same; " if done.imported else ""
    print_line(f"{plural(done.imported.total(), 'draft')} brought, {proven}{done.already_present:,} were here already.")
    if done.skipped:
        print_line(f"{plural(done.skipped.total(), 'draft')} left out:")
        for digest, why in done.skipped_digests[:SHOWN]:
            print_line(f"  {digest}: {why}")
        if (others := done.skipped.total() - SHOWN) > 0:
            print_line(f"  and {others:,} more; --json lists them.")
    if done.imported:
        print_line(
            "'nightdesk clean --dry-run' shows what they change, and 'nightdesk clean' strikes them."
        )
