"""A Page: its visits and Runs, its blocks and why each was kept or struck, and its bytes as they came.

Promises that archived bytes leave in two ways only: as an attachment that no browser shows, or under a policy by which nothing
in them runs, loads, submits or leads away.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from starlette.responses import Response

from pipeline.store.read import page_history, pages
from pipeline.web.dependencies import AtDesk, Missing, Number, has_it, tagged
from pipeline.web.middleware.security_headers import FRAMED
from pipeline.web.routes.articles import page_of

router = APIRouter()
VISITS = 200
BLOCKS = 2000
SHOWN = ("text/html", "application/xhtml+xml")
CHARSET = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
# A browser may open connections for these before it asks the policy, and nothing that they name could be loaded in the frame
REACHING = re.compile(r"<(?=(?:link|i?frame|object|embed)[\s/>])", re.IGNORECASE)
WIDE = {b"\xff\xfe": "utf-16le", b"\xfe\xff": "utf-16be"}
UTF8 = b"\xef\xbb\xbf"  # which a browser believes before any header
Digest = Annotated[str, InPath(pattern=r"^[0-9a-f]{64}$")]
Wanted = Annotated[str, Query(pattern=r"^([0-9a-f]{64})?$")]


@router.get("/pages/{number}")
def trail(request: Request, desk: AtDesk, number: Number) -> Response:
    """Every visit to a page and every run that met it."""
    page = page_of(desk, number)
    return desk.page(
        request, "page.html", page=page, article=pages.article(desk.store, number), making=page_history.making(desk.store, number),
        visits=page_history.visits(desk.store, number, VISITS), entries=page_history.entries(desk.store, number, VISITS),
    )  # fmt: skip


@router.get("/pages/{number}/why")
def why(request: Request, desk: AtDesk, number: Number) -> Response:
    """The page's blocks in order, and the rule that struck each."""
    page = page_of(desk, number)
    found = pages.explain(desk.store, page)
    if found is None:
        raise Missing(
            "This page has no text that was cleaned: no bytes are stored of it, or 'nightdesk clean' has not run yet."
        )
    struck = sum(1 for each in found.blocks if each.rule)
    return desk.page(
        request, "why.html", page=page, article=pages.article(desk.store, number), found=found, blocks=found.blocks[:BLOCKS],
        left=max(0, len(found.blocks) - BLOCKS), struck=struck, known={each.name: each for each in found.containers},
    )  # fmt: skip


@router.get("/pages/{number}/raw")
def raw(request: Request, desk: AtDesk, number: Number, digest: Wanted = "") -> Response:
    """The page as it was, in a frame in which nothing runs: its newest bytes, or those that a visit brought."""
    page = page_of(desk, number)
    found = page_history.visits(desk.store, number, VISITS)
    visit = next(
        (each for each in found if each.digest and each.digest == (digest or page.digest)), None
    )
    if visit is None:
        raise Missing(
            "No bytes are stored of this page."
            if not page.digest
            else "No visit to this page has brought such bytes."
        )
    article = pages.article(desk.store, number)
    return desk.page(request, "raw.html", page=page, article=article, visit=visit)


@router.get("/pages/{number}/framed/{digest}")
def framed(request: Request, desk: AtDesk, number: Number, digest: Digest) -> Response:
    """The bytes as a document that can do nothing."""
    headers = {"Content-Security-Policy": FRAMED, "X-Frame-Options": "SAMEORIGIN"}
    made = f'"{digest}-framed"'
    if has_it(request, made):
        return Response(status_code=304, headers={"ETag": made, **headers})
    media_type, charset, body = _payload(desk, number, digest)
    is_page = media_type.partition(";")[0].strip().lower() in (*SHOWN, "")
    declared = f"; charset={charset}" if CHARSET.fullmatch(charset) else ""
    shown = ("text/html" if is_page else "text/plain") + declared
    return tagged(
        request,
        _inert(body, declared and charset) if is_page else body,
        shown,
        made=made,
        headers=headers,
    )


def _inert(body: bytes, charset: str) -> bytes:
    """The same with such elements made unknown ones, also where letters take two bytes."""
    wide = WIDE.get(body[:2]) or (charset.lower() if charset.lower().startswith("utf-16") else "")
    if wide:
        return UTF8 + REACHING.sub("<x-", body.decode(wide, "replace")).encode("utf8", "replace")
    return REACHING.sub("<x-", body.decode("latin1")).encode("latin1")


@router.get("/pages/{number}/bytes/{digest}")
def stored(request: Request, desk: AtDesk, number: Number, digest: Digest) -> Response:
    """The very bytes, to be saved."""
    made = f'"{digest}"'
    if has_it(request, made):
        return Response(status_code=304, headers={"ETag": made})
    _, _, body = _payload(desk, number, digest)
    headers = {"Content-Disposition": f'attachment; filename="{digest[:16]}.bin"'}
    return tagged(request, body, "application/octet-stream", made=made, headers=headers)


def _payload(desk: AtDesk, number: int, digest: str) -> tuple[str, str, bytes]:
    found = page_history.payload(desk.store, number, digest)
    if found is None:
        raise Missing("No visit to this page has brought such bytes.")
    return found
