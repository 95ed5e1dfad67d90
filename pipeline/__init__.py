"""Nightdesk: everything but the network. See README.md; the words used here are defined in `model`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.reader import Reader, open_archive

__all__ = ["Reader", "__version__", "open_archive"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The reader loads with the first who asks for it: a command that opens no archive need not wait for SQLAlchemy."""
    if name in ("Reader", "open_archive"):
        from pipeline import reader

        return getattr(reader, name)
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
