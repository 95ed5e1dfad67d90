"""How well a text matches what people marked as the article.

Promises one definition, the one of the public article extraction benchmark: shingles of four words as a multiset, precision and
recall averaged over pages, F1 of the two averages. An empty text counts for the recall alone. `exact` is the share of pages
whose words are the same, in order. Letters of Chinese, Japanese and Korean are words of their own.
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

SIZE: Final = 4
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+")
NAMES = re.compile(r",|;| and |\n")
MEASURES = ("precision", "recall", "f1", "exact", "title", "authors", "date")
Page = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """How one page fared; None where a measure does not apply to it."""

    site: str
    precision: float | None
    recall: float | None
    exact: float
    title: float | None = None
    authors: float | None = None
    date: float | None = None


def words(text: str) -> list[str]:
    """The words of a text; case and spelling count."""
    return WORD.findall(text)


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """All runs of four words with their number; of a shorter text, the whole."""
    found = words(text)
    if len(found) < SIZE:
        return Counter([tuple(found)] if found else [])
    return Counter(zip(*(found[start:] for start in range(SIZE)), strict=False))


def compare(gold: str, text: str) -> tuple[float | None, float | None, bool]:
    """Precision, recall and whether the words are the same."""
    wanted, found = shingles(gold), shingles(text)
    common, asked, given = (wanted & found).total(), wanted.total(), found.total()
    if common == asked == given:
        return 1.0, 1.0, words(gold) == words(text)
    return (common / given if given else None), (common / asked if asked else None), False


def fold(text: object) -> str:
    """Words in lower case, whatever their width and punctuation."""
    plain = unicodedata.normalize("NFKC", html.unescape(str(text or ""))).lower()
    return " ".join(re.findall(r"\w+", plain))


def names(value: object) -> set[str]:
    """A list of names, or names written in one line."""
    parts = (
        NAMES.split(value)
        if isinstance(value, str)
        else value
        if isinstance(value, Iterable)
        else ()
    )
    return {fold(part) for part in parts} - {""}


def mark(page: Page, found: Page) -> Mark:
    """Marks what was found of a page; an empty `found` is an empty text."""
    precision, recall, exact = compare(page["text"], found.get("text") or "")
    return Mark(
        site=str(page.get("site") or ""),
        precision=precision,
        recall=recall,
        exact=float(exact),
        title=float(fold(page["title"]) == fold(found.get("title"))) if page.get("title") else None,
        authors=float(names(page["authors"]) == names(found.get("authors")))
        if page.get("authors")
        else None,
        date=float(str(page["date"])[:10] == str(found.get("date") or "")[:10])
        if page.get("date")
        else None,
    )


def score(marks: Iterable[Mark]) -> dict[str, float]:
    """All measures over some pages; one that applies to none of them is left out."""
    sums, counts = _sums(marks)
    return _measures(sums, counts)


Sums = dict[str, float]


def _sums(marks: Iterable[Mark]) -> tuple[Sums, Sums]:
    sums: Sums = defaultdict(float)
    counts: Sums = defaultdict(float)
    for each in marks:
        for name in MEASURES:
            value = getattr(each, name, None)
            if value is not None:
                sums[name] += value
                counts[name] += 1
    return sums, counts


def _measures(sums: Sums, counts: Sums) -> dict[str, float]:
    shares = {name: sums[name] / counts[name] for name in MEASURES if counts.get(name)}
    both = shares.setdefault("precision", 0.0) + shares.setdefault("recall", 0.0)
    shares["f1"] = 2 * shares["precision"] * shares["recall"] / both if both else 0.0
    return shares


def bootstrap(
    candidates: Mapping[str, Sequence[Mark]], times: int, seed: int = 1
) -> dict[str, list[dict[str, float]]]:
    """The measures of each candidate over redrawn sites. Sites are drawn, not pages, since pages of one site are alike; all
    candidates meet the same draws, so that their differences can be looked at."""
    parts = {name: _by_site(marks) for name, marks in candidates.items()}
    sites = sorted({each.site for marks in candidates.values() for each in marks})
    draw = random.Random(seed)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in candidates}
    for _ in range(times):
        drawn = Counter(draw.choices(sites, k=len(sites)))
        for name, by_site in parts.items():
            found[name].append(_measures(*_weighted(by_site, drawn)))
    return found


def _by_site(marks: Iterable[Mark]) -> dict[str, tuple[Sums, Sums]]:
    groups: dict[str, list[Mark]] = defaultdict(list)
    for each in marks:
        groups[each.site].append(each)
    return {site: _sums(group) for site, group in groups.items()}


def _weighted(
    by_site: Mapping[str, tuple[Sums, Sums]], drawn: Mapping[str, int]
) -> tuple[Sums, Sums]:
    sums: Sums = defaultdict(float)
    counts: Sums = defaultdict(float)
    for site, times in drawn.items():
        for total, part in zip((sums, counts), by_site[site], strict=True):
            for name, value in part.items():
                total[name] += times * value
    return sums, counts


def interval(values: Sequence[float], share: float = 0.95) -> tuple[float, float]:
    """The middle share of some values."""
    ranked = sorted(values)
    cut = int((1 - share) / 2 * len(ranked))
    return ranked[cut], ranked[len(ranked) - 1 - cut]
