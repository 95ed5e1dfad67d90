"""The command that brings in what others have archived."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pipeline.cli.commands.crawl import exit_with_code, run_with_progress
from pipeline.cli.console import print_error, plural, print_json, print_line, print_table
from pipeline.cli.context import AsJson, AppContext, get_context
from pipeline.cli.progress import progress_bar
from pipeline.cli.views import import_report
from pipeline.config import site as site_files
from pipeline.config.site import SITE_ID
from pipeline.core.errors import ConfigError, DiskError, ExitCode
from pipeline.formats import import_pages
from pipeline.formats.import_pages import Imported
from pipeline.jobs.clean import DEFAULT_CLEAN
from pipeline.store.db.engine import Database
from pipeline.store.maintenance import copy_archive

SHOWN = 10  # of what is left out of sites that no page came in for


def import_(
    context: typer.Context,
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SOURCE", help="WARC files, folders of HTML, folders of drafts."),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(
            metavar="SITE", help="The site that all pages belong to. Default: one for each host."
        ),
    ] = None,
    other: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DATABASE_URL",
            help="Copy another Nightdesk archive, whole, into an empty one instead.",
        ),
    ] = None,
    clean: Annotated[
        bool | None,
        typer.Option(
            "--clean/--no-clean", help="Clean what came in, at the end. Default: pages, not drafts."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring pages in that others have archived: WARC files, folders of HTML. They are cleaned like all others. Or bring
    drafts back that were made elsewhere, or copy another Nightdesk archive."""
    here = get_context(context)
    if other is not None:
        if sources or site:
            raise ConfigError(
                "--from copies a whole archive; leave out --site, and import files with a command of their own"
            )
        _copy(here, other, as_json)
        return
    if not sources:
        raise ConfigError(
            "import: name WARC files, folders of HTML or of drafts, or with --from another archive"
        )
    if drafts := import_report.folders(sources):
        _bring_drafts(here, drafts, site, bool(clean), as_json)
    if site is not None and not SITE_ID.fullmatch(site):
        raise ConfigError(
            f"--site {site}: is no id of a site; write small letters, digits, dots and dashes, as in 'old-gazette'"
        )
    known, errors = site_files.load_all(here.settings.sites_folder)
    for error in errors:
        print_error(str(error))
        here.exit_code = ExitCode.CONFIG
    store = here.open_archive(create=True)
    try:
        with progress_bar("pages", quiet=as_json) as tell:
            done = import_pages.bring(store, sources, site, known, tell)
    except KeyboardInterrupt:
        print_error("interrupted; what came in is kept, and the same command goes on from here")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    written = _write_site_files(here, done)
    if as_json:
        print_json(_as_json(done, written))
    else:
        _show(done, written)
    if clean is not False and done.sites:
        _clean(here, store, sorted(done.sites), quiet=as_json)
    store.close()
    raise typer.Exit(here.exit_code)


def _bring_drafts(
    here: AppContext, drafts: list[Path], site: str | None, clean: bool, as_json: bool
) -> NoReturn:
    if site is not None:
        raise ConfigError("--site: drafts know their sites; leave it out")
    store = here.open_archive()
    sites = import_report.bring(here, store, drafts, as_json=as_json)
    if clean and sites:
        _clean(here, store, sites, quiet=as_json)
    store.close()
    raise typer.Exit(here.exit_code)


def _copy(here: AppContext, other: str, as_json: bool) -> None:
    source, target = Database(other), here.open_archive(create=True)
    try:
        with progress_bar("rows", quiet=as_json) as tell:
            copied = copy_archive.copy(source, target, lambda table, rows: tell(rows, table))
    except KeyboardInterrupt:
        print_error("interrupted; what was copied is kept, and the same command goes on from here")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    finally:
        source.close()
        target.close()
    if as_json:
        print_json(copied)
    else:
        print_table(
            ["Table", "Rows", "Compared"],
            [[each.table, each.there, "same" if each.same else "DIFFERS"] for each in copied],
        )
    wrong = [each.table for each in copied if not each.same]
    if wrong:
        print_error(
            f"{target.name}: {', '.join(wrong)} differ from {source.name}; was something else written there meanwhile? Take an"
            " empty database, and run the same command again"
        )
        raise typer.Exit(ExitCode.PARTLY)
    if not as_json:
        print_line(f"{target.name} holds all of {source.name}: every row and every value was compared.")


def _write_site_files(here: AppContext, done: Imported) -> list[Path]:
    """For each Site that no file describes."""
    written = []
    for site, address in sorted(done.addresses.items()):
        path = here.settings.sites_folder / f"{site}.toml"
        if not path.exists():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(import_pages.site_file(address), encoding="utf8")
            except OSError as error:
                raise DiskError(f"{path}: cannot be written: {error.strerror}") from None
            written.append(path)
    return written


def _as_json(done: Imported, written: Iterable[Path]) -> dict[str, object]:
    return {
        "records": done.fared.total(),
        "outcomes": [
            {"outcome": outcome, "reason": reason, "records": n}
            for (outcome, reason), n in done.fared.most_common()
        ],
        "left_out": dict(done.skipped.most_common()),
        "left_out_urls": [
            {"url": each.url, "why": each.why, "status": each.status} for each in done.left
        ],
        "sites": dict(sorted(done.sites.items())),
        "site_files": [str(path) for path in written],
        "runs": done.runs,
    }


def _show(done: Imported, written: list[Path]) -> None:
    fared = ", ".join(
        f"{n:,} {outcome} ({reason})" for (outcome, reason), n in done.fared.most_common()
    )
    print_line(
        f"{plural(done.fared.total(), 'page')} of {plural(len(done.sites), 'site')}: {fared or 'nothing'}."
    )
    if done.skipped:
        print_line(f"{import_pages.skipped_in_words(done.skipped)}.")
    if done.named:
        more = f", and {plural(len(done.runs) - 1, 'run')} more" if len(done.runs) > 1 else ""
        print_line(
            f"The ledger has {plural(done.named, 'URL')} of these, each with its outcome: nightdesk runs {done.runs[0]}{more}."
        )
    for each in done.unnamed[:SHOWN]:
        print_line(f"  {each.why}: {each.url}")
    if (others := len(done.unnamed) - SHOWN) > 0:
        print_line(f"  and {others:,} more of sites that no page came in for; --json lists them.")
    if written:
        print_line(
            f"{plural(len(written), 'site file')} made in {written[0].parent}, which are not crawled."
        )


def _clean(here: AppContext, store: Database, names: list[str], *, quiet: bool) -> None:
    nights = run_with_progress(here, store, here.sites(names), as_json=quiet, crawled=False, plan=DEFAULT_CLEAN)
    for night in nights:
        for sentence in night.errors:
            print_error(sentence)
    exit_with_code(here, nights)
