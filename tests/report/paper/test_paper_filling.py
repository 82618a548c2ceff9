"""Which of our values stands in which published cell, and what is said where none does."""

from __future__ import annotations

import math
import statistics

import pytest

FOLD_MEANS = [0.80, 0.82, 0.84, 0.86, 0.88]
ENCODERS = {"b2": "efficientnet-b2", "rn50": "resnet50"}


def on_test(value, *metrics):
    return {("test", metric): value for metric in metrics or ("image_accuracy",)}


def table(report, number, scale="paper"):
    [found] = [
        t for t in report.tables if t.published.number == number and t.variant.scale == scale
    ]
    return found


def test_every_cell_gets_the_value_of_its_encoder_metric_and_magnification(paper, at):
    def value(cell):
        number = cell.axes.train_magnification / 1000
        number += 0.5 if cell.names["encoder"] == "resnet50" else 0
        return on_test(number, "image_accuracy") | on_test(number + 0.01, "patient_accuracy")

    paper.run("exp-03", value)
    found = table(paper.report(), "5")

    for row, encoder in ENCODERS.items():
        for metric, more in (("image", 0), ("patient", 0.01)):
            for magnification in (40, 100, 200, 400):
                cell = at(found, f"{row}-{metric}-op", f"{magnification}x")
                expected = magnification / 1000 + (0.5 if row == "rn50" else 0) + more
                assert cell.ours.mean == pytest.approx(expected), cell.published.name
                assert cell.encoder == encoder
                assert cell.protocols == ("exp-03",)
    assert all(cell.ours is None for cell in found.cells if cell.published.experiment != "exp-3")


def test_a_value_is_the_mean_over_folds_with_their_sample_deviation(paper, at):
    paper.run("exp-03")
    cell = at(table(paper.report(), "5"), "rn50-image-op", "40x")

    assert cell.ours.mean == pytest.approx(statistics.mean(FOLD_MEANS))
    assert cell.ours.sd == pytest.approx(statistics.stdev(FOLD_MEANS))
    assert list(cell.ours.folds.values()) == pytest.approx(FOLD_MEANS)
    assert (cell.ours.planned, cell.ours.runs, cell.ours.planned_runs) == (5, 5, 5)


def test_the_gap_is_ours_minus_published(paper, at):
    paper.run("exp-03")
    cell = at(table(paper.report(), "5"), "rn50-image-op", "40x")

    assert cell.published.printed == "87.56±3.48"
    assert cell.gap == pytest.approx(0.84 - 0.8756)


def test_seeds_are_averaged_within_their_fold_first(paper, at):
    paper.run(
        "exp-13",
        lambda cell: on_test(0.6 + 0.1 * cell.axes.fold + 0.2 * cell.axes.seed),
        assignments=["matrix.seed=[0, 1]", "matrix.fold=[0, 1]"],
    )
    ours = at(table(paper.report(), "9"), "fp", "finetune-accuracy").ours

    assert list(ours.folds.values()) == pytest.approx([0.7, 0.8])
    assert ours.mean == pytest.approx(0.75)
    assert ours.sd == pytest.approx(statistics.stdev([0.7, 0.8]))
    assert (ours.runs, ours.planned) == (4, 2)


def test_the_mean_column_averages_means_and_deviations_and_keeps_the_real_spread(paper, at):
    def value(cell):
        # The folds of 40X and 100X run against each other: their mean is the same in each.
        sign = {40: 1, 100: -1}.get(cell.axes.train_magnification, 0)
        return on_test(0.8 + sign * 0.02 * cell.axes.fold)

    paper.run("exp-03", value)
    ours = at(table(paper.report(), "5"), "b2-image-op", "mean").ours

    slope = statistics.stdev([0, 0.02, 0.04, 0.06, 0.08])
    assert ours.mean == pytest.approx((0.84 + 0.76 + 0.8 + 0.8) / 4)
    assert ours.sd == pytest.approx(2 * slope / 4)
    assert ours.spread == pytest.approx(0, abs=1e-12)
    assert (len(ours.folds), ours.planned, ours.is_mean) == (5, 5, True)


def test_a_mean_needs_every_column(paper, at):
    def value(cell):
        return None if cell.axes.train_magnification == 200 else on_test(0.8)

    paper.run("exp-03", value)
    found = table(paper.report(), "5")

    assert at(found, "b2-image-op", "200x").absence.word == "no result"
    mean = at(found, "b2-image-op", "mean")
    assert mean.ours is None
    assert "200X" in mean.absence.reason


def test_folds_without_a_value_are_counted(paper, at):
    paper.run("exp-13", lambda cell: on_test(0.9) if cell.axes.fold < 3 else None)
    ours = at(table(paper.report(), "9"), "fp", "finetune-accuracy").ours

    assert (len(ours.folds), ours.planned) == (3, 5)
    assert not ours.complete


def test_what_is_not_defined_is_no_value(paper, at):
    paper.run(
        "exp-13",
        lambda cell: on_test(math.nan if cell.axes.fold == 0 else 0.5, "image_precision"),
    )
    found = table(paper.report(), "9")

    ours = at(found, "fp", "finetune-precision").ours
    assert (len(ours.folds), ours.mean) == (4, 0.5)
    assert at(found, "fp", "finetune-recall").absence.word == "no value"


def test_why_a_value_is_missing_is_told_apart(paper, at):
    paper.run("exp-14", lambda cell: None)
    paper.run("exp-15", blocked=True)
    found = table(paper.report(), "9")

    assert at(found, "op", "finetune-accuracy").absence.word == "no result"
    assert at(found, "rp", "linear-recall").absence.word == "blocked"
    assert at(found, "fp", "finetune-accuracy").absence.word == "not here"
    assert at(found, "st", "finetune-accuracy").absence is None, "literature is never missing"


def test_a_failure_is_told_with_its_message(paper, at):
    names = [cell.symbolic for cell in paper.run("exp-13", lambda cell: None)]
    paper.run("exp-13", lambda cell: None, failed=names)
    absence = at(table(paper.report(), "9"), "fp", "finetune-accuracy").absence

    assert (absence.word, absence.reason) == ("failed", "out of memory")


def test_a_magnification_that_was_not_run_is_not_planned(paper, at):
    paper.run("exp-03", assignments=["matrix.train_magnification=[40]"])
    found = table(paper.report(), "5")

    assert at(found, "rn50-image-op", "40x").ours is not None
    assert at(found, "rn50-image-op", "400x").absence.word == "not planned"


def test_cells_of_one_fold_that_were_split_in_two_ways_are_never_averaged(paper, at):
    def split(cell):
        other = cell.axes.fold == 2 and cell.axes.seed == 1
        return "another" if other else "one"

    paper.run(
        "exp-13",
        lambda cell: on_test(0.9),
        assignments=["matrix.seed=[0, 1]"],
        split=split,
    )
    report = paper.report()
    absence = at(table(report, "9"), "fp", "finetune-accuracy").absence

    assert absence.word == "refused"
    assert "fold 2" in absence.reason
    assert any("fold 2" in warning for warning in report.warnings)


def test_table_7_has_validation_and_test(paper, at):
    def value(cell):
        return {
            ("test", "image_accuracy"): 0.8,
            ("validation", "image_accuracy"): 0.9,
            ("test", "patch_accuracy"): 0.6,
            ("validation", "patch_accuracy"): 0.7,
        }

    paper.run("exp-09", value)
    found = table(paper.report(), "7")

    columns = ("image-validation", "image-test", "patch-validation", "patch-test")
    means = [at(found, "imagenet", column).ours.mean for column in columns]
    assert means == pytest.approx([0.9, 0.8, 0.7, 0.6])


def test_the_rows_of_table_8_are_label_fractions(paper, at):
    paper.run(
        "exp-11",
        lambda cell: on_test(cell.axes.label_fraction, "image_accuracy", "image_f1_weighted"),
    )
    report = paper.report()
    found = table(report, "8")

    for percent in (5, 10, 20, 40, 60, 80, 100):
        for column in ("f1-op", "accuracy-op"):
            cell = at(found, f"labels-{percent}", column)
            assert cell.ours.mean == pytest.approx(percent / 100), cell.published.name
    assert at(table(report, "7"), "op", "image-test").ours.mean == 1.0, "Table 7: all labels"


def test_the_columns_of_table_9_are_adaptations(paper, at):
    metrics = ("image_accuracy", "image_precision", "image_recall")
    paper.run(
        "exp-15",
        lambda cell: on_test(0.9 if cell.names["adaptation"] == "finetune" else 0.7, *metrics),
    )
    found = table(paper.report(), "9")

    for metric in ("accuracy", "precision", "recall"):
        assert at(found, "rp", f"finetune-{metric}").ours.mean == pytest.approx(0.9)
        assert at(found, "rp", f"linear-{metric}").ours.mean == pytest.approx(0.7)


def test_literature_has_neither_a_value_nor_a_gap_of_ours(paper):
    paper.run("exp-13")
    found = table(paper.report(), "9")

    cited = [cell for cell in found.cells if cell.published.literature]
    assert len(cited) == 18
    assert all(c.ours is None and c.absence is None and c.gap is None for c in cited)


def test_what_was_selected_on_the_test_part_is_marked(paper, at):
    paper.run("exp-03", assignments=["finetuning.selection.rule=test"])
    report = paper.report()
    [found] = report.tables

    assert at(found, "b2-image-op", "40x").ours.selected_on_test
    assert any("†" in warning for warning in report.warnings)
