"""Bootstrap intervals held to published ones, and to every resample that there can be.

Percentile and BCa intervals were found published, with numbers that can be checked, for a variance
only (Efron and Tibshirani 1993, Table 14.2): they hold the engine that all four functions share.
Standard errors of a mean and of a ratio, from the same book, stand in test_bootstrap.py. For the
intervals of a mean and a ratio the oracle is the whole bootstrap distribution, counted out. For a
mean stratified by classes nothing was found; test_bootstrap.py holds it to its standard error by
hand.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest
from scipy import special
from scipy import stats as scipy_stats

from mpcs_bench.stats import bootstrap_patient_mean, bootstrap_ratio
from mpcs_bench.stats.bootstrap import _Drawing, _intervals

# Efron and Tibshirani (1993), Table 14.1: test A of 26 neurologically impaired children.
SPATIAL = [
    48, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6, 0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26,
    30, 41,
]  # fmt: skip

# Davison and Hinkley, Bootstrap Methods and their Application (1997), as R's boot::city: ten
# cities, population in thousands in 1920 and in 1930.
CITIES_1920 = [138, 93, 61, 179, 48, 37, 29, 23, 30, 2]
CITIES_1930 = [143, 104, 69, 260, 75, 63, 50, 48, 111, 50]

# Efron and Tibshirani (1993), Table 2.1: the treated mice.
MICE = [94, 197, 16, 38, 99, 141, 23]


def variance(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return values.var(axis=axis)


def test_percentile_and_bca_interval_are_the_published_ones():
    """Table 14.2: 100.8 to 233.9 and 115.8 to 259.6 at 90 %, from 2000 resamples; 171.5."""
    scores = np.array(SPATIAL, dtype=np.float64)
    assert variance(scores) == pytest.approx(171.5, abs=0.05)
    percentile, bca, _ = _intervals((scores,), variance, False, _Drawing(0.9, 9_999, 0))
    assert percentile[:2] == pytest.approx((100.8, 233.9), abs=4)
    assert bca[:2] == pytest.approx((115.8, 259.6), abs=4)


def test_ratio_of_the_cities_is_the_published_one():
    """Davison and Hinkley (1997): 1.520."""
    outcome = bootstrap_ratio(CITIES_1930, CITIES_1920)
    assert outcome.estimate == pytest.approx(1.520, abs=5e-4)


def resamples(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each value stands in every resample [m, size], and the chances [m]."""
    drawn = np.array(list(combinations_with_replacement(range(size), size)))
    counts = np.stack([np.count_nonzero(drawn == i, axis=1) for i in range(size)], axis=1)
    logs = special.gammaln(size + 1) - special.gammaln(counts + 1).sum(axis=1)
    return counts, np.exp(logs - size * np.log(size))


def counted(values: np.ndarray, chances: np.ndarray, shares: np.ndarray) -> np.ndarray:
    order = np.argsort(values)
    reached = np.searchsorted(np.cumsum(chances[order]), shares)
    return values[order][np.minimum(reached, values.size - 1)]


def exact(estimate, above, below, level):
    """Return the percentile and BCa interval of sum(above) / sum(below) over all resamples."""
    above, below = np.asarray(above, float), np.asarray(below, float)
    counts, chances = resamples(above.size)
    values = (counts @ above) / (counts @ below)
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    left_out = (above.sum() - above) / (below.sum() - below)
    spread = left_out.mean() - left_out
    acceleration = np.sum(spread**3) / (6 * np.sum(spread**2) ** 1.5)
    smaller = chances[values < estimate - 1e-12].sum()
    equal = chances[np.abs(values - estimate) <= 1e-12].sum()
    bias = scipy_stats.norm.ppf(smaller + equal / 2)
    z = bias + scipy_stats.norm.ppf(tails)
    adjusted = scipy_stats.norm.cdf(bias + z / (1 - acceleration * z))
    return counted(values, chances, tails), counted(values, chances, adjusted)


def test_ratio_has_the_intervals_of_all_resamples():
    """Ten cities have 92,378 different resamples; 99,999 draws come close to their quantiles."""
    outcome = bootstrap_ratio(CITIES_1930, CITIES_1920, level=0.9, draws=99_999)
    percentile, bca = exact(outcome.estimate, CITIES_1930, CITIES_1920, 0.9)
    assert outcome.percentile[:2] == pytest.approx(percentile, abs=0.01)
    assert outcome.bca[:2] == pytest.approx(bca, abs=0.01)


def test_mean_has_the_intervals_of_all_resamples():
    """Seven mice have 1,716."""
    outcome = bootstrap_patient_mean(range(7), MICE, level=0.9, draws=99_999)
    percentile, bca = exact(outcome.estimate, MICE, np.ones(7), 0.9)
    assert outcome.percentile[:2] == pytest.approx(percentile, abs=1)
    assert outcome.bca[:2] == pytest.approx(bca, abs=1)
