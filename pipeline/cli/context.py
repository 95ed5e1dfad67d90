"""What every command starts from: the options before the command's name, the settings, the Sites, the archive."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import __version__
from pipeline.cli.console import print_error
from pipeline.config import settings
from pipeline.config import site as sites
from pipeline.config.settings import Settings
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database


class AppContext:
    """The flags, and what follows from them when it is first asked for."""

    def __init__(self, home: Path | None = None, database_url: str | None = None) -> None:
        self._home = home
        self._database_url = database_url
        self.exit_code = ExitCode.OK  # of what went wrong before the command proper

    @cached_property
    def settings(self) -> Settings:
        return settings.load(self._home, database_url=self._database_url)

    @property
    def home(self) -> Path:
        """The home folder, also where its settings are wrong."""
        return settings.home_folder(self._home)

    def open_archive(self, *, create: bool = False) -> Database:
        """The archive, its schema up to date. Raises StoreError where there is none and `create` is False."""
        from pipeline.store.db import (
            migrate,
        )  # who opens no archive need not wait for SQLAlchemy and Alembic
        from pipeline.store.db.engine import Database

        store = Database(self.settings.database_url)
        migrate.ensure(store, create=create)
        return store

    def sites(self, names: Sequence[str] = (), *, also_disabled: bool = False) -> tuple[Site, ...]:
        """The named Sites, or all that are enabled. A wrong file among all of them is complained of and left out. Ends the
        command where none is left."""
        folder = self.settings.sites_folder
        if names:
            return tuple(self._load_site(folder, name) for name in dict.fromkeys(names))
        found, errors = sites.load_all(folder)
        for error in errors:
            print_error(str(error))
            self.exit_code = ExitCode.CONFIG
        if not found and not errors:
            raise ConfigError(
                f"{folder}: there is no site file here yet; 'nightdesk add URL' makes one"
            )
        if not found:
            raise typer.Exit(self.exit_code)
        return tuple(site for site in found if site.enabled or also_disabled)

    def check_site_name(self, store: Database, name: str | None) -> str | None:
        """The name, if the archive or a site file knows it. Raises ConfigError with the nearest one."""
        from pipeline.store.read import runs

        if name is not None and name not in (known := runs.sites(store)):
            self._load_site(self.settings.sites_folder, name, known)
        return name

    def _load_site(self, folder: Path, name: str, archived: Sequence[str] = ()) -> Site:
        path = folder / f"{name}.toml"
        if not path.is_file():
            known = sorted({*archived, *(file.stem for file in sites.files(folder))})
            close = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = (
                f"did you mean '{close[0]}'?"
                if close
                else f"there are: {', '.join(known) or 'none yet'}"
            )
            raise ConfigError(f"{folder}: there is no site '{name}'; {hint}")
        return sites.load(path)


def get_context(context: typer.Context) -> AppContext:
    """The Door of this invocation."""
    found = context.find_object(AppContext)
    assert found is not None
    return found


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"nightdesk {__version__}")
        raise typer.Exit


def global_options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            help="Folder that holds config/. Default: the working folder, else the checkout."
        ),
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Archive to use instead of the one in the settings.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A nightly archive of news sites: crawl, keep the bytes, clean, search, and say why."""
    context.obj = AppContext(home, database_url)


SiteNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="SITE", help="Sites by id; all enabled ones by default."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
