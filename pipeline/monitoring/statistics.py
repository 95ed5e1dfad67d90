"""How likely the numbers of a night are if the site is as before.

Nights differ for reasons of their own, so both distributions have more spread than plain chance:
beta-binomial for shares and negative binomial for counts. All chances are between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, lgamma, log
from statistics import fmean, median

PRIOR_SPREAD = 0.01  # assumed correlation within a night, until the data say otherwise
PRIOR_NIGHTS = 5  # the weight of the assumptions, in nights
PRIOR_DISPERSION = 8.0  # assumed dispersion of counts
MIN_SPREAD, MAX_SPREAD = 0.002, 0.5
MIN_DISPERSION = 0.3
MAX_TERMS = 4_000  # larger numbers are scaled down, which makes the result less extreme
EPSILON = 1e-12
MAD_TO_DEVIATION = 1.4826  # for a normal distribution


def share_spread(pairs: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Estimate a share and how much nights differ, by the method of moments.

    Args:
        pairs: (count, total) of some nights.

    Returns:
        The share, and the correlation within a night.
    """
    count, total = 0, 0
    for k, n in pairs:
        count += k
        total += n
    share = (count + 0.5) / (total + 1)
    variance = share * (1 - share)
    excess = 0.0
    weight = 0
    for k, n in pairs:
        if n > 1:
            excess += (k / n - share) ** 2 * n / variance - 1
            weight += n - 1
    prior_weight = PRIOR_NIGHTS * weight / max(len(pairs), 1) + 1
    spread = (max(excess, 0.0) + PRIOR_SPREAD * prior_weight) / (weight + prior_weight)
    return share, min(max(spread, MIN_SPREAD), MAX_SPREAD)


def share_at_most(k: int, n: int, share: float, spread: float) -> float:
    """Return the chance of k or fewer out of n. The distribution is beta-binomial."""
    if n > MAX_TERMS:
        k, n = k * MAX_TERMS // n, MAX_TERMS
    a = share * (1 / spread - 1)
    b = (1 - share) * (1 / spread - 1)
    if min(a, b) < EPSILON:
        return 1.0 if share < EPSILON or k >= n else 0.0
    constant = lgamma(n + 1) + lgamma(a + b) - lgamma(a) - lgamma(b) - lgamma(n + a + b)
    chance = 0.0
    for i in range(k + 1):
        ways = constant - lgamma(i + 1) - lgamma(n - i + 1)
        chance += exp(ways + lgamma(i + a) + lgamma(n - i + b))
    return min(chance, 1.0)


def share_at_least(k: int, n: int, share: float, spread: float) -> float:
    """Return the chance of k or more out of n. The distribution is beta-binomial."""
    return share_at_most(n - k, n, 1 - share, spread)


def count_at_most(k: int, mean: float, size: float) -> float:
    """Return the chance of a count of k or fewer. The distribution is negative binomial.

    Args:
        mean: The usual count.
        size: The dispersion. The variance is mean + mean² / size.
    """
    if mean < EPSILON:
        return 1.0
    success = size / (size + mean)
    chance = 0.0
    for i in range(k + 1):
        ways = lgamma(i + size) - lgamma(size) - lgamma(i + 1)
        chance += exp(ways + size * log(success) + i * log(1 - success))
    return min(chance, 1.0)


def dispersion(counts: Sequence[int], means: Sequence[float]) -> float:
    """Estimate the dispersion of counts around their means, by the method of moments.

    A small dispersion means a large spread.
    """
    squares = sum(mean * mean for mean in means)
    prior_weight = PRIOR_NIGHTS * squares / max(len(means), 1)
    excess = 0.0
    for count, mean in zip(counts, means, strict=True):
        excess += (count - mean) ** 2 - mean
    denominator = max(excess, 0.0) + prior_weight / PRIOR_DISPERSION + EPSILON
    return max((squares + prior_weight) / denominator, MIN_DISPERSION)


def scaled_mad(values: Sequence[float]) -> float:
    """Return the median absolute deviation on the scale of a standard deviation."""
    center = median(values)
    return MAD_TO_DEVIATION * median(abs(value - center) for value in values)


def mean(values: Sequence[float]) -> float:
    """Return the mean, or 0 without values."""
    return fmean(values) if values else 0.0
