"""Holm's correction."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from mpcs_bench.stats import holm

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_known_answer():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


def test_published_example():
    """Demsar (2006), section 3.2.2: of three methods against C4.5, Holm finds the first two.

    z is the difference of average ranks over 0.488; printed p: .016, .019, .607.
    """
    error = (4 * 5 / (6 * 14)) ** 0.5
    z = [(3.143 - rank) / error for rank in (1.964, 2.000, 2.893)]
    p = [2 * stats.norm.sf(value) for value in z]
    assert p == pytest.approx([0.016, 0.019, 0.607], abs=2e-3)
    adjusted = holm(p)
    assert [each <= 0.05 for each in adjusted] == [True, True, False]
    assert adjusted == pytest.approx((3 * p[0], 3 * p[0], p[2]))


@settings(max_examples=4, deadline=None)  # statsmodels takes its time
@given(p_values)
def test_is_statsmodels(p):
    assert holm(p) == pytest.approx(tuple(multipletests(p, method="holm")[1]))


@given(p_values)
def test_adjusted_p_is_never_smaller_and_keeps_the_order(p):
    adjusted = holm(p)
    assert all(new >= old for new, old in zip(adjusted, p, strict=True))
    order = sorted(range(len(p)), key=lambda i: p[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)


def test_a_test_that_gave_no_p_is_not_in_the_family():
    assert holm([0.02, None, 0.04]) == (0.04, None, 0.04)


def test_no_tests_give_no_p():
    assert holm([]) == ()


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, p])
