"""What a rule is given: the lines of a page with all that is known of them, and what is removed.

The values are frozen. Everything costly (normalizing, counting) is computed once for all rules.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

from pipeline.cleaning.boilerplate_keys import normalize_line
from pipeline.config.site import CleaningOptions
from pipeline.core.models import Block, BlockKind, LineStats

NO_STATS = LineStats()
SENTENCE_END = re.compile(r"[.!?…。！？।؟۔]['\"”’»›」』)\]*]*$")
WORD = re.compile(r"\w+")
MAX_PROSE_LINK_SHARE = 0.6
MIN_PROSE_WORDS, MIN_SENTENCE_WORDS = 30, 8

Removals = Iterator[tuple[int, str]]  # index of a line, and the reason in words


class TextLine(NamedTuple):
    """One block with all that rules need of it. A tuple: nothing else is created as often."""

    index: int  # type: ignore[assignment]  # of the block; it hides the method of tuples
    block: Block
    stats: LineStats
    normalized: str
    words: int
    text: str
    kind: BlockKind
    link_share: float  # of the text
    ends_sentence: bool
    is_prose: bool  # the story: a sentence of some length that is no link


@dataclass(frozen=True)
class RuleContext:
    """A page as the rules see it.

    Attributes:
        lines: All lines, in reading order.
        title: The title of the story.
        normalized_titles: All spellings of the title, normalized.
        language: The language of the story.
        cleaning: The options of the site.
        authors: The names of the authors.
        parts: The part in which each line stands, if the story has several pages.
        removed: Indexes of the lines that rules have removed so far.
        rule_by_index: The rule that removed a line: evidence for the lines around it.
    """

    lines: tuple[TextLine, ...]
    title: str
    normalized_titles: tuple[str, ...]
    language: str
    cleaning: CleaningOptions
    authors: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()
    removed: frozenset[int] = frozenset()
    rule_by_index: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def kept(self) -> tuple[TextLine, ...]:
        """Return the lines that no rule has removed so far."""
        return tuple([line for line in self.lines if line.index not in self.removed])

    @cached_property
    def prose(self) -> tuple[TextLine, ...]:
        """Return the kept lines that tell the story."""
        return tuple([line for line in self.kept if line.is_prose])

    @cached_property
    def text(self) -> str:
        """Return the kept lines as one text."""
        return "\n".join([line.text for line in self.kept])

    @cached_property
    def words(self) -> int:
        """Return the number of words of the kept lines."""
        return sum_words(self.kept)

    @cached_property
    def last_prose(self) -> int:
        """Return the index of the last kept line of prose; -1 where there is none."""
        return self.prose[-1].index if self.prose else -1

    def rule_of(self, index: int) -> str:
        """Return the name of the rule that removed a line; "" for a line that is kept."""
        return self.rule_by_index.get(index, "")

    def with_removed(self, rule_by_index: Mapping[int, str]) -> RuleContext:
        """Return the same page with more lines removed."""
        if not rule_by_index:
            return self
        return replace(
            self,
            removed=self.removed | rule_by_index.keys(),
            rule_by_index={**self.rule_by_index, **rule_by_index},
        )


def sum_words(lines: Iterable[TextLine]) -> int:
    """Return the number of words of some lines."""
    return sum(line.words for line in lines)


def make_lines(
    blocks: Iterable[Block], line_stats: Mapping[int, LineStats]
) -> tuple[TextLine, ...]:
    """Return the lines of some blocks.

    Args:
        blocks: The blocks of a page.
        line_stats: What other pages of the site show, by line key.
    """
    return tuple([_make_line(index, block, line_stats) for index, block in enumerate(blocks)])


def _make_line(index: int, block: Block, line_stats: Mapping[int, LineStats]) -> TextLine:
    text, kind, link_share = block.text, block.kind, block.link_share
    words, normalized, key = normalize_line(text)
    ends_sentence = _ends_sentence(text)
    is_prose = (
        link_share <= MAX_PROSE_LINK_SHARE
        and kind is not BlockKind.HEADING
        and (words >= MIN_PROSE_WORDS or (words >= MIN_SENTENCE_WORDS and ends_sentence))
    )
    stats = line_stats.get(key, NO_STATS) if normalized else NO_STATS
    return TextLine(
        index, block, stats, normalized, words, text, kind, link_share, ends_sentence, is_prose
    )


def _ends_sentence(text: str) -> bool:
    # Most lines that end no sentence end in a letter, which costs no search.
    return not text[-1:].isalnum() and SENTENCE_END.search(text[-12:]) is not None


@lru_cache(maxsize=256)
def plain_words(text: str) -> str:
    """Return the words of a text in lower case, without punctuation, to compare wordings."""
    return " ".join(WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
