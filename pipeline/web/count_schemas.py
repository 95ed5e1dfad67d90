"""The responses of the API about counts and top words."""

from __future__ import annotations

from pydantic import Field

from pipeline.web.api_schemas import ApiModel, Text


class CountedQueryOut(ApiModel):
    """One query of a count."""

    text: Text = Field(description="The query as it was sent")
    description: Text = Field(description="How the query was read")
    notes: tuple[Text, ...] = Field(description="What was left out, and unknown names")
    total: int = Field(description="The articles that match it")


class CountRowOut(ApiModel):
    """One day, week, month, year, site, group or country."""

    label: Text = Field(
        description="A day, the first day of a week, a month as 2026-03, a year, or a name"
    )
    counts: tuple[int, ...] = Field(description="The articles of each query")
    shares: tuple[float, ...] = Field(description="The same as shares of `stories`, 0 to 1")
    stories: int = Field(description="All articles of the row")


class CountsOut(ApiModel):
    """Exact counts of several queries side by side."""

    by: Text = Field(description="What a row stands for; empty without rows")
    within: Text = Field(description="The query that limits all of them")
    unique: bool = Field(description="Whether a story in several papers counts once")
    queries: tuple[CountedQueryOut, ...] = Field(description="The queries with their totals")
    stories: int = Field(description="All articles, or those that `within` finds")
    rows: tuple[CountRowOut, ...] = Field(description="The rows by time, or the largest first")


class TopWordOut(ApiModel):
    """A word that sets the articles of a query apart."""

    word: Text = Field(description="The word as most of the articles spell it")
    articles: int = Field(description="How many of the newest 300 articles of the query have it")
    share: float = Field(description="The same as a share of them, 0 to 1")
    rest_share: float = Field(description="The share of other articles that have it, 0 to 1")
    score: float = Field(description="The log-likelihood ratio of the two shares")


class TopWordsOut(ApiModel):
    """The words that set the articles of a query apart from all others."""

    query: Text = Field(description="The query")
    words: tuple[TopWordOut, ...] = Field(description="The words, those that differ most first")
