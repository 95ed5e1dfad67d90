"""`nightdesk import`: brings in pages, extracted pages or a whole archive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, NoReturn

import typer

from pipeline.cli.checkpoint_line import finish_log
from pipeline.cli.console import (
    Cell,
    exit_on_interrupt,
    print_error,
    print_json,
    print_line,
    print_table,
)
from pipeline.cli.context import AppContext, AsJson, get_context
from pipeline.cli.dates import DAY_FORMATS, end_of_day, start_of_day
from pipeline.cli.night_runner import clean_with_progress, exit_with_results, print_errors
from pipeline.cli.progress import progress_bar
from pipeline.cli.views import import_report
from pipeline.cli.views.extracted_import import import_extracted, select_extracted_folders
from pipeline.config.site import SITE_ID_PATTERN
from pipeline.core.errors import ConfigError, DiskError, ExitCode
from pipeline.formats import import_pages
from pipeline.formats.import_filter import ImportFilter, page_host
from pipeline.formats.import_pages import ImportResult
from pipeline.formats.import_position import ImportPositions
from pipeline.jobs.evidence.checkpoints import load_signer
from pipeline.store import maintenance
from pipeline.store.db.engine import Database

if TYPE_CHECKING:
    from pipeline.store.maintenance import TableCopy

LANGUAGE_CODE: Final = re.compile(r"[a-z]{2}")
EXAMPLES: Final = (
    "nightdesk import crawl.warc.gz",
    "nightdesk import saved-pages/ --site gazette",
    "nightdesk import CC-NEWS-20261103.warc.gz --known --language ru",
    "nightdesk --database-url postgresql://localhost/news import --from sqlite:///var/nightdesk.db",
)


Since = Annotated[
    datetime | None,
    typer.Option(
        formats=DAY_FORMATS,
        metavar="DATE",
        help="Only what was fetched on this day (UTC) or later.",
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        formats=DAY_FORMATS,
        metavar="DATE",
        help="Only what was fetched on this day (UTC) or earlier.",
    ),
]


def import_(
    context: typer.Context,
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SOURCE", help="WARC files, folders of HTML, or folders of extracted pages."
        ),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(metavar="SITE", help="The site of all pages. Default: a site for each host."),
    ] = None,
    hosts: Annotated[
        list[str] | None,
        typer.Option("--host", metavar="HOST", help="Only pages of this host. May come again."),
    ] = None,
    known: Annotated[
        bool, typer.Option("--known", help="Only pages of sites that have a site file.")
    ] = False,
    all_hosts: Annotated[
        bool,
        typer.Option("--all-hosts", help="Pages of all hosts, however many site files that makes."),
    ] = False,
    since: Since = None,
    until: Until = None,
    languages: Annotated[
        list[str] | None,
        typer.Option(
            "--language", metavar="CODE", help="Only pages in this language. May come again."
        ),
    ] = None,
    other: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DATABASE_URL",
            help="Instead of files, copy another Nightdesk archive into an empty one.",
        ),
    ] = None,
    hand_over: Annotated[
        bool,
        typer.Option(
            "--hand-over",
            help="With --from: the copy is the archive from now on; the other takes no more runs.",
        ),
    ] = False,
    clean: Annotated[
        bool | None,
        typer.Option(
            "--clean/--no-clean",
            help="Clean what was imported. Default: yes for pages, no for extracted pages.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import WARC files, HTML or extracted pages, or copy another Nightdesk archive."""
    app = get_context(context)
    if other is not None:
        if sources or site:
            raise ConfigError(
                "--from copies a whole archive; leave out --site, and import files with a"
                " second command"
            )
        _copy_archive(app, other, hand_over=hand_over, as_json=as_json)
        return
    if hand_over:
        raise ConfigError("--hand-over goes with --from, which names the archive to copy")
    if not sources:
        raise ConfigError(
            "import: name WARC files, folders of HTML or of extracted pages,"
            " or another archive with --from"
        )
    folders = select_extracted_folders(sources)
    if folders:
        _import_extracted(app, folders, site, clean=bool(clean), as_json=as_json)
    choice = PageChoice(site, known, all_hosts, tuple(hosts or ()), tuple(languages or ()))
    wanted = _import_filter(app, choice, since, until)
    if not (site or known or hosts or all_hosts):
        _refuse_many_hosts(app, sources, wanted, as_json=as_json)
    _import_pages(app, sources, wanted, site, clean=clean is not False, as_json=as_json)


class PageChoice(NamedTuple):
    """The options that choose pages."""

    site: str | None
    known: bool
    all_hosts: bool
    hosts: tuple[str, ...]
    languages: tuple[str, ...]


def _import_filter(
    app: AppContext, choice: PageChoice, since: datetime | None, until: datetime | None
) -> ImportFilter:
    from pipeline.extract.languages.page_language import (
        page_language,  # slow to load, and rarely needed
    )

    if choice.all_hosts and (choice.known or choice.hosts):
        raise ConfigError("--all-hosts takes pages of any host; leave out --known and --host")
    if since and until and since > until:
        raise ConfigError(f"--since {since:%Y-%m-%d}: is later than --until {until:%Y-%m-%d}")
    hosts = []
    for text in choice.hosts:
        host = page_host(text if "://" in text else f"http://{text}/")
        if not host:
            raise ConfigError(f"--host {text}: is not the name of a host, as in 'gazette.example'")
        hosts.append(host)
    for code in choice.languages:
        if not LANGUAGE_CODE.fullmatch(code):
            raise ConfigError(f"--language {code}: is not a code of two letters, as in 'ru'")
    return ImportFilter(
        hosts=tuple(hosts),
        sites=tuple(app.readable_sites()) if choice.known else None,
        since=start_of_day(since),
        until=end_of_day(until),
        languages=choice.languages,
        detect_language=page_language,
    )


def _refuse_many_hosts(
    app: AppContext, sources: Sequence[Path], wanted: ImportFilter, *, as_json: bool
) -> None:
    """End the command where a site file for each host would be more than anybody expects."""
    counts = import_pages.count_new_hosts(sources, app.readable_sites(), wanted)
    if len(counts) <= import_pages.MAX_NEW_HOSTS:
        return
    if as_json:
        print_json({"new_hosts": dict(counts.most_common())})
    else:
        import_report.print_hosts(counts)
    raise ConfigError(
        f"{sources[0]}: has pages of {len(counts):,} hosts that no site file describes; --host"
        " imports one of them, --known only the sites that have a file, and --all-hosts all of them"
    )


def _import_pages(
    app: AppContext,
    sources: Sequence[Path],
    wanted: ImportFilter,
    site: str | None,
    *,
    clean: bool,
    as_json: bool,
) -> NoReturn:
    if site is not None and not SITE_ID_PATTERN.fullmatch(site):
        raise ConfigError(
            f"--site {site}: is not the id of a site; write small letters, digits, dots and"
            " dashes, as in 'old-gazette'"
        )
    known_sites = app.readable_sites()
    database = app.open_archive(create=True)
    purpose = f"{database.name} {site or ''} {wanted.key()}"
    positions = ImportPositions(app.settings.log_folder.parent / "imports", purpose)
    with (
        exit_on_interrupt("what was imported is kept, and the same command goes on from here"),
        progress_bar("pages", quiet=as_json) as progress,
    ):
        result = import_pages.import_pages(
            database, sources, site, known_sites, progress, wanted=wanted, positions=positions
        )
    written = _write_site_files(app, result)
    if as_json:
        print_json(import_report.result_json(result, written))
    else:
        import_report.print_result(result, written)
    imported_sites = {*result.sites, *result.resumed_sites}
    if clean and imported_sites:
        _clean(app, database, sorted(imported_sites), quiet=as_json)
    finish_log(app, database, quiet=as_json)
    database.close()
    raise typer.Exit(app.exit_code)


def _import_extracted(
    app: AppContext, folders: Sequence[Path], site: str | None, *, clean: bool, as_json: bool
) -> NoReturn:
    if site is not None:
        raise ConfigError("--site: extracted pages name their sites; leave it out")
    database = app.open_archive()
    names = import_extracted(app, database, folders, as_json=as_json)
    if clean and names:
        _clean(app, database, names, quiet=as_json)
    finish_log(app, database, quiet=as_json)
    database.close()
    raise typer.Exit(app.exit_code)


def _clean(app: AppContext, database: Database, names: Sequence[str], *, quiet: bool) -> NoReturn:
    results = clean_with_progress(app, database, app.sites(names), quiet=quiet)
    print_errors(results)
    finish_log(app, database, quiet=quiet)
    exit_with_results(app, results)


def _write_site_files(app: AppContext, result: ImportResult) -> list[Path]:
    """Write a file for each site that has none, so that it can be cleaned again."""
    written = []
    for site, url in sorted(result.site_urls.items()):
        path = app.settings.sites_folder / f"{site}.toml"
        if path.exists():
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(import_pages.minimal_site_file(url), encoding="utf8")
        except OSError as error:
            raise DiskError(f"{path}: cannot be written: {error.strerror}") from None
        written.append(path)
    return written


def _copy_archive(app: AppContext, other: str, *, hand_over: bool, as_json: bool) -> None:
    source, target = Database(other), app.open_archive(create=True)
    signer = load_signer(app.settings) if hand_over else None
    try:
        with (
            exit_on_interrupt("what was copied is kept, and the same command goes on from here"),
            progress_bar("rows", quiet=as_json) as progress,
        ):
            copies = maintenance.copy_rows(
                source,
                target,
                lambda table, rows: progress(rows, table),
                hand_over=hand_over,
                signer=signer,
            )
    finally:
        source.close()
        target.close()
    if as_json:
        print_json(copies)
    else:
        _print_copies(copies)
    different = [copy.table for copy in copies if not copy.is_identical]
    if different:
        print_error(
            f"{target.name}: {', '.join(different)} differ from {source.name}; did another program"
            " write there in the meantime? Take an empty database, and run the same command again"
        )
        raise typer.Exit(ExitCode.PARTLY)
    if not as_json:
        print_line(
            f"{target.name} holds all of {source.name}: every row and every value was compared."
        )


def _print_copies(copies: Sequence[TableCopy]) -> None:
    rows: list[list[Cell]] = []
    for copy in copies:
        comparison = "same" if copy.is_identical else "DIFFERS"
        rows.append([copy.table, copy.target_rows, comparison])
    print_table(["Table", "Rows", "Compared"], rows)
