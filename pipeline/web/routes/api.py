"""The archive for programs: JSON under `/api`, typed, paged and conditional, with its OpenAPI document at `/api/openapi.json`.

Promises that every answer has a tag by which it is asked for again in a few bytes, that whatever is wrong is one sentence with
the right status, and that no list is longer than LIMIT. What it reads are the reads of the pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pipeline import __version__
from pipeline.core.errors import ConfigError, NightdeskError
from pipeline.fulltext import query_language
from pipeline.jobs.near_duplicates import also_at
from pipeline.store.db.article_view import ArticleView
from pipeline.store.read import ledgers, night_summary, page_history, pages, payloads
from pipeline.store.read import runs as history
from pipeline.store.read.runs import SiteState
from pipeline.store.search import facets
from pipeline.store.search import search as results
from pipeline.store.search.facets import Count
from pipeline.web import api_schemas as models
from pipeline.web.api_schemas import Model, fields
from pipeline.web.dependencies import AtDesk, Code, Desk, Missing, Number, Text, has_it, tagged
from pipeline.web.routes.articles import page_of
from pipeline.web.routes.pages import Digest
from pipeline.web.routes.runs import NONE
from pipeline.web.routes.search import Asked, Cursor

LIMIT = 200
VISITS = 1000  # among which the one is looked for that brought an article's bytes
NIGHTS = 40
STORIES = 1000
JSON = "application/json"
YEAR = "private, max-age=31536000, immutable"
Most = Annotated[int, Query(ge=1, le=LIMIT)]
Behind = Annotated[int | None, Query(ge=0, le=2**63 - 1)]
Day = Annotated[str, Query(max_length=10, pattern=r"^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?)?$")]
Language = Annotated[
    str, Query(max_length=16, pattern=r"^([a-zA-Z]{2,3}([-_][a-zA-Z0-9]{1,8})?)?$")
]
router = APIRouter(responses={"4XX": {"model": models.Problem}, "5XX": {"model": models.Problem}})


class Refused(Exception):
    """What was asked for cannot be; the message says why in one sentence."""


def api(desk: Desk) -> FastAPI:
    """The application under `/api`."""
    app = FastAPI(
        title="Nightdesk",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.desk = desk
    app.include_router(router)
    for error, answer in ((HTTPException, _refused), (RequestValidationError, _not_understood), (Missing, _missing),
                          (Refused, _not_so), (NightdeskError, _unwell), (Exception, _fault)):  # fmt: skip
        app.add_exception_handler(error, answer)  # type: ignore[arg-type]
    return app


@router.get("/articles", response_model=models.Articles)
def articles(
    request: Request, desk: AtDesk, site: Code = "", lang: Language = "", since: Day = "", until: Day = "", after: Cursor = "",
    limit: Most = 50,
) -> Response:  # fmt: skip
    """Articles, newest first: of a site, in a language, dated from the beginning of `since` on, before that of `until`."""
    asked = [f"lang:{lang}" if lang else "", *_dates(since, until)]
    found = _search(
        desk,
        query_language.narrowed(query_language.parse(" ".join(asked).strip()), site or None),
        limit,
        after,
    )
    heads = tuple(_head(hit.article) for hit in found.hits)
    return _said(request, models.Articles(articles=heads, next=found.next or None))


@router.get("/articles/{number}", response_model=models.Article)
def article(request: Request, desk: AtDesk, number: Number) -> Response:
    """One article: its text, all that is known of it, its near-copies, and what it is made of."""
    page, found = page_of(desk, number), _article(desk, number)
    made = page_history.making(desk.store, number)
    group = (
        also_at(desk.store, number)[:LIMIT] if found.copies or found.similarity is not None else ()
    )
    whole = fields(
        found, gone_at=page.gone_at, group=group, metadata=made and made.metadata, provenance=None
    )
    if made is not None:
        visits = page_history.visits(desk.store, number, VISITS)
        brought = next((each for each in visits if each.digest == made.digest), None)
        whole["provenance"] = fields(made, capture=brought)
    return _said(request, models.Article.model_validate(whole))


@router.get("/articles/{number}/revisions", response_model=models.Revisions)
def revisions(
    request: Request, desk: AtDesk, number: Number, after: Behind = None, limit: Most = 50
) -> Response:
    """The revisions of an article, oldest first."""
    _article(desk, number)
    found = [each for each in pages.revisions(desk.store, number) if each.number > (after or 0)]
    following = found[limit - 1].number if len(found) > limit else None
    return _said(
        request,
        models.Revisions(id=number, revisions=_all(models.Revision, found[:limit]), next=following),
    )


@router.get("/articles/{number}/making", response_model=models.Making)
def making(request: Request, desk: AtDesk, number: Number) -> Response:
    """What an article is made of: the digest of its bytes, its recipe, all metadata with the sources of its dates."""
    _article(desk, number)
    made = page_history.making(desk.store, number)
    if made is None:  # it was cleaned anew a moment ago
        raise Missing(f"The page {number} is no article.")
    return _said(request, models.Making.model_validate(made))


@router.get("/articles/{number}/captures", response_model=models.Captures)
@router.get(
    "/pages/{number}/captures", response_model=models.Captures, operation_id="page_captures"
)
def captures(
    request: Request, desk: AtDesk, number: Number, after: Behind = None, limit: Most = 50
) -> Response:
    """The visits to a page, an article or not, that brought something new, newest first."""
    page_of(desk, number)
    found = page_history.visits(desk.store, number, limit + 1, before=after)
    following = found[limit - 1].id if len(found) > limit else None
    return _said(
        request,
        models.Captures(id=number, captures=_all(models.Capture, found[:limit]), next=following),
    )


@router.get("/articles/{number}/blocks", response_model=models.Blocks)
def blocks(request: Request, desk: AtDesk, number: Number) -> Response:
    """Why its text is what it is: the page's lines in order, and the rule that struck each, with its evidence."""
    found = pages.explain(desk.store, page_of(desk, number))
    if found is None:
        raise Missing(f"The page {number} has no text that was cleaned.")
    lines = tuple(
        models.Block(
            kind=each.block.kind, text=each.block.text, where=each.block.element_path, chance=each.block.story_probability, rule=each.rule,
            why=each.why,
        )
        for each in found.blocks
    )  # fmt: skip
    return _said(request, models.Blocks.model_validate(fields(found, id=number, blocks=lines)))


@router.get("/search", response_model=models.Found)
def search(
    request: Request, desk: AtDesk, q: Asked = "", sort: Literal["newest", "rank"] = "newest", after: Cursor = "",
    limit: Most = 20, once: bool = False, facets: bool = False,
) -> Response:  # fmt: skip
    """What a query finds; an empty one finds all. With `once` one of each group of near-copies, with `facets` counts."""
    found = _search(desk, query_language.parse(q), limit, after, sort, once)
    hits = tuple(
        models.Hit(
            article=_head(each.article), title=_marked(each.title), excerpt=_marked(each.excerpt)
        )
        for each in found.hits
    )
    return _said(
        request,
        models.Found(
            query=q, understood=found.understood, notes=found.query.notes, hits=hits, next=found.next or None,
            facets=_facets(desk, found.query) if facets else None,
        ),
    )  # fmt: skip


@router.get(
    "/payloads/{digest}", response_class=Response, responses={200: {"content": {"application/octet-stream": {}}}}
)  # fmt: skip
def payload(request: Request, desk: AtDesk, digest: Digest) -> Response:
    """The stored bytes that have this SHA-256, as an attachment."""
    made = f'"{digest}"'
    headers = {
        "Content-Disposition": f'attachment; filename="{digest[:16]}.bin"', "Cache-Control": YEAR,
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    }  # fmt: skip
    if has_it(request, made):
        return Response(status_code=304, headers={"ETag": made, **headers})
    body = payloads.payload(desk.store, digest)
    if body is None:
        raise Missing("The archive has no bytes with this digest.")
    return tagged(request, body, "application/octet-stream", made=made, headers=headers)


@router.get("/sites", response_model=models.Sites)
def sites(request: Request, desk: AtDesk) -> Response:
    """Every site of the archive."""
    states = history.states(desk.store, datetime.now(UTC))
    return _said(
        request,
        models.Sites(sites=tuple(models.Site.model_validate(_site(desk, each)) for each in states)),
    )


@router.get("/sites/{site}", response_model=models.SiteWhole)
def site(request: Request, desk: AtDesk, site: str) -> Response:
    """One site: its state, its last nights, and what its stories are like."""
    state = next(
        (each for each in history.states(desk.store, datetime.now(UTC), site) if each.site == site),
        None,
    )
    if state is None:
        raise Missing("The archive has no such site.")
    crawls = night_summary.crawls(desk.store, site, NIGHTS)
    whole = _site(desk, state) | {
        "nights": tuple(fields(each, stories=_reasons(each.stories)) for each in crawls),
        "likeness": night_summary.likeness(desk.store, site, STORIES),
    }
    return _said(request, models.SiteWhole.model_validate(whole))


@router.get("/runs", response_model=models.Runs)
def runs(
    request: Request, desk: AtDesk, site: Code = "", after: Behind = None, limit: Most = 50
) -> Response:
    """The runs, newest first."""
    found = ledgers.runs(desk.store, limit + 1, site=site, before=after)
    following = found[limit - 1].id if len(found) > limit else None
    return _said(request, models.Runs(runs=_all(models.Run, found[:limit]), next=following))


@router.get("/runs/{number}", response_model=models.RunWhole)
def run(request: Request, desk: AtDesk, number: Number) -> Response:
    """One run, with its ledger in numbers."""
    adds_up = number not in history.unbalanced(desk.store, [number])
    whole = fields(
        _run(desk, number), ledger=_reasons(history.reasons(desk.store, number)), adds_up=adds_up
    )
    return _said(request, models.RunWhole.model_validate(whole))


@router.get("/runs/{number}/ledger", response_model=models.Ledger)
def ledger(
    request: Request, desk: AtDesk, number: Number, outcome: Code = "", reason: Code = "", url: Text = "",
    after: Behind = None, limit: Most = 100,
) -> Response:  # fmt: skip
    """A run's ledger, URL by URL: of an outcome, a reason (`none` for those that need none), of URLs with these letters."""
    _run(desk, number)
    wanted = None if not reason else "" if reason == NONE else reason
    found = ledgers.lines(
        desk.store,
        number,
        limit + 1,
        outcome=outcome,
        reason=wanted,
        url=url.strip(),
        after=after or 0,
    )
    following = found[limit - 1].page if len(found) > limit else None
    return _said(
        request, models.Ledger(run=number, lines=_all(models.Line, found[:limit]), next=following)
    )


def _search(
    desk: Desk,
    asked: query_language.Query,
    limit: int,
    after: str,
    order: str = "newest",
    once: bool = False,
) -> results.Results:
    try:
        return results.search(desk.store, asked, limit, after=after, order=order, once=once)
    except ConfigError:
        raise Refused(
            "'after' is no place to go on from: take 'next' of the answer before, with the same order."
        ) from None


def _dates(since: str, until: str) -> Iterator[str]:
    for name, field, day in (("since", "after", since), ("until", "before", until)):
        if day and query_language.moment(day) is None:
            raise Refused(
                f"'{name}' is no day, month or year of the calendar: write it as 2026-03-01, 2026-03 or 2026."
            )
        yield f"{field}:{day}" if day else ""


def _article(desk: Desk, number: int) -> ArticleView:
    found = pages.article(desk.store, page_of(desk, number).id)
    if found is None:
        raise Missing(f"The page {number} is no article.")
    return found


def _run(desk: Desk, number: int) -> history.RunView:
    found = history.run(desk.store, number)
    if found is None:
        raise Missing(f"There is no run {number}.")
    return found


def _head(article: ArticleView) -> models.ArticleHead:
    return models.ArticleHead.model_validate(article)


def _marked(excerpt: Any) -> models.Marked:
    return models.Marked.model_validate(excerpt)


def _all(model: type[Model], values: Sequence[Any]) -> Any:
    return tuple(model.model_validate(each) for each in values)


def _reasons(counts: Mapping[tuple[str, str], int]) -> tuple[models.Reasons, ...]:
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return tuple(
        models.Reasons(outcome=outcome, reason=reason, urls=urls)
        for (outcome, reason), urls in ordered
    )


def _site(desk: Desk, state: SiteState) -> dict[str, Any]:
    return fields(state, name=desk.name(state.site))


def _facets(desk: Desk, asked: query_language.Query) -> models.Facets:
    found = facets.count(desk.store, asked)
    whole = fields(
        found,
        over_time=tuple(
            models.Moment(start=start, articles=number) for start, number in found.over_time
        ),
    )
    return models.Facets.model_validate(
        whole | {name: _counts(whole[name]) for name in ("sites", "languages", "authors", "tags")}
    )


def _counts(counts: Sequence[Count]) -> tuple[models.Count, ...]:
    return tuple(models.Count(value=value, articles=number) for value, number in counts)


def _said(request: Request, answer: Model) -> Response:
    return tagged(request, answer.model_dump_json().encode(), JSON)


def problem(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """What was wrong, as JSON."""
    return Response(
        models.Problem(error=sentence).model_dump_json(), status, dict(headers or {}), JSON
    )


def _missing(_request: Request, error: Missing) -> Response:
    return problem(404, str(error))


def _refused(_request: Request, error: HTTPException) -> Response:
    return problem(
        error.status_code,
        "There is nothing at this address." if error.status_code == 404 else str(error.detail),
    )


def _not_so(_request: Request, error: Refused) -> Response:
    return problem(400, str(error))


def _not_understood(_request: Request, error: RequestValidationError) -> Response:
    wrong = [each["loc"] for each in error.errors()]
    if any(where[0] == "path" for where in wrong):
        return problem(404, "There is nothing at this address.")
    names = ", ".join(f"'{where[-1]}'" for where in wrong)
    return problem(400, f"The address has a value that cannot be one here: {names}.")


def _unwell(_request: Request, error: NightdeskError) -> Response:
    return problem(
        503, f"The archive cannot be read just now ({type(error).__name__}); the log says why."
    )


def _fault(_request: Request, _error: Exception) -> Response:
    return problem(500, "A fault of Nightdesk's own; the log has what is needed to mend it.")
