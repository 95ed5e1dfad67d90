"""Memento (RFC 7089): the visits of a URL in time, for programs that know the protocol.

/timegate/URL           redirects to the visit nearest to `Accept-Datetime`
/timemap/link/URL       all visits, as application/link-format (RFC 6690)
/timemap/cdxj/URL       the same as CDXJ
/web/TIMESTAMP/URL      the bytes of a visit, under a policy by which nothing in them runs
/web/TIMESTAMPid_/URL   the same bytes, unchanged, as an attachment
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated, Final
from urllib.parse import quote, unquote_to_bytes

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from starlette.responses import Response

from pipeline.formats.cdxj import cdxj_line, timestamp
from pipeline.store import read
from pipeline.store.read import Visit
from pipeline.web.dependencies import Context, WebContext, etag_response
from pipeline.web.errors import InvalidRequest, NotInArchive
from pipeline.web.middleware.security_headers import FRAME_POLICY
from pipeline.web.routes.feeds import base_url
from pipeline.web.routes.pages import framed_document

router = APIRouter()
LINK_FORMAT: Final = "application/link-format"
CDXJ: Final = "text/x-cdxj; charset=utf-8"
TIMESTAMP_FORMAT: Final = "%Y%m%d%H%M%S"
FIRST_YEAR: Final = "19700101000000"  # fills up a timestamp that has fewer digits
# A server or proxy may merge the two slashes of the URL in the path.
MERGED_SLASHES: Final = re.compile(r"^(https?):/+", re.IGNORECASE)
Timestamp = Annotated[str, InPath(pattern=r"^[0-9]{4,14}(id_)?$")]


@dataclass(frozen=True, slots=True)
class Mementos:
    """The visits of one page, with the addresses under which this server has them."""

    server: str
    url: str  # of the original resource
    page: int
    visits: Sequence[Visit]

    @property
    def timegate(self) -> str:
        """The address of the TimeGate."""
        return f"{self.server}/timegate/{_in_link(self.url)}"

    @property
    def timemap(self) -> str:
        """The address of the TimeMap."""
        return f"{self.server}/timemap/link/{_in_link(self.url)}"

    def memento(self, visit: Visit) -> str:
        """Return the address of a visit."""
        return f"{self.server}/web/{timestamp(visit.at)}/{_in_link(self.url)}"

    def timemap_link(self, relation: str) -> str:
        """Return the link to the TimeMap, with the time that it covers."""
        first, last = self.visits[0].at, self.visits[-1].at
        return (
            f'<{self.timemap}>; rel="{relation}"; type="{LINK_FORMAT}"'
            f'; from="{_http_date(first)}"; until="{_http_date(last)}"'
        )

    def common_links(self) -> list[str]:
        """Return the links to the original, its TimeGate and its TimeMap."""
        return [
            f'<{_in_link(self.url)}>; rel="original"',
            f'<{self.timegate}>; rel="timegate"',
            self.timemap_link("timemap"),
        ]

    def memento_links(self, visit: Visit) -> list[str]:
        """Return the links to the first, last, previous and next visit, and to this one."""
        index = self.visits.index(visit)
        last = len(self.visits) - 1
        relations: dict[int, list[str]] = {}
        for number, relation in ((0, "first"), (index - 1, "prev"), (index + 1, "next")):
            if 0 <= number <= last:
                relations.setdefault(number, []).append(relation)
        relations.setdefault(last, []).append("last")
        relations.setdefault(index, [])
        links: list[str] = []
        for number, names in sorted(relations.items()):
            links.append(self._memento_link(self.visits[number], names))
        return links

    def _memento_link(self, visit: Visit, names: Sequence[str]) -> str:
        relation = " ".join((*names, "memento"))
        return f'<{self.memento(visit)}>; rel="{relation}"; datetime="{_http_date(visit.at)}"'

    def lines(self) -> Iterator[str]:
        """Yield the links of the TimeMap."""
        yield f'<{_in_link(self.url)}>; rel="original"'
        yield self.timemap_link("self")
        yield f'<{self.timegate}>; rel="timegate"'
        last = len(self.visits) - 1
        for number, visit in enumerate(self.visits):
            names = [name for name, place in (("first", 0), ("last", last)) if number == place]
            yield self._memento_link(visit, names)


@router.get("/timegate/{url:path}")
def timegate(request: Request, context: Context) -> Response:
    """Redirect to the visit that is nearest to the wanted time; without one, to the newest."""
    mementos = _mementos(request, context, "/timegate/")
    wanted = request.headers.get("accept-datetime", "")
    visit = mementos.visits[-1]
    if wanted:
        visit = read.nearest_visit(mementos.visits, _parse_http_date(wanted))
    links = [*mementos.common_links(), *mementos.memento_links(visit)]
    headers = {
        "Location": mementos.memento(visit),
        "Vary": "accept-datetime",
        "Link": ", ".join(links),
    }
    return Response(status_code=302, headers=headers)


@router.get("/timemap/link/{url:path}")
def timemap(request: Request, context: Context) -> Response:
    """Return all visits of a URL in the link format."""
    mementos = _mementos(request, context, "/timemap/link/")
    text = ",\n".join(mementos.lines()) + "\n"
    return etag_response(request, text.encode("ascii"), LINK_FORMAT)


@router.get("/timemap/cdxj/{url:path}")
def timemap_cdxj(request: Request, context: Context) -> Response:
    """Return all visits of a URL as CDXJ."""
    mementos = _mementos(request, context, "/timemap/cdxj/")
    lines: list[str] = []
    for visit in mementos.visits:
        line = cdxj_line(
            mementos.url,
            visit.at,
            status=visit.status,
            media_type=visit.media_type,
            digest=visit.digest,
            is_revisit=visit.is_revisit,
        )
        lines.append(f"{line}\n")
    return etag_response(request, "".join(lines).encode(), CDXJ)


@router.get("/web/{wanted}/{url:path}")
def memento(request: Request, context: Context, wanted: Timestamp) -> Response:
    """Return the bytes of a visit, or redirect to the visit that is nearest to a time."""
    mementos = _mementos(request, context, f"/web/{wanted}/")
    digits = wanted.removesuffix("id_")
    at = _parse_timestamp(digits)
    visit = read.nearest_visit(mementos.visits, at)
    if timestamp(visit.at) != digits:
        location = mementos.memento(visit)
        if wanted.endswith("id_"):
            location = location.replace(timestamp(visit.at), f"{timestamp(visit.at)}id_", 1)
        links = ", ".join(mementos.common_links())
        return Response(status_code=302, headers={"Location": location, "Link": links})
    payload = read.page_payload(context.database, mementos.page, visit.digest)
    if payload is None:
        raise NotInArchive("The archive does not have the bytes of this visit any more.")
    headers = {
        "Memento-Datetime": _http_date(visit.at),
        "Link": ", ".join([*mementos.common_links(), *mementos.memento_links(visit)]),
    }
    media_type, charset, body = payload
    if wanted.endswith("id_"):
        file_name = f"{visit.digest[:16]}.bin"
        headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
        etag = f'"{visit.digest}"'
        return etag_response(request, body, "application/octet-stream", etag=etag, headers=headers)
    shown_type, body = framed_document(media_type, charset, body)
    headers |= {"Content-Security-Policy": FRAME_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return etag_response(request, body, shown_type, etag=f'"{visit.digest}-web"', headers=headers)


def _mementos(request: Request, context: WebContext, prefix: str) -> Mementos:
    """Return the visits of the URL in a request.

    A URL that redirects has the visits of the page to which it leads.

    Raises:
        NotInArchive: There is no visit with bytes.
    """
    url = _original_url(request, prefix)
    page = read.find_page(context.database, url)
    if page is not None and page.hidden_at is None:
        visits = read.list_visits(context.database, page.id)
        if not visits:
            page = read.follow_redirects(context.database, page)
            if page.hidden_at is not None:
                raise NotInArchive("This page is hidden.")
            visits = read.list_visits(context.database, page.id)
        if visits:
            return Mementos(base_url(request), page.url, page.id, visits)
    raise NotInArchive("The archive has no visit of this URL.")


def _original_url(request: Request, prefix: str) -> str:
    """Return the URL behind a prefix as the client wrote it, with its query."""
    raw_path: bytes = request.scope.get("raw_path") or quote(request.url.path).encode()
    path = raw_path.partition(b"?")[0].decode("latin1")[len(prefix) :]
    query: str = request.scope["query_string"].decode("latin1")
    if path[:8].lower().startswith(("http%3a", "https%3a")):
        path = unquote_to_bytes(path).decode("utf8", "replace")
    url = MERGED_SLASHES.sub(r"\1://", path)
    if "://" not in url:
        url = f"http://{url}"
    return f"{url}?{query}" if query else url


def _in_link(url: str) -> str:
    """Return a URL without characters that would end it in a header."""
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]-._")


def _http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


def _parse_http_date(text: str) -> datetime:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        raise InvalidRequest(
            "Accept-Datetime is no date of HTTP, such as Tue, 03 Mar 2026 02:30:00 GMT."
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _parse_timestamp(digits: str) -> datetime:
    try:
        padded = digits + FIRST_YEAR[len(digits) :]
        return datetime.strptime(padded, TIMESTAMP_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise InvalidRequest("The address names no time: YYYYMMDDhhmmss is expected.") from None
