"""Settings of the application, from flags, `NIGHTDESK_*` variables, `nightdesk.toml` and defaults.

Only `home_folder` reads some of these variables, too. Relative paths start at the home folder,
which is the folder that holds `config/`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline._version import __version__
from pipeline.config.error_messages import explain_validation, suggest_key
from pipeline.config.home_folder import (
    CHECKOUT_FOLDER,
    DEFAULT_DATABASE_URL,
    ENV_PREFIX,
    SQLITE,
    anchor_database_url,
    find_home_folder,
    read_settings_file,
)
from pipeline.config.watch import Watch
from pipeline.core.errors import ConfigError
from pipeline.core.suggestions import closest_name

BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Settings(BaseModel):
    """Settings for all sites."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True
    )

    database_url: str = DEFAULT_DATABASE_URL
    """The archive: SQLite (`sqlite:///path`) or PostgreSQL (`postgresql://…`)."""
    contact: str = ""
    """Mail address or web page where a site's owner can reach you. Each request sends it."""
    user_agent: str = f"Nightdesk/{__version__} (news archive; +{{contact}})"
    """User agent of all requests. `{contact}` stands for your contact."""
    crawls: Annotated[int, Field(ge=1, le=64)] = 4
    """Sites that are crawled at the same time."""
    spread_minutes: Annotated[float, Field(ge=0, le=720)] = 0.0
    """Minutes over which the schedule spreads the starts of sites."""
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    """Cleaning processes. 0 stands for one per core."""
    page_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Seconds of CPU time that one page may cost the extractor."""
    page_megabytes: Annotated[int, Field(ge=64)] = 240
    """Megabytes of memory that one page may cost the extractor."""
    chromium: str = ""
    """Path of the browser that renders pages. By default it is looked up on the PATH."""
    free_megabytes: Annotated[int, Field(ge=0)] = 500
    """Megabytes that a night leaves free on the disk of the archive. 0 stands for no limit."""
    log_folder: Path = Path("var/log")
    """Folder of the log files, one for each site."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least important level that is logged."""
    alerts: list[str] = []
    """URLs of Apprise to which issues are sent."""
    watch: list[Watch] = []
    """Searches whose new matches are sent to people or programs, each a table `[[watch]]`."""
    heartbeat: str = ""
    """URL that is requested at the end of each night, for a service that notices its absence."""
    log_format: Literal["text", "json"] = "text"
    """Format of a log line."""
    log_megabytes: Annotated[float, Field(gt=0)] = 10.0
    """Size of a log file in megabytes, after which a new one starts."""
    log_files: Annotated[int, Field(ge=1, le=100)] = 5
    """Older log files that are kept for each site."""
    log_days: Annotated[int, Field(ge=1)] = 90
    """Days after which an older log file is deleted."""
    signing_key: Path = Path("var/signing-key.pem")
    """File of the key that signs checkpoints of the log: `nightdesk keys` makes it."""
    checkpoint_folder: str = ""
    """Folder into which each checkpoint is written, for another machine to take."""
    timestamps: list[str] = []
    """URLs of timestamp authorities (RFC 3161) that stamp the checkpoint of each night."""
    home: Path = Field(default=CHECKOUT_FOLDER, exclude=True)

    @model_validator(mode="after")
    def _anchor_paths(self) -> Self:
        """Make relative paths start at the home folder, since cron starts commands anywhere."""
        values = self.__dict__
        values["log_folder"] = self.home / self.log_folder
        values["signing_key"] = self.home / self.signing_key
        if self.checkpoint_folder:
            values["checkpoint_folder"] = str(self.home / self.checkpoint_folder)
        values["database_url"] = anchor_database_url(self.database_url, self.home)
        return self

    @model_validator(mode="after")
    def _name_watches_once(self) -> Self:
        names = [watch.name for watch in self.watch]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two watches are named '{name}'; give each its own name")
        return self

    @property
    def sites_folder(self) -> Path:
        """Return the folder of the site files."""
        return self.home / "config" / "sites"

    @property
    def sent_user_agent(self) -> str:
        """Return the user agent with the contact in it.

        Raises:
            ConfigError: If there is no contact.
        """
        if not self.contact.strip():
            raise ConfigError(
                f"{self.home / 'config' / 'nightdesk.toml'}: 'contact' is empty; set it (or"
                f" {ENV_PREFIX}CONTACT) to a mail address or web page where a site's owner can"
                " reach you: it is sent with every request"
            )
        return self.user_agent.replace("{contact}", self.contact.strip())

    @property
    def browser_path(self) -> str:
        """Return the path of the browser that renders pages.

        Raises:
            ConfigError: If the browser or its driver is not installed.
        """
        if find_spec("scrapy_playwright") is None:
            raise ConfigError(
                "render = true needs the extra 'render', which is not installed:"
                " pip install 'nightdesk[render]'"
            )
        names = (self.chromium,) if self.chromium else BROWSERS
        for name in names:
            path = shutil.which(name)
            if path:
                return path
        if self.chromium:
            raise ConfigError(
                f"'chromium' is {self.chromium!r}, which is not a program that can be started;"
                " it names a Chromium"
            )
        raise ConfigError(
            "render = true needs Chromium, which was not found: install it"
            " ('apt-get install chromium' on Debian), or set 'chromium' in config/nightdesk.toml"
            " to its path"
        )

    @property
    def data_folder(self) -> Path:
        """Return the folder whose disk must have free space.

        This is the folder of a SQLite archive. The disk of PostgreSQL is not visible here, so for
        PostgreSQL it is the folder of the logs.
        """
        path = self.database_url.removeprefix(SQLITE)
        return Path(path).parent if path != self.database_url else self.log_folder

    @property
    def worker_processes(self) -> int:
        """Return how many cleaning processes to start."""
        return self.workers or os.cpu_count() or 1


def load_settings(home: Path | None = None, **flags: Any) -> Settings:
    """Load the settings in force.

    Args:
        home: The home folder; by default it is looked for.
        **flags: Values of command line flags. None stands for a flag that was not given.

    Raises:
        ConfigError: If a file, a variable or a flag is wrong.
    """
    folder = find_home_folder(home)
    path = folder / "config" / "nightdesk.toml"
    file_values = _read_file(path)
    values = file_values | _environment_values()
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**values | {"home": folder})
    except ValidationError as error:
        where = f"{path} (or a {ENV_PREFIX}… variable or flag)"
        raise ConfigError(explain_validation(where, error, Settings)) from None


def _read_file(path: Path) -> dict[str, Any]:
    values = read_settings_file(path)
    known = _known_keys()
    for key in values:
        if key not in known:
            raise ConfigError(f"{path}: unknown key '{key}'; {suggest_key(key, known)}")
    return values


def expand_variables(values: Mapping[str, str], where: str) -> dict[str, str]:
    """Replace each `${NAME}` by that environment variable, so that no file holds a secret.

    Args:
        values: Headers or cookies of a site file.
        where: The site and the key in error messages, which never repeat a value.

    Raises:
        ConfigError: If a variable is not set, or holds control characters.
    """

    def expand(match: re.Match[str]) -> str:
        name = match.group(1)
        value = os.environ.get(name, "")
        if not value:
            raise ConfigError(f"{where}: the variable {name} of the environment is not set")
        if not value.isprintable():
            raise ConfigError(
                f"{where}: the variable {name} of the environment holds control characters"
            )
        return value

    return {name: VARIABLE.sub(expand, value) for name, value in values.items()}


def _environment_values() -> dict[str, Any]:
    """Return the values of the `NIGHTDESK_*` variables. Names count in any case, as on Windows.

    Raises:
        ConfigError: If a variable has no key, or its list is not valid JSON.
    """
    known = _known_keys()
    values: dict[str, Any] = {}
    for name, value in os.environ.items():
        key = name.lower().removeprefix(ENV_PREFIX.lower())
        if key == name.lower() or key == "home":
            continue
        if key in known:
            is_list = Settings.model_fields[key].annotation == list[str]
            values[key] = _parse_list(name, value) if is_list else value
        elif name.startswith(ENV_PREFIX):
            similar = closest_name(key, known)
            if similar:
                hint = f"did you mean '{ENV_PREFIX}{similar.upper()}'?"
            else:
                hint = suggest_key(key, known)
            raise ConfigError(f"the environment: unknown variable {name}; {hint}")
    return values


def _parse_list(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise ConfigError(
            f'the environment: {name} is not a list in JSON; write it as ["a", "b"]'
        ) from None


def _known_keys() -> list[str]:
    return [name for name in Settings.model_fields if name != "home"]
