"""The archived lead picture of an article.

Its bytes leave as what they are by their first bytes, whatever the server called them, under a
policy by which nothing in them runs or loads. What is no picture by its bytes does not leave.
"""

from __future__ import annotations

from hashlib import sha256

from fastapi import APIRouter, Request
from starlette.responses import Response

from pipeline.core.pictures import picture_info
from pipeline.store import read
from pipeline.web.dependencies import Context, RecordId, etag_response
from pipeline.web.errors import NotInArchive
from pipeline.web.middleware.security_headers import PICTURE_POLICY
from pipeline.web.routes.articles import find_page_or_404

router = APIRouter()
NO_PICTURE = "The archive has no lead picture of this article."


@router.get("/articles/{article_id}/picture")
def lead_picture(request: Request, context: Context, article_id: RecordId) -> Response:
    """Return the lead picture of an article."""
    find_page_or_404(context, article_id)
    body = read.picture_bytes(context.database, article_id)
    info = None if body is None else picture_info(body)
    if body is None or info is None or info.is_too_large:
        raise NotInArchive(NO_PICTURE)
    headers = {"Content-Security-Policy": PICTURE_POLICY, "Content-Disposition": "inline"}
    etag = f'"{sha256(body).hexdigest()}"'
    return etag_response(request, body, info.media_type, etag=etag, headers=headers)
