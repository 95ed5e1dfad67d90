"""How articles are made today, as it travels with an export: the extractors, and what Recipes need of site files.

Promises that nothing else of a site file leaves the house: it may hold cookies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from pipeline.config.site import CleaningOptions, Site
from pipeline.extract import EXTRACTORS
from pipeline.extract.version import LIBRARIES


def recipe_manifest(sites: Iterable[Site]) -> dict[str, Any]:
    """For a manifest."""
    return {
        "extractors": EXTRACTORS,
        "libraries": libraries(),
        "cleaning": {site.id: _of(site) for site in sites},
    }


def libraries() -> dict[str, str]:
    """Versions of what a Draft depends on."""
    return {name: version(name) for name in ("nightdesk", *LIBRARIES)}


def _of(site: Site) -> dict[str, Any]:
    return {
        "language": site.language,
        "timezone": site.timezone,
        "strike": list(site.cleaning.remove),
        "without": list(site.cleaning.without),
    }


def cleaning_options(head: Mapping[str, Any], site: str) -> tuple[CleaningOptions, str, str]:
    """Options, language and time zone of a Site; the defaults for one that no file describes."""
    found = head.get("cleaning", {}).get(site, {})
    options = CleaningOptions(
        remove=tuple(found.get("strike", ())), without=tuple(found.get("without", ()))
    )
    return options, found.get("language", ""), found.get("timezone", "UTC")


def describe_difference(head: Mapping[str, Any]) -> str:
    """How the extractors of a manifest differ from those here, in words; "" where they are the same."""
    if head.get("extractors") == EXTRACTORS:
        return ""
    here, there = libraries(), head.get("libraries", {})
    found = (
        f"{name} {there.get(name, 'none')} (here {here[name]})"
        for name in here
        if there.get(name) != here[name]
    )
    return ", ".join(found) or "by our own code, as libraries are the same"
