"""The recipe by which the texts of a site are made now, and the names of its rules."""

from __future__ import annotations

from pipeline.cleaning import apply_rules
from pipeline.config.site import Site
from pipeline.core.errors import ConfigError
from pipeline.core.models import Recipe
from pipeline.core.suggestions import did_you_mean
from pipeline.extract import EXTRACTORS


def current_recipe(site: Site) -> Recipe:
    """Return the recipe by which the texts of a site are made now."""
    return Recipe(
        EXTRACTORS, apply_rules.recipe_digest(site.cleaning, site.language, site.timezone)
    )


def require_rule(name: str) -> str:
    """Return the name if a rule has it.

    Raises:
        ConfigError: No rule has this name. The message offers the nearest name.
    """
    names = [rule.name for rule in apply_rules.RULES]
    if name not in names:
        raise ConfigError(f"--rule {name}: there is no such rule; {did_you_mean(name, names)}")
    return name
