"""Holm's correction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from mpcs_bench.stats import holm

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_known_answer():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


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
