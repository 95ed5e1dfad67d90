"""The query language: parses a text to a frozen tree.

    harbour levy        both words, in any of their Russian or English forms
    "night ferry"       these words side by side, as they are written
    -levy  NOT "old quay"              without; also before a filter or parentheses
    ferry OR barge  ferry | barge      either; words side by side bind stronger, parentheses more
    harbour AND levy                   both, as without AND
    harb*               words that begin so, from two letters on
    title:ferry  author:dray  author:"Martin Dray"  tag:petition       words in these fields
    agency:reuters                                     stories of this news agency
    site:harbour-courier  lang:ru                      the id of the site, the code of the language
    group:state-media  country:tj                      sites by what their files say
    after:2026-03  before:2026-04-15                   dated in this period or later; before it; UTC
    since:2026-03  until:2026-04-15                    the same as after; in this period or before
    rights:no-train  rights:no-tdm  rights:no-archive  rights:paywall  rights:license
                                                       what the publisher declares of a use
    changed:yes  changed:no  changed:3                 has several, one, at least three revisions
    edited:yes  edited:no  edited:title                changed by its site, not, in its headline
    gone:yes  gone:no                                  its page is not there any more, or is

No text raises an error, and the work is limited. All that is none of these is plain words:
`foo:bar` is the words foo and bar side by side. The notes of a query say what was left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.core.changes.kinds import EDIT_KINDS
from pipeline.core.rights.statements import FLAGS
from pipeline.fulltext.tokenizer import (
    FIELDS,
    MAX_REVISIONS,
    YES,
    primary_language,
    site_token,
    tokenize_query,
)

MAX_QUERY_LETTERS = 2000
MAX_TERMS = 32
MAX_PHRASE_WORDS = 32
MAX_DEPTH = 8  # of parentheses
MAX_NOTED_VALUE = 40  # letters of a value in a note
MIN_CHANGED_REVISIONS = 2
QUOTES = str.maketrans(dict.fromkeys("“”„‟«»‹›〝〞＂", '"'))
# Several words in single quotes, which stand outside of words: no apostrophe of o‘zbek or don't.
SINGLE_QUOTES = re.compile(r"(?<!\w)['‘’‚‛]([^'‘’‚‛\"]*\s[^'‘’‚‛\"]*)['‘’](?!\w)")
DATE_FIELDS = ("after", "since", "before", "until")
SITE_GROUPS = ("group", "country")  # fields that stand for sites: the archive knows which
NAMES = "|".join((*FIELDS, *SITE_GROUPS, *DATE_FIELDS))
ITEM = re.compile(
    rf"""(?P<no>-*)(?:(?:(?P<field>{NAMES}):(?=[^\s()]))?"""
    r"""(?:"(?P<quoted>[^"]*)(?:"|$)|(?P<word>[^\s"()|]+))|(?P<open>\())"""
    r"""|(?P<close>\))|(?P<bar>\|+)""",
    re.IGNORECASE | re.ASCII,
)
EMPTY_FIELD = re.compile(rf"(?:{NAMES}):", re.IGNORECASE | re.ASCII)
DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", re.ASCII)
LANGUAGE = re.compile(r"[a-zA-Z]{2,3}([-_]\w+)?")
NUMBER = re.compile(r"\d{1,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Term:
    """Tokens side by side: one word, a phrase, or the value of a filter.

    Attributes:
        tokens: The tokens.
        field: One of tokenizer.FIELDS or of SITE_GROUPS; "" for title and text.
        prefix: Whether the last token may be the beginning of a word.
        exact: Whether the words stand as written; else a single word also matches its other forms.
    """

    tokens: tuple[str, ...]
    field: str = ""
    prefix: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True)
class DateRange:
    """Dated at `since` or later, or before `until`."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """All articles that do not match a node."""

    node: Node


@dataclass(frozen=True, slots=True)
class And:
    """The articles that match all nodes."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """The articles that match one of the nodes or more."""

    nodes: tuple[Node, ...]


Node = Term | DateRange | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. Without a tree it finds all articles if its text is empty, else none.

    Attributes:
        text: As it was typed.
        tree: What is searched.
        notes: Sentences about what was left out or read otherwise.
    """

    text: str = ""
    tree: Node | None = None
    notes: tuple[str, ...] = ()

    @property
    def has_no_terms(self) -> bool:
        """Tell whether there is a text, but nothing in it that can be searched."""
        return self.tree is None and bool(self.text.strip())


def parse_query(text: str) -> Query:
    """Parse a query. Every text is a query.

    Args:
        text: What somebody typed.

    Returns:
        The tree of the query, and notes on what was left out or read in another way. The tree is
        None where nothing is left to search for.
    """
    parser = _Parser()
    for match in ITEM.finditer(_with_plain_quotes(text)):
        parser.read(match)
    notes = list(parser.notes)
    if len(text) > MAX_QUERY_LETTERS:
        notes.append(f"Only its first {MAX_QUERY_LETTERS:,} letters are read.")
    if parser.terms > MAX_TERMS:
        notes.append(f"Only its first {MAX_TERMS} terms are looked for.")
    return Query(text, parser.tree(), tuple(notes))


def _with_plain_quotes(text: str) -> str:
    """Return the text that is read, with all quotes as straight ones, letter for letter."""
    text = text[:MAX_QUERY_LETTERS].translate(QUOTES)
    return SINGLE_QUOTES.sub(r'"\1"', text)


@dataclass(frozen=True, slots=True)
class QueryFilter:
    """A filter of a query as it was typed, such as `-lang:ru`, and the query without it."""

    text: str
    field: str
    rest: str


def query_filters(text: str) -> tuple[QueryFilter, ...]:
    """Return the filters of a query, in their order."""
    filters: list[QueryFilter] = []
    for match in ITEM.finditer(_with_plain_quotes(text)):
        if not match["field"]:
            continue
        start, end = match.span()
        before = text[:start].rstrip()
        if before.endswith("NOT"):
            start = len(before) - len("NOT")
        rest = f"{text[:start].rstrip()} {text[end:].lstrip()}".strip()
        filters.append(QueryFilter(text[start:end], match["field"].lower(), rest))
    return tuple(filters)


def without_dates(text: str) -> str:
    """Return a query without its filters by date."""
    for query_filter in query_filters(text):
        if query_filter.field in DATE_FIELDS:
            return without_dates(query_filter.rest)
    return text


class _Group:
    """Open parentheses: their alternatives so far, and whether they are negated."""

    def __init__(self, is_negated: bool = False) -> None:
        self.is_negated = is_negated
        self.alternatives: list[list[Node]] = [[]]

    def add(self, node: Node, is_negated: bool) -> None:
        if is_negated:
            node = _negate(node)
        self.alternatives[-1].append(node)

    def start_alternative(self) -> None:
        if self.alternatives[-1]:
            self.alternatives.append([])

    def node(self) -> Node | None:
        nodes: list[Node] = []
        for alternative in filter(None, self.alternatives):
            if len(alternative) == 1:
                nodes += alternative
            else:
                nodes.append(And(tuple(alternative)))
        if len(nodes) > 1:
            return Or(tuple(nodes))
        return nodes[0] if nodes else None


class _Parser:
    def __init__(self) -> None:
        self._groups = [_Group()]
        self._ignored_groups = 0  # open parentheses below MAX_DEPTH
        self._is_after_not = False
        self.terms = 0
        self.notes: list[str] = []

    def read(self, match: re.Match[str]) -> None:
        operator = match["word"] if not match["no"] and not match["field"] else ""
        if match["close"]:
            self._is_after_not = False
            self._close_group()
        elif match["open"]:
            self._open_group(self._is_negated(match))
        elif match["bar"] or operator == "OR":
            self._groups[-1].start_alternative()
        elif operator == "NOT":
            self._is_after_not = not self._is_after_not
        elif operator != "AND" and (node := self._term(match)) is not None:
            self.terms += 1
            if self.terms <= MAX_TERMS:
                self._groups[-1].add(node, self._is_negated(match))

    def _is_negated(self, match: re.Match[str]) -> bool:
        """Tell whether an odd one of `-` and NOT stands before a term or parentheses."""
        is_negated = bool(match["no"]) != self._is_after_not
        self._is_after_not = False
        return is_negated

    def tree(self) -> Node | None:
        self._ignored_groups = 0
        while len(self._groups) > 1:
            self._close_group()
        return self._groups[0].node()

    def _open_group(self, is_negated: bool) -> None:
        if len(self._groups) > MAX_DEPTH:
            self._ignored_groups += 1
        else:
            self._groups.append(_Group(is_negated))

    def _close_group(self) -> None:
        if self._ignored_groups:
            self._ignored_groups -= 1
        elif len(self._groups) > 1:
            group = self._groups.pop()
            node = group.node()
            if node is not None:
                self._groups[-1].add(node, group.is_negated)

    def _term(self, match: re.Match[str]) -> Node | None:
        field, value = (match["field"] or "").lower(), match["word"]
        is_quoted = value is None
        if is_quoted:
            value = match["quoted"]
        if field:
            node = _filter(field, value, is_quoted)
            if node is not None:
                return node
            self.notes.append(
                f"'{field}:{value[:MAX_NOTED_VALUE]}' is looked for as words, "
                f"since '{field}:' knows no such value."
            )
            value = f"{field}:{value}"
        elif not is_quoted and EMPTY_FIELD.fullmatch(value):
            self.notes.append(f"'{value}' is looked for as a word, since no value follows it.")
        return _words(value, "", is_quoted)


def _negate(node: Node) -> Node:
    if isinstance(node, DateRange) and (node.since is None or node.until is None):
        return DateRange(node.until, node.since)
    if isinstance(node, Not):
        return node.node
    return Not(node)


def _words(value: str, field: str, is_quoted: bool) -> Term | None:
    tokens, may_go_on = tokenize_query(value)
    if not tokens:
        return None
    has_star = not is_quoted and value.endswith("*") and len(tokens[-1]) > 1
    prefix = (has_star or may_go_on) and len(tokens) <= MAX_PHRASE_WORDS
    return Term(tokens[:MAX_PHRASE_WORDS], field, prefix, is_quoted)


def _filter(field: str, value: str, is_quoted: bool) -> Node | None:
    """Return the node of a filter, or None where the value is not of the filter's kind."""
    if field in DATE_FIELDS:
        return _dates(field, value)
    if field == "changed":
        return _changed(value.lower())
    if field in ("edited", "gone"):
        return _flag(field, value.strip().lower())
    if field == "rights":
        return _rights(value.strip().lower())
    if field == "site":
        return _site(value)
    if field in SITE_GROUPS:
        name = site_token(value.strip())
        return Term((name,), field) if name else None
    if field == "lang":
        return _language(value.strip())
    return _words(value, field, is_quoted)


def _dates(field: str, value: str) -> Node | None:
    start = parse_period_start(value)
    if start is None:
        return None
    if field in ("after", "since"):
        return DateRange(since=start)
    if field == "before":
        return DateRange(until=start)
    end = parse_period_end(value)
    return None if end is None else DateRange(until=end)


def _site(value: str) -> Node | None:
    site = site_token(value.strip().removesuffix("*"))
    if not site:
        return None
    return Term((site,), "site", prefix=value.endswith("*"))


def _language(value: str) -> Node | None:
    if not LANGUAGE.fullmatch(value):
        return None
    return Term((primary_language(value),), "lang")


def _rights(value: str) -> Node | None:
    """Return the node of a declaration. `notrain` and `noarchive` are other spellings."""
    flags = {flag.replace("-", ""): flag for flag in FLAGS}
    flag = flags.get(value.replace("-", "").replace("_", ""))
    return None if flag is None else Term((flag,), "rights")


def _changed(value: str) -> Node | None:
    if value == "no":
        return Not(Term((str(MIN_CHANGED_REVISIONS),), "changed"))
    revisions = 0
    if value == "yes":
        revisions = MIN_CHANGED_REVISIONS
    elif NUMBER.fullmatch(value):
        revisions = int(value)
    if not MIN_CHANGED_REVISIONS <= revisions <= MAX_REVISIONS:
        return None
    return Term((str(revisions),), "changed")


def _flag(field: str, value: str) -> Node | None:
    if value == "no":
        return Not(Term((YES,), field))
    kinds = EDIT_KINDS if field == "edited" else ()
    if value == YES or value in kinds:
        return Term((value,), field)
    return None


def parse_period_start(value: str) -> datetime | None:
    """Return the first moment of a day, month or year in UTC.

    Args:
        value: The period as 2026-03-01, 2026-03 or 2026.

    Returns:
        The moment, or None for a value that is no such period.
    """
    match = DATE.fullmatch(value.strip())
    if match is None:
        return None
    year, month, day = (int(part or 1) for part in match.groups())
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


def parse_period_end(value: str) -> datetime | None:
    """Return the first moment after a day, month or year in UTC.

    Args:
        value: The period as 2026-03-01, 2026-03 or 2026.

    Returns:
        The moment, or None for a value that is no such period or ends after the last year.
    """
    start = parse_period_start(value)
    if start is None:
        return None
    try:
        match value.count("-"):
            case 0:
                return start.replace(year=start.year + 1)
            case 1:
                return (start + timedelta(days=31)).replace(day=1)
        return start + timedelta(days=1)
    except (ValueError, OverflowError):
        return None


def positive_terms(node: Node | None) -> Iterator[Term]:
    """Yield the terms for which an article is found, without those that it must not have."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, (And, Or)):
        for child in node.nodes:
            yield from positive_terms(child)


def restrict_to_site(query: Query, site: str | None) -> Query:
    """Return the same query for the articles of one site; None restricts nothing."""
    return query if site is None else restrict_to_sites(query, (site,))


def restrict_to_sites(query: Query, sites: Sequence[str]) -> Query:
    """Return the same query for the articles of one of some sites.

    Args:
        query: The query.
        sites: The ids of the sites, at least one.
    """
    if query.has_no_terms:
        return query
    terms = tuple(Term((site_token(site),), "site") for site in sites)
    node: Node = terms[0] if len(terms) == 1 else Or(terms)
    tree = node
    if isinstance(query.tree, And):
        tree = And((*query.tree.nodes, node))
    elif query.tree is not None:
        tree = And((query.tree, node))
    return Query(query.text, tree, query.notes)


def describe(query: Query) -> str:
    """Say in words how a query is understood.

    An example is `levy and "night ferry" and not (site courier or dated from 2026-03-01)`.

    Args:
        query: A parsed query.

    Returns:
        One line of text for people.
    """
    if query.has_no_terms:
        return "nothing that can be looked for"
    if query.tree is None:
        return "all articles"
    if isinstance(query.tree, (And, Or)):
        return _describe_nodes(query.tree)
    return _describe_node(query.tree)


def _describe_node(node: Node) -> str:
    if isinstance(node, Term):
        return _describe_term(node)
    if isinstance(node, DateRange):
        return _describe_dates(node)
    if isinstance(node, Not):
        return f"not {_describe_node(node.node)}"
    return f"({_describe_nodes(node)})"


def _describe_nodes(node: And | Or) -> str:
    joint = " or " if isinstance(node, Or) else " and "
    return joint.join(map(_describe_node, node.nodes))


def _describe_dates(dates: DateRange) -> str:
    parts = []
    if dates.since is not None:
        parts.append(f"dated from {dates.since:%Y-%m-%d}")
    if dates.until is not None:
        parts.append(f"dated before {dates.until:%Y-%m-%d}")
    return " and ".join(parts)


def _describe_term(term: Term) -> str:
    text = " ".join(term.tokens)
    if term.field == "changed":
        return f"at least {text} revisions"
    if term.field == "gone":
        return "gone from its site"
    if term.field == "edited":
        return "edited" if text == YES else f"edited ({text})"
    if term.exact or len(term.tokens) > 1:
        text = f'"{text}"'
    if term.prefix:
        text += "…"
    if not term.field:
        return text
    if term.field == "lang":
        return f"language {text}"
    return f"{term.field} {text}"
