"""What the report says of each method against the baseline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mpcs_bench.report import (
    comparison_rows,
    render_csv,
    render_html,
    render_markdown,
)
from mpcs_bench.report.model import Column, Comparison
from mpcs_bench.report.present import present
from mpcs_bench.stats import corrected_resampled_t, holm, sign_flip
from mpcs_bench.store import ComparisonRow

BASE = [0.88, 0.90, 0.90, 0.91, 0.91]
NEW = [0.90, 0.91, 0.93, 0.92, 0.94]
DIFFERENCES = [0.02, 0.01, 0.03, 0.01, 0.03]


def groups(train: int, test: int) -> dict[str, int]:
    return {"groups_train": train, "groups_test": test}


def only(report) -> Comparison:
    (comparison,) = report.blocks[0].comparisons
    return comparison


def test_difference_is_tested_with_the_splits_own_ratio(bench):
    bench.folds("base", BASE, conditions=groups(48, 16))
    bench.folds("new", NEW, conditions=groups(48, 16))
    comparison = only(bench.report())
    expected = corrected_resampled_t(DIFFERENCES, 16 / 48)
    assert comparison.test.p == pytest.approx(expected.p)
    assert comparison.test.interval == pytest.approx(expected.interval)
    assert comparison.test.minimum_detectable == pytest.approx(expected.minimum_detectable)
    assert comparison.sign_flip.p == sign_flip(DIFFERENCES).p == 0.0625


def test_few_labels_make_the_same_difference_less_certain(bench):
    bench.folds("base", BASE, conditions=groups(16, 16))
    bench.folds("new", NEW, conditions=groups(16, 16))
    assert only(bench.report()).test.ratio == 1


def test_without_numbers_of_groups_there_is_no_corrected_test(bench):
    bench.folds("base", BASE, conditions={})
    bench.folds("new", NEW, conditions={})
    comparison = only(bench.report())
    assert comparison.test is None
    assert "n_test/n_train is unknown" in comparison.refused
    assert comparison.sign_flip.p == 0.0625


def test_first_comes_the_mean_then_each_magnification_with_holm(bench):
    bench.folds("base", BASE, magnification=40)
    bench.folds("base", BASE, magnification=100)
    bench.folds("new", NEW, magnification=40)
    bench.folds("new", [0.88, 0.92, 0.91, 0.93, 0.90], magnification=100)
    mean, *columns = bench.report().blocks[0].comparisons
    assert mean.column is None
    assert mean.p_adjusted is None
    average = [(d + e) / 2 for d, e in zip(DIFFERENCES, [0, 0.02, 0.01, 0.02, -0.01], strict=True)]
    assert mean.test.p == pytest.approx(corrected_resampled_t(average, 16 / 64).p)
    assert [c.column for c in columns] == [Column(40, 40), Column(100, 100)]
    assert [c.p_adjusted for c in columns] == list(holm([c.test.p for c in columns]))


def test_mean_is_only_over_folds_that_have_every_magnification(bench):
    bench.folds("base", BASE, magnification=40)
    bench.folds("base", BASE, magnification=100)
    bench.folds("new", NEW, magnification=40)
    bench.folds("new", [*NEW[:4], None], magnification=100)
    mean, at_40, at_100 = bench.report().blocks[0].comparisons
    assert (mean.test.n, at_40.test.n, at_100.test.n) == (4, 5, 4)
    assert mean.notes == ("1 value without a partner left out",)


def test_folds_are_paired_by_number_and_not_by_order(bench):
    for fold in (2, 0, 1):
        bench.add("base", {"image_accuracy": BASE[fold]}, fold=fold)
    for fold in (1, 2, 0):
        bench.add("new", {"image_accuracy": NEW[fold]}, fold=fold)
    expected = corrected_resampled_t(DIFFERENCES[:3], 16 / 64)
    assert only(bench.report()).test.standard_error == pytest.approx(expected.standard_error)


def test_one_pair_is_too_few(bench):
    bench.folds("base", [0.8])
    bench.folds("new", [0.9])
    assert only(bench.report()).refused == "one pair of values is too few to test"


def test_seeds_of_one_split_alone_are_not_compared_and_their_means_stay(bench):
    for seed in range(4):
        bench.folds("base", [0.80 + 0.001 * seed], seed=seed)
        bench.folds("new", [0.90 + 0.002 * seed], seed=seed)
    report = bench.report()
    comparison = only(report)
    assert comparison.refused == (
        "one split: seeds measure training noise, not the difference between methods on new "
        "patients"
    )
    assert (comparison.finding, comparison.test, comparison.every_seed, comparison.sign_flip) == (
        "not compared", None, None, None,
    )  # fmt: skip
    means = [row.entries[0].summary.mean for row in report.blocks[0].rows]
    assert means == pytest.approx([0.8015, 0.903])


def test_the_same_fold_of_two_split_seeds_is_two_splits(bench):
    for split_seed in range(2):
        bench.folds("base", [0.80 + 0.001 * split_seed], split_seed=split_seed)
        bench.folds("new", [0.90 + 0.002 * split_seed], split_seed=split_seed)
    assert only(bench.report()).refused is None


def test_seeds_are_averaged_and_counted_as_values_beside(bench):
    for seed in range(3):
        bench.folds("base", BASE, seed=seed)
        bench.folds("new", [value + 0.001 * seed for value in NEW], seed=seed)
    comparison = only(bench.report())
    assert (comparison.test.n, comparison.test.unit) == (5, "fold, seeds averaged")
    assert (comparison.every_seed.n, comparison.every_seed.unit) == (15, "fold x seed")
    for beside in (comparison.sign_flip, comparison.signed_rank):
        assert (beside.n, beside.unit, beside.smallest_p) == (5, "fold", 0.0625)


def test_seeds_alone_do_not_carry_a_finding(bench):
    """Four equal seeds make p small without telling anything new."""
    new = [b + d for b, d in zip(BASE, [0.03, 0.0, 0.03, 0.01, 0.02], strict=True)]
    for seed in range(4):
        bench.folds("base", BASE, seed=seed)
        bench.folds("new", new, seed=seed)
    comparison = only(bench.report())
    assert comparison.every_seed.p < 0.05 < comparison.test.p
    assert comparison.finding == "not shown"


@pytest.mark.parametrize(
    ("new", "finding"),
    [
        (NEW, "higher over folds only"),
        ([b - d for b, d in zip(BASE, DIFFERENCES, strict=True)], "lower over folds only"),
        ([0.90, 0.88, 0.93, 0.89, 0.92], "not shown"),
        (BASE, "equal"),
        ([b + 0.01 for b in BASE], "no variance"),
    ],
)
def test_finding_says_no_more_than_was_shown(bench, new, finding):
    bench.folds("base", BASE)
    bench.folds("new", new)
    assert only(bench.report()).finding == finding


def test_out_of_reach_is_said_and_not_significant_never_is(bench):
    bench.folds("base", BASE)
    bench.folds("new", [0.90, 0.88, 0.93, 0.89, 0.92])
    report = bench.report()
    for text in (render_markdown(report), render_html(report), render_csv(report)):
        assert "not significant" not in text.lower()
    assert "out of reach" in render_markdown(report)
    assert "out of reach" in render_html(report)


def smallest(bench):
    """The cells of the smallest possible p, and whether the notes speak of reach."""
    sheet = present(bench.report()).chapters[0].comparison
    place = [header.text for header in sheet.headers].index("Smallest") - 1
    cells = [line.cells[place] for section in sheet.sections for line in section.lines]
    return [cell.detail for cell in cells], any("out of reach" in note for note in sheet.notes)


def test_six_folds_are_not_called_out_of_reach(bench):
    bench.folds("base", [*BASE, 0.90])
    bench.folds("new", [*NEW, 0.95])
    assert smallest(bench) == ([""], False)


def test_six_folds_at_four_magnifications_are_where_holm_applies(bench):
    """2 / 2^6 = 0.03125 for the mean; for each of four magnifications 0.125."""
    for magnification in (40, 100, 200, 400):
        bench.folds("base", [*BASE, 0.90], magnification=magnification)
        bench.folds("new", [*NEW, 0.95], magnification=magnification)
    assert smallest(bench) == (["", *["Holm 0.1250, out of reach"] * 4], True)


def test_controls_are_never_compared(bench):
    bench.folds("base", BASE)
    bench.folds("floor", NEW, adaptation="colour-floor")
    assert bench.report().blocks[0].comparisons == ()


def test_a_control_as_baseline_compares_nothing_and_says_so(bench):
    bench.folds("base", BASE, adaptation="colour-floor")
    bench.folds("new", NEW)
    report = bench.report()
    assert report.blocks[0].comparisons == ()
    assert "The baseline 'base' is a control: nothing is compared." in report.warnings


def test_an_unknown_baseline_compares_nothing_and_says_so(bench):
    bench.folds("new", NEW)
    report = bench.report(baseline="nowhere")
    assert report.blocks[0].comparisons == ()
    assert "The baseline 'nowhere' has no cell: nothing is compared." in report.warnings


def test_a_protocol_without_baseline_compares_nothing(bench):
    bench.baseline = None
    bench.folds("base", BASE)
    bench.folds("new", NEW)
    report = bench.report()
    assert report.blocks[0].comparisons == ()
    assert present(report).chapters[0].comparison is None


def filled(bench):
    for magnification in (40, 100):
        for seed in range(2):
            bench.folds("base", BASE, magnification=magnification, seed=seed)
            bench.folds("new", NEW, magnification=magnification, seed=seed)
            bench.folds("short", [0.9], magnification=magnification, label_fraction=0.2, seed=seed)


def test_rows_for_the_store_fit_its_view_and_read_back(bench):
    filled(bench)
    report = bench.report(created=datetime(2025, 3, 4, 5, 6, tzinfo=UTC))
    rows = comparison_rows(report)
    bench.store.save_comparisons(ComparisonRow(**row) for row in rows)
    bench.store.save_comparisons(ComparisonRow(**row) for row in rows)
    names, stored = bench.store.query("SELECT * FROM comparison")
    read = [dict(zip(names, values, strict=True)) for values in stored]
    assert sorted(read, key=str) == sorted([{n: row[n] for n in names} for row in rows], key=str)
    assert len(read) == len(rows)


def test_rows_for_the_store_hold_every_test_with_its_reach(bench):
    filled(bench)
    rows = [r for r in comparison_rows(bench.report()) if r["candidate"] == "new"]
    at_40 = {r["unit"]: r for r in rows if r["magnification"] == 40}
    assert set(at_40) == {"fold x seed", "fold, seeds averaged", "fold"}
    assert (at_40["fold"]["smallest_p"], at_40["fold"]["smallest_p_adjusted"]) == (0.0625, 0.125)
    assert at_40["fold x seed"]["n"] == 10
    assert "decides nothing" in at_40["fold x seed"]["note"]
    assert at_40["fold, seeds averaged"]["note"] is None
    of_folds = {r["method"] for r in rows if r["unit"] == "fold" and r["magnification"] == 40}
    assert of_folds == {"sign-flip permutation", "Wilcoxon signed rank"}
    assert {r["dataset"] for r in rows} == {"tissue"}
    assert {r["unit"] for r in rows if r["magnification"] == 0} == {
        f"{unit}, mean over magnifications" for unit in at_40
    }


def test_refused_comparisons_are_rows_with_the_reason_and_no_numbers(bench):
    filled(bench)
    rows = [r for r in comparison_rows(bench.report()) if r["candidate"] == "short"]
    assert len(rows) == 3
    assert all(r["p"] is None and "label_fraction" in r["note"] for r in rows)
