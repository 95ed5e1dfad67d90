"""What the API answers with: one typed value for each answer, from which its OpenAPI document is made.

Promises plain fields that keep their names. Times are UTC, a text is what the archive holds, letter by letter.
"""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

SURROGATES = re.compile("[\ud800-\udfff]")  # which no JSON in UTF-8 can hold


def _whole(value: Any) -> Any:
    return SURROGATES.sub("\ufffd", value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_whole)]


class Model(BaseModel):
    """Made of a value that has these fields."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Problem(Model):
    """What was wrong, in one sentence."""

    error: Text


class ArticleHead(Model):
    """An article without its text."""

    id: int
    site: Text
    url: Text
    title: Text
    authors: tuple[Text, ...]
    published_at: datetime | None
    published_source: Text = Field(
        description="Where the date came from: json-ld, meta, time, shown, feed, sitemap, url, htmldate"
    )
    published_precision: Text = Field(description="day or second")
    modified_at: datetime | None
    language: Text
    section: Text
    tags: tuple[Text, ...]
    image: Text
    word_count: int
    first_seen_at: datetime
    last_seen_at: datetime | None
    revisions: int
    story_group: int = Field(description="The id that an article shares with its near-copies")
    similarity: float | None = Field(
        description="To the first of its group; null for that one itself"
    )
    copies: int = Field(description="Other articles of its group")


class Articles(Model):
    """A page of articles, and the place to go on from: null at the end."""

    articles: tuple[ArticleHead, ...]
    next: str | None


class Metadata(Model):
    """What the page says of its story, with where its fields come from, and how sure its dates are."""

    title: Text
    authors: tuple[Text, ...]
    published_at: datetime | None
    published_source: Text
    published_precision: Text
    published_certainty: Text
    published_offset: int | None = Field(
        description="Of the page's own clock, in minutes east of UTC"
    )
    published_day: date | None
    modified_at: datetime | None
    modified_source: Text
    modified_certainty: Text
    modified_offset: int | None
    paywalled: bool | None
    language: Text
    section: Text
    tags: tuple[Text, ...]
    image: Text
    canonical_url: Text
    site_name: Text
    description: Text
    sources: dict[str, Text] = Field(
        description="Where the fields came from, as far as it is known; dates have theirs beside them"
    )

    @field_validator("sources", mode="before")
    @classmethod
    def _by_field(cls, value: Any) -> Any:
        return dict(value) if isinstance(value, tuple) else value


class Capture(Model):
    """A visit that brought something new. Its bytes are at `/payloads/` and its digest, where it has one."""

    id: int
    run: int | None
    at: datetime
    status: int | None
    outcome: Text
    reason: Text
    digest: Text
    size: int
    media_type: Text
    charset: Text
    elapsed_ms: int
    location: Text
    detail: Text
    opt_outs: Text


class Made(Model):
    """What an article is made of: the bytes, the recipe, the clean."""

    digest: Text = Field(description="SHA-256 of the bytes")
    size: int
    recipe: Text
    memory: Text
    made_at: datetime
    run: int | None
    cost_ms: int
    text_digest: Text


class Provenance(Made):
    """The same, with the visit that brought the bytes."""

    capture: Capture | None


class Making(Made):
    """The same, with all metadata."""

    metadata: Metadata


class Copy(Model):
    """Where else a story stands, and how much of the shorter text the two share, 0 to 1."""

    id: int
    site: Text
    url: Text
    title: Text
    published_at: datetime | None
    first_seen_at: datetime
    similarity: float


class Article(ArticleHead):
    """An article with all that is known of it."""

    text: Text
    metadata: Metadata | None
    provenance: Provenance | None
    group: tuple[Copy, ...] = Field(description="Its near-copies, the nearest first, at most 200")
    gone_at: datetime | None


class Revision(Model):
    """A stretch of time in which the text stayed the same."""

    number: int
    title: Text
    text: Text
    first_seen_at: datetime
    last_seen_at: datetime


class Revisions(Model):
    """Revisions, oldest first; `next` is the `after` of those behind them."""

    id: int
    revisions: tuple[Revision, ...]
    next: int | None


class Captures(Model):
    """Visits that brought something new, newest first; `next` is the `after` of those behind them."""

    id: int
    captures: tuple[Capture, ...]
    next: int | None


class Block(Model):
    """One line of the page. `rule` and `why` are empty where it was kept."""

    kind: Text
    text: Text
    where: Text
    chance: float
    rule: Text
    why: Text


class Blocks(Model):
    """How the text came about: every line in order, kept or struck."""

    id: int
    digest: Text
    fetched_at: datetime
    recipe: Text
    memory: Text
    outcome: Text
    reason: Text
    blocks: tuple[Block, ...]


class Marked(Model):
    """A text, and what was asked for in it as [start, end) in code points."""

    text: Text
    spans: tuple[tuple[int, int], ...]


class Hit(Model):
    """An article that was found."""

    article: ArticleHead
    title: Marked
    excerpt: Marked


class Count(Model):
    """A value, and how many articles have it."""

    value: Text
    articles: int


class Moment(Model):
    """A day, month or year by its first day, and how many articles it has."""

    start: date
    articles: int


class Facets(Model):
    """What was found in numbers; estimates where `exact` is false."""

    total: int
    exact: bool
    sites: tuple[Count, ...]
    languages: tuple[Count, ...]
    authors: tuple[Count, ...]
    tags: tuple[Count, ...]
    unit: Text
    over_time: tuple[Moment, ...]


class Found(Model):
    """A page of what a search found. `understood` is the query in words, `notes` what was left out of it."""

    query: Text
    understood: Text
    notes: tuple[Text, ...]
    hits: tuple[Hit, ...]
    next: str | None
    facets: Facets | None


class Run(Model):
    """One crawl or clean of a site."""

    id: int
    site: Text
    kind: Text
    started_at: datetime
    finished_at: datetime | None
    status: Text
    detail: Text
    counts: dict[str, int]


class Runs(Model):
    """Runs, newest first; `next` is the `after` of those behind them."""

    runs: tuple[Run, ...]
    next: int | None


class Reasons(Model):
    """How many URLs of a run ended so."""

    outcome: Text
    reason: Text
    urls: int


class RunWhole(Run):
    """A run with its ledger in numbers, and whether it adds up."""

    ledger: tuple[Reasons, ...]
    adds_up: bool


class Line(Model):
    """How one URL fared in a run."""

    page: int
    kind: Text
    url: Text
    outcome: Text
    reason: Text
    status: int | None
    bytes: int
    elapsed_ms: int
    at: datetime
    detail: Text


class Ledger(Model):
    """Lines of a run's ledger; `next` is the `after` of those behind them."""

    run: int
    lines: tuple[Line, ...]
    next: int | None


class Site(Model):
    """One site at a glance."""

    site: Text
    name: Text
    pages: int
    stored: int
    articles: int
    due: int
    last: dict[str, Run] = Field(description="The newest run of each kind")
    unbalanced: tuple[int, ...] = Field(description="Runs among these whose ledger does not add up")


class Sites(Model):
    """All sites of the archive."""

    sites: tuple[Site, ...]


class Likeness(Model):
    """What some stories of a site are like: those that were new in a night, or those that were found last."""

    stories: int
    dated: int
    signed: int
    median_words: int


class Night(Model):
    """One crawl: its stories by outcome, how fast the site answered, and what those are like that were new."""

    run: Run
    stories: tuple[Reasons, ...]
    answers: int
    median_ms: int
    slow_ms: int
    likeness: Likeness


class SiteWhole(Site):
    """A site with its last nights, oldest first."""

    nights: tuple[Night, ...]
    likeness: Likeness


def fields(value: Any, **more: Any) -> dict[str, Any]:
    """The fields of a frozen value, and more of them, as a model takes them."""
    assert is_dataclass(value)
    assert not isinstance(value, type)
    return {name: getattr(value, name) for name in value.__dataclass_fields__} | more
