"""Effect sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.stats import cliffs_delta, naive_paired_t, paired_effect

values = st.lists(st.integers(0, 20).map(lambda k: k / 20), min_size=2, max_size=12)


def test_published_dz():
    """Lakens (2013), Table 1: ratings of two movies by ten people, d_z = 1.50."""
    first = np.array([9, 7, 8, 9, 8, 9, 9, 10, 9, 9])
    second = np.array([9, 6, 7, 8, 7, 9, 8, 8, 8, 7])
    assert paired_effect(first - second).d_z == pytest.approx(1.5)


def test_published_delta():
    """Hogarty and Kromrey (1999), as the R package effsize works it out: -0.25."""
    treated = [10, 10, 20, 20, 20, 30, 30, 30, 40, 50]
    control = [10, 20, 30, 40, 40, 50]
    assert cliffs_delta(treated, control).delta == pytest.approx(-0.25)


@given(values.filter(lambda v: np.ptp(v) > 0))
def test_dz_is_the_paired_t_over_root_n(d):
    expected = naive_paired_t(d).statistic / len(d) ** 0.5
    assert paired_effect(d).d_z == pytest.approx(expected)


@given(values, values)
def test_delta_is_the_share_of_pairs_won_less_the_share_lost(a, b):
    pairs = [np.sign(x - y) for x in a for y in b]
    outcome = cliffs_delta(a, b)
    assert outcome.delta == pytest.approx(np.mean(pairs))
    assert outcome.superiority == pytest.approx((np.mean(pairs) + 1) / 2)
    assert cliffs_delta(b, a).delta == pytest.approx(-outcome.delta)


@given(values.map(lambda v: np.array(v) - 0.5))
def test_superiority_is_the_share_of_units_won(d):
    expected = np.mean(d > 0) + np.mean(d == 0) / 2
    assert paired_effect(d).superiority == pytest.approx(expected)


def test_equal_differences_have_no_dz():
    outcome = paired_effect([0.02, 0.02, 0.02])
    assert outcome.d_z is None
    assert outcome.superiority == 1
    assert outcome.warnings


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: paired_effect([0.1]), "at least 2"),
        (lambda: cliffs_delta([], [1]), "two lists"),
        (lambda: cliffs_delta([1], [np.nan]), "finite"),
    ],
)
def test_what_has_no_size_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
