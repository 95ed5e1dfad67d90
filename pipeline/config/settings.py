"""Settings of the application: flags > environment (`NIGHTDESK_*`) > `config/nightdesk.toml` > defaults.

Promises that settings enter here, once, at the doors: no other module reads the environment. Paths in the file are relative to
the home folder, which is the folder that holds `config/`.
"""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from pipeline import __version__
from pipeline.config.error_messages import explain_validation, nearest
from pipeline.core.errors import ConfigError

CHECKOUT = Path(__file__).parents[2]
PREFIX = "NIGHTDESK_"
BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Settings(BaseSettings):
    """What holds for all Sites."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    database_url: str = "sqlite:///var/nightdesk.db"
    contact: str = (
        ""  # a mail address or page where a site's owner reaches you; part of the user agent
    )
    user_agent: str = f"Nightdesk/{__version__} (news archive; +{{contact}})"
    crawls: Annotated[int, Field(ge=1, le=64)] = 4  # sites crawled at the same time
    spread_minutes: Annotated[float, Field(ge=0, le=720)] = (
        0.0  # over which the schedule spreads the starts of sites
    )
    workers: Annotated[int, Field(ge=0, le=256)] = 0  # cleaning processes; 0: one for each core
    page_seconds: Annotated[float, Field(gt=0)] = (
        10.0  # CPU time that one page may cost an extractor
    )
    page_megabytes: Annotated[int, Field(ge=64)] = 240  # of memory that one page may cost
    chromium: str = ""  # the browser that renders pages; "": as found on the PATH
    free_megabytes: Annotated[int, Field(ge=0)] = (
        500  # that a night leaves free on the archive's disk; 0: no floor
    )
    log_folder: Path = Path("var/log")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    alerts: list[str] = []
    heartbeat: str = (
        ""  # a URL that is asked at the end of each night, for a watcher that misses it
    )
    log_format: Literal["text", "json"] = "text"
    log_megabytes: Annotated[float, Field(gt=0)] = 10.0  # of one site's log, then it begins anew
    log_files: Annotated[int, Field(ge=1, le=100)] = 5  # older ones that are kept beside it
    log_days: Annotated[int, Field(ge=1)] = 90  # after which an older one is dropped
    home: Path = Field(default=CHECKOUT, exclude=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        flags = dict(init_settings()) if isinstance(init_settings, InitSettingsSource) else {}
        file = flags.pop("file", {})
        return (
            InitSettingsSource(
                settings_cls, {key: value for key, value in flags.items() if value is not None}
            ),
            env_settings,
            InitSettingsSource(settings_cls, file),
        )

    @model_validator(mode="after")
    def _anchor(self) -> Self:
        """Relative paths hang below the home folder, so that cron may start us anywhere."""
        values = self.__dict__
        values["log_folder"] = self.home / self.log_folder
        if self.database_url.startswith("sqlite:///") and not self.database_url.startswith(
            "sqlite:////"
        ):
            path = self.database_url.removeprefix("sqlite:///")
            values["database_url"] = (
                f"sqlite:///{self.home / path}"
                if path and path != ":memory:"
                else self.database_url
            )
        return self

    @property
    def sites_folder(self) -> Path:
        return self.home / "config" / "sites"

    @property
    def agent(self) -> str:
        """The user agent that is sent. Raises ConfigError while nobody can be reached through it."""
        if not self.contact.strip():
            raise ConfigError(
                f"{self.home / 'config' / 'nightdesk.toml'}: 'contact' is empty; set it (or {PREFIX}CONTACT) to a mail address"
                " or web page where a site's owner can reach you: it is sent with every request"
            )
        return self.user_agent.replace("{contact}", self.contact.strip())

    @property
    def browser(self) -> str:
        """The path of the browser that renders pages. Raises ConfigError where it, or what drives it, is not installed."""
        if find_spec("scrapy_playwright") is None:
            raise ConfigError(
                "render = true needs the extra 'render', which is not installed: pip install -e '.[render]'"
            )
        found = next(
            filter(None, map(shutil.which, (self.chromium,) if self.chromium else BROWSERS)), ""
        )
        if not found and self.chromium:
            raise ConfigError(
                f"'chromium' is {self.chromium!r}, which is no program that may be run; it names a Chromium"
            )
        if not found:
            raise ConfigError(
                "render = true needs Chromium, which was not found: install it ('apt-get install chromium' on Debian), or set"
                " 'chromium' in config/nightdesk.toml to its path"
            )
        return found

    @property
    def room_folder(self) -> Path:
        """Where room is needed: the folder of a SQLite archive; of PostgreSQL, whose disk we do not see, that of the logs."""
        path = self.database_url.removeprefix("sqlite:///")
        return Path(path).parent if path != self.database_url else self.log_folder

    @property
    def processes(self) -> int:
        """Cleaning processes to start."""
        return self.workers or os.cpu_count() or 1


def home_folder(config: Path | None = None) -> Path:
    """The folder that holds `config/`: of the flag, of NIGHTDESK_HOME, of the working folder, else of the checkout."""
    named = config or (
        Path(os.environ[PREFIX + "HOME"]) if os.environ.get(PREFIX + "HOME") else None
    )
    if named is not None:
        try:
            found = named.is_dir()
        except OSError as error:
            raise ConfigError(
                f"{named}: cannot be looked into ({error.strerror}); may you read it?"
            ) from None
        if not found:
            raise ConfigError(
                f"{named}: no such folder; --home names the folder that holds config/"
            )
        return named.resolve()
    here = Path.cwd()
    return here if (here / "config" / "nightdesk.toml").is_file() else CHECKOUT


def load(home: Path | None = None, **flags: Any) -> Settings:
    """The settings in force. A flag that is None was not given. Raises ConfigError."""
    folder = home_folder(home)
    path = folder / "config" / "nightdesk.toml"
    file = _read(path)
    _check_environment()
    try:
        return Settings(file=file, home=folder, **flags)  # type: ignore[call-arg]
    except ValidationError as error:
        raise ConfigError(
            explain_validation(f"{path} (or a {PREFIX}… variable or flag)", error, Settings)
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    for key in values:
        if key not in _known():
            raise ConfigError(f"{path}: unknown key '{key}'{nearest(key, _known())}")
    return values


def filled_in(values: Mapping[str, str], where: str) -> dict[str, str]:
    """The values of a site file with each `${NAME}` replaced by that variable of the environment: so that a secret stands in no
    file. Raises ConfigError for one that is not set, and never repeats a value."""

    def secret(found: re.Match[str]) -> str:
        value = os.environ.get(found.group(1), "")
        if not value or not value.isprintable():
            wrong = "holds control characters" if value else "is not set"
            raise ConfigError(f"{where}: the variable {found.group(1)} of the environment {wrong}")
        return value

    return {name: VARIABLE.sub(secret, value) for name, value in values.items()}


def _check_environment() -> None:
    for name in os.environ:
        key = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and key not in (*_known(), "home"):
            raise ConfigError(
                f"the environment: unknown variable {name}{nearest(key, _known(), PREFIX, upper=True)}"
            )


def _known() -> list[str]:
    return [name for name in Settings.model_fields if name != "home"]
