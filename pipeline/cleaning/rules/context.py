"""What a Rule is given: the lines of a Draft with all that is known of them, and which are struck so far.

Promises frozen values, and that everything dear (folding, counting) is worked out once for all rules.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from pipeline.cleaning.boilerplate_keys import normalize_line
from pipeline.config.site import CleaningOptions
from pipeline.core.models import Block, BlockKind, LineStats

NOTHING = LineStats()
ENDS = re.compile(r"[.!?…。！？।؟۔]['\"”’»›」』)\]*]*$")
SENTENCE = re.compile(r"[.!?…。！？।؟۔]['\"”’»›」』)\]]*(?=\s|$)")


class TextLine(NamedTuple):
    """One Block with what rules ask of it: a tuple, since nothing else is made as often."""

    index: int  # type: ignore[assignment]  # of the Block; nobody asks this tuple where a value stands in it
    block: Block
    stats: LineStats
    normalized: str
    words: int
    text: str
    kind: BlockKind
    link_share: float  # of the text that is linked
    ends_sentence: bool  # as a sentence does
    is_prose: bool  # the story being told: a sentence of some length that is no link


@dataclass(frozen=True)
class RuleContext:
    """A Draft as the rules see it."""

    lines: tuple[TextLine, ...]
    title: str
    normalized_titles: tuple[str, ...]  # folded spellings of the title
    language: str
    cleaning: CleaningOptions
    authors: tuple[str, ...] = ()
    removed: frozenset[int] = frozenset()
    rule_by_index: Mapping[int, str] | None = (
        None  # rule that struck an index: evidence for the lines around it
    )

    @cached_property
    def kept(self) -> tuple[TextLine, ...]:
        """The lines that are not struck so far."""
        return tuple(line for line in self.lines if line.index not in self.removed)

    @cached_property
    def words(self) -> int:
        """Words of the lines that are kept so far."""
        return sum(line.words for line in self.kept)

    @cached_property
    def last_prose(self) -> int:
        """Index of the last line that tells the story; -1 where none does."""
        return max((line.index for line in self.kept if line.is_prose), default=-1)

    def rule_of(self, index: int) -> str:
        """The rule that struck a line; "" for a line that is kept."""
        return (self.rule_by_index or {}).get(index, "")

    def with_removed(self, strikes: Mapping[int, str]) -> RuleContext:
        """The same with more lines struck."""
        if not strikes:
            return self
        return replace(
            self, removed=self.removed | strikes.keys(), rule_by_index={**(self.rule_by_index or {}), **strikes}
        )


def make_lines(blocks: Iterable[Block], facts: Mapping[int, LineStats]) -> tuple[TextLine, ...]:
    """The lines of some Blocks, each with its Fact."""
    return tuple(_line(index, block, facts) for index, block in enumerate(blocks))


def _line(index: int, block: Block, facts: Mapping[int, LineStats]) -> TextLine:
    text, kind, share = block.text, block.kind, block.link_share
    words, folded, key = normalize_line(text)
    ends = _ends(text)
    is_prose = (
        share <= 0.6 and kind is not BlockKind.HEADING and (words >= 30 or (words >= 8 and ends))
    )
    fact = facts.get(key, NOTHING) if folded else NOTHING
    return TextLine(index, block, fact, folded, words, text, kind, share, ends, is_prose)


def _ends(text: str) -> bool:
    """Whether a line ends as a sentence does. Most that do not end in a letter."""
    return not text[-1:].isalnum() and ENDS.search(text[-12:]) is not None


@lru_cache(maxsize=256)
def plain_words(text: str) -> str:
    """Letters and digits of a text in lower case, for comparing wordings."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))
