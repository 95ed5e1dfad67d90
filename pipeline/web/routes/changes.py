"""What publications changed: a page with filters, and the same list as an Atom feed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from pipeline.core.changes.kinds import KIND_MEANINGS, ChangeKind
from pipeline.core.errors import ConfigError
from pipeline.formats.atom import (
    FEED_END,
    AtomEntry,
    AtomFeed,
    AtomLink,
    entry,
    feed_start,
)
from pipeline.store import read
from pipeline.web.change_views import ShownChange, shown_changes
from pipeline.web.dependencies import (
    CodeFilter,
    Context,
    WebContext,
    etag_response,
    query_string,
)
from pipeline.web.errors import InvalidRequest
from pipeline.web.filters import diff_markup, safe_url
from pipeline.web.routes import feeds
from pipeline.web.routes.feeds import ATOM, EMPTY_FEED_DATE, EntryLimit
from pipeline.web.routes.search import SearchCursor, SearchText

router = APIRouter()
CHANGES_PER_PAGE: Final = 20
KIND_PATTERN: Final = "|".join(ChangeKind)
Day = Annotated[
    str,
    Query(
        max_length=10,
        pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        description="A day such as 2026-03-01, in UTC",
    ),
]


@dataclass(frozen=True, slots=True)
class ChangeFilters:
    """The filters of a list of changes, as they stand in its URL."""

    site: str
    kind: str
    since: str
    until: str
    min_words: int
    q: str

    def query(self) -> read.ChangeQuery:
        """Return which changes are wanted.

        Raises:
            InvalidRequest: A day is none of the calendar.
        """
        until = _day("until", self.until)
        return read.ChangeQuery(
            sites=(self.site,) if self.site else (),
            kinds=(ChangeKind(self.kind),) if self.kind else (),
            since=_day("since", self.since),
            until=until + timedelta(days=1) if until else None,
            min_words=self.min_words,
            query=self.q,
        )

    def as_values(self, **others: object) -> dict[str, object]:
        """Return the values of a query string; a value of `others` replaces that of its name."""
        values = {
            "site": self.site,
            "kind": self.kind,
            "since": self.since,
            "until": self.until,
            "min_words": self.min_words or "",
            "q": self.q,
        }
        return values | others


def change_filters(
    site: CodeFilter = "",
    kind: Annotated[
        str, Query(pattern=f"^({KIND_PATTERN})?$", description="Only changes of this kind")
    ] = "",
    since: Day = "",
    until: Day = "",
    min_words: Annotated[
        str,
        Query(pattern=r"^[0-9]{0,6}$", description="The fewest words lost and gained together"),
    ] = "",
    q: SearchText = "",
) -> ChangeFilters:
    """Read the filters of a request."""
    return ChangeFilters(site, kind, since, until, int(min_words or 0), q.strip())


Filters = Annotated[ChangeFilters, Depends(change_filters)]


@router.get("/changes")
def changes_page(
    request: Request, context: Context, filters: Filters, after: SearchCursor = ""
) -> Response:
    """Show what publications changed, newest first."""
    wanted = filters.query()
    page = list_or_refuse(context, wanted, CHANGES_PER_PAGE, after)
    counts: Mapping[ChangeKind, int] = {}
    if not filters.q:
        counts = read.count_changes(context.database, _of_all_kinds(filters))
    return context.render(
        request,
        "changes.html",
        filters=filters,
        shown=shown_changes(context.database, page.changes),
        next=page.next,
        after=after,
        kinds=KIND_MEANINGS,
        counts=counts,
        sites=read.site_ids(context.database),
    )


@router.get("/changes.atom")
def changes_feed(
    request: Request, context: Context, filters: Filters, limit: EntryLimit = 50
) -> Response:
    """Return the newest changes as Atom, by the time at which they were found."""
    page = list_or_refuse(context, filters.query(), limit, "")
    base_url = feeds.base_url(request)
    text = "".join(_feed(base_url, filters, shown_changes(context.database, page.changes)))
    return etag_response(request, text.encode("utf8", "replace"), ATOM)


def list_or_refuse(
    context: WebContext, wanted: read.ChangeQuery, limit: int, after: str
) -> read.ChangePage:
    """Return a page of changes.

    Raises:
        InvalidRequest: There is no such cursor.
    """
    try:
        return read.list_changes(context.database, wanted, limit, after)
    except ConfigError:
        raise InvalidRequest("'after' is invalid: use 'next' of the page before.") from None


def _of_all_kinds(filters: ChangeFilters) -> read.ChangeQuery:
    values = filters.query()
    return read.ChangeQuery(values.sites, (), values.since, values.until, values.min_words)


def _day(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise InvalidRequest(f"'{name}' is not a day of the calendar: write 2026-03-01.") from None


def _feed(base_url: str, filters: ChangeFilters, shown: tuple[ShownChange, ...]) -> Iterator[str]:
    query = query_string(**filters.as_values())
    updated_at = max((each.change.at for each in shown), default=EMPTY_FEED_DATE)
    feed_url = f"{base_url}/changes.atom" + (f"?{query}" if query else "")
    links = (
        AtomLink("self", feed_url, "application/atom+xml"),
        AtomLink("alternate", f"{base_url}/changes" + (f"?{query}" if query else "")),
    )
    yield feed_start(AtomFeed(feed_url, "Nightdesk: changes", updated_at, links))
    for each in shown:
        yield entry(_entry(base_url, each))
    yield FEED_END


def _entry(base_url: str, shown: ShownChange) -> AtomEntry:
    change = shown.change
    address = f"{base_url}/articles/{change.article}"
    if change.revision:
        address += f"/revisions?old={change.revision - 1}&new={change.revision}"
    links = [AtomLink("alternate", address)]
    if safe_url(change.url):
        links.append(AtomLink("via", change.url))
    body = "".join(f"<p>{diff_markup(parts)}</p>\n" for parts in shown.paragraphs)
    if not body:
        body = f"<p>{KIND_MEANINGS[change.kind]}</p>\n"
    return AtomEntry(
        id=f"{change.url}#change-{change.key}",
        title=f"{change.kind}: {change.title or change.url}",
        updated_at=change.at,
        author=change.site,
        language=change.language,
        html=body,
        links=tuple(links),
        categories=(str(change.kind), change.site),
    )
