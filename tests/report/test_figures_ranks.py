"""A critical-difference diagram as a picture: marks, bars, bracket, names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.report.figures import rendered
from mpcs_bench.report.figures.critical_difference import (
    RankPanel,
    critical_difference_figure,
    stacked,
)
from mpcs_bench.stats import Friedman, friedman_nemenyi


def ranking(scores: Any) -> Friedman:
    return friedman_nemenyi(scores, [f"method {i}" for i in range(np.shape(scores)[1])])


CLEAR = np.arange(6) + np.random.default_rng(0).normal(scale=0.9, size=(12, 6))


def bars(axes: Any) -> list[tuple[float, float, float]]:
    """Return the thick lines: from, to, height."""
    return [
        (*map(float, line.get_xdata()), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_linewidth() > 2
    ]


def test_bars_span_the_groups_that_were_computed() -> None:
    outcome = ranking(CLEAR)
    (axes,) = critical_difference_figure([RankPanel("one", outcome)]).axes
    ranks = dict(outcome.average_ranks)
    expected = [(ranks[group[0]], ranks[group[-1]]) for group in outcome.groups]
    assert len(expected) > 1
    drawn = sorted((low, high) for low, high, _ in bars(axes))
    for (low, high), (first, last) in zip(drawn, sorted(expected), strict=True):
        assert (low, high) == (pytest.approx(first - 0.1), pytest.approx(last + 0.1))


def test_marks_stand_at_the_average_ranks_and_the_bracket_is_as_long_as_the_difference() -> None:
    outcome = ranking(CLEAR)
    (axes,) = critical_difference_figure([RankPanel("one", outcome)]).axes
    marks = sorted(float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "o")
    assert marks == [rank for _, rank in outcome.average_ranks]
    widths = [
        float(np.ptp(segment[:, 0])) for c in axes.collections for segment in c.get_segments()
    ]
    assert any(width == pytest.approx(outcome.critical_difference) for width in widths)


intervals = st.lists(
    st.tuples(st.integers(1, 12), st.integers(0, 5)).map(lambda pair: (pair[0], sum(pair))),
    max_size=8,
)


@given(intervals)
def test_bars_on_one_level_never_touch(groups: list[tuple[int, int]]) -> None:
    placed = stacked(groups)
    assert sorted((low, high) for low, high, _ in placed) == sorted(groups)
    for i, (low, high, level) in enumerate(placed):
        for a, b, other in placed[:i]:
            assert level != other or b < low or high < a


def test_the_same_ranks_are_the_same_bytes() -> None:
    for kind in ("png", "svg"):
        one, other = (
            rendered(critical_difference_figure([RankPanel("one", ranking(CLEAR))]), kind)
            for _ in range(2)
        )
        assert one == other


def test_no_name_leaves_the_picture() -> None:
    long = [f"a method with a rather long name, number {i}" for i in range(5)]
    outcome = friedman_nemenyi(CLEAR[:, :5], long)
    figure = critical_difference_figure([RankPanel("one", outcome), RankPanel("two", outcome)])
    width, height = figure.get_size_inches() * figure.dpi
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent()
            assert box.x0 >= 0
            assert box.x1 <= width
            assert box.y0 >= 0
            assert box.y1 <= height
