"""The Bayesian correlated t-test."""

from __future__ import annotations

import math

import baycomp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.stats import METHODS, bayesian_correlated_t, corrected_resampled_t

A = np.array([0.90, 0.91, 0.93, 0.92, 0.94])
B = np.array([0.88, 0.90, 0.90, 0.91, 0.91])

differences = st.lists(st.floats(-1, 1).map(lambda x: round(x, 4)), min_size=2, max_size=12).filter(
    lambda d: np.ptp(d) > 1e-3
)
ropes = st.floats(0, 0.2)
ratios = st.floats(0.05, 2)

# AUROC of SVC with the rbf kernel minus the linear one, in 1/25, over ten times ten folds of 90 to
# 10: scikit-learn's gallery, "Statistical comparison of models using grid search".
GALLERY = np.repeat([-3, -2, -1, 0, 1, 2, 5], [1, 2, 10, 53, 29, 4, 1]) / 25


def three(outcome) -> tuple[float, float, float]:
    return outcome.p_worse, outcome.p_equivalent, outcome.p_better


def test_published_example_of_ten_times_ten_folds():
    outcome = bayesian_correlated_t(GALLERY, 1 / 9, rope=0.01)
    assert three(outcome) == pytest.approx((0.068, 0.432, 0.500), abs=5e-4)
    assert outcome.interval[:2] == pytest.approx((-0.016445, 0.036445), abs=5e-7)
    without = bayesian_correlated_t(GALLERY, 1 / 9, rope=0)
    assert three(without) == pytest.approx((0.227, 0, 0.773), abs=5e-4)


def test_the_same_example_holds_the_corrected_t_to_its_published_value():
    outcome = corrected_resampled_t(GALLERY, 1 / 9)
    assert outcome.statistic == pytest.approx(0.750, abs=5e-4)
    assert outcome.p / 2 == pytest.approx(0.227, abs=5e-4)


@pytest.mark.parametrize("runs", [1, 2, 5])
@pytest.mark.parametrize("rope", [0.005, 0.01, 0.05])
def test_is_baycomps(runs, rope):
    generator = np.random.default_rng(runs)
    baseline, candidate = generator.normal(0.9, 0.03, (2, 5 * runs))
    expected = baycomp.two_on_single(baseline, candidate, rope=rope, runs=runs)
    outcome = bayesian_correlated_t(candidate - baseline, 1 / 4, rope=rope)
    assert three(outcome) == pytest.approx(expected)


@given(differences, ratios)
def test_without_a_region_the_smaller_tail_is_half_the_corrected_p(d, ratio):
    outcome = bayesian_correlated_t(d, ratio, rope=0)
    smaller = min(outcome.p_worse, outcome.p_better)
    assert 2 * smaller == pytest.approx(corrected_resampled_t(d, ratio).p, abs=1e-9)


@given(differences, ratios, ropes)
def test_three_probabilities_add_up_to_one(d, ratio, rope):
    parts = three(bayesian_correlated_t(d, ratio, rope=rope))
    assert sum(parts) == pytest.approx(1)
    assert all(0 <= part <= 1 for part in parts)


@given(differences, ratios, ropes)
def test_swapping_the_methods_swaps_worse_and_better(d, ratio, rope):
    one = bayesian_correlated_t(d, ratio, rope=rope)
    other = bayesian_correlated_t(-np.array(d), ratio, rope=rope)
    assert three(one) == pytest.approx(three(other)[::-1], abs=1e-9)


@given(differences, ratios, ropes, st.floats(0.001, 0.1))
def test_a_wider_region_is_never_less_probable(d, ratio, rope, more):
    narrow = bayesian_correlated_t(d, ratio, rope=rope)
    wide = bayesian_correlated_t(d, ratio, rope=rope + more)
    assert wide.p_equivalent >= narrow.p_equivalent - 1e-12


@given(differences, ratios, ropes, st.randoms(use_true_random=False))
def test_order_of_the_folds_does_not_matter(d, ratio, rope, random):
    shuffled = bayesian_correlated_t(random.sample(d, len(d)), ratio, rope=rope)
    assert three(shuffled) == pytest.approx(
        three(bayesian_correlated_t(d, ratio, rope=rope)), abs=1e-6
    )


@given(differences, ratios)
def test_credible_interval_is_the_corrected_confidence_interval(d, ratio):
    """Under a flat prior; so the coverage simulated for the one is that of the other."""
    posterior, test = bayesian_correlated_t(d, ratio, rope=0.01), corrected_resampled_t(d, ratio)
    assert posterior.interval == pytest.approx(test.interval)


@given(differences, ratios)
def test_interval_holds_the_mean_difference(d, ratio):
    outcome = bayesian_correlated_t(d, ratio, rope=0.01)
    assert outcome.interval.low < np.mean(d) < outcome.interval.high


@pytest.mark.parametrize(
    ("constant", "expected"), [(0.0, (0, 1, 0)), (0.02, (0, 0, 1)), (-0.02, (1, 0, 0))]
)
def test_equal_differences_leave_one_point(constant, expected):
    outcome = bayesian_correlated_t([constant] * 5, 0.25, rope=0.01)
    assert three(outcome) == expected
    assert outcome.interval is None
    assert outcome.warnings


def test_record_is_about_methods_and_names_its_correlation():
    outcome = bayesian_correlated_t(A - B, 0.25, rope=0.01, unit="fold")
    assert outcome.question == METHODS
    assert outcome.correlation == pytest.approx(0.2)
    assert (outcome.n, outcome.unit, outcome.degrees_of_freedom) == (5, "fold", 4)
    assert outcome.assumptions


@pytest.mark.parametrize("rope", [-0.01, math.nan, math.inf])
def test_a_region_without_width_is_refused(rope):
    with pytest.raises(ValueError, match="half-width"):
        bayesian_correlated_t(A - B, 0.25, rope=rope)


def test_other_arguments_are_held_to_the_same_rules_as_the_corrected_t():
    with pytest.raises(ValueError, match="at least 2"):
        bayesian_correlated_t([0.1], 0.25, rope=0.01)
    with pytest.raises(ValueError, match="n_test/n_train"):
        bayesian_correlated_t(A - B, 0, rope=0.01)
    with pytest.raises(ValueError, match="level"):
        bayesian_correlated_t(A - B, 0.25, rope=0.01, level=1)
