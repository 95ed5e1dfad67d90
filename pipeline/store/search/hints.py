"""Hints about a query: names that no article has, and words that are spelled another way."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select

from pipeline.core.suggestions import did_you_mean
from pipeline.fulltext.query_language import (
    SITE_GROUPS,
    And,
    DateRange,
    Node,
    Not,
    Or,
    Query,
    Term,
)
from pipeline.store.db.schema import RunRow
from pipeline.store.db.site_labels import load_labels
from pipeline.store.search import executor, planner

MAX_NAMED = 20  # names of a kind that are listed where none is similar


def unknown_names(db: Connection, query: Query) -> Iterator[str]:
    """Yield a sentence about each site, group and country of a query that the archive lacks."""
    for term in dict.fromkeys(_terms(query.tree)):
        if term.field != "site" and term.field not in SITE_GROUPS:
            continue
        plan = planner.plan_query(db, Query("", term))
        if plan is not None and executor.newest_keys(db, plan, 1):
            continue
        name = term.tokens[0]
        names = _known_names(db, term.field)
        known = any(known.startswith(name) if term.prefix else known == name for known in names)
        if known:
            continue
        if len(names) > MAX_NAMED:
            names = (*names[:MAX_NAMED], "…")
        hint = did_you_mean(name, names)
        yield f"The archive knows no {term.field} '{name}'; {hint}"


def _known_names(db: Connection, field: str) -> tuple[str, ...]:
    if field == "site":
        return tuple(db.scalars(select(RunRow.site).distinct().order_by(RunRow.site)))
    names: set[str] = set()
    names.update(*load_labels(db, field).values())
    return tuple(sorted(names))


def _terms(node: Node | None) -> Iterator[Term]:
    """Yield all terms of a query, also those that articles must not have."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Not):
        yield from _terms(node.node)
    elif isinstance(node, And | Or):
        for child in node.nodes:
            yield from _terms(child)
    else:
        assert node is None or isinstance(node, DateRange)
