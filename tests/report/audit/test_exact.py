"""Printed numbers are exact: rounding, truncation and error are told apart by their decimals."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.report.audit.exact import (
    Exact,
    agreement,
    exact,
    half_even,
    half_up,
    shown,
    truncated,
)

TRUE = st.lists(st.integers(0, 10**6), min_size=2, max_size=6).map(
    lambda numbers: [Fraction(number, 10**4) for number in numbers]
)


def mean(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def judged(true: list[Fraction], parts: int, decimals: int, way, of_parts=None) -> str:
    """Print cells and mean of true values, and let the mean be judged by the printed cells."""
    printed = [Exact((of_parts or way)(value, parts), parts) for value in true]
    shown_mean = Exact(way(mean(true), decimals), decimals)
    return agreement(shown_mean, mean([part.value for part in printed]), printed)


@given(TRUE, st.integers(1, 3), st.integers(1, 3), st.sampled_from([half_up, half_even]))
def test_rounding_of_true_values_is_never_an_error(true, parts, decimals, way):
    assert judged(true, parts, decimals, way) != "error"


@given(TRUE, st.integers(1, 3), st.integers(1, 3))
def test_truncation_of_true_values_is_never_an_error(true, parts, decimals):
    assert judged(true, parts, decimals, truncated) != "error"


@given(
    TRUE,
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([(half_up, truncated), (truncated, half_up), (truncated, half_even)]),
)
def test_nor_are_cells_printed_in_one_way_and_means_in_the_other(true, parts, decimals, ways):
    assert judged(true, parts, decimals, *ways) != "error"


@given(TRUE, st.integers(1, 3), st.integers(2, 40))
def test_a_mean_two_units_off_is_an_error(true, decimals, units):
    printed = [Exact(half_up(value, decimals), decimals) for value in true]
    computed = mean([part.value for part in printed])
    off = Exact(half_up(computed, decimals) + Fraction(units, 10**decimals), decimals)

    assert agreement(off, computed, printed) == "error"


@pytest.mark.parametrize(
    ("parts", "printed", "expected"),
    [
        (["1.00", "1.01"], "1.01", "exact"),  # 1.005, half up
        (["1.00", "1.01"], "1.00", "exact"),  # 1.005, to the even digit
        (["1.00", "1.03"], "1.01", "exact"),  # 1.015, as binary arithmetic may round it
        (["1.00", "1.02", "1.03"], "1.01", "truncation"),  # 1.01667
        (["1.00", "1.00", "1.01"], "1.01", "rounding"),  # 1.00333: only before their rounding
        (["1.00", "1.01"], "1.02", "error"),  # cells that were cut off stay below 1.015
        (["1.00", "1.00", "1.02"], "1.02", "truncation"),  # 1.00667; cut off from up to 1.01667
        (["1.00", "1.01", "1.01"], "0.99", "error"),
        (["1.00", "1.00", "1.01"], "0.99", "truncation"),  # 1.00333; cut off from 0.99833
        (["1.0", "1.1"], "1.10", "rounding"),  # the cells say less than the mean
    ],
)
def test_how_a_printed_mean_goes_with_its_cells(parts, printed, expected):
    cells = [exact(float(part), len(part.partition(".")[2])) for part in parts]
    number = exact(float(printed), len(printed.partition(".")[2]))

    assert agreement(number, mean([cell.value for cell in cells]), cells) == expected


@given(st.integers(-(10**7), 10**7), st.integers(0, 4))
def test_a_number_is_shown_as_it_was_printed(units, decimals):
    text = f"{units / 10**decimals:.{decimals}f}"

    assert shown(Fraction(units, 10**decimals), decimals) == (text if units else text.lstrip("-"))
