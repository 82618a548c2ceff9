"""What the accuracy table shows, and what it shows as missing."""

from __future__ import annotations

import pytest

from mpcs_bench.report import ReportError
from mpcs_bench.report.model import Column, Report
from mpcs_bench.report.present import present


def shown(report: Report, chapter: int = 0) -> dict[str, list[str]]:
    """Return the accuracy table as head to texts, details in brackets."""
    sheet = present(report).chapters[chapter].accuracy
    return {
        line.head.text: [f"{c.text} ({c.detail})" if c.detail else c.text for c in line.cells]
        for part in sheet.sections
        for line in part.lines
    }


def headers(report: Report, chapter: int = 0) -> list[str]:
    return [header.text for header in present(report).chapters[chapter].accuracy.headers]


def test_values_stand_in_percent_as_the_paper_prints_them(bench):
    bench.folds("base", [0.85, 0.87, 0.88, 0.90, 0.918], label="ImageNet")
    assert shown(bench.report()) == {"ImageNet": ["88.36±2.64"]}


def test_mean_column_is_mean_of_means_and_mean_of_sds(bench):
    bench.folds("base", [0.80, 0.90], magnification=40)
    bench.folds("base", [0.70, 0.90], magnification=100)
    report = bench.report()
    assert headers(report) == ["Method", "40X", "100X", "Mean"]
    assert shown(report)["base"] == ["85.00±7.07", "80.00±14.14", "82.50±10.61"]


def test_other_spreads_of_the_mean_are_named_and_kept_apart(bench):
    bench.folds("base", [0.80, 0.90], magnification=40)
    bench.folds("base", [0.90, 0.80], magnification=100)
    sheet = present(bench.report()).chapters[0].averages
    line = sheet.sections[0].lines[0]
    texts = dict(
        zip([h.text for h in sheet.headers[1:]], [c.text for c in line.cells], strict=True)
    )
    assert texts["SD of the mean"] == "0.00"
    assert texts["Pooled SD"] == "7.07"


def test_pooled_accuracy_weighs_images_where_the_mean_weighs_folds(bench):
    bench.add("base", {"image_accuracy": 1.0}, fold=0, items=10)
    bench.add("base", {"image_accuracy": 0.5}, fold=1, items=90)
    report = bench.report()
    assert shown(report)["base"] == ["75.00±35.36"]
    cell = present(report).chapters[0].averages.sections[0].lines[0].cells[0]
    assert (cell.text, cell.detail) == ("55.00", "100 images")


def test_magnifications_stand_in_order_whatever_the_order_of_the_cells(bench):
    for magnification in (400, 40, 200, 100):
        bench.folds("base", [0.8, 0.9], magnification=magnification)
    assert headers(bench.report()) == ["Method", "40X", "100X", "200X", "400X", "Mean"]


def test_a_missing_fold_is_counted(bench):
    bench.folds("base", [0.8, 0.9, 0.8, 0.9, None])
    assert shown(bench.report())["base"] == ["85.00±5.77 (4 of 5 folds)"]


def test_a_missing_column_is_a_dash_and_takes_the_mean_with_it(bench):
    bench.folds("base", [0.8, 0.9], magnification=40)
    bench.folds("base", [None, None], magnification=100)
    row = shown(bench.report())["base"]
    assert row[1:] == ["– (0 of 2 folds)", "– (a column is missing)"]


def test_a_method_without_cells_at_a_magnification_says_not_planned(bench):
    bench.folds("base", [0.8, 0.9], magnification=40)
    bench.folds("base", [0.8, 0.9], magnification=100)
    bench.folds("other", [0.8, 0.9], magnification=100)
    assert shown(bench.report())["other"][0] == "– (not planned)"


def test_a_failed_cell_is_listed_with_its_reason(bench):
    bench.folds("base", [0.8, 0.9])
    bench.add("base", None, fold=2, state="failed", error="NaN loss in epoch 12\nTraceback ...")
    report = bench.report()
    assert shown(report)["base"] == ["85.00±7.07 (2 of 3 folds)"]
    (missing,) = report.coverage.missing
    assert (missing.state, missing.reason) == ("failed", "NaN loss in epoch 12")
    assert report.coverage.states == {"done": 2, "failed": 1}


def test_metrics_of_other_parts_are_not_shown(bench):
    bench.add("base", {"image_accuracy": 0.99}, part="validation")
    bench.add("base", {"image_accuracy": 0.80}, fold=1)
    assert shown(bench.report())["base"] == ["80.00 (1 of 2 folds)"]


def test_a_data_set_without_magnifications_has_one_column_and_no_mean(bench):
    bench.folds("base", [0.9, 0.8], magnification=None, dataset="ucsb")
    report = bench.report()
    assert headers(report) == ["Method", "all"]
    assert report.blocks[0].columns == (Column(None, None),)


def test_each_metric_has_its_table_in_the_papers_order(bench):
    bench.add("base", {"patch_accuracy": 0.7, "image_accuracy": 0.8, "patient_accuracy": 0.9})
    headings = [chapter.heading for chapter in present(bench.report()).chapters]
    assert [heading.split(",")[0] for heading in headings] == [
        "Image-level accuracy",
        "Patient-level accuracy",
        "Patch-level accuracy",
    ]


def test_metrics_that_are_no_accuracy_have_no_table(bench):
    bench.add("base", {"image_accuracy": 0.8, "loss": 2.3})
    assert [block.metric.name for block in bench.report().blocks] == ["image_accuracy"]


def test_each_data_set_has_its_tables(bench):
    bench.folds("base", [0.8, 0.9], dataset="tissue")
    bench.folds("base", [0.6, 0.7], dataset="other")
    report = bench.report()
    assert [block.dataset for block in report.blocks] == ["tissue", "other"]
    assert shown(report, 1)["base"] == ["65.00±7.07"]


def test_tests_across_magnifications_have_columns_that_the_mean_leaves_out(bench):
    for train in (40, 100):
        for fold in range(2):
            values = {("image_accuracy", 40): 0.8, ("image_accuracy", 100): 0.6}
            bench.add("base", values, fold=fold, magnification=train)
    report = bench.report()
    assert headers(report) == ["Method", "40X", "100X", "40X → 100X", "100X → 40X", "Mean"]
    assert shown(report)["base"][-1] == "70.00±0.00"


def test_replicates_of_a_cell_are_averaged_before_anything_else(bench):
    for replicate, value in enumerate((0.7, 0.9)):
        bench.add("base", {"image_accuracy": value}, fold=0, replicate=replicate)
    bench.add("base", {"image_accuracy": 0.6}, fold=1)
    (entry,) = bench.report().blocks[0].rows[0].entries
    assert sorted(entry.values.values()) == pytest.approx([0.6, 0.8])
    assert entry.summary.n == 2


def test_every_seed_of_a_fold_counts_and_the_caption_says_how_many(bench):
    for seed in range(3):
        bench.folds("base", [0.7, 0.8], seed=seed)
    report = bench.report()
    assert report.blocks[0].rows[0].entries[0].summary.n == 6
    assert present(report).chapters[0].accuracy.caption.endswith("over 2 folds × 3 seeds")


def test_colour_floor_stands_last_under_its_rule_as_a_control(bench):
    bench.folds("floor", [0.6, 0.6], adaptation="colour-floor", label="ridge on colour")
    bench.folds("base", [0.8, 0.9])
    methods, controls = present(bench.report()).chapters[0].accuracy.sections
    assert [line.head.text for line in methods.lines] == ["base"]
    assert [line.head.text for line in controls.lines] == ["Colour floor (control)"]


def test_rows_keep_the_order_of_the_protocol(bench):
    for experiment in ("zeta", "base", "alpha"):
        bench.folds(experiment, [0.8, 0.9])
    assert list(shown(bench.report())) == ["zeta", "base", "alpha"]


def test_experiments_run_with_two_encoders_give_two_rows_that_name_them(bench):
    for encoder in ("resnet50", "efficientnet-b2"):
        bench.folds("base", [0.8, 0.9], encoder=encoder)
    rows = bench.report().blocks[0].rows
    assert [row.name for row in rows] == [
        "base (encoder = resnet50)",
        "base (encoder = efficientnet-b2)",
    ]


def test_two_different_cells_for_one_place_are_set_aside_and_named(bench):
    bench.folds("base", [0.8, 0.9])
    bench.add("base", {"image_accuracy": 0.1}, fold=1, symbolic="another/cell")
    report = bench.report()
    assert shown(report)["base"] == ["80.00 (1 of 2 folds)"]
    assert any("another/cell" in warning for warning in report.warnings)


def test_a_protocol_that_is_not_there_is_named_with_what_is(bench):
    bench.folds("base", [0.8, 0.9])
    bench.commit()
    bench.protocol = "exq"
    with (
        bench.store.reader() as connection,
        pytest.raises(ReportError, match=r"'exq'.*Did you mean 'exp'"),
    ):
        from mpcs_bench.report import build_report

        build_report(connection, "exq")


def test_a_protocol_without_results_gives_a_report_that_says_so(bench):
    bench.folds("base", [None, None])
    report = bench.report()
    assert report.blocks == ()
    assert "No cell has a test result yet." in report.warnings
    assert report.coverage.missing[0].state == "planned"


def test_provenance_names_data_split_and_environment(bench):
    bench.folds("base", [0.8, 0.9])
    provenance = dict(present(bench.report()).provenance)
    assert provenance["Fingerprint of tissue"] == "f" * 64
    assert "split-of-fold-1" in provenance["Split hash of tissue, split seed 0"]
    assert provenance["Environment: code.commit"] == "0123abc"
    assert provenance["Environment: code.dirty"] == "unknown"
    assert "torch 2.14.0" in provenance["Environment: packages"]
