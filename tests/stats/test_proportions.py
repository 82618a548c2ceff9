"""Clopper-Pearson and Wilson intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from mpcs_bench.stats import proportion_intervals

counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

# Newcombe, Two-sided confidence intervals for the single proportion (1998), Table I, methods 3
# (Wilson) and 5 (Clopper-Pearson).
PUBLISHED = [
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]


@pytest.mark.parametrize(("successes", "items", "wilson", "exact"), PUBLISHED)
def test_published_intervals(successes, items, wilson, exact):
    outcome = proportion_intervals(successes, items)
    assert outcome.wilson[:2] == pytest.approx(wilson, abs=5e-5)
    assert outcome.clopper_pearson[:2] == pytest.approx(exact, abs=5e-5)


def test_known_answer():
    assert proportion_intervals(57, 58).wilson[:2] == pytest.approx((0.9086, 0.9969), abs=5e-5)


@given(counts, st.floats(0.5, 0.99))
def test_both_are_scipys(pair, level):
    outcome = proportion_intervals(*pair, level=level)
    test = scipy_stats.binomtest(*pair)
    for ours, method in ((outcome.clopper_pearson, "exact"), (outcome.wilson, "wilson")):
        expected = test.proportion_ci(level, method=method)
        assert ours[:2] == pytest.approx(tuple(expected), abs=1e-9)
        assert ours.level == level


@given(counts)
def test_interval_holds_the_estimate_and_stays_a_proportion(pair):
    outcome = proportion_intervals(*pair)
    for low, high, _ in (outcome.clopper_pearson, outcome.wilson):
        assert 0 <= low <= outcome.estimate + 1e-12
        assert outcome.estimate - 1e-12 <= high <= 1


@given(counts)
def test_right_and_wrong_mirror_each_other(pair):
    successes, items = pair
    one = proportion_intervals(successes, items).wilson
    other = proportion_intervals(items - successes, items).wilson
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)


def coverage(items: int, chance: float, which: str) -> float:
    weights = scipy_stats.binom.pmf(np.arange(items + 1), items, chance)
    inside = [
        getattr(proportion_intervals(k, items), which).low <= chance
        and chance <= getattr(proportion_intervals(k, items), which).high
        for k in range(items + 1)
    ]
    return float(weights @ inside)


def test_exact_interval_never_covers_too_little_and_wilson_does_on_average():
    """Counted, not simulated, for the 58 images of UCSB and chances from .5 to .99."""
    chances = np.linspace(0.5, 0.99, 15)
    exact = [coverage(58, chance, "clopper_pearson") for chance in chances]
    wilson = [coverage(58, chance, "wilson") for chance in chances]
    assert min(exact) >= 0.95
    assert np.mean(wilson) == pytest.approx(0.95, abs=0.01)
    assert min(wilson) < 0.95


@pytest.mark.parametrize(("successes", "items"), [(1, 0), (3, 2), (-1, 5)])
def test_what_is_no_proportion_is_refused(successes, items):
    with pytest.raises(ValueError, match="no proportion"):
        proportion_intervals(successes, items)


def test_a_level_in_percent_is_refused():
    with pytest.raises(ValueError, match="level"):
        proportion_intervals(1, 2, level=95)
