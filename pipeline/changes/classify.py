"""Tell what a publication changed between two versions of a story, and how.

Differences of typography and lines that a page changes by itself are no changes. The cost is
bounded by that of `text_diff`, and versions that differ in nothing else need no comparison.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pipeline.changes import churn, phrases
from pipeline.changes.spelling import is_spelling
from pipeline.changes.text_diff import (
    ADDED,
    REMOVED,
    SAME,
    TOKEN,
    TextDiff,
    compare_texts,
    compare_titles,
)
from pipeline.core.changes.kinds import ChangeAspect, ChangeKind, Edit, Passage
from pipeline.core.changes.wording import has_same_wording, normalize_typography

# Of what this module makes of two versions. A new version needs a migration that marks the
# articles with several revisions: see `article.changes_pending`.
VERSION: Final = "1"
MAX_PASSAGES: Final = 5  # that are kept as evidence
MAX_PASSAGE_LETTERS: Final = 300
MAX_TYPOS: Final = 3  # in one change
MAX_NUMBER_TOKENS: Final = 400  # of replaced passages that are compared number by number
MAX_CONTEXT_LETTERS: Final = 120  # of the sentence on each side of what changed in it
DIGIT: Final = re.compile(r"\d")
SENTENCE_END: Final = re.compile(r"[.!?…。！？؟]+[\"')»\]]*(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class StoryVersion:
    """The title and the text of a story at one time."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class _Replacement:
    """A passage that was replaced, with the end of what stands before it in the paragraph."""

    before: str
    after: str
    context: str = ""


def find_edits(old: StoryVersion, new: StoryVersion) -> tuple[Edit, ...]:
    """Return what differs between two versions of a story: the title, the text, or both.

    Nothing is returned where they differ only in typography or in what a page changes by itself,
    such as a counter of views.
    """
    edits: list[Edit] = []
    if old.title and new.title and not has_same_wording(old.title, new.title):
        edits.append(_title_edit(old.title, new.title))
    old_lines, new_lines = _edited_lines(old), _edited_lines(new)
    if old_lines != new_lines:
        edits.append(_text_edit(old_lines, new_lines))
    return tuple(edits)


def _title_edit(old: str, new: str) -> Edit:
    diff = compare_titles(normalize_typography(old), normalize_typography(new))
    passage = Passage(_shorten(old), _shorten(new))
    kind, aspect = ChangeKind.TITLE, ChangeAspect.TITLE
    return Edit(aspect, kind, diff.removed_words, diff.added_words, (passage,))


def _edited_lines(version: StoryVersion) -> list[str]:
    """Return the lines that editors wrote, with uniform typography and without the headline."""
    lines: list[str] = []
    title = normalize_typography(version.title)
    for number, line in enumerate(version.text.split("\n")):
        plain = churn.without_churn(normalize_typography(line))
        if plain and not (number == 0 and plain == title):
            lines.append(plain)
    return lines


def _text_edit(old: Sequence[str], new: Sequence[str]) -> Edit:
    diff = compare_texts("\n".join(old), "\n".join(new))
    note = _correction_note(old, new)
    replacements = list(_replacements(diff))
    kind, evidence = ChangeKind.TEXT, replacements
    if note:
        kind, evidence = ChangeKind.CORRECTION, [_Replacement("", note)]
    elif diff.is_truncated:
        evidence = list(_changed_sentences(diff))
    elif _only_numbers_differ(replacements):
        kind = ChangeKind.NUMBER
    elif len(replacements) <= MAX_TYPOS and all(map(_is_typo, replacements)):
        kind = ChangeKind.TYPO
    else:
        evidence = list(_changed_sentences(diff))
    passages = tuple(map(_passage, evidence[:MAX_PASSAGES]))
    return Edit(ChangeAspect.TEXT, kind, diff.removed_words, diff.added_words, passages)


def _correction_note(old: Sequence[str], new: Sequence[str]) -> str:
    """Return the first note about a mistake that only the new version has, or ""."""
    known = set(old)
    before = "\n".join(old)
    for line in new:
        if line in known:
            continue
        if phrases.CORRECTION_LABEL.match(line):
            return line
        sentence = phrases.CORRECTION_SENTENCE.search(line)
        if sentence and sentence[0].casefold() not in before.casefold():
            return line[max(0, line.rfind(". ", 0, sentence.start()) + 1) :].strip()
    return ""


def _replacements(diff: TextDiff) -> Iterator[_Replacement]:
    """Yield the changed passages in reading order; one side is "" where there is only the other."""
    for parts in diff.paragraphs:
        context = before = ""
        for part, following in pairwise((*parts, None)):
            assert part is not None
            if part.kind == SAME:
                context = part.text
            elif part.kind == ADDED:
                yield _Replacement(before, part.text, context)
                before = ""
            elif following is not None and following.kind == ADDED:
                before = part.text
            else:
                yield _Replacement(part.text, "", context)


def _only_numbers_differ(replacements: Sequence[_Replacement]) -> bool:
    """Tell whether the passages are the same but for their numbers."""
    if not replacements:
        return False
    for replacement in replacements:
        old, new = _tokens(replacement.before), _tokens(replacement.after)
        if max(len(old), len(new)) > MAX_NUMBER_TOKENS or old == new:
            return False
        if not any(map(_is_number, old)) or _without_numbers(old) != _without_numbers(new):
            return False
    return True


def _tokens(text: str) -> list[str]:
    return [token for token in TOKEN.findall(text) if not token.isspace()]


def _is_number(token: str) -> bool:
    return bool(DIGIT.search(token) or phrases.MAGNITUDES.fullmatch(token))


def _without_numbers(tokens: Sequence[str]) -> list[str]:
    """Return tokens with one sign in the place of each number, and of numbers side by side."""
    masked: list[str] = []
    for token in tokens:
        if not _is_number(token):
            masked.append(token)
        elif not masked or masked[-1] != "0":
            masked.append("0")
    return masked


def _is_typo(replacement: _Replacement) -> bool:
    tokens = (*_tokens(replacement.before), *_tokens(replacement.after))
    if any(map(_is_number, tokens)):
        return False
    return is_spelling(replacement.before, replacement.after, replacement.context)


def _passage(replacement: _Replacement) -> Passage:
    return Passage(_shorten(replacement.before), _shorten(replacement.after))


def _changed_sentences(diff: TextDiff) -> Iterator[_Replacement]:
    """Yield the sentences that changed in each paragraph, as they were and as they are."""
    for parts in diff.paragraphs:
        changed = [number for number, part in enumerate(parts) if part.kind != SAME]
        if not changed:
            continue
        first, last = changed[0], changed[-1]
        start = _last_sentence("".join(part.text for part in parts[:first]))
        end = _first_sentence("".join(part.text for part in parts[last + 1 :]))
        middle = parts[first : last + 1]
        before = "".join(part.text for part in middle if part.kind != ADDED)
        after = "".join(part.text for part in middle if part.kind != REMOVED)
        if start or end or (before and after):
            before, after = f"{start}{before}{end}", f"{start}{after}{end}"
        yield _Replacement(before, after)


def _last_sentence(text: str) -> str:
    """Return what follows the last end of a sentence, at most some words of it."""
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    rest = text[ends[-1] :] if ends else text
    if len(rest) <= MAX_CONTEXT_LETTERS:
        return rest
    return "…" + rest[rest.find(" ", len(rest) - MAX_CONTEXT_LETTERS) :]


def _first_sentence(text: str) -> str:
    match = SENTENCE_END.search(text)
    rest = text[: match.end()] if match else text
    if len(rest) <= MAX_CONTEXT_LETTERS:
        return rest
    return rest[: rest.rfind(" ", 0, MAX_CONTEXT_LETTERS)] + "…"


def _shorten(text: str) -> str:
    text = text.strip()
    if len(text) <= MAX_PASSAGE_LETTERS:
        return text
    return f"{text[: MAX_PASSAGE_LETTERS - 1].rstrip()}…"
