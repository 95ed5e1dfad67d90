"""A page: its captures and runs, its blocks with the rules that removed them, and its stored bytes.

Stored bytes leave in two ways only: as an attachment that no browser shows, or under a policy by
which nothing in them runs, loads, submits or navigates.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from starlette.responses import Response

from pipeline.store import read
from pipeline.web.dependencies import Context, RecordId, client_has, etag_response
from pipeline.web.errors import NotInArchive
from pipeline.web.middleware.security_headers import FRAME_POLICY
from pipeline.web.routes.articles import find_page_or_404

router = APIRouter()
MAX_FETCHES = 200
MAX_BLOCKS = 2000
HTML_TYPES = ("text/html", "application/xhtml+xml", "")
CHARSET = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
# A browser may open connections for these elements before it asks the policy. Nothing that they
# name could load in the frame.
LOADING_ELEMENT = re.compile(r"<(?=(?:link|i?frame|object|embed)[\s/>])", re.IGNORECASE)
# What the stored bytes name and do not contain cannot be loaded: it would show as broken pictures.
HIDE_MISSING = (
    b"<style>img:not([src^='data:']),picture:not(:has(img[src^='data:'])),video,audio,source"
    b"{display:none!important}</style>"
)
UTF16_BY_BOM = {b"\xff\xfe": "utf-16le", b"\xfe\xff": "utf-16be"}
UTF8_BOM = b"\xef\xbb\xbf"  # a browser believes it before any header
UNKNOWN_BYTES = "No fetch of this page brought these bytes."
Digest = Annotated[
    str, InPath(pattern=r"^[0-9a-f]{64}$", description="The SHA-256 in lower-case hex digits")
]
OptionalDigest = Annotated[str, Query(pattern=r"^([0-9a-f]{64})?$")]


@router.get("/pages/{page_id}")
def page_trace(request: Request, context: Context, page_id: RecordId) -> Response:
    """Show the captures of a page and the runs that it was part of."""
    page = find_page_or_404(context, page_id)
    return context.render(
        request,
        "page.html",
        page=page,
        article=read.get_article(context.database, page_id),
        provenance=read.get_provenance(context.database, page_id),
        fetches=read.list_fetches(context.database, page_id, MAX_FETCHES),
        entries=read.list_run_entries(context.database, page_id, MAX_FETCHES),
    )


@router.get("/pages/{page_id}/why")
def why(request: Request, context: Context, page_id: RecordId) -> Response:
    """Show the blocks of a page in reading order, with the rule that removed each."""
    page = find_page_or_404(context, page_id)
    explanation = read.explain_page(context.database, page)
    if explanation is None:
        raise NotInArchive(
            "This page has no clean text: the archive has no bytes of it, or 'nightdesk clean' has"
            " not run yet."
        )
    containers = {container.name: container for container in explanation.containers}
    return context.render(
        request,
        "why.html",
        page=page,
        article=read.get_article(context.database, page_id),
        explanation=explanation,
        blocks=explanation.blocks[:MAX_BLOCKS],
        hidden_count=max(0, len(explanation.blocks) - MAX_BLOCKS),
        removed_count=sum(1 for block in explanation.blocks if block.rule),
        containers=containers,
    )


@router.get("/pages/{page_id}/raw")
def raw(
    request: Request, context: Context, page_id: RecordId, digest: OptionalDigest = ""
) -> Response:
    """Show the page as it was, in a frame in which nothing runs.

    Without a digest it shows the bytes from which the article was made, or else the newest.
    """
    page = find_page_or_404(context, page_id)
    fetch = _find_fetch(context, page_id, digest or _default_digest(context, page))
    if fetch is None and not page.digest:
        raise NotInArchive("The archive has no bytes of this page.")
    if fetch is None:
        raise NotInArchive(UNKNOWN_BYTES)
    article = read.get_article(context.database, page_id)
    return context.render(request, "raw.html", page=page, article=article, fetch=fetch)


def _default_digest(context: Context, page: read.PageView) -> str:
    origin = read.article_origin(context.database, page.id)
    if origin is None:
        return page.digest
    return origin.parts[0].digest if origin.parts else origin.digest


def _find_fetch(context: Context, page_id: int, digest: str) -> read.Fetch | None:
    for fetch in read.list_fetches(context.database, page_id, MAX_FETCHES):
        if fetch.digest and fetch.digest == digest:
            return fetch
    return None


@router.get("/pages/{page_id}/framed/{digest}")
def framed(request: Request, context: Context, page_id: RecordId, digest: Digest) -> Response:
    """Return stored bytes as a document that can do nothing."""
    headers = {"Content-Security-Policy": FRAME_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    etag = f'"{digest}-framed-2"'
    if client_has(request, etag):
        return Response(status_code=304, headers={"ETag": etag, **headers})
    shown_type, body = framed_document(*_payload(context, page_id, digest))
    return etag_response(request, body, shown_type, etag=etag, headers=headers)


def framed_document(media_type: str, charset: str, body: bytes) -> tuple[str, bytes]:
    """Return stored bytes as a document that can do nothing under FRAME_POLICY.

    Args:
        media_type: The media type of the bytes.
        charset: The charset as declared.
        body: The bytes.

    Returns:
        The Content-Type and the bytes to send.
    """
    if not CHARSET.fullmatch(charset):
        charset = ""
    shown_type = "text/plain"
    if media_type.partition(";")[0].strip().lower() in HTML_TYPES:
        shown_type = "text/html"
        body = _disable_loading_elements(body, charset)
    if charset:
        shown_type += f"; charset={charset}"
    return shown_type, body


def _disable_loading_elements(body: bytes, charset: str) -> bytes:
    """Turn elements that load something into unknown ones, in one-byte charsets and UTF-16.

    Pictures that cannot be loaded are hidden.
    """
    encoding = UTF16_BY_BOM.get(body[:2], "")
    if not encoding and charset.lower().startswith("utf-16"):
        encoding = charset.lower()
    if encoding:
        text = LOADING_ELEMENT.sub("<x-", body.decode(encoding, "replace"))
        return UTF8_BOM + text.encode("utf8", "replace") + HIDE_MISSING
    return LOADING_ELEMENT.sub("<x-", body.decode("latin1")).encode("latin1") + HIDE_MISSING


@router.get("/pages/{page_id}/bytes/{digest}")
def stored_bytes(request: Request, context: Context, page_id: RecordId, digest: Digest) -> Response:
    """Return the stored bytes as an attachment."""
    etag = f'"{digest}"'
    if client_has(request, etag):
        return Response(status_code=304, headers={"ETag": etag})
    _, _, body = _payload(context, page_id, digest)
    headers = {"Content-Disposition": f'attachment; filename="{digest[:16]}.bin"'}
    return etag_response(request, body, "application/octet-stream", etag=etag, headers=headers)


def _payload(context: Context, page_id: int, digest: str) -> tuple[str, str, bytes]:
    """Return media type, charset and bytes of a payload of the page."""
    payload = read.page_payload(context.database, page_id, digest)
    if payload is None:
        raise NotInArchive(UNKNOWN_BYTES)
    return payload
