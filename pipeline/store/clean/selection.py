"""A Scope as conditions on Pages, which each engine spells its own way where JSON is looked into."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from pipeline.core.models import ResultStatus
from pipeline.store.clean.types import CleanScope
from pipeline.store.db.schema import ArticleRow, CleanResultRow, PageRow


def scope_conditions(is_sqlite: bool, scope: CleanScope) -> list[ColumnElement[bool]]:
    """What narrows a Scope down, none of it for a Scope without conditions."""
    conditions: list[ColumnElement[bool]] = []
    if scope.since is not None:
        later = select(ArticleRow.page_id).where(
            ArticleRow.page_id == PageRow.id, ArticleRow.published_at >= scope.since
        )
        conditions.append(or_(PageRow.first_seen_at >= scope.since, later.exists()))
    if scope.rule:
        conditions.append(_removed_by(is_sqlite, scope.rule).exists())
    return conditions


def _removed_by(is_sqlite: bool, rule: str) -> Select[int]:
    """The result that stands for a Page's newest Payload, where the Rule struck something of it."""
    query = select(CleanResultRow.id).where(
        CleanResultRow.page_id == PageRow.id,
        CleanResultRow.payload_id == PageRow.payload_id,
        CleanResultRow.status == ResultStatus.ACCEPTED,
    )
    if is_sqlite:
        each = func.json_each(CleanResultRow.removed).table_valued("value")
        return query.where(
            select(literal(1))
            .select_from(each)
            .where(func.json_extract(each.c.value, "$[1]") == rule)
            .exists()
        )
    return query.where(type_coerce(CleanResultRow.removed, JSONB).contains([[rule]]))
