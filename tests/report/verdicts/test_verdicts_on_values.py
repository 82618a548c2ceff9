"""Each verdict on a published value, reached by construction."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpcs_bench.report.verdicts.cells import MEAN_OF_SDS, SELECTED, UNHELD, against_published
from mpcs_bench.report.verdicts.words import cells_line, verdict_notes
from mpcs_bench.stats import equivalence_to_published

NEW = ("new", "40x")


@pytest.fixture
def judge_apart(study, verdict_of, folds_of):
    """The verdict on a value of a scaled-down run."""
    own = study()

    def judge(centre, sd):
        table = own.table({NEW: folds_of(centre, sd)}, scale="smoke")
        return verdict_of(own, table, *NEW, apart=("scale smoke",)).word

    return judge


@pytest.mark.parametrize(
    ("row", "ours", "sd", "verdict"),
    [
        ("new", 87.5, 0.5, "equivalent"),
        ("new", 93.0, 0.5, "differs"),
        ("new", 90.0, 0.5, "inconclusive"),
        ("new", 87.0, 5.0, "out of reach"),
        ("newer", 88.0, 0.5, "out of reach"),
        ("newer", 60.0, 0.5, "differs"),
    ],
)
def test_the_verdict_follows_the_interval_and_the_margin(
    study, verdict_of, folds_of, row, ours, sd, verdict
):
    own = study()
    found = verdict_of(own, own.table({(row, "40x"): folds_of(ours, sd)}), row, "40x")

    assert found.word == verdict
    assert found.reasons == ()
    assert found.margin == 3.0


def test_the_test_is_that_of_our_folds_against_the_printed_mean_and_deviation(
    study, verdict_of, folds_of
):
    own = study()
    values = folds_of(87.5, 0.7)
    found = verdict_of(own, own.table({NEW: values}), *NEW)

    expected = equivalence_to_published(values, 87.0, 0.5, 5, margin=3.0)
    assert found.test.difference == pytest.approx(0.5)
    assert found.test.interval.low == pytest.approx(expected.interval.low)
    assert found.smallest_margin == pytest.approx(expected.half_width)


def test_a_fraction_is_judged_in_points_too(study, verdict_of, folds_of):
    own = study()
    found = verdict_of(own, own.table({("new", "f1"): folds_of(0.825, 0.005)}), "new", "f1")

    assert found.word == "equivalent"
    assert found.test.difference == pytest.approx(0.5)


def test_another_margin_gives_another_verdict_and_the_smallest_counts(study, verdict_of, folds_of):
    own = study()
    values = {NEW: folds_of(87.5, 0.5)}
    wide = verdict_of(own, own.table(values, margins=(3.0,)), *NEW)
    mixed = verdict_of(own, own.table(values, margins=(0.5, 3.0)), *NEW)

    assert (wide.word, mixed.word) == ("equivalent", "out of reach")
    assert mixed.margin == 0.5
    assert "the protocols fix margins of 0.5 and 3 points: the smallest counts" in mixed.warnings


def test_what_departs_is_never_comparable_however_near(study, verdict_of, folds_of):
    own = study()
    table = own.table({NEW: folds_of(87.0, 0.5)}, scale="smoke")
    reasons = ("scale smoke", "data set drawn instead of tissue")
    found = verdict_of(own, table, *NEW, apart=reasons)

    assert found.word == "not comparable"
    assert found.reasons == reasons
    assert found.smallest_margin is not None


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(centre=st.floats(10, 90), sd=st.floats(0.01, 5))
def test_no_value_makes_a_scaled_down_run_comparable(judge_apart, centre, sd):
    assert judge_apart(centre, sd) == "not comparable"


@pytest.mark.parametrize(
    ("lacking", "reason"),
    [
        ({"planned": 10}, "5 of 10 planned folds with a value"),
        ({"runs": 9, "planned_runs": 10}, "9 of 10 planned runs with a value"),
    ],
)
def test_runs_without_a_value_make_another_experiment(study, verdict_of, folds_of, lacking, reason):
    own = study()
    table = own.table({NEW: folds_of(87.0, 0.5)}, **lacking)

    assert verdict_of(own, table, *NEW).word == "not comparable"
    assert verdict_of(own, table, *NEW).reasons == (reason,)


def test_the_gap_in_standard_errors_goes_with_the_verdict(study, verdict_of, folds_of):
    own = study()
    found = verdict_of(own, own.table({NEW: folds_of(88.0, 0.7)}), *NEW)

    assert found.gap.gap == pytest.approx(1.0)
    assert found.gap.z == pytest.approx(1.0 / math.sqrt(0.7**2 / 5 + 0.5**2 / 5))


def test_without_a_published_deviation_there_is_a_gap_and_no_z(study, verdict_of, folds_of):
    own = study()
    found = verdict_of(own, own.table({("newer", "f1"): folds_of(0.85, 0.01)}), "newer", "f1")

    assert (found.gap.gap, found.gap.z) == (pytest.approx(2.0), None)


def test_a_cell_without_a_value_of_ours_is_not_run(study, verdict_of):
    own = study()
    found = verdict_of(own, own.table({}), *NEW)

    assert (found.word, found.test, found.margin) == ("not run", None, None)


def test_values_of_others_get_no_verdict(study, verdict_of):
    own = study()
    assert verdict_of(own, own.table({}), "theirs", "40x") is None


@pytest.mark.parametrize(
    ("row", "column", "folds", "options", "why"),
    [
        ("newer", "f1", 5, {}, "no standard deviation is published"),
        ("new", "40x", 1, {}, "one fold of ours has no spread"),
        ("new", "40x", 5, {"folds": False}, "does not say over how many folds"),
        ("new", "40x", 5, {"printed": {NEW: "87.0±0.0"}}, "nothing varies on either side"),
    ],
)
def test_where_nothing_can_be_tested_the_verdict_says_why(
    study, verdict_of, row, column, folds, options, why
):
    own = study(**options)
    value = 0.82 if column == "f1" else 87.0
    table = own.table({(row, column): [value] * folds})
    found = verdict_of(own, table, row, column)

    assert found.word == "out of reach"
    assert why in found.reasons[0]


def test_the_number_of_folds_comes_from_the_test_items_where_they_say_it(study):
    items = (
        "test_items:\n  - {dataset: tissue, metrics: [image_accuracy], basis: stated, "
        "sizes: [[10, 10, 10]], reason: said so}"
    )
    own = study(more=items).publication
    table = own.table("table-1")

    assert own.folds_of(table.cell("new", "40x")) == 3
    assert own.folds_of(table.cell("new", "f1")) == 5


def test_what_weakens_a_verdict_is_said(study, verdict_of, folds_of):
    own = study()
    values = {("new", "mean"): folds_of(87.0, 0.5)}
    late = "p: margin set after the run"
    table = own.table(values, unheld=("exp-2",), selected_on_test=True, late=(late,))
    found = verdict_of(own, table, "new", "mean")

    assert found.word == "equivalent"
    assert {MEAN_OF_SDS, SELECTED, UNHELD, late} <= {*found.warnings}


def test_a_mean_column_is_judged_by_the_folds_own_means(study, folds_of):
    own = study()
    table = own.table({("new", "mean"): folds_of(87.0, 0.5)}, mean=0.5, sd=0.9)
    cell = next(c for c in table.cells if (c.published.row, c.published.column) == ("new", "mean"))

    test = against_published(cell.ours, cell.published, 87.0, 5, 3.0)
    assert test.difference == pytest.approx(0.0, abs=1e-9)


def test_counts_and_marks_are_told_below_the_table(study, verdict_of, folds_of):
    own = study()
    values = {NEW: folds_of(87.0, 0.5), ("newer", "40x"): folds_of(88.0, 0.5)}
    table = own.table(values)
    judged = replace(
        table,
        cells=tuple(
            replace(c, verdict=verdict_of(own, table, c.published.row, c.published.column))
            for c in table.cells
        ),
    )

    assert cells_line(c.verdict for c in judged.cells) == "1 equivalent, 1 out of reach, 7 not run"
    [line] = verdict_notes(judged)
    assert line.startswith("Behind the gap: = equivalent, ∘ out of reach. Margin: 3 points; ")
