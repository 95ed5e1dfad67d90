"""What a Rule is given: the lines of a Draft with all that is known of them, and which are struck so far.

Promises frozen values, and that everything dear (folding, counting, scripts) is worked out once for all
rules.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pipeline.memory import MAX_CHARS, MAX_TOKENS, count, fold, key_of
from pipeline.model import Block, BlockKind, Fact
from pipeline.sites import Cleaning

NOTHING = Fact()
ENDS = re.compile(r"[.!?…。！？।؟۔]['\"”’»›」』)\]*]*$")
SENTENCE = re.compile(r"[.!?…。！？।؟۔]['\"”’»›」』)\]]*(?=\s|$)")
SCRIPT_RANGES = (
    ("latin", "A-Za-z\u00c0-\u024f\u1e00-\u1eff"), ("cyrillic", "\u0400-\u052f"), ("greek", "\u0370-\u03ff\u1f00-\u1fff"),
    ("arabic", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc"), ("hebrew", "\u05d0-\u05ea"),
    ("cjk", "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"), ("hangul", "\uac00-\ud7af"), ("devanagari", "\u0900-\u097f"),
    ("armenian", "\u0530-\u058f"), ("georgian", "\u10a0-\u10ff"), ("thai", "\u0e00-\u0e7f"),
)  # fmt: skip
SCRIPTS = tuple((name, re.compile(f"[{letters}]+")) for name, letters in SCRIPT_RANGES)
SCRIPT_SAMPLE = 200  # characters of a line that are looked at


@dataclass(frozen=True)
class Line:
    """One Block with what rules ask of it."""

    index: int
    block: Block
    fact: Fact
    folded: str
    words: int

    @property
    def text(self) -> str:
        """The Block's text."""
        return self.block.text

    @property
    def kind(self) -> BlockKind:
        """The Block's kind."""
        return self.block.kind

    @property
    def share(self) -> float:
        """Share of the text that is linked."""
        return self.block.link_share

    @cached_property
    def ends(self) -> bool:
        """Whether the line ends as a sentence does."""
        return ENDS.search(self.text[-12:]) is not None

    @cached_property
    def is_prose(self) -> bool:
        """Whether this is the story being told: a sentence of some length that is no link."""
        if self.share > 0.6 or self.kind is BlockKind.HEADING:
            return False
        return (self.ends and self.words >= 8) or self.words >= 30

    @cached_property
    def scripts(self) -> Counter[str]:
        """Letters of the line by script."""
        sample = self.text[:SCRIPT_SAMPLE]
        found = ((name, sum(map(len, letters.findall(sample)))) for name, letters in SCRIPTS[: 1 if sample.isascii() else None])
        return Counter({name: number for name, number in found if number})


@dataclass(frozen=True)
class Reading:
    """A Draft as the rules see it."""

    lines: tuple[Line, ...]
    title: str
    titles: tuple[str, ...]  # folded spellings of the title
    language: str
    cleaning: Cleaning
    struck: frozenset[int] = frozenset()
    by_rule: Mapping[int, str] | None = None  # rule that struck an index: evidence for the lines around it

    @cached_property
    def kept(self) -> tuple[Line, ...]:
        """The lines that are not struck so far."""
        return tuple(line for line in self.lines if line.index not in self.struck)

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
        return (self.by_rule or {}).get(index, "")

    def after(self, strikes: Mapping[int, str]) -> Reading:
        """The same with more lines struck."""
        if not strikes:
            return self
        return replace(self, struck=self.struck | strikes.keys(), by_rule={**(self.by_rule or {}), **strikes})


def lines_of(blocks: Iterable[Block], facts: Mapping[int, Fact]) -> tuple[Line, ...]:
    """The lines of some Blocks, each with its Fact."""
    return tuple(_line(index, block, facts) for index, block in enumerate(blocks))


def _line(index: int, block: Block, facts: Mapping[int, Fact]) -> Line:
    words = count(block.text)
    if len(block.text) > MAX_CHARS or not 0 < words <= MAX_TOKENS:
        return Line(index, block, NOTHING, "", words)
    folded = fold(block.text)
    fact = facts.get(key_of(folded), NOTHING) if facts else NOTHING
    return Line(index, block, fact, folded, words)


def plain(text: str) -> str:
    """Letters and digits of a text in lower case, for comparing wordings."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))
