"""The chances of the two distributions agree with known values."""

from __future__ import annotations

import pytest

from pipeline.monitoring import statistics


def test_shares_without_spread_are_binomial() -> None:
    assert statistics.share_at_most(10, 10, 0.5, 0.01) == pytest.approx(1.0)
    assert statistics.share_at_most(3, 10, 0.5, 1e-9) == pytest.approx(0.171875, rel=1e-3)
    assert statistics.share_at_least(7, 10, 0.5, 1e-9) == pytest.approx(0.171875, rel=1e-3)


def test_spread_makes_extreme_shares_more_likely() -> None:
    assert statistics.share_at_most(3, 10, 0.5, 0.2) > 0.25


def test_counts_with_large_dispersion_are_poisson() -> None:
    assert statistics.count_at_most(0, 3.0, 1e9) == pytest.approx(0.0498, rel=1e-2)
    assert statistics.count_at_most(0, 3.0, 1.0) == pytest.approx(0.25)
