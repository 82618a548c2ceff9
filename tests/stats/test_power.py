"""Power of the corrected t-test, and the effect it would mostly find.

Published power was found for the plain paired t only (n_test/n_train 0); for the corrected one the
oracle is the integral over the observed variance.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy import stats as scipy_stats

from mpcs_bench.stats import (
    corrected_resampled_t,
    corrected_t_power,
    minimum_detectable_effect,
)

effects = st.floats(0.1, 4)
counts = st.integers(3, 30)
ratios = st.floats(0, 1)
few = settings(max_examples=40, deadline=None)


def test_published_example():
    """G*Power's manual, paired t-test: d_z = 0.421637, n = 50, power 0.832114."""
    assert corrected_t_power(0.421637, 1, 50, 0).power == pytest.approx(0.832114, abs=5e-7)


def test_published_example_backwards():
    """The same example: the effect that 50 pairs find with that power."""
    outcome = minimum_detectable_effect(1, 50, 0, power=0.832114)
    assert outcome.effect == pytest.approx(0.421637, abs=5e-7)


def integrated(noncentrality: float, freedom: int, alpha: float) -> float:
    """Average the chance that |z + noncentrality| exceeds the bound over the observed variance."""
    bound = scipy_stats.t.isf(alpha / 2, freedom)

    def beyond(variance: float) -> float:
        limit = bound * np.sqrt(variance / freedom)
        chance = scipy_stats.norm.sf(limit - noncentrality) + scipy_stats.norm.cdf(
            -limit - noncentrality
        )
        return chance * scipy_stats.chi2.pdf(variance, freedom)

    return integrate.quad(beyond, 0, np.inf, limit=200)[0]


@few
@given(effects, counts, ratios)
def test_power_is_the_integral_over_the_variance(effect, n, ratio):
    expected = integrated(effect / np.sqrt(1 / n + ratio), n - 1, 0.05)
    assert corrected_t_power(effect, 1, n, ratio).power == pytest.approx(expected, abs=1e-5)


@few
@given(effects, counts, ratios, st.floats(0.05, 1))
def test_power_grows_with_the_effect_and_falls_with_overlap(effect, n, ratio, more):
    power = corrected_t_power(effect, 1, n, ratio).power
    assert corrected_t_power(effect + more, 1, n, ratio).power >= power - 1e-9
    assert corrected_t_power(effect, 1, n, ratio + more).power <= power + 1e-9
    assert corrected_t_power(-effect, 1, n, ratio).power == pytest.approx(power)


def test_no_effect_is_found_as_often_as_alpha_says():
    assert corrected_t_power(0, 1, 5, 0.25).power == pytest.approx(0.05)


@few
@given(st.floats(0.2, 10), counts, ratios, st.floats(0.3, 0.95))
def test_minimum_effect_has_the_power_asked_for(sd, n, ratio, power):
    outcome = minimum_detectable_effect(sd, n, ratio, power=power)
    assert outcome.power == pytest.approx(power)
    assert corrected_t_power(outcome.effect, sd, n, ratio).power == pytest.approx(power)


def test_an_effect_found_four_times_in_five_is_larger_than_one_that_just_gives_p():
    """`minimum_detectable` of the test itself is found about half of the time."""
    d = np.array([-2, -1, 0, 1, 2]) / np.std([-2, -1, 0, 1, 2], ddof=1)
    just = corrected_resampled_t(d, 0.25).minimum_detectable
    assert 0.4 < corrected_t_power(just, 1, 5, 0.25).power < 0.6
    assert minimum_detectable_effect(1, 5, 0.25).effect > just


def test_five_folds_at_80_20_find_two_and_a_half_standard_deviations():
    assert minimum_detectable_effect(1, 5, 0.25).effect == pytest.approx(2.52, abs=0.005)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: corrected_t_power(1, 0, 5, 0.25), "no t-test"),
        (lambda: corrected_t_power(1, 1, 1, 0.25), "no t-test"),
        (lambda: corrected_t_power(1, 1, 5, -0.25), "no t-test"),
        (lambda: corrected_t_power(1, 1, 5, 0.25, alpha=1), "alpha"),
        (lambda: minimum_detectable_effect(1, 5, 0.25, power=0.01), "power"),
    ],
)
def test_what_is_no_test_has_no_power(call, message):
    with pytest.raises(ValueError, match=message):
        call()
