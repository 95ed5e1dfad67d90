"""Turn `group:` and `country:` of a query into the sites that they stand for."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.fulltext.query_language import SITE_GROUPS, And, Node, Not, Or, Query, Term
from pipeline.fulltext.tokenizer import EVERY_ARTICLE, site_token
from pipeline.store.db.site_labels import load_labels

EVERYTHING = Term((EVERY_ARTICLE,))
NOTHING = And((EVERYTHING, Not(EVERYTHING)))


def resolve_groups(db: Connection, query: Query) -> Query:
    """Return the same query with sites in place of groups and countries.

    Args:
        db: A connection that reads.
        query: A parsed query.

    Returns:
        A query in which `group:` and `country:` name sites. One that no site has finds nothing.
    """
    if query.tree is None or not _has_groups(query.tree):
        return query
    sites: dict[tuple[str, str], list[str]] = {}
    for kind in SITE_GROUPS:
        for site, values in load_labels(db, kind).items():
            for value in values:
                sites.setdefault((kind, site_token(value)), []).append(site)
    return Query(query.text, _resolve(query.tree, sites), query.notes)


def _has_groups(node: Node) -> bool:
    if isinstance(node, And | Or):
        return any(map(_has_groups, node.nodes))
    if isinstance(node, Not):
        return _has_groups(node.node)
    return isinstance(node, Term) and node.field in SITE_GROUPS


def _resolve(node: Node, sites: dict[tuple[str, str], list[str]]) -> Node:
    if isinstance(node, And):
        return And(tuple(_resolve(child, sites) for child in node.nodes))
    if isinstance(node, Or):
        return Or(tuple(_resolve(child, sites) for child in node.nodes))
    if isinstance(node, Not):
        return Not(_resolve(node.node, sites))
    if not isinstance(node, Term) or node.field not in SITE_GROUPS:
        return node
    members = sites.get((node.field, node.tokens[0]), [])
    terms = tuple(Term((site_token(site),), "site") for site in members)
    if len(terms) == 1:
        return terms[0]
    return Or(terms) if terms else NOTHING
