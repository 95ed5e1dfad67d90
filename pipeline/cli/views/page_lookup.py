"""How commands find a page, and what they say about one without an article."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.core.errors import ConfigError
from pipeline.core.models import UrlKind
from pipeline.store import read

if TYPE_CHECKING:
    from pipeline.store.db.engine import Database
    from pipeline.store.read import PageView

PageName = Annotated[
    str, typer.Argument(metavar="ID|URL", help="The number of an article, or the URL of a page.")
]


def require_page(database: Database, name: str) -> PageView:
    """Return the page with this number or URL. Raises ConfigError if there is none."""
    page = read.find_page(database, name)
    if page is None:
        raise ConfigError(
            f"{name}: is not in the archive; give the number that 'nightdesk search' shows,"
            " or the URL of a page"
        )
    return page


def require_story(database: Database, name: str) -> PageView:
    """Return the page of a story. A further part of a story stands for its story.

    Raises:
        ConfigError: There is no such page.
    """
    page = require_page(database, name)
    return read.follow_redirects(database, page) if page.kind == UrlKind.PART else page


def explain_missing_article(page: PageView) -> str:
    """Return why a page has no article, and where to look."""
    if page.kind == UrlKind.PICTURE:
        return f"is a lead picture of {page.site}; it is no article itself"
    if page.kind != UrlKind.STORY:
        return f"is a {page.kind} of {page.site}, which lists stories; it is no article itself"
    if not page.digest:
        state = ": ".join(code for code in (page.outcome, page.reason) if code)
        return f"has no stored bytes ({state or 'not fetched yet'})"
    return f"is stored but is no article; 'nightdesk explain {page.id}' says why"
