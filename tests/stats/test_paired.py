"""The corrected resampled t-test, and the naive one beside it.

The corrected test is held to a published worked example (scikit-learn's gallery) in
test_bayesian.py, where the same data give the posterior.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.weightstats import DescrStatsW

from mpcs_bench.stats import PairedT, corrected_resampled_t, naive_paired_t

A = np.array([0.90, 0.91, 0.93, 0.92, 0.94])
B = np.array([0.88, 0.90, 0.90, 0.91, 0.91])
D = A - B

accuracies = st.floats(-1, 1, allow_nan=False).map(lambda x: round(x, 4))
differences = st.lists(accuracies, min_size=2, max_size=12).filter(lambda d: np.ptp(d) > 1e-3)
ratios = st.floats(0.05, 2)


def known(outcome: PairedT) -> tuple[float, float]:
    assert outcome.statistic is not None
    assert outcome.p is not None
    return outcome.statistic, outcome.p


def test_naive_t_gives_the_known_answer():
    t, p = known(naive_paired_t(D))
    assert t == pytest.approx(4.4721, abs=5e-5)
    assert p == pytest.approx(0.011056, abs=5e-7)


def test_naive_t_gives_fishers_answer_for_darwins_maize():
    """Fisher, The Design of Experiments (1935), section 17: 2.617 inches, t = 2.148, p < 0.05."""
    inches = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]) / 8
    outcome = naive_paired_t(inches)
    t, p = known(outcome)
    assert outcome.mean_difference == pytest.approx(2.617, abs=5e-4)
    assert t == pytest.approx(2.148, abs=5e-4)
    assert p == pytest.approx(0.0497, abs=5e-5)


def test_naive_t_gives_the_published_answer_for_students_sleep():
    """Student (1908), as R's manual of t.test has it: t = -4.0621, p = 0.002833, interval."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    outcome = naive_paired_t(np.subtract(first, second))
    t, p = known(outcome)
    assert t == pytest.approx(-4.0621, abs=5e-5)
    assert p == pytest.approx(0.002833, abs=5e-7)
    assert outcome.interval[:2] == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)


@given(differences)
def test_naive_t_is_statsmodels_and_scipys(d):
    outcome = naive_paired_t(d)
    t, p, freedom = DescrStatsW(d).ttest_mean(0)
    assert known(outcome) == pytest.approx((t, p), rel=1e-7, abs=1e-12)
    assert known(outcome) == pytest.approx(
        tuple(scipy_stats.ttest_1samp(d, 0)), rel=1e-7, abs=1e-12
    )
    assert outcome.degrees_of_freedom == freedom
    low, high, _ = outcome.interval
    assert (low, high) == pytest.approx(DescrStatsW(d).tconfint_mean(), rel=1e-7, abs=1e-12)


def test_naive_t_is_marked_naive():
    outcome = naive_paired_t(D)
    assert outcome.naive
    assert "naive" in outcome.method
    assert any("naive" in warning for warning in outcome.warnings)


@pytest.mark.parametrize(("ratio", "growth"), [(0.25, 1.5), (1.0, math.sqrt(6))])
def test_correction_widens_the_standard_error_as_the_split_demands(ratio, growth):
    """80/20 in five folds: 1.5 times; 20 % labels and 20 % test (Exp-1 to 4): 2.45 times."""
    corrected, naive = corrected_resampled_t(D, ratio), naive_paired_t(D)
    assert corrected.standard_error / naive.standard_error == pytest.approx(growth)
    assert known(corrected)[0] == pytest.approx(known(naive)[0] / growth)


def test_correction_agrees_with_the_bayesian_test_that_mirrors_it():
    """With a flat prior P(mean <= 0) is half the two-sided p (Benavoli et al. 2017)."""
    rho = 0.2
    scale = math.sqrt((1 / len(D) + rho / (1 - rho)) * D.var(ddof=1))
    worse = scipy_stats.t.cdf(0, df=4, loc=D.mean(), scale=scale)
    assert known(corrected_resampled_t(D, rho / (1 - rho)))[1] == pytest.approx(2 * worse)


def test_a_ratio_for_each_split_is_averaged():
    one_each = corrected_resampled_t(D, [0.24, 0.25, 0.26, 0.25, 0.25])
    assert one_each.p == pytest.approx(corrected_resampled_t(D, 0.25).p)
    assert one_each.warnings == ()


def test_ratios_that_differ_much_are_warned_of():
    outcome = corrected_resampled_t(D, [0.2, 0.2, 0.2, 0.2, 0.6])
    assert any("0.2 to 0.6" in warning for warning in outcome.warnings)


@given(differences, ratios)
def test_interval_excludes_zero_exactly_where_p_is_at_most_alpha(d, ratio):
    outcome = corrected_resampled_t(d, ratio)
    assume(abs(outcome.p - 0.05) > 1e-9)
    low, high, level = outcome.interval
    assert (low > 0 or high < 0) == (outcome.p <= 0.05)
    assert level == 0.95


@given(differences, ratios)
def test_minimum_detectable_difference_is_where_p_crosses_alpha(d, ratio):
    outcome = corrected_resampled_t(d, ratio)
    centred = np.array(d) - np.mean(d)
    just_there = corrected_resampled_t(centred + outcome.minimum_detectable, ratio)
    assert just_there.p == pytest.approx(0.05, abs=1e-6)


@given(differences, ratios, st.randoms(use_true_random=False))
def test_order_of_the_folds_does_not_matter(d, ratio, random):
    shuffled = random.sample(d, len(d))
    assert known(corrected_resampled_t(shuffled, ratio)) == pytest.approx(
        known(corrected_resampled_t(d, ratio)), rel=1e-6, abs=1e-9
    )


@given(differences, ratios)
def test_swapping_the_methods_turns_the_sign_and_nothing_else(d, ratio):
    one, other = corrected_resampled_t(d, ratio), corrected_resampled_t(-np.array(d), ratio)
    assert one.statistic == pytest.approx(-other.statistic)
    assert one.p == pytest.approx(other.p)
    assert one.interval[:2] == pytest.approx((-other.interval.high, -other.interval.low))


@given(differences, ratios, st.floats(0.01, 1))
def test_more_overlap_never_makes_p_smaller(d, ratio, more):
    assert corrected_resampled_t(d, ratio + more).p >= corrected_resampled_t(d, ratio).p - 1e-12
    assert corrected_resampled_t(d, ratio).p >= naive_paired_t(d).p - 1e-12


@given(differences, ratios, st.floats(0.5, 200))
def test_unit_of_measurement_does_not_matter(d, ratio, scale):
    assert known(corrected_resampled_t(np.array(d) * scale, ratio)) == pytest.approx(
        known(corrected_resampled_t(d, ratio)), rel=1e-6, abs=1e-9
    )


@pytest.mark.parametrize("constant", [0.0, 0.02])
def test_equal_differences_give_no_p_and_say_so(constant):
    outcome = corrected_resampled_t(A - (A - constant), 0.25)
    assert outcome.p is None
    assert outcome.statistic is None
    assert outcome.interval is None
    assert outcome.minimum_detectable is None
    assert outcome.mean_difference == pytest.approx(constant)
    assert any("no variance" in warning for warning in outcome.warnings)


@pytest.mark.parametrize("few", [[], [0.1]])
def test_fewer_than_two_differences_are_refused(few):
    with pytest.raises(ValueError, match="at least 2"):
        corrected_resampled_t(few, 0.25)
    with pytest.raises(ValueError, match="at least 2"):
        naive_paired_t(few)


@pytest.mark.parametrize("ratio", [0, -0.25, math.nan, math.inf])
def test_impossible_ratios_are_refused(ratio):
    with pytest.raises(ValueError, match="n_test/n_train"):
        corrected_resampled_t(D, ratio)


def test_a_number_of_ratios_that_does_not_match_is_refused():
    with pytest.raises(ValueError, match="2 ratios"):
        corrected_resampled_t(D, [0.2, 0.3])


def test_missing_values_are_refused():
    with pytest.raises(ValueError, match="finite"):
        corrected_resampled_t([0.1, math.nan, 0.2], 0.25)


def test_record_says_what_it_is_of():
    outcome = corrected_resampled_t(D, 0.25, unit="fold")
    assert (outcome.n, outcome.unit, outcome.degrees_of_freedom) == (5, "fold", 4)
    assert outcome.assumptions
    assert outcome.smallest_p == 0
