"""Patterns that people write into a site's file: regular expressions that end.

Promises that a pattern which takes ever longer over a line that it nearly matches is refused when the file is read, since
nothing could end it by night. Only a repetition of what can be read in two ways, or several in a row, can be such a pattern:
those alone are tried, on lines made of what they repeat.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

parser: Any = re._parser  # type: ignore[attr-defined]  # Python's own reading of a pattern, which it has under no other name

REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT")
MANY: Final = 10  # times from which a repetition is a long one
LONGEST: Final = 2_000  # letters of a line that is tried; an address has no more, and longer lines are asked of no pattern
SLOW: Final = 0.25  # CPU seconds for one of them; an honest pattern takes a tenth of that
CATEGORIES: Final = {
    "CATEGORY_DIGIT": "1",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_WORD": "-",
}  # and a letter of each
END: Final = "\x00"  # what no pattern expects
TRIED: Final = (
    *range(6, 30, 2),
    *(int(28 * 1.25**step) for step in range(1, 20)),
)  # times: growth is met early


def check_patterns(patterns: Iterable[str], *, whole: bool = False) -> tuple[str, ...]:
    """The patterns, if each is a regular expression that ends; ValueError names the one that is not. They are to match lines
    as a `whole`, or somewhere in them."""
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        if line := find_redos_input(pattern, whole=whole):
            raise ValueError(
                f"{pattern!r} takes ever longer over lines like '{line[:12]}…'; write it with fewer repetitions"
            )
    return tuple(patterns)


@lru_cache(maxsize=1024)
def find_redos_input(pattern: str, *, whole: bool) -> str:
    """A line over which a pattern takes too long; "" for nearly all patterns."""
    tree: Any = parser.parse(pattern)
    if not _is_open(tree) and _in_a_row(tree) < 2:
        return ""
    compiled = re.compile(pattern)
    match = compiled.fullmatch if whole else compiled.search
    alone = [("", letter) for letter in sorted(_letters(tree))[:MANY]]
    for before, piece in dict.fromkeys((*_pumps(tree, ""), *alone)):
        if piece.isspace():  # an address has none, and in a line they are one
            continue
        for times in TRIED:
            line = (before + piece * times)[:LONGEST] + END
            began = time.thread_time()
            match(line)
            if time.thread_time() - began > SLOW:
                return str(line)
            if len(line) > LONGEST:
                break
    return ""


def _parts(tree: Any) -> Iterator[tuple[str, Any]]:
    """The operations of a pattern with their names."""
    return ((str(name), value) for name, value in tree)


def _inner(name: str, value: Any) -> list[Any]:
    """The patterns inside an operation."""
    match name:
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return [value[2]]
        case "SUBPATTERN":
            return [value[3]]
        case "BRANCH":
            return list(value[1])
        case "ASSERT" | "ASSERT_NOT":
            return [value[1]]
        case "ATOMIC_GROUP":
            return [value]
        case "GROUPREF_EXISTS":
            return [each for each in value[1:] if each is not None]
    return []


def _is_long(name: str, value: Any) -> bool:
    return name in REPEATS and int(value[1]) >= MANY


def _is_open(tree: Any, *, inside: bool = False) -> bool:
    """Whether a long repetition holds what can be read in two ways: alternatives, or another repetition."""
    for name, value in _parts(tree):
        if inside and (name == "BRANCH" or (name in REPEATS and value[0] != value[1])):
            return True
        if any(
            _is_open(each, inside=inside or _is_long(name, value)) for each in _inner(name, value)
        ):
            return True
    return False


def _in_a_row(tree: Any) -> int:
    """How many long repetitions there are in all."""
    return sum(
        _is_long(name, value) + sum(map(_in_a_row, _inner(name, value)))
        for name, value in _parts(tree)
    )


def _pumps(tree: Any, before: str) -> Iterator[tuple[str, str]]:
    """For each long repetition a text that leads to it, and texts that it takes again and again."""
    for name, value in _parts(tree):
        inner = _inner(name, value)
        if _is_long(name, value):
            yield from ((before, piece) for piece in _texts(value[2]) if piece)
        for each in inner:
            yield from _pumps(each, before)
        before += next(iter(_texts([(name, value)])), "")


def _letters(tree: Any) -> set[str]:
    """The letters that a pattern names."""
    found = {chr(value) for name, value in _parts(tree) if name == "LITERAL"}
    return found.union(
        *(_letters(each) for name, value in _parts(tree) for each in _inner(name, value))
    )


def _texts(tree: Any) -> list[str]:
    """Some texts that a pattern matches: one for each of its first alternatives."""
    found = [""]
    for name, value in _parts(tree):
        choices = _choices(name, value)
        found = [text + choice for text in found for choice in choices][:6]
    return found


def _choices(name: str, value: Any) -> list[str]:
    inner = _inner(name, value)
    match name:
        case "LITERAL":
            return [chr(value)]
        case "NOT_LITERAL":
            return ["a" if value != ord("a") else "b"]
        case "ANY":
            return ["a"]
        case "IN":
            return [_of_class(value)]
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return [text * max(1, min(int(value[0]), 3)) for text in _texts(inner[0])]
        case "BRANCH":
            return [text for each in inner for text in _texts(each)[:1]][:6]
        case "SUBPATTERN" | "ATOMIC_GROUP":
            return _texts(inner[0])
    return [""]


def _of_class(members: Any) -> str:
    """A letter of a class."""
    for name, value in _parts(members):
        if name == "NEGATE":
            return next((each for each in "a1/- é" if not _holds(members[1:], each)), "a")
        if name == "LITERAL":
            return chr(value)
        if name == "RANGE":
            return chr(value[0])
        if name == "CATEGORY":
            return CATEGORIES.get(str(value), "a")
    return "a"


def _holds(members: Any, letter: str) -> bool:
    code = ord(letter)
    for name, value in _parts(members):
        if (name == "LITERAL" and value == code) or (
            name == "RANGE" and value[0] <= code <= value[1]
        ):
            return True
        signs = {
            "CATEGORY_DIGIT": letter.isdigit(),
            "CATEGORY_SPACE": letter.isspace(),
            "CATEGORY_WORD": letter.isalnum(),
        }
        if name == "CATEGORY" and signs.get(str(value), False):
            return True
    return False
