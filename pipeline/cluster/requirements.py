"""What an archive needs before several machines can work on it."""

from __future__ import annotations

from importlib.util import find_spec

from pipeline.core.errors import ConfigError
from pipeline.store.db.engine import Database


def require_cluster(database: Database) -> None:
    """Check that workers on several machines can use this archive.

    Raises:
        ConfigError: The archive is a SQLite file, or Procrastinate is not installed.
    """
    if database.is_sqlite:
        raise ConfigError(
            f"{database.name}: a SQLite archive is for one machine; for several set database_url to"
            " PostgreSQL, and copy this archive there with 'nightdesk import --from'"
        )
    if find_spec("procrastinate") is None:
        raise ConfigError(
            "several machines need the extra 'cluster', which is not installed:"
            " pip install 'nightdesk[cluster]'"
        )
