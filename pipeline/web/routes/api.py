"""The JSON API under `/api`, with its OpenAPI document at `/api/openapi.json`.

Every response has an ETag, every error is one sentence with the right status, and no list is longer
than MAX_PAGE_LIMIT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import Response

from pipeline._version import __version__
from pipeline.core.errors import ConfigError
from pipeline.core.story import plain_story
from pipeline.fulltext import query_language
from pipeline.jobs.evidence.checkpoints import bundle as checkpoint_bundle
from pipeline.jobs.near_duplicates import near_duplicates_of
from pipeline.store import read
from pipeline.story.markdown import to_markdown
from pipeline.web import api_schemas as schemas
from pipeline.web import log_schemas
from pipeline.web.api_schemas import ApiModel, field_values
from pipeline.web.dependencies import (
    MAX_ID,
    CodeFilter,
    Context,
    QueryText,
    RecordId,
    WebContext,
    client_has,
    etag_response,
)
from pipeline.web.errors import (
    HANDLED_ERRORS,
    JSON,
    InvalidRequest,
    NotInArchive,
    describe_error,
    error_response,
)
from pipeline.web.routes import compare
from pipeline.web.routes.articles import find_page_or_404
from pipeline.web.routes.changes import Filters, list_or_refuse
from pipeline.web.routes.pages import Digest
from pipeline.web.routes.runs import reason_filter
from pipeline.web.routes.search import SearchCursor, SearchText

MAX_PAGE_LIMIT = 200
MAX_FETCHES = 1000  # newest fetches in which the capture of an article's bytes is looked for
MAX_NIGHTS = 40
STATS_SAMPLE = 1000  # newest articles of a site for its story stats
CACHE_FOR_A_YEAR = "private, max-age=31536000, immutable"
PAYLOAD_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"
BINARY = "application/octet-stream"

PageLimit = Annotated[
    int, Query(ge=1, le=MAX_PAGE_LIMIT, description="The largest number of items to return")
]
AfterKey = Annotated[
    int | None, Query(ge=0, le=MAX_ID, description="The `next` of the page before")
]
DateText = Annotated[
    str,
    Query(
        max_length=10,
        pattern=r"^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?)?$",
        description="A day, month or year: 2026-03-01, 2026-03 or 2026",
    ),
]
LanguageCode = Annotated[
    str,
    Query(
        max_length=16,
        pattern=r"^([a-zA-Z]{2,3}([-_][a-zA-Z0-9]{1,8})?)?$",
        description="A language code such as en",
    ),
]
LogSize = Annotated[
    int,
    Query(ge=0, le=MAX_ID, description="The size of the checkpoint that the proof begins with"),
]
ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": schemas.ErrorOut},
    "5XX": {"model": schemas.ErrorOut},
}
router = APIRouter(responses=ERROR_RESPONSES)


def create_api(context: WebContext) -> FastAPI:
    """Create the application under `/api`."""
    app = FastAPI(
        title="Nightdesk",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.context = context
    app.include_router(router)
    app.include_router(compare.api_router, responses=ERROR_RESPONSES)
    for error_type in HANDLED_ERRORS:
        app.add_exception_handler(error_type, _error_json)
    return app


def _error_json(_request: Request, error: Exception) -> Response:
    described = describe_error(error)
    return error_response(described.status, described.message)


@router.get("/articles", response_model=schemas.ArticlesOut)
def articles(
    request: Request,
    context: Context,
    site: CodeFilter = "",
    lang: LanguageCode = "",
    since: DateText = "",
    until: DateText = "",
    after: SearchCursor = "",
    limit: PageLimit = 50,
) -> Response:
    """List articles, newest first.

    `since` and `until` filter by date: from the start of `since` to the end of `until`.
    """
    filters = []
    if lang:
        filters.append(f"lang:{lang}")
    if since:
        filters.append(f"after:{_valid_date('since', since)}")
    if until:
        filters.append(f"until:{_valid_date('until', until)}")
    query = query_language.parse_query(" ".join(filters))
    query = query_language.restrict_to_site(query, site or None)
    page = _search(context, query, limit, after)
    summaries = tuple(_article_summary(hit.article) for hit in page.hits)
    return _json(request, schemas.ArticlesOut(articles=summaries, next=page.next or None))


@router.get("/articles/{article_id}", response_model=schemas.ArticleOut)
def article(request: Request, context: Context, article_id: RecordId) -> Response:
    """Return one article with its text, metadata, near-duplicates and provenance."""
    page = find_page_or_404(context, article_id)
    found = _find_article(context, article_id)
    near_duplicates: Sequence[Any] = ()
    if found.copies or found.similarity is not None:
        near_duplicates = near_duplicates_of(context.database, article_id)[:MAX_PAGE_LIMIT]
    origin = read.article_origin(context.database, article_id)
    story = read.get_story(context.database, article_id) or plain_story(found.text)
    figures = [replace(each, image=story.resolve(each.image)) for each in story.figures]
    values = field_values(
        found,
        markdown=to_markdown(story),
        links=read.list_links(context.database, article_id),
        figures=figures,
        gone_at=page.gone_at,
        parts=origin.parts if origin else (),
        part_missing=bool(origin and origin.part_missing),
        live=origin.live if origin else None,
        near_duplicates=near_duplicates,
        placements=read.list_placements(context.database, page.url),
        metadata=None,
        provenance=None,
    )
    provenance = read.get_provenance(context.database, article_id)
    if provenance is not None:
        values["metadata"] = provenance.metadata
        capture = _capture_of(context, article_id, provenance.digest)
        values["provenance"] = field_values(provenance, capture=capture)
    return _json(request, schemas.ArticleOut.model_validate(values))


def _capture_of(context: WebContext, page_id: int, digest: str) -> read.Fetch | None:
    for fetch in read.list_fetches(context.database, page_id, MAX_FETCHES):
        if fetch.digest == digest:
            return fetch
    return None


@router.get("/articles/{article_id}/revisions", response_model=schemas.RevisionsOut)
def revisions(
    request: Request,
    context: Context,
    article_id: RecordId,
    after: AfterKey = None,
    limit: PageLimit = 50,
) -> Response:
    """List the revisions of an article, oldest first."""
    _find_article(context, article_id)
    rows = read.list_revisions(context.database, article_id)
    rows = tuple(revision for revision in rows if revision.number > (after or 0))
    next_key = rows[limit - 1].number if len(rows) > limit else None
    items = _validate_all(schemas.RevisionOut, rows[:limit])
    return _json(request, schemas.RevisionsOut(id=article_id, revisions=items, next=next_key))


@router.get("/articles/{article_id}/provenance", response_model=schemas.ProvenanceOut)
def provenance(request: Request, context: Context, article_id: RecordId) -> Response:
    """Return what an article is made from: its bytes, its recipe and its metadata."""
    _find_article(context, article_id)
    found = read.get_provenance(context.database, article_id)
    if found is None:  # a clean has withdrawn it since the line above
        raise NotInArchive(f"Page {article_id} is not an article.")
    return _json(request, schemas.ProvenanceOut.model_validate(found))


@router.get("/changes", response_model=schemas.ChangesOut)
def changes(
    request: Request,
    context: Context,
    filters: Filters,
    after: SearchCursor = "",
    limit: PageLimit = 50,
) -> Response:
    """List what publications changed in their stories, newest first."""
    page = list_or_refuse(context, filters.query(), limit, after)
    items = _validate_all(schemas.ChangeOut, page.changes)
    return _json(request, schemas.ChangesOut(changes=items, next=page.next or None))


@router.get("/articles/{page_id}/captures", response_model=schemas.CapturesOut)
@router.get(
    "/pages/{page_id}/captures", response_model=schemas.CapturesOut, operation_id="page_captures"
)
def captures(
    request: Request,
    context: Context,
    page_id: RecordId,
    after: AfterKey = None,
    limit: PageLimit = 50,
) -> Response:
    """List the captures of a page, newest first."""
    find_page_or_404(context, page_id)
    rows = read.list_fetches(context.database, page_id, limit + 1, before=after)
    next_key = rows[limit - 1].id if len(rows) > limit else None
    items = _validate_all(schemas.CaptureOut, rows[:limit])
    return _json(request, schemas.CapturesOut(id=page_id, captures=items, next=next_key))


@router.get("/articles/{page_id}/blocks", response_model=schemas.BlocksOut)
def blocks(request: Request, context: Context, page_id: RecordId) -> Response:
    """List the blocks of a page in reading order, with the rule that removed each."""
    explanation = read.explain_page(context.database, find_page_or_404(context, page_id))
    if explanation is None:
        raise NotInArchive(f"Page {page_id} has no clean text.")
    items = tuple(map(_block, explanation.blocks))
    values = field_values(explanation, id=page_id, blocks=items)
    return _json(request, schemas.BlocksOut.model_validate(values))


def _block(explained: read.ExplainedBlock) -> schemas.BlockOut:
    return schemas.BlockOut(
        kind=explained.block.kind,
        text=explained.block.text,
        element_path=explained.block.element_path,
        story_probability=explained.block.story_probability,
        part=explained.part,
        rule=explained.rule,
        why=explained.why,
    )


@router.get("/search", response_model=schemas.SearchResultsOut)
def search(
    request: Request,
    context: Context,
    q: SearchText = "",
    sort: Literal["newest", "rank"] = "newest",
    after: SearchCursor = "",
    limit: PageLimit = 20,
    unique: bool = False,
    facets: bool = False,
) -> Response:
    """Search articles; an empty query matches all.

    `unique` returns one article of each story group. `facets` adds numbers by property.
    """
    page = _search(context, query_language.parse_query(q), limit, after, sort, unique)
    results = schemas.SearchResultsOut(
        query=q,
        description=page.description,
        notes=page.query.notes,
        suggestion="" if page.hits or after else read.suggest_query(context.database, q),
        hits=tuple(map(_search_hit, page.hits)),
        next=page.next or None,
        facets=_facets(context, page.query) if facets else None,
    )
    return _json(request, results)


@router.get(
    "/payloads/{digest}",
    response_class=Response,
    responses={200: {"content": {BINARY: {}}}},
)
def payload(request: Request, context: Context, digest: Digest) -> Response:
    """Return the stored bytes with this SHA-256 as an attachment."""
    etag = f'"{digest}"'
    headers = {
        "Content-Disposition": f'attachment; filename="{digest[:16]}.bin"',
        "Cache-Control": CACHE_FOR_A_YEAR,
        "Content-Security-Policy": PAYLOAD_POLICY,
    }
    if client_has(request, etag):
        return Response(status_code=304, headers={"ETag": etag, **headers})
    body = read.payload_bytes(context.database, digest)
    if body is None:
        raise NotInArchive("The archive has no bytes with this digest.")
    return etag_response(request, body, BINARY, etag=etag, headers=headers)


@router.get("/sites", response_model=schemas.SitesOut)
def sites(request: Request, context: Context) -> Response:
    """List the sites of the archive."""
    statuses = read.site_statuses(context.database, datetime.now(UTC))
    items = tuple(schemas.SiteOut.model_validate(_site(context, status)) for status in statuses)
    return _json(request, schemas.SitesOut(sites=items))


@router.get("/sites/{site}", response_model=schemas.SiteDetailOut)
def site(request: Request, context: Context, site: str) -> Response:
    """Return one site with its last nights and numbers of its articles."""
    statuses = read.site_statuses(context.database, datetime.now(UTC), site)
    if not statuses or statuses[0].site != site:
        raise NotInArchive("The archive has no such site.")
    nights = []
    for crawl in read.list_crawl_stats(context.database, site, MAX_NIGHTS):
        nights.append(field_values(crawl, stories=_reason_counts(crawl.stories)))
    values = _site(context, statuses[0]) | {
        "nights": tuple(nights),
        "story_stats": read.sample_story_stats(context.database, site, STATS_SAMPLE),
    }
    return _json(request, schemas.SiteDetailOut.model_validate(values))


@router.get("/runs", response_model=schemas.RunsOut)
def runs(
    request: Request,
    context: Context,
    site: CodeFilter = "",
    after: AfterKey = None,
    limit: PageLimit = 50,
) -> Response:
    """List the runs, newest first."""
    rows = read.list_runs(context.database, limit + 1, site=site, before=after)
    next_key = rows[limit - 1].id if len(rows) > limit else None
    items = _validate_all(schemas.RunOut, rows[:limit])
    return _json(request, schemas.RunsOut(runs=items, next=next_key))


@router.get("/runs/{run_id}", response_model=schemas.RunDetailOut)
def run(request: Request, context: Context, run_id: RecordId) -> Response:
    """Return one run with the sums of its ledger."""
    counts = read.count_reasons(context.database, run_id)
    adds_up = run_id not in read.unbalanced_runs(context.database, [run_id])
    values = field_values(
        _find_run(context, run_id), ledger=_reason_counts(counts), adds_up=adds_up
    )
    return _json(request, schemas.RunDetailOut.model_validate(values))


@router.get("/runs/{run_id}/ledger", response_model=schemas.LedgerOut)
def ledger(
    request: Request,
    context: Context,
    run_id: RecordId,
    outcome: CodeFilter = "",
    reason: CodeFilter = "",
    url: QueryText = "",
    after: AfterKey = None,
    limit: PageLimit = 100,
) -> Response:
    """List the outcome of each URL of a run.

    `reason=none` selects entries that need no reason. `url` selects URLs with these letters.
    """
    _find_run(context, run_id)
    rows = read.list_outcomes(
        context.database,
        run_id,
        limit + 1,
        outcome=outcome,
        reason=reason_filter(reason),
        url=url.strip(),
        after=after or 0,
    )
    next_key = rows[limit - 1].page if len(rows) > limit else None
    items = _validate_all(schemas.LedgerEntryOut, rows[:limit])
    return _json(request, schemas.LedgerOut(run=run_id, entries=items, next=next_key))


def _search(
    context: WebContext,
    query: query_language.Query,
    limit: int,
    after: str,
    order: str = "newest",
    unique: bool = False,
) -> read.SearchPage:
    try:
        return read.search_articles(
            context.database, query, limit, after=after, order=order, unique=unique
        )
    except ConfigError:
        raise InvalidRequest(
            "'after' is invalid: use 'next' of the page before, with the same order."
        ) from None


def _valid_date(parameter: str, value: str) -> str:
    if query_language.parse_period_start(value) is None:
        raise InvalidRequest(
            f"'{parameter}' is not a valid day, month or year: write it as 2026-03-01, 2026-03 or"
            " 2026."
        )
    return value


def _find_article(context: WebContext, article_id: int) -> read.ArticleView:
    page = find_page_or_404(context, article_id)
    article = read.get_article(context.database, page.id)
    if article is None:
        raise NotInArchive(f"Page {article_id} is not an article.")
    return article


def _find_run(context: WebContext, run_id: int) -> read.RunView:
    run = read.get_run(context.database, run_id)
    if run is None:
        raise NotInArchive(f"There is no run {run_id}.")
    return run


def _article_summary(article: read.ArticleView) -> schemas.ArticleSummaryOut:
    return schemas.ArticleSummaryOut.model_validate(article)


def _search_hit(hit: read.SearchHit) -> schemas.SearchHitOut:
    return schemas.SearchHitOut(
        article=_article_summary(hit.article),
        title=schemas.HighlightedTextOut.model_validate(hit.title),
        excerpt=schemas.HighlightedTextOut.model_validate(hit.excerpt),
    )


def _validate_all(model: type[ApiModel], values: Sequence[Any]) -> Any:
    return tuple(map(model.model_validate, values))


def _reason_counts(
    counts: Mapping[tuple[str, str], int],
) -> tuple[schemas.ReasonCountOut, ...]:
    rows = []
    for (outcome, reason), urls in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        rows.append(schemas.ReasonCountOut(outcome=outcome, reason=reason, urls=urls))
    return tuple(rows)


def _site(context: WebContext, status: read.SiteStatus) -> dict[str, Any]:
    return field_values(status, name=context.site_name(status.site))


def _facets(context: WebContext, query: query_language.Query) -> schemas.FacetsOut:
    counts = read.count_matches(context.database, query)
    buckets = []
    for start, number in counts.over_time:
        buckets.append(schemas.TimeBucketOut(start=start, articles=number))
    return schemas.FacetsOut(
        total=counts.total,
        exact=counts.exact,
        sites=_facet_counts(counts.sites),
        languages=_facet_counts(counts.languages),
        authors=_facet_counts(counts.authors),
        agencies=_facet_counts(counts.agencies),
        tags=_facet_counts(counts.tags),
        unit=counts.unit,
        over_time=tuple(buckets),
    )


def _facet_counts(counts: Sequence[read.FacetCount]) -> tuple[schemas.FacetCountOut, ...]:
    return tuple(schemas.FacetCountOut(value=value, articles=number) for value, number in counts)


@router.get("/checkpoints", response_model=log_schemas.CheckpointsOut)
def checkpoints(request: Request, context: Context, after: LogSize = 0) -> Response:
    """Return the newest checkpoint of the log, and what a witness needs to check it."""
    bundle = checkpoint_bundle(context.database, after)
    return _json(request, log_schemas.CheckpointsOut.model_validate(bundle))


def _json(request: Request, response: ApiModel) -> Response:
    return etag_response(request, response.model_dump_json().encode(), JSON)
