"""The import of extracted pages that another machine made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.cli.console import exit_on_interrupt, print_error, print_json, print_line
from pipeline.cli.context import AppContext
from pipeline.cli.progress import progress_bar
from pipeline.core.errors import ConfigError, ExitCode
from pipeline.core.formatting import pluralize
from pipeline.formats import manifest
from pipeline.formats.atomic_files import PART_MARKER
from pipeline.formats.readers import extracted_pages
from pipeline.formats.writers.payload_tables import page_schema
from pipeline.jobs import import_extracted as jobs
from pipeline.jobs.import_extracted import ExtractedImportStats
from pipeline.jobs.workers.pool import WorkerPool
from pipeline.offline.recipe_manifest import describe_difference

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database

EXTRACTED: Final = "extracted"  # the format in a manifest
MAX_SHOWN: Final = 10  # skipped pages that are printed


def select_extracted_folders(sources: Sequence[Path]) -> list[Path]:
    """Return the sources that hold extracted pages: all of them or none.

    Raises:
        ConfigError: Only some do, or a folder is incomplete or holds pages without extraction.
    """
    folders = [source for source in sources if _holds_extracted_pages(source)]
    if folders and len(folders) < len(sources):
        raise ConfigError(
            f"{folders[0]}: holds extracted pages; import pages and extracted pages with one"
            " command each"
        )
    return folders


def _holds_extracted_pages(source: Path) -> bool:
    if (source / PART_MARKER).exists():
        raise ConfigError(
            f"{source}: is not complete yet; run its 'nightdesk extract-export' again,"
            " and it goes on"
        )
    if not (source / manifest.MANIFEST_NAME).is_file():
        return False
    _, head = manifest.read_manifest(source)
    if head["format"] == "pages":
        raise ConfigError(
            f"{source}: is an export of pages without extraction; 'nightdesk extract-export' makes"
            " extracted pages of it, which can be imported"
        )
    return bool(head["format"] == EXTRACTED)


def import_extracted(
    app: AppContext, database: Database, folders: Sequence[Path], *, as_json: bool
) -> list[str]:
    """Import the extracted pages of these folders that pass all checks, and print the result.

    Args:
        app: The context of the command.
        database: The archive.
        folders: Folders with a manifest.
        as_json: Print JSON.

    Returns:
        The sites of the imported pages.

    Raises:
        ConfigError: A folder was made by other versions of the extractors.
        StoreError: The archive cannot be written.
    """
    page_schema()  # raises an error that says what to install
    for folder in folders:
        difference = describe_difference(extracted_pages.read_export_manifest(folder, EXTRACTED))
        if difference:
            raise ConfigError(
                f"{folder}: was made by other extractors than those of this machine ({difference});"
                " install the same versions on both machines, and make it again"
            )
    settings, rejected = app.settings, list[str]()
    processes = settings.worker_processes
    with (
        exit_on_interrupt("what was imported is kept, and the same command goes on from there"),
        progress_bar("extracted pages", quiet=as_json) as progress,
        WorkerPool(processes, settings.page_seconds, settings.page_megabytes) as workers,
    ):
        files = _intact_files(folders, rejected)
        stats = jobs.import_extracted_files(database, files, workers, progress)
    stats.rejected_files = sorted([*rejected, *stats.rejected_files])
    for sentence in stats.rejected_files:
        print_error(sentence)
        app.exit_code = ExitCode.PARTLY
    if as_json:
        print_json(_as_json(stats))
    else:
        _print_stats(stats)
    return sorted(stats.imported)


def _intact_files(
    folders: Sequence[Path], rejected: list[str]
) -> Iterator[extracted_pages.ExtractedPagesFile]:
    """Yield the files that are as their manifest says, and collect sentences about the others."""
    for folder in folders:
        for entry in extracted_pages.read_export_manifest(folder, EXTRACTED)["files"]:
            sentences = manifest.file_issues(folder, entry)
            for sentence in sentences:
                rejected.append(f"{sentence}; nothing of this file is imported")
            if not sentences:
                yield extracted_pages.ExtractedPagesFile(folder, entry["path"])


def _as_json(stats: ExtractedImportStats) -> dict[str, Any]:
    skipped = [{"payload_sha256": digest, "why": why} for digest, why in stats.skipped_digests]
    return {
        "imported": dict(sorted(stats.imported.items())),
        "already_present": stats.already_present,
        "verified": stats.verified,
        "rejected_files": stats.rejected_files,
        "skipped": dict(stats.skipped.most_common()),
        "skipped_payloads": skipped,
    }


def _print_stats(stats: ExtractedImportStats) -> None:
    verified = ""
    if stats.imported:
        verified = f"{stats.verified:,} of them extracted again here with the same result; "
    print_line(
        f"{pluralize(stats.imported.total(), 'extracted page')} imported, {verified}"
        f"{stats.already_present:,} were here already."
    )
    if stats.skipped:
        print_line(f"{pluralize(stats.skipped.total(), 'extracted page')} skipped:")
        for digest, why in stats.skipped_digests[:MAX_SHOWN]:
            print_line(f"  {digest}: {why}")
        hidden = stats.skipped.total() - MAX_SHOWN
        if hidden > 0:
            print_line(f"  and {hidden:,} more; --json lists them.")
    if stats.imported:
        print_line(
            "'nightdesk clean --dry-run' shows what they change, and 'nightdesk clean' applies the"
            " rules to them."
        )
