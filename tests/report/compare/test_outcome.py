"""What one test says after Holm: shown, not shown, or out of reach of so few units."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.report.compare.outcome import Outcome, with_holm
from mpcs_bench.report.page import Cell
from mpcs_bench.report.smallest import smallest_cell
from mpcs_bench.stats import Interval

FLIP = Outcome(
    name="flip", question="q", method="m", unit="fold", n=6, difference=0.02, p=2 / 64,
    smallest_p=2 / 64,
)  # fmt: skip


def corrected(*columns: Outcome) -> list[Outcome]:
    return [outcome for (outcome,) in with_holm([(column,) for column in columns])]


def test_the_smallest_p_of_six_units_is_out_of_reach_at_four_magnifications() -> None:
    """Each is as small as it can be: 0.03125, which Holm makes 0.125."""
    assert FLIP.finding == "higher"
    for outcome in corrected(FLIP, FLIP, FLIP, FLIP):
        assert (outcome.p_adjusted, outcome.smallest_p_adjusted) == (0.125, 0.125)
        assert outcome.finding == "out of reach"


def test_one_magnification_is_a_family_of_its_own() -> None:
    (outcome,) = corrected(FLIP)
    assert (outcome.finding, outcome.smallest_p_adjusted) == ("higher", 2 / 64)


def test_what_could_have_been_shown_is_not_out_of_reach() -> None:
    more = replace(FLIP, n=10, p=0.4, smallest_p=2 / 2**10)
    assert [o.finding for o in corrected(more, more)] == ["not shown", "not shown"]


@given(st.lists(st.tuples(st.integers(1, 12), st.floats(0, 1)), min_size=1, max_size=5))
def test_no_p_after_holm_is_below_the_smallest_after_holm(units: list[tuple[int, float]]) -> None:
    columns = [
        replace(FLIP, n=n, p=max(p, 2 / 2**n), smallest_p=min(1.0, 2 / 2**n)) for n, p in units
    ]
    for outcome in corrected(*(replace(c, p=min(1.0, c.p or 0)) for c in columns)):
        assert outcome.p_adjusted is not None and outcome.smallest_p_adjusted is not None
        assert outcome.p_adjusted >= outcome.smallest_p_adjusted
        if outcome.finding == "higher":
            assert outcome.in_reach


@pytest.mark.parametrize(
    ("n", "deciding", "finding"),
    [
        (20, None, "higher"),
        (19, None, "out of reach"),
        (20, Interval(-0.01, 0.05, 0.9875), "not shown"),
        (20, Interval(0.001, 0.05, 0.9875), "higher"),
    ],
)
def test_an_interval_decides_with_enough_units_and_at_the_level_of_its_family(
    n: int, deciding: Interval | None, finding: str
) -> None:
    outcome = replace(
        FLIP, n=n, p=None, smallest_p=None, interval=Interval(0.01, 0.04, 0.95),
        deciding=deciding, least_n=20,
    )  # fmt: skip
    assert outcome.finding == finding


def test_the_smallest_p_is_shown_with_what_holm_makes_of_it() -> None:
    assert smallest_cell(2 / 64, None, in_reach=True) == Cell("0.0312")
    assert smallest_cell(2 / 64, 0.125, in_reach=False) == Cell(
        "0.0312", "Holm 0.1250, out of reach"
    )
    assert smallest_cell(0.0, 0.0, in_reach=True) == Cell("0")
