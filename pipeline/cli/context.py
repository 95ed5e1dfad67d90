"""What every command starts from: the global options, the settings, the sites and the archive."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline._version import __version__
from pipeline.cli.completion import complete_site
from pipeline.core.errors import ConfigError, DiskError, ExitCode, ReadOnlyArchive
from pipeline.core.suggestions import did_you_mean

# The help needs this module and none of what its functions load.
if TYPE_CHECKING:
    from pipeline.config.settings import Settings
    from pipeline.config.site import Site
    from pipeline.store.db.engine import Database


class AppContext:
    """The global options of one call, and what they lead to. Each part is loaded on first use.

    Attributes:
        exit_code: The code for errors that did not end the command, such as one broken site file.
    """

    def __init__(self, home: Path | None = None, database_url: str | None = None) -> None:
        self._home = home
        self._database_url = database_url
        self.exit_code = ExitCode.OK
        self._reported: set[str] = set()  # errors of site files that were printed

    @cached_property
    def settings(self) -> Settings:
        """Return the settings. Raises ConfigError."""
        from pipeline.config.settings import load_settings

        return load_settings(self._home, database_url=self._database_url)

    @property
    def database_url(self) -> str:
        """Return the address of the archive. Raises ConfigError."""
        from pipeline.config.home_folder import find_database_url

        if "settings" not in self.__dict__:
            address = find_database_url(self._home, self._database_url)
            if address is not None:
                return address
        return self.settings.database_url

    @property
    def given_home(self) -> Path | None:
        """Return the folder that `--home` names, whether it is there or not."""
        return self._home

    @property
    def home(self) -> Path:
        """Return the home folder, also where its settings are wrong."""
        from pipeline.config.home_folder import find_home_folder

        return find_home_folder(self._home)

    def open_archive(self, *, create: bool = False) -> Database:
        """Open the archive and bring its schema up to date.

        Args:
            create: Make the archive if there is none yet.

        Raises:
            StoreError: There is no archive, or it cannot be opened.
        """
        # SQLAlchemy and Alembic take a third of a start: commands without an archive skip them.
        from pipeline.cli.console import print_error
        from pipeline.store.db import migrate
        from pipeline.store.db.engine import Database

        database = Database(self.database_url)
        migrate.ensure(database, create=create, announce=print_error)
        return database

    def save_site_labels(self, database: Database) -> None:
        """Let searches know the countries and groups that the site files name now."""
        from pipeline.store.db.site_labels import save_labels

        labels = {site.id: site.labels for site in self.readable_sites()}
        with suppress(ReadOnlyArchive, DiskError):  # then searches know those of before
            save_labels(database, labels)

    def save_labels_of(self, database: Database, *queries: str) -> None:
        """Save the labels of the site files if one of these queries needs them."""
        if any("group:" in query.lower() or "country:" in query.lower() for query in queries):
            self.save_site_labels(database)

    def open_cluster_archive(self) -> Database:
        """Open or make an archive that several machines may use.

        Raises:
            ConfigError: The archive is a SQLite file, or the extra 'cluster' is not installed.
            StoreError: The archive cannot be opened.
        """
        from pipeline.cluster.requirements import require_cluster

        database = self.open_archive(create=True)
        require_cluster(database)
        return database

    def sites(self, names: Sequence[str] = (), *, also_disabled: bool = False) -> tuple[Site, ...]:
        """Return the named sites, or all that are enabled.

        A site file with an error is reported and left out, unless it is named.

        Args:
            names: Ids of sites; all sites if there are none.
            also_disabled: Without names, return disabled sites, too.

        Raises:
            ConfigError: A named site has no file or a broken one, or there is no site file.
            typer.Exit: All site files are broken.
        """
        from pipeline.config import site as site_files

        folder = self.settings.sites_folder
        if names:
            return tuple(self._load_site(folder, name) for name in dict.fromkeys(names))
        loaded, errors = site_files.load_sites(folder)
        self.report_site_errors(errors)
        if not loaded and not errors:
            raise ConfigError(
                f"{folder}: there is no site file here yet; 'nightdesk add URL' makes one"
            )
        if not loaded:
            raise typer.Exit(self.exit_code)
        return tuple(site for site in loaded if site.enabled or also_disabled)

    def readable_sites(self) -> tuple[Site, ...]:
        """Return all sites whose files can be read, disabled ones too, and report the others."""
        from pipeline.config.site import load_sites

        loaded, errors = load_sites(self.settings.sites_folder)
        self.report_site_errors(errors)
        return loaded

    def report_site_errors(self, errors: Sequence[ConfigError]) -> None:
        """Print the errors of site files, and remember the exit code that they ask for."""
        from pipeline.cli.console import print_error

        for error in errors:
            if str(error) not in self._reported:
                print_error(str(error))
            self._reported.add(str(error))
            self.exit_code = ExitCode.CONFIG

    def check_site_name(self, database: Database, name: str) -> None:
        """Check that the archive or a site file knows a site.

        Raises:
            ConfigError: Nothing knows the name; the message suggests the nearest one.
        """
        from pipeline.store import read

        archived = read.site_ids(database)
        if name not in archived:
            self._load_site(self.settings.sites_folder, name, archived)

    def _load_site(self, folder: Path, name: str, archived: Sequence[str] = ()) -> Site:
        from pipeline.config import site as site_files

        path = folder / f"{name}.toml"
        if path.is_file():
            return site_files.load_site(path)
        names = set(archived)
        names.update(file.stem for file in site_files.list_site_files(folder))
        hint = did_you_mean(name, sorted(names))
        raise ConfigError(f"{folder}: there is no site '{name}'; {hint}")


def get_context(context: typer.Context) -> AppContext:
    """Return the AppContext of this call."""
    app_context = context.find_object(AppContext)
    assert app_context is not None
    return app_context


def _print_version(is_given: bool) -> None:
    if is_given:
        typer.echo(f"nightdesk {__version__}")
        raise typer.Exit


def global_options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder that holds config/. Default: the working folder, else the checkout.",
        ),
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Use this archive instead of the one in the settings."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Archive news sites every night: crawl, keep the bytes, clean the texts, and search them."""
    context.obj = AppContext(home, database_url)


SiteNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SITE",
        help="Ids of sites. Default: all enabled sites.",
        autocompletion=complete_site,
    ),
]
AllSiteNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SITE",
        help="Ids of sites. Default: all sites, disabled ones too.",
        autocompletion=complete_site,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
