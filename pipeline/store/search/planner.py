"""A query's tree → order keys of the Articles that it is about, newest first, the same on both databases.

Promises that what is asked for is one question to the full-text index, filters included, and that a page of results costs
little however common the words are: SQLite walks its lists from the newest on; PostgreSQL, which knows no order there, is asked
about ever longer stretches of time until there is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import Connection, bindparam, text

from pipeline.fulltext import matcher, tokenizer
from pipeline.fulltext.matcher import Parts
from pipeline.fulltext.query_language import All, Any, Dates, Node, Not, Query, Term
from pipeline.fulltext.tokenizer import (
    EVERY,
    day_token,
    field_token,
    month_token,
    pair_token,
    year_token,
)
from pipeline.store.db.sql import chunks
from pipeline.store.search.index import first_key, moment_of

TOP = 1 << 62  # above every order key
STRETCH = 2000  # Articles, the newest ones, among which PostgreSQL looks first
LONGER = 8  # times as many the next time
RARE = 50  # one match in so many Articles: then there are few in all
TESTED = 600  # Articles that are tested one by one for beginnings of words
CANDIDATES = 1000  # that are had from the index at first, to be tested
EVERYTHING = Term((EVERY,))
DAYS, MONTHS = 40, 40  # that are named one by one
FORWARDS = 100  # matches that SQLite looks for from the oldest on, to see whether there are no more
MATCHING = "FROM article_index WHERE article_index MATCH :match AND rowid >= :start AND rowid < :end ORDER BY rowid"
CENTURIES = (1970, 2243)  # years that an order key can hold


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask the index, and for which order keys: `start` included, `end` not."""

    match: str = ""  # in the engine's own spelling; "" for everything
    start: int = 0
    end: int = TOP
    slow: tuple[Node, ...] = ()  # of what `match` says, the part that an index answers slowly
    rest: str = ""  # what is easy and holds for all that match; "" where it is known to hold
    most: int = 0  # how many may be tested for what is slow
    likely: bool = False  # nearly all for which `rest` holds match

    def within(self, start: int, end: int) -> Plan:
        return replace(self, start=max(self.start, start), end=min(self.end, end))


def plan(db: Connection, query: Query) -> Plan | None:
    """How to look for a query; None where there is nothing to look for. Until the end of the transaction PostgreSQL neither
    reads the whole table, nor compiles what is done in the time that compiling takes."""
    if query.nothing:
        return None
    speech = FTS if db.dialect.name == "sqlite" else _speech(db, query)
    made, nodes = Plan(), list[Node]()
    for node in (
        query.tree.nodes if isinstance(query.tree, All) else (query.tree,) if query.tree else ()
    ):
        if isinstance(node, Dates):
            made = made.within(
                first_key(node.since) if node.since else 0,
                first_key(node.until) if node.until else TOP,
            )
        else:
            nodes.append(node)
    slow = tuple(node for node in nodes if _is_slow(node, speech))
    rest = [each for each in (_easier(node, speech) for node in nodes) if each is not None]
    most = TESTED if any(_is_slow(node, FTS) for node in slow) else TOP
    made = replace(made, slow=slow, most=most, likely=speech is TS and most == TOP)
    return replace(
        made, match=speech.spelled_all(nodes), rest=speech.spelled_all(rest or (EVERYTHING,))
    )


def _speech(db: Connection, query: Query) -> Speech:
    """PostgreSQL's. While some Articles wait to be indexed anew, not all that are there have their pairs."""
    db.execute(
        text("SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)")
    )
    waits = _is_slow(query.tree or EVERYTHING, TS) and db.scalar(
        text("SELECT EXISTS (SELECT FROM article WHERE indexed = '')")
    )
    return UNPAIRED if waits else TS


def _is_slow(node: Node, speech: Speech) -> bool:
    """Whether it asks for beginnings of words, of which an engine gathers all before it gives the first; or of PostgreSQL for a
    phrase, which it looks for in all articles that have its words."""
    if isinstance(node, (All, Any)):
        return any(_is_slow(each, speech) for each in node.nodes)
    if isinstance(node, Not):
        return _is_slow(node.node, speech)
    return not isinstance(node, Term) or node.prefix or (speech is not FTS and len(node.tokens) > 1)


def _easier(node: Node, speech: Speech) -> Node | None:
    """What is not slow and holds for whatever the node holds for: of a phrase its words and their pairs. None where nothing is
    known."""
    if not _is_slow(node, speech):
        return node
    if isinstance(node, Term):
        words = node.tokens[: len(node.tokens) - node.prefix]
        pairs = tuple(Term((pair,), exact=True) for pair in speech.pairs_of(node))
        return (
            All((*pairs, *(Term((word,), node.field, exact=True) for word in words)))
            if words
            else None
        )
    if isinstance(node, (All, Any)):
        found = [_easier(each, speech) for each in node.nodes]
        known = tuple(each for each in found if each is not None)
        if isinstance(node, All):
            return All(known) if known else None
        return Any(known) if len(known) == len(found) else None
    return None


@dataclass(frozen=True, slots=True)
class Speech:
    """How an engine writes what all of them mean."""

    both: str
    either: str
    without: str
    beside: str
    quote: str
    more: str
    paired: bool = False  # the index has the pairs of what stands beside each other, but no places

    def spelled_all(self, nodes: Sequence[Node]) -> str:
        return self.spelled(All(tuple(nodes))) if nodes else ""

    def spelled(self, node: Node) -> str:
        if isinstance(node, Term):
            return self._term(node)
        if isinstance(node, Dates):
            return self._dates(node)
        if isinstance(node, Any):
            return self._joined(self.either, [self.spelled(each) for each in node.nodes])
        if isinstance(node, Not):
            node = All((node,))
        there = [self.spelled(each) for each in node.nodes if not isinstance(each, Not)]
        absent = [self.spelled(each.node) for each in node.nodes if isinstance(each, Not)]
        found = self._joined(self.both, there or [self._word(EVERY)])
        return f"({found}{self.without}{self._joined(self.either, absent)})" if absent else found

    def _joined(self, by: str, parts: Sequence[str]) -> str:
        return parts[0] if len(parts) == 1 else f"({by.join(parts)})"

    def _word(self, token: str, more: bool = False) -> str:
        return f"{self.quote}{token}{self.quote}{self.more if more else ''}"

    def _term(self, term: Term) -> str:
        found = [field_token(term.field, token) for token in term.tokens]
        as_written = self._joined(
            self.both, [*map(self._word, self.pairs_of(term)), self._row(found, term.prefix)]
        )
        stem = tokenizer.stem(term.tokens[0]) if term.field in ("", "title") else ""
        if len(found) > 1 or term.exact or term.prefix or not stem:
            return as_written
        return self._joined(self.either, [as_written, self._word(field_token(term.field, stem))])

    def pairs_of(self, term: Term) -> list[str]:
        """Tokens that whatever holds a phrase has."""
        whole = term.tokens[: len(term.tokens) - term.prefix] if self.paired else ()
        return [
            pair_token(*pair)
            for pair in pairwise(field_token(term.field, token) for token in whole)
        ]

    def _row(self, found: Sequence[str], more: bool) -> str:
        if self.beside == " ":
            return self._word(" ".join(found), more)
        row = [self._word(token, more and n == len(found) - 1) for n, token in enumerate(found)]
        return self._joined(self.beside, row)

    def _dates(self, dates: Dates) -> str:
        """A stretch of time by the tokens of its days, as beginnings of them where whole months, years or decades are meant."""
        first, last = CENTURIES
        start = dates.since or datetime(first, 1, 1)  # noqa: DTZ001 - only its date counts
        end = dates.until or datetime(last, 1, 1)  # noqa: DTZ001
        parts = [
            self._word(f"d{tokenizer.MARK}{part}", more=True) for part in _covering(start, end)
        ]
        return (
            self._joined(self.either, parts)
            if parts
            else f"({self._word(EVERY)}{self.without}{self._word(EVERY)})"
        )


FTS = Speech(both=" AND ", either=" OR ", without=" NOT ", beside=" ", quote='"', more=" *")
UNPAIRED = Speech(both=" & ", either=" | ", without=" & !", beside=" <-> ", quote="'", more=":*")
TS = replace(UNPAIRED, paired=True)


def _covering(start: datetime, end: datetime) -> Iterator[str]:
    """Beginnings of dates, written 20260301, that cover the days from `start` to before `end`, as few as may be."""
    year, month, day = start.year, start.month, start.day
    while (year, month, day) < (end.year, end.month, end.day):
        if month == day == 1 and year % 10 == 0 and year + 10 <= end.year:
            yield f"{year // 10:03}"
            year += 10
        elif month == day == 1 and year < end.year:
            yield f"{year:04}"
            year += 1
        elif day == 1 and (year, month) < (end.year, end.month):
            yield f"{year:04}{month:02}"
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        else:
            yield f"{year:04}{month:02}{day:02}"
            following = datetime(year, month, day) + timedelta(days=1)  # noqa: DTZ001
            year, month, day = following.year, following.month, following.day


def keys(db: Connection, plan: Plan, limit: int) -> list[int]:
    """The newest order keys of a plan, newest first."""
    if not plan.match:
        return _newest(db, plan, limit)
    if not plan.slow:
        return _asked(db, plan, limit)
    found, left = _tested(db, plan, limit)
    return found + (_asked(db, left, limit - len(found)) if left and len(found) < limit else [])


def _asked(db: Connection, plan: Plan, limit: int) -> list[int]:
    """By the index alone."""
    if db.dialect.name == "sqlite":
        return _walked(db, plan, limit)
    found = list[int]()
    for part in (plan,) if plan.slow else _stretches(db, plan, found):
        found += _among(db, part, limit - len(found))
        if len(found) >= limit:
            break
    return found


def _walked(db: Connection, plan: Plan, limit: int) -> list[int]:
    """SQLite walks its lists forwards in half the time that it takes backwards. So that is how it looks whether several words
    hardly ever meet, in which case it has to walk them to their end."""
    if " " in plan.match and limit <= FORWARDS:
        statement = text(f"SELECT rowid {MATCHING} LIMIT :limit")
        oldest = list(db.scalars(statement, _values(plan, FORWARDS + 1)))
        if len(oldest) <= FORWARDS:
            return oldest[::-1][:limit]
    return list(
        db.scalars(text(f"SELECT rowid {MATCHING} DESC LIMIT :limit"), _values(plan, limit))
    )


def _tested(db: Connection, plan: Plan, limit: int) -> tuple[list[int], Plan | None]:
    """The newest order keys of a plan among the newest that match without what is slow, tested one by one; and what is left to
    look through. Where TESTED have too few, a beginning of words is rare, and the index has little to gather."""
    easy, found, tested = replace(plan, match=plan.rest, slow=()), list[int](), 0
    size = max(4 * limit, 40) if plan.likely else CANDIDATES
    while tested < plan.most and len(found) < limit:
        size = min(size, plan.most - tested)
        candidates = keys(db, easy, size)
        found += _those(db, replace(plan, rest=""), candidates, limit - len(found))
        if len(candidates) < size:
            return found, None
        tested, size, easy = tested + size, size * 4, easy.within(0, candidates[-1])
    return found, plan.within(0, easy.end)


def _those(db: Connection, plan: Plan, candidates: Sequence[int], limit: int) -> list[int]:
    """The first of them that a plan is about; no more of them are tested than it takes."""
    found, start, size = list[int](), 0, max(4 * limit, 40)
    while start < len(candidates) and len(found) < limit:
        few = candidates[start : start + size]
        there = matching(db, plan, few)
        found += [key for key in few if key in there]
        start, size = start + size, min(size * 2, 1000)
    return found[:limit]


def every(db: Connection, plan: Plan) -> list[int]:
    """All order keys of a plan that is known to have not too many, newest first."""
    return (
        _among(db, plan, TOP) if plan.match and db.dialect.name != "sqlite" else keys(db, plan, TOP)
    )


def matching(db: Connection, plan: Plan, candidates: Sequence[int]) -> set[int]:
    """Those of a few order keys that a plan is about."""
    within = [key for key in candidates if plan.start <= key < plan.end]
    if not plan.match or not within:
        return set(within)
    if db.dialect.name == "sqlite" and plan.slow:
        return _held(db, plan, within)
    if db.dialect.name == "sqlite":
        statement = text(
            "SELECT rowid FROM article_index WHERE article_index MATCH :match AND rowid = :key"
        )
        return {
            key
            for key in within
            if db.scalar(statement, {"match": plan.match, "key": key}) is not None
        }
    statement = text("""WITH few AS MATERIALIZED (SELECT rowid, words FROM article_index WHERE rowid = ANY(:within))
    SELECT rowid FROM few WHERE words @@ CAST(:match AS tsquery)""")
    return set(db.scalars(statement, {"match": plan.match, "within": within}))


def _held(db: Connection, plan: Plan, candidates: Sequence[int]) -> set[int]:
    """By the tokens themselves, as `matches` judges them, of what matches without what is slow."""
    if plan.rest:
        candidates = sorted(matching(db, replace(plan, match=plan.rest, slow=()), candidates))
    statement = text(
        "SELECT rowid, title, body, names, marks FROM article_index WHERE rowid IN :keys"
    )
    statement = statement.bindparams(bindparam("keys", expanding=True))
    wanted, found = All(plan.slow), set[int]()
    for chunk in chunks(candidates):
        for key, *row in db.execute(statement, {"keys": chunk}):
            title, body, names, marks = (part.split() for part in row)
            held = Parts((title, body, names), frozenset((*title, *body, *names, *marks)))
            if matcher.holds(wanted, held):
                found.add(key)
    return found


def _values(plan: Plan, limit: int) -> dict[str, object]:
    return {"match": plan.match, "start": plan.start, "end": plan.end, "limit": limit}


def _newest(db: Connection, plan: Plan, limit: int) -> list[int]:
    statement = "SELECT order_key FROM article WHERE order_key >= :start AND order_key < :end ORDER BY order_key DESC LIMIT :limit"
    return list(db.scalars(text(statement), _values(plan, limit)))


def _among(db: Connection, plan: Plan, limit: int) -> list[int]:
    """Asked of PostgreSQL's list of tokens alone: the sum keeps it from walking the keys and testing each Article."""
    statement = """WITH found AS MATERIALIZED (SELECT rowid FROM article_index WHERE words @@ CAST(:match AS tsquery)
    AND rowid + 0 >= :start AND rowid + 0 < :end) SELECT rowid FROM found ORDER BY rowid DESC LIMIT :limit"""
    return list(db.scalars(text(statement), _values(plan, limit)))


def _stretches(db: Connection, plan: Plan, found: Sequence[int]) -> Iterator[Plan]:
    """The plan for the newest Articles, for more before them, and so on; for all the rest, as soon as what was found so far
    says that this is little."""
    newest = _below(db, plan, 0)
    if newest is None:
        return
    plan, size, seen = plan.within(0, newest + 1), STRETCH, 0
    while len(found) * RARE >= seen or size == STRETCH * LONGER:
        border = _below(db, plan, size)
        if border is None:
            break
        part = plan.within(border, TOP)
        yield replace(part, match=f"{plan.match} & {_when(part)}")
        plan, size, seen = plan.within(0, border), size * LONGER, seen + size
    yield plan


def _below(db: Connection, plan: Plan, size: int) -> int | None:
    """The order key that so many others stand between and the plan's end."""
    statement = "SELECT rowid FROM article_index WHERE rowid >= :start AND rowid < :end ORDER BY rowid DESC OFFSET :limit LIMIT 1"
    found: int | None = db.scalar(text(statement), _values(plan, size))
    return found


def _when(plan: Plan) -> str:
    """The tokens of all days, months or years that a plan reaches into."""
    day, end = moment_of(plan.start).date(), moment_of(plan.end - 1).date()
    days = (end - day).days + 1
    token, step = (
        (day_token, 1)
        if days <= DAYS
        else (month_token, 28)
        if days <= MONTHS * 28
        else (year_token, 365)
    )
    found = {token(end), *(token(day + timedelta(days=n)) for n in range(0, days, step))}
    return TS._joined(TS.either, [TS._word(each) for each in sorted(found)])
