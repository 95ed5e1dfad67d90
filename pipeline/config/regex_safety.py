"""Check the regular expressions of a site file: each must end in bounded time on every line.

A pattern that takes ever longer on a line that it nearly matches (ReDoS) is refused when the file
is read, since nothing could stop it at night. Only a repetition of something that can be read in
two ways, or several repetitions in a row, can be such a pattern. Only those are tried, on lines
that are made of what they repeat.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

parser: Any = re._parser  # type: ignore[attr-defined]  # Python's own parser of patterns

REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT")
MIN_LONG_REPEAT: Final = 10  # a repetition that may occur so often is a long one
MAX_LINE_LENGTH: Final = 2_000  # characters; URLs have no more, and longer lines are not matched
MAX_SECONDS: Final = 0.25  # of CPU time for one line; a harmless pattern takes a tenth of that
MAX_LETTERS: Final = 10  # of a pattern that are tried alone
MAX_TEXTS: Final = 6  # example texts of a part of a pattern
CATEGORY_EXAMPLES: Final = {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_NOT_WORD": "-"}
UNEXPECTED: Final = "\x00"  # at the end of a line, so that it does not match
# How often a text is repeated in the lines that are tried. Small steps show growth early.
REPEAT_COUNTS: Final = (*range(6, 30, 2), *(int(28 * 1.25**step) for step in range(1, 20)))


def check_patterns(patterns: Iterable[str], *, whole: bool = False) -> tuple[str, ...]:
    """Check regular expressions, and return them.

    Args:
        patterns: The regular expressions.
        whole: Whether they match whole lines, and are not searched in them.

    Raises:
        ValueError: If one is no regular expression, or takes ever longer on some lines.
    """
    checked = tuple(patterns)
    for pattern in checked:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        line = find_redos_input(pattern, whole=whole)
        if line:
            raise ValueError(
                f"{pattern!r} takes ever longer over lines like '{line[:12]}…'; write it with"
                " fewer repetitions"
            )
    return checked


@lru_cache(maxsize=1024)
def find_redos_input(pattern: str, *, whole: bool) -> str:
    """Return a line on which a pattern takes too long; "" for nearly all patterns.

    Args:
        pattern: A regular expression of a site file or of the settings.
        whole: Whether the pattern has to match a whole line, as in `cleaning.remove`; else it is
            searched.

    Returns:
        The line, at most MAX_LINE_LENGTH letters, on which matching took longer than MAX_SECONDS.
    """
    tree: Any = parser.parse(pattern)
    if not _has_ambiguous_repeat(tree) and _count_long_repeats(tree) < 2:
        return ""
    compiled = re.compile(pattern)
    match = compiled.fullmatch if whole else compiled.search
    candidates = list(_repeated_texts(tree, ""))
    candidates += [("", letter) for letter in sorted(_letters(tree))[:MAX_LETTERS]]
    for prefix, text in dict.fromkeys(candidates):
        if text.isspace():  # a URL has no space, and a line of text has only single ones
            continue
        for count in REPEAT_COUNTS:
            line = (prefix + text * count)[:MAX_LINE_LENGTH] + UNEXPECTED
            started = time.thread_time()
            match(line)
            if time.thread_time() - started > MAX_SECONDS:
                return str(line)
            if len(line) > MAX_LINE_LENGTH:
                break
    return ""


def _operations(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield the operations of a pattern by name, with their arguments."""
    return ((str(name), value) for name, value in tree)


def _subpatterns(name: str, value: Any) -> list[Any]:
    """Return the patterns inside an operation."""
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
            return [pattern for pattern in value[1:] if pattern is not None]
    return []


def _is_long_repeat(name: str, value: Any) -> bool:
    return name in REPEATS and int(value[1]) >= MIN_LONG_REPEAT


def _has_ambiguous_repeat(tree: Any, *, inside: bool = False) -> bool:
    """Return whether a long repetition holds alternatives or another repetition."""
    for name, value in _operations(tree):
        if inside and (name == "BRANCH" or (name in REPEATS and value[0] != value[1])):
            return True
        is_inside = inside or _is_long_repeat(name, value)
        for pattern in _subpatterns(name, value):
            if _has_ambiguous_repeat(pattern, inside=is_inside):
                return True
    return False


def _count_long_repeats(tree: Any) -> int:
    count = 0
    for name, value in _operations(tree):
        count += _is_long_repeat(name, value)
        count += sum(map(_count_long_repeats, _subpatterns(name, value)))
    return count


def _repeated_texts(tree: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield texts that a long repetition matches, each with a text that leads to it."""
    for name, value in _operations(tree):
        if _is_long_repeat(name, value):
            for text in _example_texts(value[2]):
                if text:
                    yield prefix, text
        for pattern in _subpatterns(name, value):
            yield from _repeated_texts(pattern, prefix)
        prefix += next(iter(_example_texts([(name, value)])), "")


def _letters(tree: Any) -> set[str]:
    """Return the letters that a pattern names."""
    letters: set[str] = set()
    for name, value in _operations(tree):
        if name == "LITERAL":
            letters.add(chr(value))
        for pattern in _subpatterns(name, value):
            letters |= _letters(pattern)
    return letters


def _example_texts(tree: Any) -> list[str]:
    """Return some texts that a pattern matches: one for each of its first alternatives."""
    texts = [""]
    for name, value in _operations(tree):
        examples = _examples(name, value)
        combined = []
        for text in texts:
            combined += [text + example for example in examples]
        texts = combined[:MAX_TEXTS]
    return texts


def _examples(name: str, value: Any) -> list[str]:
    """Return some texts that an operation matches."""
    subpatterns = _subpatterns(name, value)
    match name:
        case "LITERAL":
            return [chr(value)]
        case "NOT_LITERAL":
            return ["a" if value != ord("a") else "b"]
        case "ANY":
            return ["a"]
        case "IN":
            return [_letter_of_class(value)]
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            count = max(1, min(int(value[0]), 3))
            return [text * count for text in _example_texts(subpatterns[0])]
        case "BRANCH":
            texts = []
            for pattern in subpatterns:
                texts += _example_texts(pattern)[:1]
            return texts[:MAX_TEXTS]
        case "SUBPATTERN" | "ATOMIC_GROUP":
            return _example_texts(subpatterns[0])
    return [""]


def _letter_of_class(members: Any) -> str:
    """Return a letter that a character class matches."""
    for name, value in _operations(members):
        if name == "NEGATE":
            for letter in "a1/- é":
                if not _contains(members[1:], letter):
                    return letter
            return "a"
        if name == "LITERAL":
            return chr(value)
        if name == "RANGE":
            return chr(value[0])
        if name == "CATEGORY":
            return CATEGORY_EXAMPLES.get(str(value), "a")
    return "a"


def _contains(members: Any, letter: str) -> bool:
    """Return whether a character class contains a letter."""
    code = ord(letter)
    categories = {
        "CATEGORY_DIGIT": letter.isdigit(),
        "CATEGORY_SPACE": letter.isspace(),
        "CATEGORY_WORD": letter.isalnum(),
    }
    for name, value in _operations(members):
        if name == "LITERAL" and value == code:
            return True
        if name == "RANGE" and value[0] <= code <= value[1]:
            return True
        if name == "CATEGORY" and categories.get(str(value), False):
            return True
    return False
