"""Nightdesk without the crawler: extraction, cleaning, the archive, the web app, the commands."""

from pipeline._version import __version__ as __version__
