"""Nightdesk: everything but the network. See README.md; the words used here are defined in `model`."""

__version__ = "0.1.0"
