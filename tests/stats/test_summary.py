"""Averages over folds, pooled values, and the paper's Mean column."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.stats import FoldSummary, mean_of_columns, over_folds, pooled

proportions = st.lists(st.floats(0, 1), min_size=2, max_size=10)


@given(proportions)
def test_mean_and_sd_are_the_sample_ones(values):
    summary = over_folds(values)
    assert summary.mean == pytest.approx(statistics.fmean(values))
    assert summary.sd == pytest.approx(statistics.stdev(values), abs=1e-9)
    assert summary.n == len(values)


def test_one_fold_has_no_standard_deviation():
    summary = over_folds([0.9])
    assert summary.sd is None
    assert summary.warnings


@pytest.mark.parametrize("values", [[], [0.5, float("nan")]])
def test_nothing_to_average_is_refused(values):
    with pytest.raises(ValueError, match="values"):
        over_folds(values)


def test_pooled_value_weighs_items_and_the_mean_weighs_folds():
    values, counts = [1.0, 0.5], [10, 90]
    assert over_folds(values).mean == 0.75
    assert pooled(values, counts).value == pytest.approx(0.55)
    assert pooled(values, counts).n == 100


@given(proportions, st.integers(1, 100))
def test_folds_of_one_size_make_both_agree(values, count):
    assert pooled(values, [count] * len(values)).value == pytest.approx(over_folds(values).mean)


@pytest.mark.parametrize(
    ("values", "counts", "message"),
    [([0.5], [1, 2], "match"), ([0.5], [0], "item"), ([0.5, 0.5], [3, -1], "negative")],
)
def test_counts_that_cannot_be_are_refused(values, counts, message):
    with pytest.raises(ValueError, match=message):
        pooled(values, counts)


def column(mean: float, sd: float, n: int = 5) -> FoldSummary:
    return FoldSummary(n=n, unit="fold", method="printed", mean=mean, sd=sd)


def test_mean_column_is_the_papers():
    """Table 6, ImageNet (Eff-net b2), patient level: printed 90.85±4.36."""
    printed = [column(91.91, 4.25), column(91.93, 4.20), column(91.46, 5.17), column(88.10, 3.88)]
    mean = mean_of_columns(printed)
    assert mean.mean_of_means == pytest.approx(90.85, abs=0.005)
    assert mean.mean_of_sds == pytest.approx(4.375, abs=0.0005)


def test_mean_of_sds_and_pooled_sd_are_kept_apart():
    mean = mean_of_columns([column(0.5, 0.03), column(0.5, 0.04)])
    assert mean.mean_of_sds == pytest.approx(0.035)
    assert mean.pooled_sd == pytest.approx((0.0025 / 2) ** 0.5)


def test_pooled_sd_weighs_by_degrees_of_freedom():
    mean = mean_of_columns([column(0.5, 0.1, n=2), column(0.5, 0.2, n=4)])
    assert mean.pooled_sd == pytest.approx(((0.01 + 3 * 0.04) / 4) ** 0.5)


def test_a_column_of_one_value_leaves_no_spread():
    mean = mean_of_columns([over_folds([0.9]), over_folds([0.8, 0.9])])
    assert mean.mean_of_means == pytest.approx(0.875)
    assert mean.mean_of_sds is None
    assert mean.pooled_sd is None
    assert mean.warnings


def test_no_columns_are_refused():
    with pytest.raises(ValueError, match="at least one column"):
        mean_of_columns([])
