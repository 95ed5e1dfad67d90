"""An article: its reading view with its metadata, and the changes between its revisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from markupsafe import Markup, escape
from starlette.responses import RedirectResponse, Response

from pipeline.changes.text_diff import compare_texts, compare_titles
from pipeline.core.story import Story, plain_story, without_first_block
from pipeline.jobs.near_duplicates import near_duplicates_of
from pipeline.store import read
from pipeline.story.html import HtmlStyle, to_html
from pipeline.web.dependencies import Context, RecordId, WebContext
from pipeline.web.errors import NotInArchive
from pipeline.web.filters import printable

router = APIRouter()
MAX_NEAR_DUPLICATES = 20
MAX_BLOCKS = 5000
STORY_STYLE = HtmlStyle(
    shows_images=False,
    top_level=2,
    block_attributes=' dir="auto"',
    table_attributes='class="wide" tabindex="0" role="region" aria-label="Table"',
    escape=lambda text: str(escape(printable(text))),
)
MAX_PLACEMENTS = 40
MAX_PAGE_ID = 10**17  # `find_page` takes a longer number for a URL
RevisionNumber = Annotated[int | None, Query(ge=1, le=1_000_000)]


@router.get("/articles/{article_id}")
def article(request: Request, context: Context, article_id: RecordId) -> Response:
    """Show an article; a page that is not an article leads to its trace."""
    page = find_page_or_404(context, article_id)
    found = read.get_article(context.database, article_id)
    if found is None:
        return RedirectResponse(f"/pages/{article_id}", 302)
    near_duplicates = near_duplicates_of(context.database, article_id)
    story = _story(context, found)
    shown = replace(story, blocks=story.blocks[:MAX_BLOCKS])
    newer, older = read.neighbours(context.database, article_id)
    return context.render(
        request,
        "article.html",
        page=page,
        article=found,
        story=Markup(to_html(shown, style=STORY_STYLE)),
        picture=read.lead_pictures(context.database, [article_id]).get(article_id),
        hidden_count=len(story.blocks) - len(shown.blocks),
        provenance=read.get_provenance(context.database, article_id),
        placements=read.list_placements(context.database, page.url, MAX_PLACEMENTS),
        origin=read.article_origin(context.database, article_id),
        near_duplicates=near_duplicates[:MAX_NEAR_DUPLICATES],
        more_near_duplicates=max(0, len(near_duplicates) - MAX_NEAR_DUPLICATES),
        newer=newer,
        older=older,
        day=_day_of(found),
    )


def _day_of(article: read.ArticleView) -> date:
    """Return the day in UTC under which lists show an article."""
    return (article.published_at or article.first_seen_at).date()


def find_page_or_404(context: WebContext, page_id: int) -> read.PageView:
    """Return a page by its id.

    Raises:
        NotInArchive: There is no such page.
    """
    page = None
    if page_id < MAX_PAGE_ID:
        page = read.find_page(context.database, str(page_id))
    if page is None:
        raise NotInArchive(f"The archive has no page with the id {page_id}.")
    if page.hidden_at is not None:
        raise NotInArchive("This page is hidden.")
    return page


def _story(context: WebContext, article: read.ArticleView) -> Story:
    """Return the story without the headline, which the page shows above it."""
    story = read.get_story(context.database, article.id) or plain_story(article.text)
    if story.blocks and story.blocks[0].text.strip() == article.title.strip():
        return without_first_block(story)
    return story


@router.get("/articles/{article_id}/revisions")
def revisions(
    request: Request,
    context: Context,
    article_id: RecordId,
    old: RevisionNumber = None,
    new: RevisionNumber = None,
) -> Response:
    """Show the changes between two revisions, by default the last two."""
    page = find_page_or_404(context, article_id)
    article = read.get_article(context.database, article_id)
    rows = read.list_revisions(context.database, article_id)
    by_number = {revision.number: revision for revision in rows}
    if article is None or not by_number:
        raise NotInArchive("This page is not an article, so it has no revisions.")
    new_number = new or max(by_number)
    old_number = old or max(new_number - 1, min(by_number))
    if old_number not in by_number or new_number not in by_number:
        raise NotInArchive(f"This article has revisions {min(by_number)} to {max(by_number)}.")
    old_revision, new_revision = by_number[old_number], by_number[new_number]
    return context.render(
        request,
        "revisions.html",
        page=page,
        article=article,
        revisions=list(by_number.values()),
        old=old_revision,
        new=new_revision,
        title_diff=compare_titles(old_revision.title, new_revision.title),
        text_diff=compare_texts(old_revision.text, new_revision.text),
    )
