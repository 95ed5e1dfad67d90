"""Measure how similar two texts are, from MinHash sketches of a few hundred bytes.

This finds the same story in several papers, also where one changed the headline, cut the end or
added a paragraph. The method is that of Broder, "On the resemblance and containment of documents"
(1997), with keys for bands of slots (locality-sensitive hashing). Sketches are the same on every
machine. SKETCH_VERSION proves it: it is a digest of the sketch of a known text, so sketches of a
library that computes otherwise have another version. Which articles are compared, and what becomes
of near-duplicates, is decided in `jobs` and `store`.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from hashlib import blake2b
from operator import eq
from sys import byteorder
from typing import Final, NamedTuple

from rensa import RMinHash

from pipeline.core.models import MinHashSketch, SketchedArticle

SHINGLE_WORDS: Final = 4  # with five, each corrected word costs more similarity
SHINGLE_LETTERS: Final = 8  # in scripts without spaces between words
# Shorter texts take no part: "the fire was put out, nobody was hurt" would be half a story.
MIN_TEXT_WORDS: Final = 60
MIN_TEXT_LETTERS: Final = 2 * MIN_TEXT_WORDS  # in scripts without spaces
SLOTS: Final = 128  # of a sketch: the resemblance is then correct to about 4 points in 100
SEED: Final = 20240301
# Keys of a sketch. Of texts that share half their shingles, 99 in 100 pairs share a key.
BANDS: Final = 16
ROWS: Final = 2  # slots of a key
# Containment in the shorter text. On real pages, all pairs of two sites above it told the same
# story in the same words.
MIN_CONTAINMENT: Final = 0.6
MIN_RESEMBLANCE: Final = 0.3  # of both texts: a round-up of four notices duplicates none of them
# Resemblance within one site. On real pages, different stories of a site reached a third.
MIN_SITE_RESEMBLANCE: Final = 0.9
MAX_NUMBERS: Final = 32  # of a text, whose digests are stored: the smallest digests
MIN_NUMBERS: Final = 4  # fewer different numbers prove nothing
# Shared numbers, of the text with fewer: a daily notice has the same words around other numbers.
MIN_SHARED_NUMBERS: Final = 0.6
MAX_DAYS_APART: Final = 30  # between two copies: papers print a story within days
UNSPACED_LETTER = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)
WORD = re.compile(r"[^\W_]+")
NUMBER = re.compile(r"\d+")
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


def make_sketch(text: str, seed: int = SEED) -> MinHashSketch | None:
    """Make the sketch of a clean text.

    Args:
        text: The text.
        seed: Of the hash functions; sketches of different seeds cannot be compared.

    Returns:
        The sketch, or None for a text that is too short.
    """
    normalized = _normalize(text)
    shingles = _shingles(normalized)
    if not shingles:
        return None
    minhash = RMinHash(SLOTS, seed)
    minhash.update(shingles)
    slots = array("H", [slot & 0xFFFF for slot in minhash.digest()])
    numbers = array("H", _number_digests(normalized))
    return MinHashSketch(len(set(shingles)), _to_bytes(slots), _to_bytes(numbers))


def _normalize(text: str) -> str:
    """Return a text without differences of case, width, and spellings of the same letter."""
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", text).casefold()).replace("ё", "е")


def _shingles(normalized: str) -> list[str]:
    """Return the runs of words of a text, or runs of letters in scripts without spaces.

    Punctuation makes no difference.
    """
    words = WORD.findall(normalized)
    if not normalized.isascii() and _is_unspaced(normalized):
        letters = "".join(words)
        if len(letters) < MIN_TEXT_LETTERS:
            return []
        last = len(letters) - SHINGLE_LETTERS
        return [letters[start : start + SHINGLE_LETTERS] for start in range(last + 1)]
    if len(words) < MIN_TEXT_WORDS:
        return []
    shifted = [words[start:] for start in range(SHINGLE_WORDS)]
    return list(map(" ".join, zip(*shifted, strict=False)))


def _is_unspaced(normalized: str) -> bool:
    return len(UNSPACED_LETTER.findall(normalized)) * 3 > len(normalized)


def _number_digests(normalized: str) -> list[int]:
    """Return digests of the different numbers of a text: the smallest ones, in order."""
    digests = set()
    for number in set(NUMBER.findall(normalized)):
        digest = blake2b(number.encode(), digest_size=2).digest()
        digests.add(int.from_bytes(digest, "big"))
    return sorted(digests)[:MAX_NUMBERS]


def _to_bytes(slots: array[int]) -> bytes:
    if byteorder == "big":
        slots.byteswap()
    return slots.tobytes()


def _from_bytes(encoded: bytes) -> array[int]:
    slots = array("H", encoded)
    if byteorder == "big":
        slots.byteswap()
    return slots


def band_keys(sketch: MinHashSketch, day: int) -> tuple[int, ...]:
    """Return the keys of a sketch, 52 bits for each band.

    Similar texts of one period very probably share a key.

    Args:
        sketch: The sketch of an article.
        day: The article's day as an ordinal number.
    """
    return _period_keys(sketch, day // MAX_DAYS_APART)


def candidate_band_keys(sketch: MinHashSketch, day: int) -> tuple[int, ...]:
    """Return the keys of all articles that can be similar: also of the periods before and after.

    Args:
        sketch: The sketch of an article.
        day: The day of the article, as a proleptic ordinal (`date.toordinal`).

    Returns:
        The keys under which other articles are looked up.
    """
    period = day // MAX_DAYS_APART
    keys: list[int] = []
    for neighbour in (period - 1, period, period + 1):
        keys += _period_keys(sketch, neighbour)
    return tuple(keys)


def _period_keys(sketch: MinHashSketch, period: int) -> tuple[int, ...]:
    slots = _from_bytes(sketch.minhash)
    keys = []
    for band in range(BANDS):
        first, second = slots[ROWS * band], slots[ROWS * band + 1]
        keys.append(period << 36 | band << 32 | first << 16 | second)
    return tuple(keys)


def resemblance(one: MinHashSketch, other: MinHashSketch) -> float:
    """Return the share of all shingles of two texts that are in both, 0.0 to 1.0."""
    same: int = sum(map(eq, _from_bytes(one.minhash), _from_bytes(other.minhash)))
    return same / SLOTS


def containment(one: MinHashSketch, other: MinHashSketch) -> float:
    """Return the share of the shorter text that is in the other one, 0.0 to 1.0.

    A story that was cut is wholly in the long one.
    """
    share = resemblance(one, other)
    # With r = |A ∩ B| / |A ∪ B|, the common part |A ∩ B| is r / (1 + r) * (|A| + |B|).
    common = share / (1 + share) * (one.shingle_count + other.shingle_count)
    return round(min(1.0, common / min(one.shingle_count, other.shingle_count)), 2)


def shared_numbers(one: MinHashSketch, other: MinHashSketch) -> float:
    """Return the share of the numbers of one text that are in the other, 0.0 to 1.0.

    It refers to the text with fewer numbers, and is 1.0 where there are too few to prove anything.

    Args:
        one: The sketch of one article.
        other: The sketch of the other one.

    Returns:
        The share, estimated from the sketches.
    """
    own_numbers, other_numbers = _from_bytes(one.number_digests), _from_bytes(other.number_digests)
    limit = min(_known_up_to(own_numbers), _known_up_to(other_numbers))
    own, others = _up_to(limit, own_numbers), _up_to(limit, other_numbers)
    fewer = min(len(own), len(others))
    if fewer < MIN_NUMBERS:
        return 1.0
    return len(own & others) / fewer


def _up_to(limit: int, numbers: array[int]) -> set[int]:
    return {number for number in numbers if number <= limit}


def _known_up_to(numbers: array[int]) -> int:
    """Return the digest up to which all numbers of a text are stored."""
    return numbers[-1] if len(numbers) == MAX_NUMBERS else 0xFFFF


def near_duplicate_score(one: SketchedArticle, other: SketchedArticle) -> float:
    """Return the containment of two articles where they are near-duplicates, else 0.0.

    Articles of one site have to be nearly the same.

    Args:
        one: One article with its sketch.
        other: The other one.

    Returns:
        How much of the shorter text both share, up to 1.0.
    """
    if abs(one.day - other.day) > MAX_DAYS_APART or one.page_id == other.page_id:
        return 0.0
    minimum = MIN_SITE_RESEMBLANCE if one.site == other.site else MIN_RESEMBLANCE
    if resemblance(one.sketch, other.sketch) < minimum:
        return 0.0
    share = containment(one.sketch, other.sketch)
    if share < MIN_CONTAINMENT or shared_numbers(one.sketch, other.sketch) < MIN_SHARED_NUMBERS:
        return 0.0
    return share


class LeaderMatch(NamedTuple):
    """The leader that an article follows, and their similarity."""

    article: SketchedArticle
    similarity: float


def best_leader(
    article: SketchedArticle, candidates: Sequence[SketchedArticle]
) -> LeaderMatch | None:
    """Choose the leader that an article follows.

    It is the earlier leader that shares most with the article, of equal ones the first. So the
    choice depends on the articles, and not on the order in which they came.

    Args:
        article: The article.
        candidates: Articles that may be near-duplicates of it.

    Returns:
        The leader and the similarity, or None where the article is a leader itself.
    """
    best: LeaderMatch | None = None
    for candidate in candidates:
        if candidate.group_leader_id is not None or candidate.page_id >= article.page_id:
            continue
        score = near_duplicate_score(article, candidate)
        if not score:
            continue
        if best is None or (score, -candidate.page_id) > (best.similarity, -best.article.page_id):
            best = LeaderMatch(candidate, score)
    return best


def sketch_version(seed: int = SEED) -> str:
    """Return a digest of all that decides what a sketch is.

    Another number of slots, another cut of a text into shingles, or a library that computes
    otherwise changes it.

    Args:
        seed: The seed of the hash functions.

    Returns:
        The digest. Sketches of another version are made again.
    """
    words = " ".join(f"Wörter {n} слово ҷаҳон" for n in range(MIN_TEXT_WORDS))
    sketch = make_sketch(words, seed)
    assert sketch is not None
    # These names are those of the first version: they stay, because archives store the digest.
    fields = (
        f"Sketch(runs={sketch.shingle_count!r}, slots={sketch.minhash!r}, "
        f"numbers={sketch.number_digests!r})"
    )
    probe = f"({fields}, {band_keys(sketch, 0)!r})"
    return blake2b(probe.encode(), digest_size=8).hexdigest()


SKETCH_VERSION: Final = sketch_version()
