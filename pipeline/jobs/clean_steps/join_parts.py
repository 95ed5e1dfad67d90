"""Between extraction and rules: join the extracted pages of stories in several parts."""

from __future__ import annotations

from pipeline.cleaning.join_parts import join_parts
from pipeline.core.models import Recipe
from pipeline.store.clean.session import CleanSession
from pipeline.store.clean.types import CleanScope

STORIES_PER_BATCH = 50


def join_stories(session: CleanSession, recipe: Recipe, scope: CleanScope) -> int:
    """Join the stories of a scope of which a part is new or was extracted again.

    Args:
        session: The session of the site.
        recipe: The current recipe.
        scope: Which pages the clean is about.

    Returns:
        The number of joined pages that were saved.
    """
    stories = session.stories_in_parts(recipe, scope)
    saved = 0
    for start in range(0, len(stories), STORIES_PER_BATCH):
        batch = stories[start : start + STORIES_PER_BATCH]
        joinable = session.update_joined_periods(batch, recipe)
        joined = [(page.payload_id, join_parts(page.parts)) for page in joinable]
        session.save_extracted(joined, {})
        saved += len(joined)
    return saved
