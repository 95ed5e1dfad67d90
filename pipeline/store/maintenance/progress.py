"""The callback through which maintenance reports how far it is."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[str, int, int], None]
"""Receives the stage, how much of it is done, and how much there is. A total of 0 is unknown."""
