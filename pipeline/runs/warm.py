"""Imported once by the process from which the workers fork: what is costly to load is loaded there."""

from __future__ import annotations

from pipeline import extract

extract.warm()
