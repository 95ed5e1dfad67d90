"""Word-by-word comparison of two revisions, shown as one text.

The cost is bounded for all inputs: texts that are too long to compare word by word are compared
paragraph by paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from pipeline.core.models import count_words

SAME, REMOVED, ADDED = "same", "removed", "added"
# A token is a word, a number with its separators (9,4 or 1 000.50 or 12:30), white space or a
# punctuation mark; a CJK character is a word of its own.
TOKEN = re.compile(
    "[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\\d+(?:[.,:'’\u00a0\u202f]\\d+)+|\\w+|\\s+|[^\\w\\s]"
)
WORD_LETTER = re.compile(r"\w")
MAX_LINES = 2000  # of a text; the rest is left out
MAX_PARAGRAPH_TOKENS = 1000
MAX_TOKENS = 12_000  # of all paragraphs that are compared word by word
MIN_TITLE_SIMILARITY = 0.25  # from this ratio on, a headline is shown as an edited one
MIN_SIMILARITY = 0.4  # from this ratio on, one paragraph counts as the edited other one
MAX_ALIGNED = 30  # adjacent paragraphs that are paired by similarity
MAX_SIMILARITY_LETTERS = 2000  # of a paragraph, when two are compared for similarity


@dataclass(frozen=True, slots=True)
class DiffPart:
    """Adjacent words that are the same, removed or added."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class TextDiff:
    """The paragraphs in reading order as parts, and how many words were removed and added."""

    paragraphs: tuple[tuple[DiffPart, ...], ...]
    removed_words: int
    added_words: int
    is_truncated: bool  # whether the texts were too long to show whole

    def changed_paragraphs(self, context: int) -> Iterator[tuple[DiffPart, ...] | None]:
        """Yield the paragraphs that changed with some before and after them.

        Args:
            context: How many unchanged paragraphs to show beside a changed one.

        Yields:
            The paragraphs, and None in the place of those that are left out.
        """
        wanted = set[int]()
        for number, parts in enumerate(self.paragraphs):
            if any(part.kind != SAME for part in parts):
                wanted.update(range(number - context, number + context + 1))
        last = -1
        for number, parts in enumerate(self.paragraphs):
            if number in wanted:
                if number != last + 1:
                    yield None
                yield parts
                last = number
        if wanted and last < len(self.paragraphs) - 1:
            yield None


def compare_texts(old: str, new: str) -> TextDiff:
    """Compare two texts of one paragraph per line."""
    old_lines, new_lines = old.split("\n"), new.split("\n")
    is_truncated = max(len(old_lines), len(new_lines)) > MAX_LINES
    paragraphs = tuple(_paragraphs(old_lines[:MAX_LINES], new_lines[:MAX_LINES]))
    removed = added = 0
    for parts in paragraphs:
        for part in parts:
            if part.kind == REMOVED:
                removed += count_words_of(part.text)
            elif part.kind == ADDED:
                added += count_words_of(part.text)
    return TextDiff(paragraphs, removed, added, is_truncated)


def compare_titles(old: str, new: str) -> TextDiff:
    """Compare two headlines word by word, if they share enough words for that to be readable."""
    old_tokens, new_tokens = TOKEN.findall(old), TOKEN.findall(new)
    if max(len(old_tokens), len(new_tokens)) > MAX_PARAGRAPH_TOKENS or not (old and new):
        return compare_texts(old, new)
    if SequenceMatcher(None, old.split(), new.split()).ratio() < MIN_TITLE_SIMILARITY:
        return compare_texts(old, new)
    parts = tuple(_word_parts(old_tokens, new_tokens))
    removed = sum(count_words_of(part.text) for part in parts if part.kind == REMOVED)
    added = sum(count_words_of(part.text) for part in parts if part.kind == ADDED)
    return TextDiff((parts,), removed, added, is_truncated=False)


def count_words_of(passage: str) -> int:
    """Count the words of a passage. A number with its separators is one, punctuation is none."""
    if not WORD_LETTER.search(passage):
        return 0
    words = filter(WORD_LETTER.search, passage.replace("\u00a0", "").split())
    return count_words(" ".join(words))


def _paragraphs(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[DiffPart, ...]]:
    tokens_left = MAX_TOKENS
    for kind, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes():
        if kind == "equal":
            for line in old[a:b]:
                yield (DiffPart(SAME, line),)
            continue
        for before, after in _paragraph_pairs(old[a:b], new[c:d]):
            if not after:
                yield (DiffPart(REMOVED, before),)
                continue
            if not before:
                yield (DiffPart(ADDED, after),)
                continue
            old_tokens, new_tokens = TOKEN.findall(before), TOKEN.findall(after)
            tokens_left -= len(old_tokens) + len(new_tokens)
            if tokens_left < 0 or max(len(old_tokens), len(new_tokens)) > MAX_PARAGRAPH_TOKENS:
                yield (DiffPart(REMOVED, before), DiffPart(ADDED, after))
            else:
                yield tuple(_word_parts(old_tokens, new_tokens))


def _paragraph_pairs(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pair paragraphs with their edited versions, or with "" if there is none."""
    if max(len(old), len(new)) > MAX_ALIGNED:
        yield from zip_longest(old, new, fillvalue="")
        return
    start = 0
    for before in old:
        match = _first_similar(before, new, start)
        if match is None:
            yield before, ""
            continue
        for line in new[start:match]:
            yield "", line
        yield before, new[match]
        start = match + 1
    for line in new[start:]:
        yield "", line


def _first_similar(before: str, new: Sequence[str], start: int) -> int | None:
    for index in range(start, len(new)):
        if _is_similar(before, new[index]):
            return index
    return None


def _is_similar(old: str, new: str) -> bool:
    old_words = old[:MAX_SIMILARITY_LETTERS].split()
    new_words = new[:MAX_SIMILARITY_LETTERS].split()
    matcher = SequenceMatcher(None, old_words, new_words)
    return matcher.real_quick_ratio() > MIN_SIMILARITY and matcher.quick_ratio() > MIN_SIMILARITY


def _word_parts(old: Sequence[str], new: Sequence[str]) -> Iterator[DiffPart]:
    """Compare tokens; a space between two changes becomes part of them."""
    removed = added = ""
    for kind, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes():
        same = "".join(old[a:b])
        if kind == "equal" and (same.strip() or not (removed or added)):
            yield from _change_parts(removed, added)
            yield DiffPart(SAME, same)
            removed = added = ""
        else:
            removed += same
            added += "".join(new[c:d])
    yield from _change_parts(removed, added)


def _change_parts(removed: str, added: str) -> Iterator[DiffPart]:
    if removed:
        yield DiffPart(REMOVED, removed)
    if added:
        yield DiffPart(ADDED, added)
