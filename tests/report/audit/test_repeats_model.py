"""The model of chance behind repeated values: exact on cases that can be counted out."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mpcs_bench.report.audit.repeats_model import Placed, repeats


def placed(fact: str, value: int, table: str = "t", places: int = 10) -> Placed:
    """A whole number of 0 to `places` - 1."""
    return Placed(fact, table, Fraction(value), Fraction(0), Fraction(places - 1), Fraction(1), 0)


def test_two_values_on_ten_places_are_equal_in_one_case_of_ten() -> None:
    found = repeats([placed("a", 3), placed("b", 3)], between=False)
    assert found.found == 1
    assert found.expected == pytest.approx(0.1, abs=0.01)
    assert found.p == pytest.approx(0.1, abs=0.01)


def test_equal_cells_count_one_by_one_and_not_in_pairs() -> None:
    six = [placed(name, 3, places=1000) for name in "abcdef"]
    assert repeats(six, between=False).found == 5


def test_repeats_clump_as_often_as_the_model_says() -> None:
    """Three values on two places: always a repeat, all three equal in 1 of 4."""
    three = [placed(name, 1, places=2) for name in "abc"]
    found = repeats(three, between=False)
    assert found.found == 2
    assert found.p == pytest.approx(0.25, abs=0.02)
    assert found.expected == pytest.approx(1.25, abs=0.02)


def test_between_tables_one_fact_printed_twice_is_no_repeat() -> None:
    once = [placed("a", 3, "one"), placed("a", 3, "two"), placed("b", 4, "one")]
    assert repeats(once, between=True).found == 0
    assert repeats([*once, placed("c", 3, "two")], between=True).found == 1


def test_between_tables_what_repeats_within_one_does_not_count() -> None:
    within = [placed("a", 3, "one"), placed("b", 3, "one"), placed("c", 5, "two")]
    assert repeats(within, between=True).found == 0


def test_a_coarser_grid_that_explains_the_repeats_is_named() -> None:
    values = [placed(name, 10 * (k % 5), places=41) for k, name in enumerate("abcdefghi")]
    found = repeats(values, between=False)
    assert found.found == 4
    assert found.p < 0.01
    assert found.grid == 10
