"""The responses of the API as typed values, from which its OpenAPI document is made.

All times are UTC. A text is exactly what the archive has.
"""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_serializer,
    field_validator,
)

from pipeline.core.changes.kinds import ChangeKind
from pipeline.core.local_times import as_precise

SURROGATES = re.compile("[\ud800-\udfff]")  # JSON in UTF-8 cannot contain them


def _replace_surrogates(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return SURROGATES.sub("\ufffd", value)


Text = Annotated[str, BeforeValidator(_replace_surrogates)]


class ApiModel(BaseModel):
    """Base of all responses; pydantic fills it from a value with the same fields."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class DatedModel(ApiModel):
    """Base of the responses with dates. A date without a time is only its day."""

    published_at: datetime | None = Field(
        description="When the site published the article: a time in UTC, or only a day where the"
        " precision is day; null if unknown"
    )
    published_source: Text = Field(
        description="Where the date of publication comes from: json-ld, meta, time, shown, feed,"
        " sitemap, url or htmldate"
    )
    published_precision: Text = Field(
        description="How precise the date is: day or second; empty without a date"
    )
    modified_at: datetime | None = Field(
        description="When the site last changed the article, if it says so: a time in UTC, or only"
        " a day where the precision is day"
    )
    modified_precision: Text = Field(
        description="How precise the date of the last change is: day or second; empty without one"
    )

    @field_serializer("published_at")
    def _published(self, value: datetime | None) -> datetime | date | None:
        return as_precise(value, self.published_precision)

    @field_serializer("modified_at")
    def _modified(self, value: datetime | None) -> datetime | date | None:
        return as_precise(value, self.modified_precision)


class ErrorOut(ApiModel):
    """An error."""

    error: Text = Field(description="What is wrong, in one sentence")


class RightsStatementOut(ApiModel):
    """One declaration of the publisher about a use of the article."""

    use: Text = Field(
        description="The use: train, ai-input, search, tdm, archive, license, policy or free-access"
    )
    value: Text = Field(description="no or yes; of a licence or a policy its name or URL")
    source: Text = Field(description="Where it is declared, as in robots.txt: GPTBot")


class ArticleSummaryOut(DatedModel):
    """An article without its text."""

    id: int = Field(description="The id of the article, which is also the id of its page")
    site: Text = Field(description="The id of the site")
    url: Text = Field(description="The URL of the page")
    title: Text = Field(description="The headline")
    authors: tuple[Text, ...] = Field(description="The names of the authors")
    agency: Text = Field(description="The news agencies from which the story came: dpa, AFP")
    published_day: date | None = Field(
        description="The day of publication by the publisher's clock, as readers see it"
    )
    language: Text = Field(description="The language as a BCP 47 tag")
    section: Text = Field(description="The section of the site")
    tags: tuple[Text, ...] = Field(description="The tags of the article")
    image: Text = Field(description="The URL of the main image")
    word_count: int = Field(description="The number of words of the text")
    first_seen_at: datetime = Field(description="When the archive first fetched this article")
    last_seen_at: datetime | None = Field(description="The last fetch with this text")
    revisions: int = Field(description="The number of revisions")
    story_group: int = Field(
        description="The id of the story group, the same for all near-duplicates"
    )
    similarity: float | None = Field(
        description="The similarity to the leader of the story group, 0 to 1; null for the leader"
    )
    copies: int = Field(description="The number of other articles in the story group")
    rights: tuple[RightsStatementOut, ...] = Field(
        description="What the publisher declares about uses of the article, with the source"
    )


class ArticlesOut(ApiModel):
    """A page of articles."""

    articles: tuple[ArticleSummaryOut, ...] = Field(description="The articles, newest first")
    next: str | None = Field(description="The value of `after` for the next page; null at the end")


class MetadataOut(DatedModel):
    """The metadata of an article, with the sources of its fields."""

    title: Text = Field(description="The headline")
    authors: tuple[Text, ...] = Field(description="The names of the authors")
    agency: Text = Field(description="The news agencies from which the story came: dpa, AFP")
    published_confidence: Text = Field(description="How reliable the date of publication is")
    published_offset: int | None = Field(
        description="The offset of the page's own clock, in minutes east of UTC"
    )
    published_day: date | None = Field(description="The day that the page shows to readers")
    modified_source: Text = Field(description="Where the date of the last change comes from")
    modified_confidence: Text = Field(description="How reliable the date of the last change is")
    modified_offset: int | None = Field(
        description="The offset of the page's own clock, in minutes east of UTC"
    )
    paywalled: bool | None = Field(
        description="Whether the page declares a paywall; null if it declares nothing"
    )
    license: Text = Field(description="The licence that the page declares")
    language: Text = Field(description="The language as a BCP 47 tag")
    section: Text = Field(description="The section of the site")
    tags: tuple[Text, ...] = Field(description="The tags of the article")
    image: Text = Field(description="The URL of the main image")
    canonical_url: Text = Field(description="The canonical URL that the page declares")
    site_name: Text = Field(description="The site name that the page declares")
    description: Text = Field(description="The summary that the page declares")
    sources: dict[str, Text] = Field(
        description="Where each field comes from, if it is known; dates have their own fields"
    )

    @field_validator("sources", mode="before")
    @classmethod
    def _sources_by_field(cls, value: Any) -> Any:
        return dict(value) if isinstance(value, tuple) else value


class CaptureOut(ApiModel):
    """A fetch of a page that brought something new."""

    id: int = Field(description="The id of the capture")
    run: int | None = Field(description="The id of the crawl; null for an import")
    at: datetime = Field(description="When the page was fetched")
    status: int | None = Field(description="The HTTP status; null without a response")
    outcome: Text = Field(description="The outcome of the fetch")
    reason: Text = Field(description="The reason of the outcome; empty if it needs none")
    digest: Text = Field(
        description="The SHA-256 of the body, which is at `/payloads/{digest}`; empty without one"
    )
    size: int = Field(description="The size of the body in bytes")
    media_type: Text = Field(description="The media type that the server declared")
    charset: Text = Field(description="The charset that the server declared")
    elapsed_ms: int = Field(description="How long the fetch took, in milliseconds")
    location: Text = Field(description="The target of a redirect")
    detail: Text = Field(description="Details of the outcome")
    opt_outs: Text = Field(description="What the page asks archives and AI not to do")


class BaseProvenanceOut(ApiModel):
    """What an article is made from."""

    digest: Text = Field(description="The SHA-256 of the stored bytes")
    size: int = Field(description="The number of stored bytes")
    recipe: Text = Field(description="The digest of extractors and rules that made the text")
    profile: Text = Field(description="The digest of the site profile that the rules used")
    made_at: datetime = Field(description="When the page was cleaned")
    run: int | None = Field(description="The id of the clean")
    cost_ms: int = Field(description="How long the extraction took, in milliseconds")
    text_digest: Text = Field(description="The digest of the text")


class CaptureProvenanceOut(BaseProvenanceOut):
    """What an article is made from, with the capture of its bytes."""

    capture: CaptureOut | None = Field(description="The capture that brought the bytes")


class ProvenanceOut(BaseProvenanceOut):
    """What an article is made from, with all its metadata."""

    metadata: MetadataOut = Field(description="The metadata with the sources of its fields")


class NearDuplicateOut(ApiModel):
    """Another article with nearly the same text."""

    id: int = Field(description="The id of the article")
    site: Text = Field(description="The id of its site")
    url: Text = Field(description="Its URL")
    title: Text = Field(description="Its headline")
    published_at: datetime | None = Field(
        description="When it was published: a time in UTC, or only a day where the precision is"
        " day; null if unknown"
    )
    published_precision: Text = Field(
        description="How precise the date is: day or second; empty without a date"
    )
    first_seen_at: datetime = Field(description="When the archive first fetched it")
    similarity: float = Field(
        description="The share of the shorter text that both texts have, 0 to 1"
    )

    @field_serializer("published_at")
    def _published(self, value: datetime | None) -> datetime | date | None:
        return as_precise(value, self.published_precision)


class PlacementOut(ApiModel):
    """A stretch of visits in which the front page showed the article at the same rank."""

    front_page: Text = Field(description="The URL of the front page")
    rank: int = Field(description="The place among the stories of the page, from 1")
    first_seen_at: datetime = Field(description="The first visit of the stretch")
    last_seen_at: datetime = Field(description="The last visit of the stretch")
    visits: int = Field(description="How many visits the stretch has")


class LinkOut(ApiModel):
    """A link in the text of an article."""

    url: Text = Field(description="Its absolute URL")
    text: Text = Field(description="Its text")
    cited_article: int | None = Field(
        description="The id of the article that it leads to; null if the archive has none"
    )


class FigureOut(ApiModel):
    """A picture of an article. It is no part of the text."""

    image: Text = Field(description="The URL of the picture; empty if it is unknown")
    alt: Text = Field(description="The text that stands for the picture")
    caption: Text = Field(description="What the page says below it, without the credit")
    credit: Text = Field(description="Who made it")


class ArticlePartOut(ApiModel):
    """One page of a story that is published in several pages."""

    number: int = Field(description="The number of the part, from 1")
    page: int = Field(description="The id of its page")
    url: Text = Field(description="Its URL")
    digest: Text = Field(description="The SHA-256 of its bytes")
    size: int = Field(description="The number of its bytes")


class LivePageOut(ApiModel):
    """What the page of an article shows now, if it is not what the article was made of."""

    since: datetime = Field(description="The first fetch that returned something else")
    state: Text = Field(description="`gone`, or the reason why it is no article")


class ArticleOut(ArticleSummaryOut):
    """An article with its text, its metadata and its provenance."""

    text: Text = Field(description="The clean text, one block per line")
    markdown: Text = Field(
        description="The clean text as Markdown: with its headings, lists, quotes, tables, code,"
        " links and figures"
    )
    links: tuple[LinkOut, ...] = Field(description="The links in the text, in its order")
    figures: tuple[FigureOut, ...] = Field(description="The figures, in the order of the text")
    metadata: MetadataOut | None = Field(description="The metadata with its sources")
    provenance: CaptureProvenanceOut | None = Field(description="What the article is made from")
    near_duplicates: tuple[NearDuplicateOut, ...] = Field(
        description="The other articles of its story group, most similar first, at most 200"
    )
    placements: tuple[PlacementOut, ...] = Field(
        description="Where it stood on the front page, the newest stretch first, at most 200"
    )
    gone_at: datetime | None = Field(description="When the page was found to be gone")
    parts: tuple[ArticlePartOut, ...] = Field(
        description="The pages of a story that is published in several pages; else empty"
    )
    part_missing: bool = Field(description="Whether a part of the story is not stored yet")
    live: LivePageOut | None = Field(
        description="What the page shows now, if the text was made of earlier bytes; else null"
    )


class RevisionOut(ApiModel):
    """A period in which the clean text stayed the same."""

    number: int = Field(description="The number of the revision, from 1")
    title: Text = Field(description="The headline")
    text: Text = Field(description="The clean text, one block per line")
    first_seen_at: datetime = Field(description="The first fetch with this text")
    last_seen_at: datetime = Field(description="The last fetch with this text")


class RevisionsOut(ApiModel):
    """A page of an article's revisions."""

    id: int = Field(description="The id of the article")
    revisions: tuple[RevisionOut, ...] = Field(description="The revisions, oldest first")
    next: int | None = Field(description="The value of `after` for the next page; null at the end")


class PassageOut(ApiModel):
    """A passage that changed."""

    before: Text = Field(description="As it was; empty where there was none")
    after: Text = Field(description="As it is; empty where there is none")


class ChangeOut(ApiModel):
    """What a publication changed in a story."""

    key: Text = Field(description="A name of the change that stays the same")
    article: int = Field(description="The id of the article")
    site: Text = Field(description="The id of the site")
    url: Text = Field(description="The URL of the page")
    title: Text = Field(description="The headline now")
    at: datetime = Field(description="The first visit that found the change")
    before_at: datetime = Field(description="The last visit that found the story as before")
    kind: ChangeKind = Field(description="What changed")
    revision: int | None = Field(
        description="The number of the new revision; null where the page is gone or back"
    )
    words_lost: int = Field(description="Words that the new text does not have")
    words_gained: int = Field(description="Words that the old text did not have")
    evidence: tuple[PassageOut, ...] = Field(description="The first passages that changed")


class ChangesOut(ApiModel):
    """A page of changes."""

    changes: tuple[ChangeOut, ...] = Field(description="The changes, newest first")
    next: str | None = Field(description="The value of `after` for the next page; null at the end")


class CapturesOut(ApiModel):
    """A page of the captures of a page."""

    id: int = Field(description="The id of the page")
    captures: tuple[CaptureOut, ...] = Field(description="The captures, newest first")
    next: int | None = Field(description="The value of `after` for the next page; null at the end")


class BlockOut(ApiModel):
    """One block of a page."""

    kind: Text = Field(description="The kind of the block, such as paragraph or heading")
    text: Text = Field(description="The text of the block")
    element_path: Text = Field(description="Where the block is in the HTML")
    story_probability: float = Field(
        description="The probability that the block belongs to the story, 0 to 1"
    )
    part: int = Field(description="The page of the story in which the block stands, from 1")
    rule: Text = Field(description="The rule that removed the block; empty if it was kept")
    why: Text = Field(description="The evidence of the rule; empty if the block was kept")


class BlocksOut(ApiModel):
    """All blocks of a page in reading order, kept and removed."""

    id: int = Field(description="The id of the page")
    digest: Text = Field(description="The SHA-256 of the stored bytes")
    fetched_at: datetime = Field(description="When the bytes were fetched")
    recipe: Text = Field(description="The digest of extractors and rules")
    profile: Text = Field(description="The digest of the site profile")
    outcome: Text = Field(description="The outcome of the clean")
    reason: Text = Field(description="The reason of the outcome; empty if it needs none")
    list_evidence: Text = Field(
        description="What speaks for or against a list of other pages in place of a story"
    )
    recovered: bool = Field(
        description="Whether another reading of the page was followed, because most of the story"
        " was left out"
    )
    readings: Text = Field(
        description="What independent readings of the page found, and why one was or was not"
        " followed; may be empty"
    )
    blocks: tuple[BlockOut, ...] = Field(description="The blocks in reading order")


class HighlightedTextOut(ApiModel):
    """A text with the matches of a query."""

    text: Text = Field(description="The text")
    spans: tuple[tuple[int, int], ...] = Field(
        description="The matches as [start, end) in code points"
    )


class SearchHitOut(ApiModel):
    """An article that matches a query."""

    article: ArticleSummaryOut = Field(description="The article without its text")
    title: HighlightedTextOut = Field(description="The headline with the matches")
    excerpt: HighlightedTextOut = Field(description="A part of the text with the matches")


class FacetCountOut(ApiModel):
    """A value and the number of articles that have it."""

    value: Text = Field(description="The value")
    articles: int = Field(description="The number of articles")


class TimeBucketOut(ApiModel):
    """A day, month or year and its number of articles."""

    start: date = Field(description="The first day")
    articles: int = Field(description="The number of articles")


class FacetsOut(ApiModel):
    """The numbers of articles that match a query, by property."""

    total: int = Field(description="The number of articles that match")
    exact: bool = Field(description="Whether the numbers are exact or estimates")
    sites: tuple[FacetCountOut, ...] = Field(description="The most frequent sites")
    languages: tuple[FacetCountOut, ...] = Field(description="The most frequent languages")
    authors: tuple[FacetCountOut, ...] = Field(description="The most frequent authors")
    agencies: tuple[FacetCountOut, ...] = Field(description="The most frequent news agencies")
    tags: tuple[FacetCountOut, ...] = Field(description="The most frequent tags")
    unit: Text = Field(description="The unit of `over_time`: day, month or year")
    over_time: tuple[TimeBucketOut, ...] = Field(description="The numbers by time, oldest first")


class SearchResultsOut(ApiModel):
    """A page of search results."""

    query: Text = Field(description="The query as it was sent")
    description: Text = Field(description="The query in words")
    notes: tuple[Text, ...] = Field(description="What was left out of the query, and why")
    suggestion: Text = Field(
        description="A similar query with words of the archive, if this one finds nothing"
    )
    hits: tuple[SearchHitOut, ...] = Field(description="The articles that match")
    next: str | None = Field(description="The value of `after` for the next page; null at the end")
    facets: FacetsOut | None = Field(description="The facets, if `facets` was set")


class RunOut(ApiModel):
    """One crawl or clean of a site."""

    id: int = Field(description="The id of the run")
    site: Text = Field(description="The id of the site")
    kind: Text = Field(description="The kind of the run: crawl, clean or import")
    started_at: datetime = Field(description="When the run started")
    finished_at: datetime | None = Field(description="When it ended; null while it runs")
    status: Text = Field(description="The status of the run")
    detail: Text = Field(description="Details of the status")
    counts: dict[str, int] = Field(description="The number of URLs by outcome")


class RunsOut(ApiModel):
    """A page of runs."""

    runs: tuple[RunOut, ...] = Field(description="The runs, newest first")
    next: int | None = Field(description="The value of `after` for the next page; null at the end")


class ReasonCountOut(ApiModel):
    """The number of URLs with one outcome and reason."""

    outcome: Text = Field(description="The outcome")
    reason: Text = Field(description="The reason; empty if the outcome needs none")
    urls: int = Field(description="The number of URLs")


class RunDetailOut(RunOut):
    """A run with the sums of its ledger."""

    ledger: tuple[ReasonCountOut, ...] = Field(description="The sums, largest first")
    adds_up: bool = Field(description="Whether the ledger adds up to the counts of the run")


class LedgerEntryOut(ApiModel):
    """The outcome of one URL in a run."""

    page: int = Field(description="The id of the page")
    kind: Text = Field(description="The kind of the URL, such as story or feed")
    url: Text = Field(description="The URL")
    outcome: Text = Field(description="The outcome")
    reason: Text = Field(description="The reason; empty if the outcome needs none")
    status: int | None = Field(description="The HTTP status; null without a response")
    bytes: int = Field(description="The number of bytes received")
    elapsed_ms: int = Field(description="How long the fetch took, in milliseconds")
    at: datetime = Field(description="When the outcome was recorded")
    detail: Text = Field(description="Details of the outcome")


class LedgerOut(ApiModel):
    """A page of a run's ledger."""

    run: int = Field(description="The id of the run")
    entries: tuple[LedgerEntryOut, ...] = Field(description="The entries, by page id")
    next: int | None = Field(description="The value of `after` for the next page; null at the end")


class SiteOut(ApiModel):
    """One site at a glance."""

    site: Text = Field(description="The id of the site")
    name: Text = Field(description="The name in the site file, or the id without a file")
    pages: int = Field(description="The number of known URLs of stories")
    stored: int = Field(description="The number of pages with stored bytes")
    articles: int = Field(description="The number of articles")
    due: int = Field(description="The number of pages that are due now")
    last: dict[str, RunOut] = Field(description="The newest run of each kind")
    unbalanced: tuple[int, ...] = Field(
        description="The ids of those runs whose ledger does not add up"
    )


class SitesOut(ApiModel):
    """All sites of the archive."""

    sites: tuple[SiteOut, ...] = Field(description="The sites by id")


class StoryStatsOut(ApiModel):
    """Numbers of some articles of a site."""

    stories: int = Field(description="The number of articles")
    with_date: int = Field(description="Articles with a date of publication")
    with_author: int = Field(description="Articles with an author")
    median_words: int = Field(description="The median number of words")


class NightOut(ApiModel):
    """One crawl in numbers."""

    run: RunOut = Field(description="The crawl")
    stories: tuple[ReasonCountOut, ...] = Field(description="Its stories by outcome and reason")
    responses: int = Field(description="The number of responses with a measured time")
    median_ms: int = Field(description="The median response time in milliseconds")
    p90_ms: int = Field(description="The 90th percentile of the response time in milliseconds")
    story_stats: StoryStatsOut = Field(description="Numbers of the articles that were new")


class SiteDetailOut(SiteOut):
    """A site with its last nights."""

    nights: tuple[NightOut, ...] = Field(description="The last nights, oldest first, at most 40")
    story_stats: StoryStatsOut = Field(description="Numbers of the newest articles, at most 1,000")


def field_values(value: Any, **more: Any) -> dict[str, Any]:
    """Return the fields of a dataclass value, and further fields, as input of a model."""
    assert is_dataclass(value)
    assert not isinstance(value, type)
    return {name: getattr(value, name) for name in value.__dataclass_fields__} | more
