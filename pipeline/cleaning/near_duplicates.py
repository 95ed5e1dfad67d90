"""How alike two texts are, from sketches of a few hundred bytes: the same story in several papers, also where one changed the
headline, cut the end or added a paragraph.

Promises pure functions and sketches that are the same on every machine, which is proved rather than believed: VERSION holds a
digest of the sketch of a known text, so that sketches made by a library that computes otherwise are told to be of another
version. Which articles are compared, and what becomes of those that are alike, is left to `runs` and the store.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from hashlib import blake2b
from operator import eq
from sys import byteorder
from typing import Final

from rensa import RMinHash

from pipeline.core.models import MinHashSketch, SketchedArticle

WORDS: Final = (
    4  # of a run that is compared; with five, each corrected word costs more of the likeness
)
LETTERS: Final = 8  # of a run, in scripts that set no spaces between words
MIN_WORDS: Final = 60  # of a text that takes part: below that, "the fire was put out, nobody was hurt" is half a story
SLOTS: Final = 128  # of a sketch: the likeness is then right to about four points in a hundred
SEED: Final = 20240301
BANDS: Final = 16  # keys under which a sketch is found: of texts that share half their runs 99 in a hundred share a key
ROWS: Final = 2  # slots of a key
MIN_CONTAINMENT: Final = 0.6  # of the shorter text: on real pages, all pairs of two sites above it told the same story in the same words
LEAST: Final = 0.3  # of both texts together: a round-up of four notices is a copy of none
SAME_SITE: Final = 0.9  # of both texts together: on real pages, what a site's stories had in common besides came to a third
MAX_NUMBERS: Final = 32  # of a text that are kept: those with the smallest digests
FEW: Final = 4  # different numbers, below which they say nothing
SAME_NUMBERS: Final = 0.6  # of the text with fewer: a notice that comes every day has the same words around other numbers
MAX_DAYS_APART: Final = 30  # between two copies: papers print a story within days
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)
WORD = re.compile(r"[^\W_]+")
NUMBER = re.compile(r"\d+")
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


def make_sketch(text: str) -> MinHashSketch | None:
    """The sketch of a clean text; None for one that is too short to say anything."""
    folded = _folded(text)
    runs = _runs(folded)
    if not runs:
        return None
    made = RMinHash(SLOTS, SEED)
    made.update(runs)
    slots = array("H", [slot & 0xFFFF for slot in made.digest()])
    return MinHashSketch(len(set(runs)), _packed(slots), _packed(array("H", _numbers(folded))))


def _folded(text: str) -> str:
    """A text without regard to case, width, and what papers spell in one way or the other."""
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", text).casefold()).replace("ё", "е")


def _runs(folded: str) -> list[str]:
    """Runs of words, or of letters where words have no spaces between them; punctuation makes no difference."""
    words = WORD.findall(folded)
    if not folded.isascii() and len(UNSPACED.findall(folded)) * 3 > len(folded):
        letters = "".join(words)
        return (
            [letters[n : n + LETTERS] for n in range(len(letters) - LETTERS + 1)]
            if len(letters) >= 2 * MIN_WORDS
            else []
        )
    return (
        [" ".join(run) for run in zip(*(words[n:] for n in range(WORDS)), strict=False)]
        if len(words) >= MIN_WORDS
        else []
    )


def _numbers(folded: str) -> list[int]:
    """Digests of the different numbers of a text, the smallest ones, in order."""
    digests = (
        blake2b(number.encode(), digest_size=2).digest() for number in set(NUMBER.findall(folded))
    )
    return sorted({int.from_bytes(digest, "big") for digest in digests})[:MAX_NUMBERS]


def _packed(slots: array[int]) -> bytes:
    if byteorder == "big":
        slots.byteswap()
    return slots.tobytes()


def _unpacked(packed: bytes) -> array[int]:
    slots = array("H", packed)
    if byteorder == "big":
        slots.byteswap()
    return slots


def band_keys(made: MinHashSketch, day: int) -> tuple[int, ...]:
    """Keys of 52 bits, one of a band each: texts of one time that are alike are very likely to have one of them in common."""
    return _keys(made, day // MAX_DAYS_APART)


def candidate_band_keys(made: MinHashSketch, day: int) -> tuple[int, ...]:
    """The keys under which all stand that can be alike: also those of the time before and of the time behind."""
    return tuple(key for time in (-1, 0, 1) for key in _keys(made, day // MAX_DAYS_APART + time))


def _keys(made: MinHashSketch, time: int) -> tuple[int, ...]:
    slots = _unpacked(made.minhash)
    return tuple(
        time << 36 | band << 32 | slots[ROWS * band] << 16 | slots[ROWS * band + 1]
        for band in range(BANDS)
    )


def resemblance(one: MinHashSketch, other: MinHashSketch) -> float:
    """Share of all runs of two texts that stand in both, 0.0 to 1.0."""
    same: int = sum(map(eq, _unpacked(one.minhash), _unpacked(other.minhash)))
    return same / SLOTS


def containment(one: MinHashSketch, other: MinHashSketch) -> float:
    """Share of the shorter text that stands in the other one, 0.0 to 1.0: a story that was cut is wholly in the long one."""
    resembles = resemblance(one, other)
    return round(
        min(1.0, resembles / (1 + resembles) * (one.shingle_count + other.shingle_count) / min(one.shingle_count, other.shingle_count)),
        2,
    )


def shared_numbers(one: MinHashSketch, other: MinHashSketch) -> float:
    """Share of the numbers of the text with fewer that stand in the other one; 1.0 where there are too few to say."""
    numbers = [_unpacked(each.number_digests) for each in (one, other)]
    known = min(
        each[-1] if len(each) == MAX_NUMBERS else 0xFFFF for each in numbers
    )  # up to there both are whole
    ours, theirs = ({number for number in each if number <= known} for each in numbers)
    fewer = min(len(ours), len(theirs))
    return len(ours & theirs) / fewer if fewer >= FEW else 1.0


def near_duplicate_score(one: SketchedArticle, other: SketchedArticle) -> float:
    """How much two Articles share where they are near-copies, else 0.0. Of one Site they have to be nearly the same."""
    if abs(one.day - other.day) > MAX_DAYS_APART or one.page_id == other.page_id:
        return 0.0
    resembles = resemblance(one.sketch, other.sketch)
    if resembles < (SAME_SITE if one.site == other.site else LEAST):
        return 0.0
    share = containment(one.sketch, other.sketch)
    return (
        share if share >= MIN_CONTAINMENT and shared_numbers(one.sketch, other.sketch) >= SAME_NUMBERS else 0.0
    )


def best_leader(
    page: SketchedArticle, near: Sequence[SketchedArticle]
) -> tuple[SketchedArticle, float] | None:
    """Whom an Article follows: of the heads before it the one that it shares most with, the first of equal ones; None where it
    is a head itself. That depends on what is there, and not on what came when."""
    heads = [
        (each, near_duplicate_score(page, each))
        for each in near
        if each.group_leader_id is None and each.page_id < page.page_id
    ]
    found = max(heads, key=lambda each: (each[1], -each[0].page_id), default=None)
    return found if found is not None and found[1] else None


def _version() -> str:
    """Of sketches: another number of slots, another way to cut a text into runs, or a library that computes otherwise make
    another one."""
    probe = make_sketch(" ".join(f"Wörter {n} слово ҷаҳон" for n in range(MIN_WORDS)))
    assert probe is not None
    return blake2b(repr((probe, band_keys(probe, 0))).encode(), digest_size=8).hexdigest()


SKETCH_VERSION: Final = _version()
