"""The rule about copies: some pages send their story once for each kind of screen or for print.

Short lines, questions, items and product names may return on purpose. Several sentences in a row do
not, and a long one does not.
"""

from __future__ import annotations

from pipeline.cleaning.boilerplate_keys import normalize_text
from pipeline.cleaning.rules.context import Removals, RuleContext, TextLine
from pipeline.core.models import BlockKind

MIN_LETTERS = 40  # of a line that counts as a sentence
MIN_LONE_WORDS = 15  # of a repeated sentence between lines that are new
MIN_RUN_WORDS = 40  # of the repeated sentences of a run
MIN_JOINED_LETTERS = 400  # of a line that holds several others
MIN_JOINED_COPIES = 3  # lines that it holds
MIN_JOINED_SHARE = 0.9  # of its letters
MAX_JOINED_LINES = 5  # that are looked into
ONCE_OR_MORE = {BlockKind.ITEM, BlockKind.HEADING, BlockKind.TABLE, BlockKind.CODE}


def copy(context: RuleContext) -> Removals:
    """Find sentences that stand above in the same text, and all lines between two of them."""
    first_of: dict[str, TextLine] = {}
    run: list[TextLine] = []  # repeated lines since the last new sentence
    for line in context.kept:
        text = line.normalized or normalize_text(line.text)
        is_repeated = first_of.setdefault(text, line) is not line
        if is_repeated:
            run.append(line)
        elif _is_sentence(line):
            yield from _copies_in(run)
            run.clear()
    yield from _copies_in(run)
    yield from _joined_copies(first_of)


def _is_sentence(line: TextLine) -> bool:
    return line.is_prose and line.ends_sentence and len(line.text) >= MIN_LETTERS


def _copies_in(run: list[TextLine]) -> Removals:
    """Find the copies in a run of repeated lines, from its first sentence to its last."""
    sentences = [number for number, line in enumerate(run) if _is_sentence(line)]
    if len(sentences) == 1:
        is_copy = not _may_return(run[sentences[0]])
    else:
        is_copy = sum(run[number].words for number in sentences) >= MIN_RUN_WORDS
    if is_copy:
        for line in run[sentences[0] : sentences[-1] + 1]:
            yield line.index, "the same text stands above"


def _may_return(line: TextLine) -> bool:
    is_question = line.text.rstrip("\"'”’»›」』)").endswith(("?", "？", "؟"))
    return line.words < MIN_LONE_WORDS or line.kind in ONCE_OR_MORE or is_question


def _joined_copies(first_of: dict[str, TextLine]) -> Removals:
    """Find long lines that hold nothing but the lines above them."""
    above: list[str] = []
    looked_into = 0
    for text, line in first_of.items():
        if len(text) >= MIN_JOINED_LETTERS and looked_into < MAX_JOINED_LINES and above:
            looked_into += 1
            if _is_joined(text, above):
                yield line.index, "its sentences stand above"
                continue
        if len(text) >= MIN_LETTERS:
            above.append(text)


def _is_joined(text: str, above: list[str]) -> bool:
    rest = text
    for other in above:
        rest = rest.replace(other, "\0")
    has_many = rest.count("\0") >= MIN_JOINED_COPIES
    return has_many and len(rest) <= (1 - MIN_JOINED_SHARE) * len(text)
