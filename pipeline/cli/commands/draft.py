"""The command that makes drafts of exported pages, without an archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.console import print_error, plural, print_line
from pipeline.cli.context import get_context
from pipeline.cli.progress import progress_bar
from pipeline.config.settings import Settings
from pipeline.core.errors import ExitCode
from pipeline.formats.readers.parquet_drafts import page_schema

if TYPE_CHECKING:
    from pipeline.offline.job import OfflineJob


def draft(
    context: typer.Context,
    pages: Annotated[Path, typer.Argument(metavar="PAGES", help="An export as 'pages'.")],
    drafts: Annotated[Path, typer.Argument(metavar="DRAFTS", help="Folder for their drafts.")],
    texts: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Also strike the drafts, into this folder."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes. Default: as in the settings.")
    ] = None,
    ray: Annotated[
        bool, typer.Option("--ray", help="On Ray, which is started for it on this machine.")
    ] = False,
    address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="On the Ray cluster at this address.")
    ] = "",
) -> None:
    """Make drafts of exported pages, without an archive: here, or on Ray. 'nightdesk import' brings them back."""
    settings = get_context(context).settings
    page_schema()  # says what to install, before anything else would
    from pipeline.offline.job import OfflineJob

    job = OfflineJob(pages, drafts)
    try:
        if ray or address:
            _on_ray(job, texts, workers or settings.processes, settings, address)
        else:
            _here(job, texts, workers or settings.processes, settings)
    except KeyboardInterrupt:
        print_error(
            "interrupted; the files that are whole stay, and the same command goes on from there"
        )
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _here(job: OfflineJob, texts: Path | None, processes: int, settings: Settings) -> None:
    from pipeline.offline import clean_site
    from pipeline.offline import job as jobs
    from pipeline.offline.extract_table import TableExtractor

    with (
        progress_bar("pages", quiet=False) as tell,
        TableExtractor(processes, settings.page_seconds, settings.page_megabytes) as drafting,
    ):
        _drafted(job, lambda: jobs.extract_job(job, drafting, tell))
    if texts is not None:
        drafts, target = job.extracted_files_by_site(), texts
        _struck(
            job,
            target,
            lambda: [
                clean_site.clean_site_files(site, job.pages_manifest, drafts[site], target) for site in drafts
            ],
        )


def _on_ray(job: OfflineJob, texts: Path | None, processes: int, settings: Settings, address: str) -> None:
    from pipeline.offline import ray_runner

    with ray_runner.ray_session(processes, address):
        _drafted(
            job,
            lambda: ray_runner.extract_on_ray(
                job, processes, settings.page_seconds, settings.page_megabytes
            ),
        )
        if texts is not None:
            target = texts
            _struck(job, target, lambda: ray_runner.clean_on_ray(job.pages_manifest, job.extracted_files_by_site(), target))


def _drafted(job: OfflineJob, work: Callable[[], object]) -> None:
    if job.is_complete():
        print_line(f"{job.extracted_folder}: is whole already.")
        return
    job.start()
    work()
    told = job.finish()
    print_line(
        f"{plural(told['counts']['drafts'], 'draft')} in {job.extracted_folder}. 'nightdesk import {job.extracted_folder}' brings them back."
    )


def _struck(job: OfflineJob, target: Path, work: Callable[[], object]) -> None:
    from pipeline.offline import job as jobs

    jobs.start_folder(target, "texts")
    work()
    told = jobs.finish_folder(target, "texts", jobs.count_rows(target), {"cleaning": job.pages_manifest.get("cleaning", {})})
    print_line(f"{plural(told['counts']['texts'], 'text')} in {target}.")
