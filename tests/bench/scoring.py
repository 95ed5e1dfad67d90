"""Score how well a text matches what people labelled as the article.

The definition is that of the public article extraction benchmark (Scrapinghub, 2020): shingles of
four words as a multiset, precision and recall averaged over pages, and F1 of the two averages. An
empty text counts only for the recall. Of pages that are labelled by pieces of text, all pieces of
a set count together. `exact` is the share of pages with the same words in the same
order. Each letter of Chinese, Japanese and Korean is a word.
"""

from __future__ import annotations

import html
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SHINGLE_WORDS: Final = 4
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+")
NAME_SEPARATOR = re.compile(r",|;| and |\n")
MEASURES = ("precision", "recall", "f1", "exact", "title", "authors", "date")
PIECES = ("kept_pieces", "missed_pieces", "extra_pieces")
Page = Mapping[str, Any]
Sums = dict[str, float]


@dataclass(frozen=True, slots=True)
class PageScore:
    """The scores of one page; None where a measure does not apply to it."""

    site: str
    precision: float | None
    recall: float | None
    exact: float | None
    title: float | None = None
    authors: float | None = None
    date: float | None = None
    kept_pieces: float | None = None  # pieces that must be there, and are
    missed_pieces: float | None = None
    extra_pieces: float | None = None  # pieces that must not be there, and are


def split_words(text: str) -> list[str]:
    """Return the words of a text; case and spelling count."""
    return WORD.findall(text)


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """Count all runs of four words; a shorter text is one shingle."""
    words = split_words(text)
    if len(words) < SHINGLE_WORDS:
        return Counter([tuple(words)] if words else [])
    shifted = [words[start:] for start in range(SHINGLE_WORDS)]
    return Counter(zip(*shifted, strict=False))


def compare(gold: str, text: str) -> tuple[float | None, float | None, bool]:
    """Return precision, recall, and whether the words are the same."""
    gold_shingles, text_shingles = shingles(gold), shingles(text)
    common = (gold_shingles & text_shingles).total()
    wanted, given = gold_shingles.total(), text_shingles.total()
    if common == wanted == given:
        return 1.0, 1.0, split_words(gold) == split_words(text)
    precision = common / given if given else None
    recall = common / wanted if wanted else None
    return precision, recall, False


def normalize(text: object) -> str:
    """Return the words of a text in lower case, without differences of width and punctuation."""
    plain = unicodedata.normalize("NFKC", html.unescape(str(text or ""))).lower()
    return " ".join(re.findall(r"\w+", plain))


def name_set(value: object) -> set[str]:
    """Return the normalized names of a list, or of a text with several names."""
    parts: Iterable[object] = ()
    if isinstance(value, str):
        parts = NAME_SEPARATOR.split(value)
    elif isinstance(value, Iterable):
        parts = value
    return set(map(normalize, parts)) - {""}


def score_page(page: Page, extracted: Page) -> PageScore:
    """Score what a candidate made of a page.

    Args:
        page: The labelled page.
        extracted: The candidate's row; an empty one has an empty text.
    """
    text = extracted.get("text") or ""
    precision, recall, exact = None, None, None
    pieces: tuple[float, ...] = ()
    if "text" in page:
        precision, recall, is_exact = compare(page["text"], text)
        exact = float(is_exact)
    else:
        pieces = count_pieces(page, text)
    title = authors = date = None
    if page.get("title"):
        title = float(normalize(page["title"]) == normalize(extracted.get("title")))
    if page.get("authors"):
        authors = float(name_set(page["authors"]) == name_set(extracted.get("authors")))
    if page.get("date"):
        date = float(str(page["date"])[:10] == str(extracted.get("date") or "")[:10])
    site = str(page.get("site") or "")
    return PageScore(site, precision, recall, exact, title, authors, date, *pieces)


def count_pieces(page: Page, text: str) -> tuple[float, float, float]:
    """Count the pieces that are kept, that are missed, and that should not be there."""
    line = " ".join(text.split())
    wanted, unwanted = page.get("with") or (), page.get("without") or ()
    kept = sum(" ".join(piece.split()) in line for piece in wanted)
    extra = sum(" ".join(piece.split()) in line for piece in unwanted)
    return float(kept), float(len(wanted) - kept), float(extra)


def average_scores(scores: Iterable[PageScore]) -> dict[str, float]:
    """Average all measures over some pages, without measures that apply to none of them."""
    sums, counts = _sum_scores(scores)
    return _averages(sums, counts)


def _sum_scores(scores: Iterable[PageScore]) -> tuple[Sums, Sums]:
    sums: Sums = defaultdict(float)
    counts: Sums = defaultdict(float)
    for score in scores:
        for name in (*MEASURES, *PIECES):
            value = getattr(score, name, None)
            if value is not None:
                sums[name] += value
                counts[name] += 1
    return sums, counts


def _averages(sums: Sums, counts: Sums) -> dict[str, float]:
    averages = {name: sums[name] / counts[name] for name in MEASURES if counts.get(name)}
    if counts.get("kept_pieces"):
        kept = sums["kept_pieces"]
        averages["precision"] = kept / max(1.0, kept + sums["extra_pieces"])
        averages["recall"] = kept / max(1.0, kept + sums["missed_pieces"])
    precision, recall = averages.setdefault("precision", 0.0), averages.setdefault("recall", 0.0)
    averages["f1"] = 0.0
    if precision + recall:
        averages["f1"] = 2 * precision * recall / (precision + recall)
    return averages


def bootstrap(
    candidates: Mapping[str, Sequence[PageScore]], times: int, seed: int = 1
) -> dict[str, list[dict[str, float]]]:
    """Average the scores of each candidate over random samples of sites.

    Sites are drawn and not pages, because pages of one site resemble each other. All candidates get
    the same samples, so their differences can be compared.

    Args:
        candidates: The scores of all pages by candidate.
        times: Number of samples.
        seed: Of the random numbers.

    Returns:
        The averages of each sample by candidate.
    """
    sums_by_candidate = {name: _sums_by_site(scores) for name, scores in candidates.items()}
    sites: set[str] = set()
    for scores in candidates.values():
        sites.update(score.site for score in scores)
    generator = random.Random(seed)
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in candidates}
    for _ in range(times):
        drawn = Counter(generator.choices(sorted(sites), k=len(sites)))
        for name, sums_by_site in sums_by_candidate.items():
            samples[name].append(_averages(*_weighted_sums(sums_by_site, drawn)))
    return samples


def _sums_by_site(scores: Iterable[PageScore]) -> dict[str, tuple[Sums, Sums]]:
    by_site: dict[str, list[PageScore]] = defaultdict(list)
    for score in scores:
        by_site[score.site].append(score)
    return {site: _sum_scores(site_scores) for site, site_scores in by_site.items()}


def _weighted_sums(
    sums_by_site: Mapping[str, tuple[Sums, Sums]], drawn: Mapping[str, int]
) -> tuple[Sums, Sums]:
    sums: Sums = defaultdict(float)
    counts: Sums = defaultdict(float)
    for site, times in drawn.items():
        for total, part in zip((sums, counts), sums_by_site[site], strict=True):
            for name, value in part.items():
                total[name] += times * value
    return sums, counts


def interval(values: Sequence[float], share: float = 0.95) -> tuple[float, float]:
    """Return the bounds of the middle share of some values."""
    ranked = sorted(values)
    cut = int((1 - share) / 2 * len(ranked))
    return ranked[cut], ranked[len(ranked) - 1 - cut]
