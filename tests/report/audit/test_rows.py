"""Means of rows, the deviations beside them, and how ties were rounded."""

from __future__ import annotations

import pytest

from mpcs_bench.report.audit import audit_publication

ROW = ("87.40", "89.30", "90.50", "88.35")


def test_the_mean_of_a_row_is_held_to_its_cells(found, magnified):
    assert found("row-means", magnified("ours", *ROW, "88.89")) == []

    (finding,) = found("row-means", magnified("ours", *ROW, "88.98"))
    assert (finding.severity, finding.place) == ("error", "table-1/ours/mean")
    assert (finding.printed, finding.recomputed) == ("88.98", "88.8875")

    assert found("row-means", magnified("ours", *ROW, "88.89")) == []


def test_truncation_is_told_from_error(found, magnified):
    (finding,) = found("row-means", magnified("ours", *ROW, "88.88"))

    assert finding.severity == "truncation"
    assert "rounds to 88.89" in finding.explanation
    assert "Unrounded cells can give that, too" in finding.explanation


def test_a_mean_that_the_cells_before_their_rounding_can_give_is_rounding(found, magnified):
    row = ("87.4", "89.3", "90.5", "88.3")  # 88.875; cells of one decimal, a mean of two

    assert [f.severity for f in found("row-means", magnified("ours", *row, "88.91"))] == [
        "rounding"
    ]
    assert [f.severity for f in found("row-means", magnified("ours", *row, "89.00"))] == ["error"]


def test_only_cells_of_the_same_kind_are_averaged(found, magnified):
    both = [
        *magnified("ours", "80.00", "82.00", "81.00"),
        {"row": "ours", "column": "loss", "printed": "0.30", "metric": "loss", "unit": "number"},
        {"row": "ours", "column": "40b", "printed": "70.00", "magnification": 40}
        | {"metric": "patient_accuracy"},
    ]

    assert found("row-means", both) == []


def test_a_row_with_an_empty_cell_is_skipped_with_that_reason(publish, magnified):
    audit = audit_publication(publish(magnified("ours", "80.00", "-", "81.00")), ["row-means"])

    assert audit.findings == ()
    assert [(one.what, one.reason) for one in audit.skipped] == [
        ("table-1/ours/mean", "nothing is printed in 100")
    ]


def test_ties_rounded_in_two_ways_are_told_once_each(found, magnified):
    up = magnified("a", "83.80", "82.85", "83.33")  # 83.325
    down = magnified("b", "85.00", "85.05", "85.02")  # 85.025
    also_down = magnified("c", "80.00", "80.05", "80.02")  # 80.025

    (finding,) = found("ties", [*up, *down, *also_down])
    assert (finding.place, finding.severity) == ("table-1/a/mean", "rounding")

    assert "half to even explains 2 of the publication's 3 ties" in finding.explanation
    assert found("ties", [*down, *also_down]) == []
    assert found("row-means", [*up, *down, *also_down]) == []


def test_a_tie_that_goes_down_to_an_odd_digit_is_one_of_the_ties(found, magnified):
    down = magnified("a", "87.75", "87.80", "87.77")  # 87.775
    also_down = magnified("b", "85.00", "85.05", "85.02")  # 85.025
    up = magnified("c", "83.80", "82.85", "83.33")  # 83.325

    assert found("row-means", [*down, *also_down]) == []
    assert found("ties", [*down, *also_down]) == []
    (finding,) = found("ties", [*down, *also_down, *up])
    assert (finding.place, finding.recomputed) == ("table-1/c/mean", "83.325")


A_ROW = ("87.40±3.70", "89.30±2.70", "88.35±3.20")


def test_what_the_deviation_beside_a_mean_is_is_told_once_a_table(found, magnified):
    rows = [
        *magnified("a", *A_ROW),
        *magnified("b", "80.00±1.00", "80.00±3.00", "80.00±2.00"),
    ]

    (finding,) = found("row-deviations", rows)

    assert (finding.severity, finding.place) == ("notice", "table-1")
    assert finding.recomputed == "the mean of the row's standard deviations"
    assert "2 of 2 rows" in finding.explanation


def test_a_deviation_that_differs_from_the_other_rows_is_found_and_vanishes(found, magnified):
    def with_last(last: str) -> list[tuple[str, str]]:
        rows = [
            *magnified("a", *A_ROW),
            *magnified("b", "80.00±1.00", "80.00±3.00", "80.00±2.00"),
            *magnified("c", "80.00±1.00", "80.00±2.00", last),
        ]
        return [(f.severity, f.place) for f in found("row-deviations", rows)][1:]

    assert with_last("80.00±1.50") == []
    assert with_last("80.00±1.90") == [("error", "table-1/c/mean")]
    assert with_last("80.00±1.50") == []


def test_a_table_that_prints_root_mean_squares_is_read_so(found, magnified):
    rows = [
        *magnified("a", "80.00±1.00", "80.00±3.00", "80.00±2.24"),
        *magnified("b", "80.00±1.00", "80.00±5.00", "80.00±3.61"),
    ]

    (finding,) = found("row-deviations", rows)

    assert finding.severity == "notice"
    assert "root mean square" in finding.recomputed


@pytest.mark.parametrize(("last", "severities"), [("±1.20", []), ("±2.50", ["notice"])])
def test_a_spread_of_the_mean_over_folds_is_at_most_the_mean_deviation(
    found, magnified, last, severities
):
    rows = magnified("a", "80.00±1.00", "84.00±3.00", f"82.00{last}")

    assert [f.severity for f in found("row-deviations", rows)] == severities
