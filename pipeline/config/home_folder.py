"""The home folder and the archive's address, which reading commands need without all settings.

Checking all settings takes a fifth of the start of a command. Where they are so simple that nothing
can be wrong with them, the address is read directly.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Final

from pipeline.core.errors import ConfigError

CHECKOUT_FOLDER: Final = Path(__file__).parents[2]
ENV_PREFIX: Final = "NIGHTDESK_"
SQLITE: Final = "sqlite:///"
DEFAULT_DATABASE_URL: Final = "sqlite:///var/nightdesk.db"
# Keys of the settings whose value may be any text. Other keys have to be checked.
TEXT_KEYS: Final = frozenset(("contact", "database_url", "heartbeat", "user_agent"))


def find_home_folder(given: Path | None = None) -> Path:
    """Find the folder that holds `config/`.

    It is the given folder, else that of NIGHTDESK_HOME, else the working folder if it has a
    `config/nightdesk.toml`, else the checkout, else the working folder. There is no checkout where
    Nightdesk was installed from a wheel.

    Raises:
        ConfigError: If a named folder is not there or cannot be read.
    """
    named = given
    if named is None and os.environ.get(ENV_PREFIX + "HOME"):
        named = Path(os.environ[ENV_PREFIX + "HOME"])
    if named is None:
        for folder in (Path.cwd(), CHECKOUT_FOLDER):
            if (folder / "config" / "nightdesk.toml").is_file():
                return folder
        return Path.cwd()
    try:
        is_folder = named.is_dir()
    except OSError as error:
        raise ConfigError(
            f"{named}: cannot be read ({error.strerror}); check its permissions"
        ) from None
    if not is_folder:
        raise ConfigError(f"{named}: no such folder; --home names the folder that holds config/")
    return named.resolve()


def read_settings_file(path: Path) -> dict[str, Any]:
    """Return the values of a settings file; none where there is no file.

    Raises:
        ConfigError: It cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def anchor_database_url(address: str, home: Path) -> str:
    """Return the address of an archive; a relative path of SQLite starts at the home folder."""
    path = address.removeprefix(SQLITE)
    is_relative = path != address and not path.startswith("/")
    if is_relative and path not in ("", ":memory:"):
        return f"{SQLITE}{home / path}"
    return address


def find_database_url(given_home: Path | None, flag: str | None) -> str | None:
    """Return the address of the archive where the settings are simple.

    They are simple if the file has no other keys than TEXT_KEYS, and no other variables are set
    than those of the home folder and the archive.

    Args:
        given_home: The home folder of `--home`.
        flag: The address of `--database-url`.

    Returns:
        The same address as the settings have, or None where all settings have to be checked.

    Raises:
        ConfigError: The home folder or the settings file cannot be read.
    """
    home = find_home_folder(given_home)
    values = read_settings_file(home / "config" / "nightdesk.toml")
    if not TEXT_KEYS.issuperset(values):
        return None
    if not all(isinstance(value, str) for value in values.values()):
        return None
    address: str = values.get("database_url", DEFAULT_DATABASE_URL)
    for name, value in os.environ.items():
        if name.upper() == f"{ENV_PREFIX}DATABASE_URL":
            address = value
        elif name.upper().startswith(ENV_PREFIX) and name.upper() != f"{ENV_PREFIX}HOME":
            return None
    return anchor_database_url(address if flag is None else flag, home)
