"""Lines of a page → numbers about each: what it is made of, where it stands, what stands around it, what the page declares.

Promises numbers that know no language and no site, in the order of NAMES, in time linear in the page. The same numbers are
learnt from and judged by, without the votes of an extractor or with them; who changes one of them trains again
(`tests/bench/train.py`) and raises the extractors' version.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log1p
from string import ascii_letters, ascii_uppercase, digits
from typing import Final

from pipeline.core.models import Metadata, count_words
from pipeline.extract.class_words import WORD_GROUPS, SUMMARY_WORDS, NOT_SUMMARY_WORDS
from pipeline.extract.text_lines import PageLine, PageLines, PageElement, Region, words_in_marks

FULL = re.compile(r"[.!?…。！？‽؟।۔](?:[\"'”’»」』)\]*]|\s|\[\d+\])*$")
WORD = re.compile(r"\w+")
QUOTE = re.compile('["“”«»„「」]')
CREDIT = re.compile(r"[©@|/»›•]|\bhttps?:|\bwww\.")
DIGITS = re.compile(r"\d+")
CAPITALS, DECIMALS, LETTERS = ascii_uppercase.encode(), digits.encode(), ascii_letters.encode()
LOOKED_AT: Final = 600  # characters of a line that are looked at one by one
AWAY: Final = 30.0  # lines; further away is all the same
SEARCHED: Final = 200_000  # letters of an extractor's text in which parts of lines are looked for
LOST: Final = 20.0  # steps to a place that shares nothing with the story's core
HEADLINE, SHORT = 8, 60  # letters of a title that is one; words of a line that may be one
OUT_OF_STORY = Region.HIDDEN | Region.NAV | Region.FOOTER
AFTER_TITLE, SUMMARY, FEW = (
    12,
    4,
    3,
)  # lines behind the title; words of a summary; lines of a box that holds nothing else
FLAGS = {
    "heading": Region.HEADING, "aside": Region.ASIDE, "nav": Region.NAV, "footer": Region.FOOTER, "item": Region.ITEM,
    "quote": Region.QUOTE, "figure": Region.FIGURE, "article": Region.ARTICLE, "main": Region.MAIN,
    "body_property": Region.BODY_PROPERTY, "hidden": Region.HIDDEN,
}  # fmt: skip
DEEP: Final = 4  # places above a line whose marks count, whatever they say; above them only what says that it is no story

FEATURE_NAMES: Final = (
    "log_words", "link_share", "full", "lower", "upper", "digits", "letters", "credit", "quote", "emphasis", "broken", "twice",
    *(f"in_{name}" for name in FLAGS),
    "depth", "place_prose", "up_prose", "up2_prose", "place_words", "up_words", "up_log_words", "place_link", "up_link",
    "up2_link", "steps", "below", "from_first", "from_last", "between", "from_title", "done", "like_prose", "like_ratio",
    "like_lines", "like_mean", "chosen", "chosen_share", "chosen_near", "place_chosen", "up_chosen", "up2_chosen",
    "title_overlap", "description", "author", "link_before", "link_after", "words_before", "words_after", "same_before",
    "same_after", "same_after2", "prose_before", "prose_after", *(f"near_{name}" for name in WORD_GROUPS),
    *(f"above_{name}" for name in WORD_GROUPS),
)  # fmt: skip


def letters_only(text: str) -> str:
    """Letters and digits alone, in lower case: how a line is compared with what an extractor or the page says."""
    return "".join(WORD.findall(text)).casefold()


class LineFeatures:
    """A page's lines with everything that is asked of more than one of them. No extractor has a vote before `hear`."""

    def __init__(self, pieces: PageLines, metadata: Metadata) -> None:
        self.elements, lines = pieces.elements, pieces.lines
        self.lines = lines
        self.words = words = [_words(p.text) for p in lines]
        self.share = share = [p.linked / len(p.text) for p in lines]
        self.full = [FULL.search(p.text[-14:]) is not None for p in lines]
        self.prose = prose = [
            _prose(p, w, s, e) for p, w, s, e in zip(lines, words, share, self.full, strict=True)
        ]
        self.letters = letters = [letters_only(p.text) for p in lines]
        self.twice = Counter(letters)
        self.votes = [0.0] * len(lines)
        self.chosen_share = 0.0
        self._sum()
        self.total_prose, self.total_words = sum(prose) or 1.0, sum(words) or 1.0
        _measure(pieces.elements, _core(lines, prose))
        self._group()
        inside = [i for i, p in enumerate(lines) if prose[i] and p.element.steps <= 1]
        self.first, self.last = (inside[0], inside[-1]) if inside else (0, len(lines) - 1)
        self.title, self.description = letters_only(metadata.title), letters_only(metadata.description)
        self.title_words = frozenset(WORD.findall(metadata.title.casefold()))
        self.authors = {letters_only(name) for name in metadata.authors if len(name) > 4}
        self.headline = self._headline()
        self.before = [0.0]  # words before each line
        for w in words:
            self.before.append(self.before[-1] + w)
        self._marks: dict[str, tuple[float, ...]] = {}
        self._above: dict[int, tuple[float, ...]] = {}

    def add_votes(self, chosen: ExtractorLines) -> None:
        """Counts the votes of an extractor."""
        self.votes = [chosen.vote(each) for each in self.letters]
        for p, w, vote in zip(self.lines, self.words, self.votes, strict=True):
            if vote:
                p.element.chosen_words += w
        for place in reversed(self.elements):  # children before parents
            if place.parent and place.chosen_words:
                place.parent.chosen_words += place.chosen_words
        self.chosen_share = (
            sum(w for w, v in zip(self.words, self.votes, strict=True) if v) / self.total_words
        )

    def _sum(self) -> None:
        for p, w, prose in zip(self.lines, self.words, self.prose, strict=True):
            place = p.element
            place.words += w
            place.prose += prose
            place.chars += len(p.text)
            place.linked += p.linked
            place.lines += 1
        for place in reversed(self.elements):  # children before parents
            if up := place.parent:
                up.words += place.words
                up.prose += place.prose
                up.chars += place.chars
                up.linked += place.linked
                up.lines += place.lines

    def _group(self) -> None:
        """Sums over lines that look alike to the page's style sheet: same element, same classes, same kind of parent."""
        self.alike = [_signature(p.element) for p in self.lines]
        self.groups: dict[tuple[str, ...], list[float]] = {}
        for key, w, prose in zip(self.alike, self.words, self.prose, strict=True):
            sums = self.groups.setdefault(key, [0.0, 0.0, 0.0])
            sums[0] += 1
            sums[1] += w
            sums[2] += prose

    def _headline(self) -> int:
        """Where the title stands; -1 where it does not."""
        found, title = -1, self.title
        for i, p in enumerate(self.lines):
            ours, is_h1 = self.letters[i], p.element.tag == "h1"
            if not title or len(ours) <= HEADLINE:
                continue
            if ours == title or (is_h1 and (title.startswith(ours) or ours.startswith(title))):
                found = i
                if is_h1:
                    break
        if found >= 0:
            return found
        return next(
            (i for i, p in enumerate(self.lines) if p.element.tag == "h1" and self.words[i] >= 3), -1
        )

    def is_far(self, i: int) -> bool:
        """Whether a line stands too far from the story to be looked at: half of all lines do, and hardly one of a story."""
        if self.votes[i]:
            return False
        return i - self.first <= -AWAY or i - self.last >= AWAY or self.lines[i].element.steps >= LOST

    def is_summary(self, i: int) -> bool:
        """Whether a line between headline and story is marked or declared as the story's summary."""
        if (
            not (self.headline >= 0 and 0 < i - self.headline <= AFTER_TITLE and i <= self.first)
            or self.words[i] < SUMMARY
        ):
            return False
        if self._in_description(i):
            return True
        piece = self.lines[i]
        marks = words_in_marks(piece.inline_marks) | words_in_marks(piece.element.marks)
        up = piece.element.parent
        if up is not None and up.lines <= FEW:  # the mark may be that of a box around it
            marks |= words_in_marks(up.marks)
        return not SUMMARY_WORDS.isdisjoint(marks) and NOT_SUMMARY_WORDS.isdisjoint(marks)

    def features(self, i: int) -> list[float]:
        """The numbers about one line."""
        p, words, share, n = self.lines[i], self.words, self.share, len(self.lines)
        text, place = p.text[:LOOKED_AT], p.element
        up = place.parent or place
        up2 = up.parent or up
        like = self.groups[self.alike[i]]
        before, after, within = i - 1, i + 1, place.regions
        near = self._near(p)
        return [
            log1p(words[i]), share[i], self.full[i], text[0].islower(), *_shares(text), CREDIT.search(text) is not None,
            QUOTE.search(text) is not None, p.emphasis / len(p.text), p.is_after_break, self.twice[self.letters[i]] > 1,
            *[within & flag != 0 for flag in _BITS],
            place.depth, place.prose / self.total_prose, up.prose / self.total_prose, up2.prose / self.total_prose,
            place.words / self.total_words, up.words / self.total_words, log1p(up.words), place.linked / (place.chars + 1),
            up.linked / (up.chars + 1), up2.linked / (up2.chars + 1), place.steps, place.below,
            _cut(i - self.first), _cut(i - self.last), self.first <= i <= self.last,
            _cut(i - self.headline) if self.headline >= 0 else AWAY + 1, self.before[i] / self.total_words,
            like[2] / self.total_prose, like[2] / (like[1] + 1), log1p(like[0]), like[1] / like[0],
            *_UNHEARD,
            self.overlap(i), self._in_description(i), words[i] < 15 and any(name in self.letters[i] for name in self.authors),
            share[before] if i else 0.0, share[after] if after < n else 0.0,
            log1p(words[before]) if i else 0.0, log1p(words[after]) if after < n else 0.0,
            i > 0 and self.lines[before].element.parent is place.parent,
            after < n and self.lines[after].element.parent is place.parent,
            i + 2 < n and self.lines[i + 2].element.parent is place.parent,
            sum(self.prose[max(0, i - 4) : i]), sum(self.prose[i + 1 : i + 5]),
            *near, *self._far(place),
        ]  # fmt: skip

    def with_votes(self, i: int, row: list[float]) -> list[float]:
        """The same numbers about a line with those of the votes in their place."""
        place, vote = self.lines[i].element, self.votes
        up = place.parent or place
        up2 = up.parent or up
        row[VOTE_FEATURES] = (
            vote[i], self.chosen_share, sum(vote[max(0, i - 2) : i]) + sum(vote[i + 1 : i + 3]),
            place.chosen_words / (place.words + 1), up.chosen_words / (up.words + 1), up2.chosen_words / (up2.words + 1),
        )  # fmt: skip
        return row

    def overlap(self, i: int) -> float:
        """Share of its words that a short line has in common with the title."""
        if self.words[i] > SHORT or not self.title_words:
            return 0.0
        ours = frozenset(WORD.findall(self.lines[i].text[:LOOKED_AT].casefold()))
        return len(ours & self.title_words) / max(len(ours), len(self.title_words)) if ours else 0.0

    def _in_description(self, i: int) -> float:
        ours, declared = self.letters[i], self.description
        return float(ours in declared or declared in ours) if declared and len(ours) > 20 else 0.0

    def _near(self, p: PageLine) -> tuple[float, ...]:
        place, inner = self._said(p.element.marks), p.inline_marks
        return tuple(map(max, place, self._said(inner))) if inner else place

    def _far(self, place: PageElement) -> tuple[float, ...]:
        known = self._above.get(id(place))
        if known is None:
            found, above, steps = _NOTHING, place.parent, 0
            while above is not None and steps < DEEP:
                found = tuple(map(max, found, self._said(above.marks)))
                above, steps = above.parent, steps + 1
            known = self._above[id(place)] = found
        return known

    def _said(self, marks: str) -> tuple[float, ...]:
        known = self._marks.get(marks)
        if known is None:
            words = words_in_marks(marks)
            known = self._marks[marks] = tuple(
                [float(not words.isdisjoint(group)) for group in WORD_GROUPS.values()]
            )
        return known


_UNHEARD = (0.0,) * 6
VOTE_FEATURES = slice(FEATURE_NAMES.index("chosen"), FEATURE_NAMES.index("up2_chosen") + 1)
_BITS = tuple(FLAGS.values())
_NOTHING = (0.0,) * len(WORD_GROUPS)


class ExtractorLines:
    """The lines that an extractor chose, ready to be asked for one."""

    def __init__(self, texts: Sequence[str]) -> None:
        lines = [letters_only(text) for text in texts]
        self._lines, self._whole = frozenset(lines), "\n".join(lines)[:SEARCHED]

    def vote(self, letters: str) -> float:
        """1.0 for a line of its own, 0.9 for a part of one, 0.0 for what was left out."""
        if not letters:
            return 0.0
        if letters in self._lines:
            return 1.0
        return 0.9 if len(letters) >= 20 and letters in self._whole else 0.0


def _shares(text: str) -> tuple[float, float, float]:
    """Shares of capital letters, digits and letters."""
    size = len(text)
    if text.isascii():  # by way of bytes, which costs a twentieth
        packed = text.encode()
        capitals, decimals = (
            size - len(packed.translate(None, CAPITALS)),
            size - len(packed.translate(None, DECIMALS)),
        )
        return (
            capitals / size,
            decimals / size,
            (size - len(packed.translate(None, LETTERS))) / size,
        )
    return (
        sum(map(str.isupper, text)) / size,
        sum(map(str.isdigit, text)) / size,
        sum(map(str.isalpha, text)) / size,
    )


def _words(text: str) -> float:
    return len(text.split()) if text.isascii() else count_words(text)


def _prose(p: PageLine, words: float, share: float, full: bool) -> float:
    if share >= 0.5 or p.element.regions & Region.HEADING:
        return 0.0
    return words if (full and words >= 8) or words >= 25 else 0.0


def _core(lines: Sequence[PageLine], prose: Sequence[float]) -> PageElement | None:
    """The place that holds most of the prose nearest to itself."""
    scores: dict[PageElement, float] = {}
    for p, words in zip(lines, prose, strict=True):
        if not words or p.element.regions & OUT_OF_STORY:
            continue
        place: PageElement | None = (
            p.element if p.element.tag not in ("p", "li", "td", "blockquote") else p.element.parent
        )
        for factor in (1.0, 0.5, 0.25):
            if place is None:
                break
            scores[place] = scores.get(place, 0.0) + min(words, 100.0) * factor
            place = place.parent
    return max(
        scores,
        key=lambda place: scores[place] * (1 - place.linked / (place.chars + 1)),
        default=None,
    )


def _measure(places: Sequence[PageElement], core: PageElement | None) -> None:
    """How far each place is from the core: steps up from the core, and then down."""
    chain: dict[PageElement, float] = {}
    while core is not None:
        chain[core] = float(len(chain))
        core = core.parent
    for place in places:  # parents before children
        if place in chain:
            place.steps, place.below = chain[place], 0.0
        elif place.parent is not None:
            place.steps, place.below = place.parent.steps, place.parent.below + 1
        else:
            place.steps, place.below = LOST, 1.0


def _signature(place: PageElement) -> tuple[str, ...]:
    up = place.parent
    own = DIGITS.sub("", place.marks[:60])
    return (
        (place.tag, own, up.tag, DIGITS.sub("", up.marks[:60])) if up else (place.tag, own, "", "")
    )


def _cut(distance: int) -> float:
    return max(-AWAY, min(AWAY, float(distance)))
