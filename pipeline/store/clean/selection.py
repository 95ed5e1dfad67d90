"""Turn the scope of a clean into SQL conditions on pages."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, type_coerce

from pipeline.core.models import ResultStatus
from pipeline.store.clean.types import DURING_CRAWL, CleanScope
from pipeline.store.db.schema import CURRENT_PAYLOAD, ArticleRow, CleanResultRow, PageRow, RunRow

WHOLE_SITE_SCOPES: Final = ("", str(CleanScope(everything=True)))


def scope_conditions(is_sqlite: bool, scope: CleanScope) -> list[ColumnElement[bool]]:
    """Return the conditions that narrow a scope down.

    Args:
        is_sqlite: Whether to use the JSON functions of SQLite, not those of PostgreSQL.
        scope: The scope.
    """
    conditions: list[ColumnElement[bool]] = []
    if scope.since is not None:
        published_since = select(ArticleRow.page_id).where(
            ArticleRow.page_id == PageRow.id, ArticleRow.published_at >= scope.since
        )
        conditions.append(or_(PageRow.first_seen_at >= scope.since, published_since.exists()))
    if scope.rule:
        conditions.append(_removed_by(is_sqlite, scope.rule).exists())
    if scope.pages:
        conditions.append(PageRow.id.in_(scope.pages))
    return conditions


def part_ends(ids: Select[int], size: int) -> Select[int, int]:
    """Select the last id of each part of some ids, and how many ids the part has.

    Args:
        ids: Selects the ids in one column.
        size: How many ids a part has.
    """
    (number,) = ids.subquery().c
    part = (func.row_number().over(order_by=number) - 1) // size
    numbered = select(number.label("number"), part.label("part")).subquery()
    return (
        select(func.max(numbered.c.number), func.count())
        .group_by(numbered.c.part)
        .order_by(numbered.c.part)
    )


def provisional_runs(site: str) -> Select[int]:
    """Select the cleans of a site that ran during a crawl, since the last one of the whole site.

    Their results were made before the site profile had seen all pages of the night.
    """
    last_whole = select(func.coalesce(func.max(RunRow.id), 0)).where(
        RunRow.site == site,
        RunRow.kind == "clean",
        RunRow.status == "finished",
        RunRow.scope.in_(WHOLE_SITE_SCOPES),
    )
    return select(RunRow.id).where(
        RunRow.site == site,
        RunRow.kind == "clean",
        RunRow.scope == DURING_CRAWL,
        RunRow.id > last_whole.scalar_subquery(),
    )


def _removed_by(is_sqlite: bool, rule: str) -> Select[int]:
    """Select the current result of a page's newest payload where the rule removed something."""
    query = select(CleanResultRow.id).where(
        CleanResultRow.page_id == PageRow.id,
        CleanResultRow.payload_id == CURRENT_PAYLOAD,
        CleanResultRow.status == ResultStatus.ACCEPTED,
    )
    if not is_sqlite:
        from sqlalchemy.dialects.postgresql import JSONB  # a twentieth of a start

        return query.where(type_coerce(CleanResultRow.removed, JSONB).contains([[rule]]))
    removed = func.json_each(CleanResultRow.removed).table_valued("value")
    rule_of_block = func.json_extract(removed.c.value, "$[1]")
    return query.where(
        select(literal(1)).select_from(removed).where(rule_of_block == rule).exists()
    )
