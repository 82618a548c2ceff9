"""The sign-flip permutation test and how far it can reach."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from mpcs_bench.stats import sign_flip, smallest_attainable_p

nonzero = st.integers(1, 1000).flatmap(lambda k: st.sampled_from([k / 1000, -k / 1000]))
differences = st.lists(nonzero, min_size=1, max_size=8)


def enumerated(d: list[float]) -> float:
    """Count by hand the sign patterns whose mean is as far from zero, or further."""
    whole = [round(1000 * x) for x in d]
    means = [
        abs(sum(s * x for s, x in zip(signs, whole, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(whole))
    ]
    return sum(mean >= abs(sum(whole)) for mean in means) / len(means)


def test_fishers_count_for_darwins_maize():
    """Fisher (1935), section 21: 863 of 32,768 patterns on one side, 1,726 on both."""
    maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert sign_flip(maize).p == 1726 / 32768


@given(differences)
def test_p_is_the_share_of_sign_patterns_as_extreme(d):
    assert sign_flip(d).p == pytest.approx(enumerated(d))


def test_five_folds_of_one_sign_reach_one_sixteenth_and_no_further():
    outcome = sign_flip([0.02, 0.01, 0.03, 0.01, 0.03])
    assert outcome.p == outcome.smallest_p == 0.0625
    assert not outcome.in_reach


def test_six_folds_bring_five_percent_into_reach():
    assert sign_flip([0.02, 0.01, 0.03, 0.01, 0.03, 0.02]).in_reach


@given(differences)
def test_p_is_never_below_what_it_calls_the_smallest(d):
    outcome = sign_flip(d)
    assert outcome.smallest_p <= outcome.p + 1e-12 <= 1 + 2e-12


@given(differences)
def test_swapping_the_methods_changes_no_p(d):
    assert sign_flip(d).p == pytest.approx(sign_flip([-x for x in d]).p)


@given(differences, st.randoms(use_true_random=False))
def test_order_of_the_folds_does_not_matter(d, random):
    assert sign_flip(random.sample(d, len(d))).p == pytest.approx(sign_flip(d).p)


def test_ties_are_seen_through_rounding_errors():
    """The differences sum to zero, so every pattern is as extreme; floats sum to 1e-18."""
    assert sign_flip([0.001, 0.001, 0.001, 0.001, 0.001, 0.002, 0.013, -0.02]).p == 1


def test_a_fold_without_difference_takes_reach_away():
    outcome = sign_flip([0.02, 0.01, 0.03, 0.01, 0.0])
    assert outcome.smallest_p == 0.125
    assert outcome.n == 5
    assert any("zero: 1 of 5" in warning for warning in outcome.warnings)


def test_rounding_noise_counts_as_zero():
    assert sign_flip([0.3 - 0.2 - 0.1, 0.02, 0.03]).smallest_p == sign_flip([0.02, 0.03]).smallest_p


def test_no_difference_anywhere_gives_p_one():
    outcome = sign_flip([0.0, 0.0, 0.0])
    assert outcome.p == outcome.smallest_p == 1


def test_many_units_are_drawn_reproducibly_and_say_so():
    d = np.linspace(-0.02, 0.05, 20)
    outcome = sign_flip(d, seed=3)
    assert not outcome.exact
    assert outcome.p == sign_flip(d, seed=3).p
    assert outcome.p == pytest.approx(scipy_stats.ttest_1samp(d, 0).pvalue, abs=0.01)
    assert any("drawn" in warning for warning in outcome.warnings)


def test_nothing_to_test_is_refused():
    with pytest.raises(ValueError, match="needs differences"):
        sign_flip([])


@pytest.mark.parametrize(
    ("method", "n", "p"),
    [("sign-flip", 5, 0.0625), ("wilcoxon", 5, 0.0625), ("mann-whitney", 5, 0.0079)],
)
def test_smallest_attainable_p_at_five_folds(method, n, p):
    assert smallest_attainable_p(method, n) == pytest.approx(p, abs=5e-5)


@pytest.mark.parametrize("n", range(2, 9))
def test_smallest_attainable_p_is_what_scipy_gives_for_the_clearest_data(n):
    above = np.arange(1.0, n + 1)
    wilcoxon = scipy_stats.wilcoxon(above, method="exact").pvalue
    assert smallest_attainable_p("wilcoxon", n) == pytest.approx(wilcoxon)
    ranks = scipy_stats.mannwhitneyu(above, -above, method="exact").pvalue
    assert smallest_attainable_p("mann-whitney", n) == pytest.approx(ranks)
    unequal = scipy_stats.mannwhitneyu(above, [-1.0, -2.0], method="exact").pvalue
    assert smallest_attainable_p("mann-whitney", n, 2) == pytest.approx(unequal)


def test_one_pair_can_show_nothing():
    assert smallest_attainable_p("sign-flip", 1) == 1


def test_unknown_tests_and_empty_samples_are_refused():
    with pytest.raises(ValueError, match="no exact test 'friedman'"):
        smallest_attainable_p("friedman", 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one value"):
        smallest_attainable_p("wilcoxon", 0)
