"""A Scope as conditions on Pages, which each engine spells its own way where JSON is looked into."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from pipeline.model import Standing
from pipeline.store.schema import Article, Extraction, Page
from pipeline.store.values import Scope


def narrowed(is_sqlite: bool, scope: Scope) -> list[ColumnElement[bool]]:
    """What narrows a Scope down, none of it for a Scope without conditions."""
    conditions: list[ColumnElement[bool]] = []
    if scope.since is not None:
        later = select(Article.page_id).where(Article.page_id == Page.id, Article.published_at >= scope.since)
        conditions.append(or_(Page.first_seen_at >= scope.since, later.exists()))
    if scope.rule:
        conditions.append(_struck_by(is_sqlite, scope.rule).exists())
    return conditions


def _struck_by(is_sqlite: bool, rule: str) -> Select[int]:
    """The result that stands for a Page's newest Payload, where the Rule struck something of it."""
    query = select(Extraction.id).where(
        Extraction.page_id == Page.id, Extraction.payload_id == Page.payload_id, Extraction.verdict == Standing.ACCEPTED
    )
    if is_sqlite:
        each = func.json_each(Extraction.struck).table_valued("value")
        return query.where(select(literal(1)).select_from(each).where(func.json_extract(each.c.value, "$[1]") == rule).exists())
    return query.where(type_coerce(Extraction.struck, JSONB).contains([[rule]]))
