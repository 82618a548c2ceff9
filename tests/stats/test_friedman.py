"""Friedman's test and Nemenyi's comparisons."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from mpcs_bench.stats import friedman_nemenyi

# Ranks of C4.5 and three of its variants on 14 data sets: Demsar (2006), Table 6.
NAMES = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]
DEMSAR = np.array(
    [
        [4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 2, 3], [4, 1, 3, 2], [4, 2, 3, 1], [1, 2.5, 4, 2.5],
        [3, 2, 4, 1], [2.5, 2.5, 4, 1], [4, 3, 2, 1], [2.5, 2.5, 2.5, 2.5], [4, 2.5, 1, 2.5],
        [3, 2, 4, 1], [4, 1, 2, 3], [3, 1, 4, 2],
    ]
)  # fmt: skip

# Seconds to first base, three ways to round it, 22 players: Hollander and Wolfe (1973), p. 140.
ROUNDING = np.array(
    [
        [5.40, 5.50, 5.55], [5.85, 5.70, 5.75], [5.20, 5.60, 5.50], [5.55, 5.50, 5.40],
        [5.90, 5.85, 5.70], [5.45, 5.55, 5.60], [5.40, 5.40, 5.35], [5.45, 5.50, 5.35],
        [5.25, 5.15, 5.00], [5.85, 5.80, 5.70], [5.25, 5.20, 5.10], [5.65, 5.55, 5.45],
        [5.60, 5.35, 5.45], [5.05, 5.00, 4.95], [5.50, 5.50, 5.40], [5.45, 5.55, 5.50],
        [5.55, 5.55, 5.35], [5.45, 5.50, 5.55], [5.50, 5.45, 5.25], [5.65, 5.60, 5.40],
        [5.70, 5.65, 5.55], [6.30, 6.30, 6.25],
    ]
)  # fmt: skip

tables = st.integers(3, 5).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(0, 20).map(lambda x: x / 20), min_size=k, max_size=k),
        min_size=2,
        max_size=8,
    )
)
few = settings(max_examples=40, deadline=None)


def named(table):
    return [f"method {column}" for column in range(len(table[0]))]


def test_published_example_of_average_ranks_and_critical_differences():
    outcome = friedman_nemenyi(DEMSAR, NAMES, higher_is_better=False)
    ranks = dict(outcome.average_ranks)
    assert [round(ranks[name], 3) for name in NAMES] == [3.143, 2.000, 2.893, 1.964]
    assert outcome.critical_difference == pytest.approx(1.25, abs=0.005)
    at_ten = friedman_nemenyi(DEMSAR, NAMES, higher_is_better=False, alpha=0.1)
    assert at_ten.critical_difference == pytest.approx(1.12, abs=0.005)


@pytest.mark.parametrize(
    ("alpha", "published"),
    [
        (0.05, [2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]),
        (0.10, [2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920]),
    ],
)
def test_critical_values_are_the_published_ones(alpha, published):
    """Demsar (2006), Table 5(a): q for 3 to 10 methods."""
    for methods, q in enumerate(published, start=3):
        table = np.tile(np.arange(float(methods)), (6, 1))
        outcome = friedman_nemenyi(table, named(table), alpha=alpha)
        root = math.sqrt(methods * (methods + 1) / 36)
        assert outcome.critical_difference / root == pytest.approx(q, abs=1e-3)


def test_published_example_of_chi_squared_but_for_ties():
    """Demsar prints 9.28 without correction for ties; the correction divides by 1 - 78 / 840."""
    outcome = friedman_nemenyi(DEMSAR, NAMES, higher_is_better=False)
    assert outcome.chi2 * (1 - 78 / 840) == pytest.approx(9.28, abs=0.005)


def test_published_example_of_groups():
    """Figure 1 of Demsar: at 0.10 the two extremes differ, and two overlapping groups remain."""
    outcome = friedman_nemenyi(DEMSAR, NAMES, higher_is_better=False, alpha=0.1)
    assert outcome.groups == (
        ("C4.5+m+cf", "C4.5+m", "C4.5+cf"),
        ("C4.5+cf", "C4.5"),
    )


def test_published_example_with_ties():
    outcome = friedman_nemenyi(ROUNDING, ["out", "narrow", "wide"], higher_is_better=False)
    assert outcome.chi2 == pytest.approx(11.1429, abs=5e-5)
    assert outcome.p == pytest.approx(0.003805, abs=5e-7)
    assert [name for name, _ in outcome.average_ranks] == ["wide", "narrow", "out"]


@few
@given(tables)
def test_chi_squared_is_scipys(table):
    outcome = friedman_nemenyi(table, named(table))
    if outcome.chi2 is not None:
        expected = scipy_stats.friedmanchisquare(*np.transpose(table))
        assert (outcome.chi2, outcome.p) == pytest.approx(tuple(expected))


@few
@given(tables)
def test_pairs_differ_where_their_ranks_are_a_critical_difference_apart(table):
    outcome = friedman_nemenyi(table, named(table))
    for pair in outcome.pairs:
        gap = pair.rank_difference - outcome.critical_difference
        assert pair.rank_difference >= 0
        assert math.isclose(gap, 0, abs_tol=1e-6) or (gap > 0) == (pair.p < 0.05)


@few
@given(tables)
def test_groups_are_the_longest_runs_that_no_critical_difference_parts(table):
    outcome = friedman_nemenyi(table, named(table))
    ranks = dict(outcome.average_ranks)
    order = [name for name, _ in outcome.average_ranks]
    together = {frozenset(group) for group in outcome.groups}
    for group in outcome.groups:
        assert ranks[group[-1]] - ranks[group[0]] < outcome.critical_difference
        assert list(group) == order[order.index(group[0]) : order.index(group[-1]) + 1]
    assert not any(one < other for one in together for other in together)
    for pair in outcome.pairs:
        joined = any({pair.first, pair.second} <= group for group in together)
        assert joined == (ranks[pair.second] - ranks[pair.first] < outcome.critical_difference)


@few
@given(tables, st.randoms(use_true_random=False))
def test_neither_the_order_of_blocks_nor_the_unit_of_scores_matters(table, random):
    one = friedman_nemenyi(table, named(table))
    other = friedman_nemenyi(100 * np.array(random.sample(table, len(table))), named(table))
    assert dict(one.average_ranks) == pytest.approx(dict(other.average_ranks))
    assert one.p == (other.p and pytest.approx(other.p))


@few
@given(tables)
def test_turning_the_scores_turns_the_ranks(table):
    k = len(table[0])
    one = dict(friedman_nemenyi(table, named(table)).average_ranks)
    other = dict(friedman_nemenyi(np.negative(table), named(table)).average_ranks)
    assert all(one[name] + other[name] == pytest.approx(k + 1) for name in one)


def test_one_order_in_every_block_gives_the_smallest_p():
    table = np.tile([0.9, 0.8, 0.7], (5, 1))
    outcome = friedman_nemenyi(table, ["a", "b", "c"])
    assert outcome.p == pytest.approx(outcome.smallest_p)
    assert [rank for _, rank in outcome.average_ranks] == [1, 2, 3]


def test_methods_that_never_differ_have_no_p():
    outcome = friedman_nemenyi(np.ones((5, 3)), ["a", "b", "c"])
    assert outcome.p is None
    assert outcome.groups == (("a", "b", "c"),)
    assert any("hence no p" in warning for warning in outcome.warnings)


def test_record_is_marked_descriptive():
    outcome = friedman_nemenyi(DEMSAR, NAMES)
    assert outcome.descriptive
    assert any("descriptive" in warning for warning in outcome.warnings)


@pytest.mark.parametrize(
    ("table", "names", "message"),
    [
        (np.ones((5, 2)), ["a", "b"], "3 methods"),
        (np.ones((1, 3)), ["a", "b", "c"], "2 blocks"),
        (np.ones((5, 3)), ["a", "b", "b"], "2 different names"),
        (np.full((5, 3), np.nan), ["a", "b", "c"], "finite"),
    ],
)
def test_what_cannot_be_ranked_is_refused(table, names, message):
    with pytest.raises(ValueError, match=message):
        friedman_nemenyi(table, names)
