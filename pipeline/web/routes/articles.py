"""An Article: to be read, with what is known of it; and what changed from one revision to another."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from pipeline.jobs.near_duplicates import also_at
from pipeline.store.db.article_view import ArticleView
from pipeline.store.read import page_history, pages
from pipeline.store.read.pages import PageView
from pipeline.web.dependencies import AtDesk, Desk, Missing, Number
from pipeline.web.text_diff import compare

router = APIRouter()
COPIES = 20
PARAGRAPHS = 5000
Revision = Annotated[int | None, Query(ge=1, le=1_000_000)]


@router.get("/articles/{number}")
def read(request: Request, desk: AtDesk, number: Number) -> Response:
    """The reading view. A page that is no article leads to what is known of it."""
    page = page_of(desk, number)
    article = pages.article(desk.store, number)
    if article is None:
        return RedirectResponse(f"/pages/{number}", 302)
    copies = also_at(desk.store, number)
    paragraphs = _paragraphs(article)
    return desk.page(
        request, "article.html", page=page, article=article, paragraphs=paragraphs[:PARAGRAPHS], left=paragraphs[PARAGRAPHS:],
        making=page_history.making(desk.store, number), copies=copies[:COPIES], more_copies=max(0, len(copies) - COPIES),
    )  # fmt: skip


def page_of(desk: Desk, number: int) -> PageView:
    """The Page of a number. Raises Missing."""
    page = pages.find_page(desk.store, str(number)) if number < 10**17 else None
    if page is None:
        raise Missing(f"The archive has no page with the number {number}.")
    return page


def _paragraphs(article: ArticleView) -> list[str]:
    lines = [line for line in article.text.split("\n") if line.strip()]
    return lines[1:] if lines and lines[0].strip() == article.title.strip() else lines


@router.get("/articles/{number}/revisions")
def revisions(
    request: Request, desk: AtDesk, number: Number, old: Revision = None, new: Revision = None
) -> Response:
    """The revisions of an article, and the words that two of them differ in: the last two unless others are named."""
    page = page_of(desk, number)
    article = pages.article(desk.store, number)
    found = {each.number: each for each in pages.revisions(desk.store, number)}
    if article is None or not found:
        raise Missing("This page is no article, so it has no revisions.")
    after = new or max(found)
    before = old or max(after - 1, min(found))
    if before not in found or after not in found:
        raise Missing(f"This article has the revisions {min(found)} to {max(found)}.")
    one, other = found[before], found[after]
    return desk.page(
        request, "revisions.html", page=page, article=article, revisions=list(found.values()), one=one, other=other,
        title=compare(one.title, other.title), text=compare(one.text, other.text),
    )  # fmt: skip
