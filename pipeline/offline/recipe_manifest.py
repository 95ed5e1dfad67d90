"""The recipe of articles as an export carries it: the extractors, and options of site files.

Nothing else of a site file is exported, because it may hold cookies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pipeline.config.site import CleaningOptions, Site
from pipeline.extract import EXTRACTORS
from pipeline.extract.version import LIBRARIES


@dataclass(frozen=True, slots=True)
class SiteRecipe:
    """What a recipe takes from a site file."""

    cleaning: CleaningOptions
    language: str
    timezone: str


def recipe_manifest(sites: Iterable[Site]) -> dict[str, Any]:
    """Return the part of a manifest that describes the recipe."""
    return {
        "extractors": EXTRACTORS,
        "libraries": library_versions(),
        "cleaning": {site.id: _site_values(site) for site in sites},
    }


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that extraction depends on."""
    return {name: version(name) for name in ("nightdesk", *LIBRARIES)}


def site_recipe(manifest: Mapping[str, Any], site: str) -> SiteRecipe:
    """Return the recipe of a site.

    Args:
        manifest: The manifest of an export.
        site: The id of the site. Without a site file, it gets the defaults.
    """
    values = manifest.get("cleaning", {}).get(site, {})
    cleaning = CleaningOptions(
        remove=tuple(values.get("remove", ())),
        without=tuple(values.get("without", ())),
        accept_lists=bool(values.get("accept_lists")),
    )
    return SiteRecipe(cleaning, values.get("language", ""), values.get("timezone", "UTC"))


def describe_difference(manifest: Mapping[str, Any]) -> str:
    """Return how the extractors of a manifest differ from those in use.

    Returns:
        The difference for people, or "" if they are the same.
    """
    if manifest.get("extractors") == EXTRACTORS:
        return ""
    ours, theirs = library_versions(), manifest.get("libraries", {})
    differences = []
    for name, our_version in ours.items():
        their_version = theirs.get(name, "none")
        if theirs.get(name) != our_version:
            differences.append(f"{name} {their_version} (here {our_version})")
    return ", ".join(differences) or "by our own code, as libraries are the same"


def _site_values(site: Site) -> dict[str, Any]:
    return {
        "language": site.language,
        "timezone": site.timezone,
        "remove": list(site.cleaning.remove),
        "without": list(site.cleaning.without),
        "accept_lists": site.cleaning.accept_lists,
    }
