"""Wilcoxon's signed-rank test."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from mpcs_bench.stats import wilcoxon_signed_rank

# Darwin's maize: rank sum 24, p = 0.0413 (scipy's documentation of `wilcoxon` works it out).
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]

whole = st.integers(-30, 30).filter(bool)
differences = st.lists(whole, min_size=1, max_size=9)


def counted(d: list[int]) -> float:
    """Count by hand the sign patterns whose smaller rank sum is no larger."""
    ranks = scipy_stats.rankdata(np.abs(d))
    total = ranks.sum()

    def smaller(signs):
        up = float(np.sum(ranks[np.array(signs) > 0]))
        return min(up, total - up)

    seen = smaller(np.sign(d))
    patterns = itertools.product((1, -1), repeat=len(d))
    return float(np.mean([smaller(signs) <= seen + 1e-9 for signs in patterns]))


def test_published_example():
    outcome = wilcoxon_signed_rank(MAIZE)
    assert outcome.statistic == 24
    assert outcome.p == pytest.approx(0.0413, abs=5e-5)


def test_published_example_without_ties():
    """Hollander and Wolfe (1973), p. 29 (R's manual of wilcox.test): V = 40, one-sided 0.01953."""
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    outcome = wilcoxon_signed_rank(np.subtract(before, after))
    assert outcome.statistic == 45 - 40
    assert outcome.p / 2 == pytest.approx(0.01953, abs=5e-6)


@given(differences)
def test_p_is_the_share_of_sign_patterns_as_extreme_ties_or_not(d):
    assert wilcoxon_signed_rank(d).p == pytest.approx(counted(d))


@given(st.lists(whole, min_size=2, max_size=12, unique_by=abs))
def test_without_ties_it_is_scipys_exact_test(d):
    expected = scipy_stats.wilcoxon(d, method="exact")
    outcome = wilcoxon_signed_rank(d)
    assert (outcome.statistic, outcome.p) == pytest.approx(tuple(expected))


@given(differences, st.randoms(use_true_random=False))
def test_neither_order_nor_sign_nor_unit_matters(d, random):
    p = wilcoxon_signed_rank(d).p
    assert wilcoxon_signed_rank(random.sample(d, len(d))).p == pytest.approx(p)
    assert wilcoxon_signed_rank(np.negative(d)).p == pytest.approx(p)
    assert wilcoxon_signed_rank(np.array(d) / 700).p == pytest.approx(p)


@given(differences)
def test_p_is_never_below_what_it_calls_the_smallest(d):
    outcome = wilcoxon_signed_rank(d)
    assert outcome.smallest_p <= outcome.p + 1e-12


def test_five_folds_of_one_sign_reach_one_sixteenth_and_no_further():
    outcome = wilcoxon_signed_rank([0.02, 0.01, 0.03, 0.015, 0.035])
    assert outcome.p == outcome.smallest_p == 0.0625
    assert not outcome.in_reach


def test_zeros_are_left_out_and_take_reach_away():
    outcome = wilcoxon_signed_rank([0.02, 0.01, 0.03, 0.015, 0.0])
    assert outcome.smallest_p == 0.125
    assert outcome.n == 5
    assert any("zero: 1 of 5" in warning for warning in outcome.warnings)


def test_equal_sizes_are_noted_through_rounding():
    outcome = wilcoxon_signed_rank([0.3 - 0.2, 0.1, 0.4])
    assert any("share" in warning for warning in outcome.warnings)


def test_nothing_but_zeros_shows_nothing():
    outcome = wilcoxon_signed_rank([0.0, 0.0])
    assert outcome.p == outcome.smallest_p == 1


def test_many_differences_are_exact_without_ties_and_approximate_with():
    plain = np.arange(1, 31) * np.where(np.arange(30) % 3, 1, -1)
    assert wilcoxon_signed_rank(plain).exact
    assert wilcoxon_signed_rank(plain).p == pytest.approx(
        scipy_stats.wilcoxon(plain, method="exact").pvalue
    )
    tied = wilcoxon_signed_rank(np.ceil(plain / 2))
    assert not tied.exact
    assert "approximation" in tied.method


@pytest.mark.parametrize(("bad", "message"), [([], "needs differences"), ([np.nan], "finite")])
def test_nothing_to_rank_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        wilcoxon_signed_rank(bad)
