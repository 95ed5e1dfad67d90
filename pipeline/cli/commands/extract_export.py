"""`nightdesk extract-export`: extracts exported pages without an archive, here or on Ray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.console import exit_on_interrupt, print_line
from pipeline.cli.context import get_context
from pipeline.cli.progress import progress_bar
from pipeline.core.formatting import pluralize
from pipeline.formats.writers.payload_tables import page_schema

if TYPE_CHECKING:
    from pipeline.offline.job import OfflineJob

EXAMPLES: Final = (
    "nightdesk extract-export pages/ extracted/",
    "nightdesk extract-export pages/ extracted/ --texts texts/ --ray",
)


@dataclass(frozen=True, slots=True)
class _Limits:
    """How many processes extract, and what one page may take."""

    processes: int
    page_seconds: float
    page_megabytes: int


def extract_export(
    context: typer.Context,
    pages: Annotated[
        Path, typer.Argument(metavar="PAGES", help="A folder that 'export --format pages' made.")
    ],
    extracted: Annotated[
        Path, typer.Argument(metavar="EXTRACTED", help="The folder for the extracted pages.")
    ],
    texts: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Also apply the rules, and write the texts to this folder."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=256, metavar="N", help="How many processes. Default: as in the settings."
        ),
    ] = None,
    ray: Annotated[
        bool, typer.Option("--ray", help="Use Ray, and start it on this machine for the command.")
    ] = False,
    address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Use the Ray cluster at this address.")
    ] = "",
) -> None:
    """Extract exported pages without an archive. 'nightdesk import' takes the result back."""
    settings = get_context(context).settings
    page_schema()  # raises an error that says what to install
    from pipeline.offline.job import OfflineJob

    job = OfflineJob(pages, extracted)
    processes = workers or settings.worker_processes
    limits = _Limits(processes, settings.page_seconds, settings.page_megabytes)
    with exit_on_interrupt("complete files stay, and the same command goes on from there"):
        if ray or address:
            _run_on_ray(job, texts, limits, address)
        else:
            _run_here(job, texts, limits)


def _run_here(job: OfflineJob, texts: Path | None, limits: _Limits) -> None:
    from pipeline.offline.clean_site import clean_site_files
    from pipeline.offline.extract_table import TableExtractor
    from pipeline.offline.job import extract_job

    with (
        progress_bar("pages", quiet=False) as progress,
        TableExtractor(limits.processes, limits.page_seconds, limits.page_megabytes) as extractor,
    ):
        _extract(job, lambda: extract_job(job, extractor, progress))
    if texts is None:
        return
    target = texts

    def clean_all() -> None:
        for site, files in job.extracted_files_by_site().items():
            clean_site_files(site, job.pages_manifest, files, target)

    _clean(job, target, clean_all)


def _run_on_ray(job: OfflineJob, texts: Path | None, limits: _Limits, address: str) -> None:
    from pipeline.offline import ray_runner

    def extract_all() -> None:
        ray_runner.extract_on_ray(job, limits.processes, limits.page_seconds, limits.page_megabytes)

    with ray_runner.ray_session(limits.processes, address):
        _extract(job, extract_all)
        if texts is None:
            return
        target = texts

        def clean_all() -> None:
            files = job.extracted_files_by_site()
            ray_runner.clean_on_ray(job.pages_manifest, files, target)

        _clean(job, target, clean_all)


def _extract(job: OfflineJob, extract_all: Callable[[], object]) -> None:
    folder = job.extracted_folder
    if job.is_complete():
        print_line(f"{folder}: is complete already.")
        return
    job.start()
    extract_all()
    (number,) = job.finish()["counts"].values()
    pages = pluralize(number, "extracted page")
    print_line(f"{pages} in {folder}. 'nightdesk import {folder}' imports them.")


def _clean(job: OfflineJob, target: Path, clean_all: Callable[[], object]) -> None:
    from pipeline.offline import job as jobs

    jobs.start_folder(target, "texts")
    clean_all()
    more = {"cleaning": job.pages_manifest.get("cleaning", {})}
    manifest = jobs.finish_folder(target, "texts", jobs.count_rows(target), more)
    print_line(f"{pluralize(manifest['counts']['texts'], 'text')} in {target}.")
