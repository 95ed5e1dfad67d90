"""The command that makes drafts of exported pages, without an archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.console import complain, plural, say
from pipeline.cli.context import door
from pipeline.cli.progress import counted
from pipeline.config.settings import Settings
from pipeline.core.errors import ExitCode
from pipeline.formats.readers.parquet_drafts import page_schema

if TYPE_CHECKING:
    from pipeline.offline.job import Job


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
    settings = door(context).settings
    page_schema()  # says what to install, before anything else would
    from pipeline.offline.job import Job

    job = Job(pages, drafts)
    try:
        if ray or address:
            _on_ray(job, texts, workers or settings.processes, settings, address)
        else:
            _here(job, texts, workers or settings.processes, settings)
    except KeyboardInterrupt:
        complain(
            "interrupted; the files that are whole stay, and the same command goes on from there"
        )
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _here(job: Job, texts: Path | None, processes: int, settings: Settings) -> None:
    from pipeline.offline import clean_site
    from pipeline.offline import job as jobs
    from pipeline.offline.extract_table import Drafting

    with (
        counted("pages", quiet=False) as tell,
        Drafting(processes, settings.page_seconds, settings.page_megabytes) as drafting,
    ):
        _drafted(job, lambda: jobs.draft(job, drafting, tell))
    if texts is not None:
        drafts, target = job.by_site(), texts
        _struck(
            job,
            target,
            lambda: [
                clean_site.strike_site(site, job.head, drafts[site], target) for site in drafts
            ],
        )


def _on_ray(job: Job, texts: Path | None, processes: int, settings: Settings, address: str) -> None:
    from pipeline.offline import ray_runner

    with ray_runner.started(processes, address):
        _drafted(
            job,
            lambda: ray_runner.draft(
                job, processes, settings.page_seconds, settings.page_megabytes
            ),
        )
        if texts is not None:
            target = texts
            _struck(job, target, lambda: ray_runner.strike(job.head, job.by_site(), target))


def _drafted(job: Job, work: Callable[[], object]) -> None:
    if job.is_whole():
        say(f"{job.drafts}: is whole already.")
        return
    job.begin()
    work()
    told = job.seal()
    say(
        f"{plural(told['counts']['drafts'], 'draft')} in {job.drafts}. 'nightdesk import {job.drafts}' brings them back."
    )


def _struck(job: Job, target: Path, work: Callable[[], object]) -> None:
    from pipeline.offline import job as jobs

    jobs.begin(target, "texts")
    work()
    told = jobs.seal(target, "texts", jobs.rows(target), {"cleaning": job.head.get("cleaning", {})})
    say(f"{plural(told['counts']['texts'], 'text')} in {target}.")
