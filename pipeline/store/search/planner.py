"""A query tree as one question to the full-text index, filters included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, text

from pipeline.fulltext.query_language import And, DateRange, Node, Not, Or, Query, Term
from pipeline.store.search.dialects import (
    PG_TSQUERY,
    PG_TSQUERY_NO_PAIRS,
    SQLITE_FTS5,
    FtsDialect,
)
from pipeline.store.search.index import first_key
from pipeline.store.search.site_groups import EVERYTHING, resolve_groups

MAX_KEY = 1 << 62  # above every order key


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """How many articles the steps of a search look at.

    Attributes:
        tested_for_prefixes: Articles that are tested one by one for beginnings of words.
        first_candidates: Articles that the index returns first for such tests.
        first_window: The newest articles, in which PostgreSQL looks first.
        window_growth: How many times larger the next window is.
        rare_share: With one match in this many articles, PostgreSQL searches all that are left.
        forward_scan: Matches that SQLite looks for from the oldest on, to see if there are more.
    """

    tested_for_prefixes: int = 600
    first_candidates: int = 1000
    first_window: int = 2000
    window_growth: int = 8
    rare_share: int = 50
    forward_scan: int = 100


DEFAULT_LIMITS = SearchLimits()


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """What to ask the index, and for which order keys.

    Attributes:
        match: The query in the engine's syntax. "" means everything.
        start: The lowest order key, included.
        end: The end of the order keys, not included.
        postfilter: The parts of `match` that the index answers slowly.
        superset: A fast query that holds for everything that matches. "" after it was checked.
        max_candidates: How many articles may be tested one by one for `postfilter`.
        is_superset_tight: Whether nearly everything in the superset matches.
        limits: The limits of the search.
    """

    match: str = ""
    start: int = 0
    end: int = MAX_KEY
    postfilter: tuple[Node, ...] = ()
    superset: str = ""
    max_candidates: int = 0
    is_superset_tight: bool = False
    limits: SearchLimits = DEFAULT_LIMITS

    def within(self, start: int, end: int) -> IndexQuery:
        """Restrict the query to order keys from `start` up to, but not including, `end`."""
        return replace(self, start=max(self.start, start), end=min(self.end, end))

    def of_superset(self) -> IndexQuery:
        """Return the fast query alone."""
        return replace(self, match=self.superset, postfilter=())


def plan_query(
    db: Connection, query: Query, limits: SearchLimits = DEFAULT_LIMITS
) -> IndexQuery | None:
    """Plan how to look for a query.

    On PostgreSQL it also sets, for the rest of the transaction, that the server neither reads the
    whole table nor compiles queries, which takes longer than running them.

    Returns:
        The plan, or None if the query has nothing to look for.
    """
    if query.has_no_terms:
        return None
    query = resolve_groups(db, query)
    dialect = SQLITE_FTS5 if db.dialect.name == "sqlite" else _prepare_postgres(db, query)
    plan = IndexQuery(limits=limits)
    nodes: list[Node] = []
    for node in _top_nodes(query):
        if isinstance(node, DateRange):
            start = first_key(node.since) if node.since else 0
            end = first_key(node.until) if node.until else MAX_KEY
            plan = plan.within(start, end)
        else:
            nodes.append(node)
    slow: list[Node] = []
    supersets: list[Node] = []
    has_prefixes = False
    for node in nodes:
        if _needs_postfilter(node, dialect):
            slow.append(node)
            has_prefixes = has_prefixes or _needs_postfilter(node, SQLITE_FTS5)
        superset = _index_only_superset(node, dialect)
        if superset is not None:
            supersets.append(superset)
    return replace(
        plan,
        match=dialect.write_all(nodes),
        superset=dialect.write_all(supersets or (EVERYTHING,)),
        postfilter=tuple(slow),
        max_candidates=limits.tested_for_prefixes if has_prefixes else MAX_KEY,
        is_superset_tight=dialect is PG_TSQUERY and not has_prefixes,
    )


def _top_nodes(query: Query) -> Sequence[Node]:
    """The parts of a query that must all hold."""
    if query.tree is None:
        return ()
    if isinstance(query.tree, And):
        return query.tree.nodes
    return (query.tree,)


def _prepare_postgres(db: Connection, query: Query) -> FtsDialect:
    """Set up the transaction. While articles wait to be indexed again, some have no pairs yet."""
    db.execute(
        text("SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)")
    )
    if _needs_postfilter(query.tree or EVERYTHING, PG_TSQUERY) and db.scalar(
        text("SELECT EXISTS (SELECT FROM article WHERE index_version = '')")
    ):
        return PG_TSQUERY_NO_PAIRS
    return PG_TSQUERY


def _needs_postfilter(node: Node, dialect: FtsDialect) -> bool:
    """Whether an engine answers this slowly from its index.

    For the beginning of a word an engine gathers all matches before it returns the first one.
    PostgreSQL looks for a phrase in all articles that have its words.
    """
    if isinstance(node, And | Or):
        return any(_needs_postfilter(part, dialect) for part in node.nodes)
    if isinstance(node, Not):
        return _needs_postfilter(node.node, dialect)
    if not isinstance(node, Term) or node.prefix:
        return True
    return len(node.tokens) > 1 and not dialect.has_fast_phrases


def _index_only_superset(node: Node, dialect: FtsDialect) -> Node | None:
    """A fast query that holds for everything that the node holds for, or None if none is known.

    For a phrase these are its words and their pairs.
    """
    if not _needs_postfilter(node, dialect):
        return node
    if isinstance(node, Term):
        return _words_of_phrase(node, dialect)
    if not isinstance(node, And | Or):
        return None
    known: list[Node] = []
    for part in node.nodes:
        superset = _index_only_superset(part, dialect)
        if superset is not None:
            known.append(superset)
        elif isinstance(node, Or):
            return None
    if isinstance(node, Or):
        return Or(tuple(known))
    return And(tuple(known)) if known else None


def _words_of_phrase(term: Term, dialect: FtsDialect) -> Node | None:
    complete = term.tokens[: len(term.tokens) - term.prefix]
    if not complete:
        return None
    words: list[Node] = [Term((pair,), exact=True) for pair in dialect.pair_tokens(term)]
    words += [Term((word,), term.field, exact=True) for word in complete]
    return And(tuple(words))
