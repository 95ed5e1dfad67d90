"""How likely a night's numbers are, if a Site is as it was: tails of two distributions that allow for more spread than plain
chance has, since nights differ for reasons of their own.

Promises chances between 0 and 1, without any library: beta-binomial for shares, negative binomial for counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, lgamma, log
from statistics import fmean, median

PRIOR_SPREAD = 0.01  # correlation within a night, of which the data have to convince us of less
PRIOR_WEIGHT = 5  # nights that this belief is worth
PRIOR_SIZE = 8.0  # of counts
MOST = 4_000  # terms; larger numbers are scaled down, which is on the safe side
SURE = 1e-12


def share_spread(pairs: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """The share of (k, n) over some nights, and how much nights differ: the correlation within a night, by moments."""
    total, good = sum(n for _, n in pairs), sum(k for k, _ in pairs)
    share = (good + 0.5) / (total + 1)
    variance = share * (1 - share)
    found = sum((k / n - share) ** 2 * n / variance - 1 for k, n in pairs if n > 1)
    weight = sum(n - 1 for _, n in pairs if n > 1)
    believed = PRIOR_WEIGHT * weight / max(len(pairs), 1) + 1
    spread = (max(found, 0.0) + PRIOR_SPREAD * believed) / (weight + believed)
    return share, min(max(spread, 0.002), 0.5)


def share_at_most(k: int, n: int, share: float, spread: float) -> float:
    """Chance of k or fewer out of n."""
    if n > MOST:
        k, n = k * MOST // n, MOST
    a, b = share * (1 / spread - 1), (1 - share) * (1 / spread - 1)
    if min(a, b) < SURE:
        return 1.0 if share < SURE or k >= n else 0.0
    whole = lgamma(n + 1) + lgamma(a + b) - lgamma(a) - lgamma(b) - lgamma(n + a + b)
    terms = (
        whole - lgamma(i + 1) - lgamma(n - i + 1) + lgamma(i + a) + lgamma(n - i + b)
        for i in range(k + 1)
    )
    return min(sum(map(exp, terms)), 1.0)


def share_at_least(k: int, n: int, share: float, spread: float) -> float:
    """Chance of k or more out of n."""
    return share_at_most(n - k, n, 1 - share, spread)


def count_at_most(k: int, mean: float, size: float) -> float:
    """Chance of k or fewer where `mean` are usual and the variance is mean + mean²/size."""
    if mean < SURE:
        return 1.0
    chance = size / (size + mean)
    terms = (
        lgamma(i + size) - lgamma(size) - lgamma(i + 1) + size * log(chance) + i * log(1 - chance)
        for i in range(k + 1)
    )
    return min(sum(map(exp, terms)), 1.0)


def dispersion(counts: Sequence[int], means: Sequence[float]) -> float:
    """The `size` of counts around their means, by moments; a small one is much spread."""
    squares = sum(mean * mean for mean in means)
    believed = PRIOR_WEIGHT * squares / max(len(means), 1)
    excess = sum((count - mean) ** 2 - mean for count, mean in zip(counts, means, strict=True))
    return max((squares + believed) / (max(excess, 0.0) + believed / PRIOR_SIZE + SURE), 0.3)


def scaled_mad(values: Sequence[float]) -> float:
    """The median absolute deviation, on the scale of a standard deviation."""
    middle = median(values)
    return 1.4826 * median(abs(each - middle) for each in values)


def mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0
