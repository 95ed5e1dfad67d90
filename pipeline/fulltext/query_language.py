"""The query language: a text → what is asked for, as a frozen tree.

    harbour levy        both words, in any of their Russian or English forms
    "night ferry"       these words beside each other, as they are written
    -levy  -"old quay"  without; also before a filter or parentheses
    ferry OR barge      either; OR binds weaker than standing side by side, parentheses bind stronger
    harb*               words that begin so, from two letters on
    title:ferry  author:dray  author:"Martin Dray"  tag:petition       words in these places
    site:harbour-courier  lang:ru                                      the site's id, the language's code
    after:2026-03  before:2026-04-15   dated from the first moment of that day, month or year on, or before it; UTC
    changed:yes  changed:no  changed:3                                 has more than one, only one, at least three revisions

Promises that no text raises, that the work is bounded, and that whatever is none of these is plain words: `foo:bar` is the
words foo and bar beside each other. What was left out of a query is said in its notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.fulltext.tokenizer import FIELDS, MAX_REVISIONS, tokenize_query, primary_language, site_token

MAX_QUERY_LETTERS = 2000  # of a query that are read
MAX_TERMS = 32
MAX_PHRASE_WORDS = 32  # of one phrase
MAX_DEPTH = 8  # parentheses in each other
QUOTES = str.maketrans("“”„‟", '""""')
NAMES = "|".join((*FIELDS, "after", "before"))
ITEM = re.compile(
    rf"""(?P<no>-*)(?:(?:(?P<field>{NAMES}):(?=[^\s()]))?(?:"(?P<quoted>[^"]*)(?:"|$)|(?P<word>[^\s"()]+))|(?P<open>\())|(?P<close>\))""",
    re.IGNORECASE | re.ASCII,
)
FIELD = re.compile(rf"(?:{NAMES}):", re.IGNORECASE | re.ASCII)
DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Term:
    """Tokens beside each other: one word, a phrase, or the value of a filter."""

    tokens: tuple[str, ...]
    field: str = ""  # one of tokens.FIELDS; "" for title and text
    prefix: bool = False  # the last token may go on
    exact: bool = False  # as written; a single word that is not is found in all its forms


@dataclass(frozen=True, slots=True)
class DateRange:
    """Dated from `since` on, or before `until`."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Not:
    node: Node


@dataclass(frozen=True, slots=True)
class And:
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple[Node, ...]


Node = Term | DateRange | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for. Without a tree it is nothing in particular: all articles where the text is empty, else none."""

    text: str = ""
    tree: Node | None = None
    notes: tuple[str, ...] = ()

    @property
    def has_no_terms(self) -> bool:
        """There is a text, but nothing in it that can be looked for."""
        return self.tree is None and bool(self.text.strip())


def parse_query(text: str) -> Query:
    """The query that a text is."""
    reader = _Reader()
    for match in ITEM.finditer(text[:MAX_QUERY_LETTERS].translate(QUOTES)):
        reader.read(match)
    notes = list(reader.notes)
    if len(text) > MAX_QUERY_LETTERS:
        notes.append(f"Only its first {MAX_QUERY_LETTERS:,} letters are read.")
    if reader.terms > MAX_TERMS:
        notes.append(f"Only its first {MAX_TERMS} terms are looked for.")
    return Query(text, reader.tree(), tuple(notes))


class _Reader:
    """The parentheses that are open: of each the alternatives so far, and whether it is negated."""

    def __init__(self) -> None:
        self._open: list[tuple[bool, list[list[Node]]]] = [(False, [[]])]
        self._too_deep = 0
        self.terms = 0
        self.notes: list[str] = []

    def read(self, match: re.Match[str]) -> None:
        if match["close"]:
            self._close()
        elif match["open"]:
            self._begin(bool(match["no"]))
        elif match["word"] == "OR" and not match["no"] and not match["field"]:
            if self._open[-1][1][-1]:
                self._open[-1][1].append([])
        elif (node := self._term(match)) is not None:
            self.terms += 1
            if self.terms <= MAX_TERMS:
                self._open[-1][1][-1].append(_negated(node) if match["no"] else node)

    def _begin(self, no: bool) -> None:
        if len(self._open) > MAX_DEPTH:
            self._too_deep += 1
            return
        self._open.append((no, [[]]))

    def _close(self) -> None:
        if self._too_deep:
            self._too_deep -= 1
        elif len(self._open) > 1:
            no, alternatives = self._open.pop()
            node = _any(alternatives)
            if node is not None:
                self._open[-1][1][-1].append(_negated(node) if no else node)

    def _term(self, match: re.Match[str]) -> Node | None:
        field, value = (
            (match["field"] or "").lower(),
            match["quoted"] if match["word"] is None else match["word"],
        )
        quoted = match["word"] is None
        if field:
            node = _filter(field, value, quoted)
            if node is not None:
                return node
            self.notes.append(
                f"'{field}:{value[:40]}' is looked for as words, since '{field}:' knows no such value."
            )
        elif not quoted and FIELD.fullmatch(value):
            self.notes.append(
                f"'{value}' is looked for as a word, since no value stands right behind it."
            )
        return _words(f"{field}:{value}" if field else value, "", quoted)

    def tree(self) -> Node | None:
        self._too_deep = 0
        while len(self._open) > 1:
            self._close()
        return _any(self._open[0][1])


def _any(alternatives: Sequence[Sequence[Node]]) -> Node | None:
    found = [_one(And(tuple(nodes)), nodes) for nodes in alternatives if nodes]
    return _one(Or(tuple(found)), found) if found else None


def _one(many: Node, nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else many


def _negated(node: Node) -> Node:
    if isinstance(node, DateRange) and (node.since is None or node.until is None):
        return DateRange(node.until, node.since)
    return node.node if isinstance(node, Not) else Not(node)


def _words(value: str, field: str, quoted: bool) -> Term | None:
    tokens, goes_on = tokenize_query(value)
    if not tokens:
        return None
    starred = not quoted and value.endswith("*") and len(tokens[-1]) > 1
    return Term(
        tokens[:MAX_PHRASE_WORDS], field, (starred or goes_on) and len(tokens) <= MAX_PHRASE_WORDS, quoted
    )


def _filter(field: str, value: str, quoted: bool) -> Node | None:
    """What a filter asks for; None where its value is none of its kind."""
    if field in ("after", "before"):
        at = parse_period_start(value)
        return None if at is None else DateRange(since=at) if field == "after" else DateRange(until=at)
    if field == "changed":
        return _changed(value.lower())
    if field == "site":
        site = site_token(value.strip().removesuffix("*"))
        return Term((site,), field, prefix=value.endswith("*")) if site else None
    if field == "lang":
        return (
            Term((primary_language(value.strip()),), field)
            if re.fullmatch(r"[a-zA-Z]{2,3}([-_]\w+)?", value.strip())
            else None
        )
    return _words(value, field, quoted)


def _changed(value: str) -> Node | None:
    if value == "no":
        return Not(Term(("2",), "changed"))
    least = 2 if value == "yes" else int(value) if re.fullmatch(r"\d{1,2}", value, re.ASCII) else 0
    return Term((str(least),), "changed") if 2 <= least <= MAX_REVISIONS else None


def parse_period_start(value: str) -> datetime | None:
    """The first moment of a day, month or year that is written as 2026-03-01, 2026-03 or 2026."""
    match = DATE.fullmatch(value.strip())
    if match is None:
        return None
    year, month, day = (int(part) if part else 1 for part in match.groups())
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


def positive_terms(node: Node | None) -> Iterator[Term]:
    """The terms that an article is found for: not those of what must not be there."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, (And, Or)):
        for each in node.nodes:
            yield from positive_terms(each)


def restrict_to_site(query: Query, site: str | None) -> Query:
    """The same, of one Site."""
    if site is None:
        return query
    term = Term((site_token(site),), "site")
    if query.tree is None:
        return Query(query.text, None if query.has_no_terms else term, query.notes)
    return Query(
        query.text,
        And((*(query.tree.nodes if isinstance(query.tree, And) else (query.tree,)), term)),
        query.notes,
    )


def describe(query: Query) -> str:
    """How a query is understood, in a person's words: `levy and "night ferry", not (site courier); dated from 2026-03-01`."""
    if query.tree is None:
        return "nothing that can be looked for" if query.has_no_terms else "all articles"
    return _said(query.tree, outer=True)


def _said(node: Node, outer: bool = False) -> str:
    if isinstance(node, Term):
        return _said_term(node)
    if isinstance(node, DateRange):
        return " and ".join(
            f"dated {word} {at:%Y-%m-%d}"
            for word, at in (("from", node.since), ("before", node.until))
            if at is not None
        )
    if isinstance(node, Not):
        return f"not {_said(node.node)}"
    joined = (" or " if isinstance(node, Or) else " and ").join(_said(each) for each in node.nodes)
    return joined if outer else f"({joined})"


def _said_term(term: Term) -> str:
    text = " ".join(term.tokens)
    if term.field == "changed":
        return f"at least {text} revisions"
    shown = f'"{text}"' if term.exact or len(term.tokens) > 1 else text
    if term.prefix:
        shown = f"{shown}…"
    return {"": "", "lang": "language "}.get(term.field, f"{term.field} ") + shown
