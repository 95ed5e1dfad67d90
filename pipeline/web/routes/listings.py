"""Lists of stories with pages of their own: a day, an author, a tag, a section of a site."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from pipeline.store import read
from pipeline.web.dependencies import Context, PageKey, WebContext, query_string
from pipeline.web.errors import InvalidRequest
from pipeline.web.routes.search import SearchCursor, quoted, time_chart

router = APIRouter()
STORIES_PER_PAGE = 30
Name = Annotated[str, Query(min_length=1, max_length=300)]
TITLES = {"author": "Articles by {}", "tag": "Articles with the tag {}"}


@router.get("/days")
def jump_to_day(day: Annotated[str, Query(max_length=10)]) -> Response:
    """Lead to the page of a day, from the field that asks for it."""
    return RedirectResponse(f"/days/{_parse_day(day)}", 302)


@router.get("/days/{day}")
def stories_of_day(
    request: Request, context: Context, day: str, before: PageKey = None
) -> Response:
    """Show all stories of a day in UTC."""
    parsed = _parse_day(day)
    older_day, newer_day = read.neighbour_days(context.database, parsed)
    headlines = read.newest_headlines(
        context.database, STORIES_PER_PAGE + 1, before=before, day=parsed
    )
    return context.render(
        request,
        "day.html",
        day=parsed,
        stories=headlines[:STORIES_PER_PAGE],
        pictures=read.lead_pictures(context.database, [story.id for story in headlines]),
        older_key=_next_key(headlines),
        before=before,
        older_day=older_day,
        newer_day=newer_day,
    )


@router.get("/authors")
def stories_of_author(
    request: Request, context: Context, name: Name, after: SearchCursor = ""
) -> Response:
    """Show the stories of an author."""
    return _stories_with(request, context, "author", name, after)


@router.get("/tags")
def stories_with_tag(
    request: Request, context: Context, name: Name, after: SearchCursor = ""
) -> Response:
    """Show the stories with a tag."""
    return _stories_with(request, context, "tag", name, after)


def _stories_with(
    request: Request,
    context: WebContext,
    field: Literal["author", "tag"],
    name: str,
    after: str,
) -> Response:
    query = quoted(field, name)
    exact = read.ExactName(field, name)
    results = read.search_articles(
        context.database, query, STORIES_PER_PAGE, after=after, exact=exact
    )
    counts = None if after else read.count_matches(context.database, query, exact=exact)
    return context.render(
        request,
        "listing.html",
        title=TITLES[field].format(name),
        path=f"/{field}s",
        parameters={"name": name},
        query=query,
        hits=results.hits,
        pictures=read.lead_pictures(context.database, [hit.article.id for hit in results.hits]),
        next=results.next,
        after=after,
        counts=counts,
        chart=time_chart(query, counts) if counts else None,
    )


@router.get("/sections")
def stories_of_section(
    request: Request, context: Context, site: Name, name: Name, before: PageKey = None
) -> Response:
    """Show the stories of a section of a site."""
    headlines = read.section_headlines(
        context.database, site, name, STORIES_PER_PAGE + 1, before=before
    )
    return context.render(
        request,
        "section.html",
        site=site,
        section=name,
        stories=headlines[:STORIES_PER_PAGE],
        pictures=read.lead_pictures(context.database, [story.id for story in headlines]),
        older_key=_next_key(headlines),
        before=before,
        address=query_string(site=site, name=name),
    )


def _parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest("The address names no day: write it as 2026-11-03.") from None


def _next_key(headlines: tuple[read.Headline, ...]) -> int | None:
    return headlines[STORIES_PER_PAGE - 1].key if len(headlines) > STORIES_PER_PAGE else None
