"""Only cells under equal conditions share a row or are compared; what differs is named."""

from __future__ import annotations

from typing import Any

import pytest

from mpcs_bench.report.conditions import differences, flatten, row_conditions

GROUPS = {"groups_train": 48, "groups_test": 16}


def conditions(**changed: Any) -> dict[str, Any]:
    """Return flat conditions; `__` stands for the dot in a name."""
    own: dict[str, Any] = {"finetuning.epochs": 60, "precision": "fp32", **GROUPS}
    return own | {name.replace("__", "."): value for name, value in changed.items()}


def refusals(report) -> list[str]:
    return [comparison.refused for block in report.blocks for comparison in block.comparisons]


def compared(bench, baseline: dict[str, Any], candidate: dict[str, Any]) -> str | None:
    """Run two methods under the given settings and return why they were not compared."""
    bench.folds("base", [0.80, 0.82, 0.84], **baseline)
    bench.folds("new", [0.85, 0.86, 0.90], **candidate)
    (reason,) = refusals(bench.report())
    return reason


def test_equal_conditions_are_compared(bench):
    same = {"conditions": conditions()}
    assert compared(bench, same, same) is None


def test_a_differing_condition_is_refused_and_named_with_both_values(bench):
    reason = compared(
        bench, {"conditions": conditions()}, {"conditions": conditions(finetuning__epochs=5)}
    )
    assert "finetuning.epochs: 5 against 60" in reason
    assert "between new and base" in reason


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"fingerprint": "0" * 64}, "fingerprint"),
        ({"label_fraction": 0.2}, "label_fraction"),
        ({"split_hash": "another split"}, "split_hash"),
    ],
)
def test_data_labels_and_split_are_conditions(bench, settings, name):
    assert name in compared(
        bench, {"conditions": conditions()}, settings | {"conditions": conditions()}
    )


@pytest.mark.parametrize("factor", ["encoder", "weights", "strategy", "loss"])
def test_factors_may_differ(bench, factor):
    own = {"conditions": conditions()}
    assert compared(bench, own, own | {factor: "another"}) is None


def test_numbers_of_groups_are_no_conditions(bench):
    other = conditions() | {"groups_train": 47}
    assert compared(bench, {"conditions": conditions()}, {"conditions": other}) is None


def test_nested_and_flat_conditions_are_the_same(bench):
    nested = {"finetuning": {"epochs": 60}, "precision": "fp32", **GROUPS}
    assert compared(bench, {"conditions": nested}, {"conditions": conditions()}) is None


def test_having_no_pretraining_is_a_factor(bench):
    pretrained = conditions(pretraining__epochs=40)
    assert compared(bench, {"conditions": conditions()}, {"conditions": pretrained}) is None


def test_two_pretrainings_must_be_alike(bench):
    reason = compared(
        bench,
        {"conditions": conditions(pretraining__epochs=1000)},
        {"conditions": conditions(pretraining__epochs=40)},
    )
    assert "pretraining.epochs: 40 against 1000" in reason


def test_a_condition_that_only_one_side_has_is_a_difference():
    (found,) = differences({"a": 1}, {"a": 1, "b": 2})
    assert str(found) == "b: (not set) against 2"


def test_flattening_keeps_lists_and_empty_mappings_as_values():
    assert flatten({"a": {"b": [1, 2], "c": {}}}) == {"a.b": [1, 2], "a.c": {}}


def test_cells_of_one_experiment_under_two_conditions_are_never_joined(bench):
    bench.folds("base", [0.8, 0.9], conditions=conditions())
    bench.folds("base", [0.1, 0.2], conditions=conditions(finetuning__epochs=5))
    rows = bench.report().blocks[0].rows
    assert [(row.name, row.entries[0].summary.n) for row in rows] == [
        ("base (finetuning.epochs = 60)", 2),
        ("base (finetuning.epochs = 5)", 2),
    ]


def test_cells_read_from_changed_data_are_never_joined(bench):
    bench.add("base", {"image_accuracy": 0.8}, fold=0, fingerprint="a" * 64)
    bench.add("base", {"image_accuracy": 0.9}, fold=1, fingerprint="b" * 64)
    assert len(bench.report().blocks[0].rows) == 2


def test_seeds_and_folds_share_a_row_though_their_splits_differ(bench):
    for seed in (0, 1):
        split = conditions() | {"datasets.tissue.split.seed": seed}
        bench.folds("base", [0.8, 0.9], split_seed=seed, conditions=split)
    (row,) = bench.report().blocks[0].rows
    assert row.entries[0].summary.n == 4


def test_a_planned_cell_joins_the_row_whose_data_it_does_not_know_yet(bench):
    bench.folds("base", [0.8, 0.9], conditions=conditions())
    bench.add("base", None, fold=2, state="planned", fingerprint=None, conditions=conditions())
    (row,) = bench.report().blocks[0].rows
    assert len(row.entries[0].planned) == 3


def test_a_baseline_in_several_variants_is_matched_by_its_factors(bench):
    for encoder in ("resnet50", "efficientnet-b2"):
        bench.folds("base", [0.8, 0.9, 0.8], encoder=encoder)
        bench.folds("new", [0.8, 0.9, 0.9], encoder=encoder)
    pairs = [(c.candidate, c.baseline) for c in bench.report().blocks[0].comparisons]
    assert pairs == [
        ("new[encoder=resnet50]", "base[encoder=resnet50]"),
        ("new[encoder=efficientnet-b2]", "base[encoder=efficientnet-b2]"),
    ]


def test_a_baseline_in_several_variants_is_matched_by_its_conditions(bench):
    for fraction in (0.2, 1.0):
        bench.folds("base", [0.8, 0.9, 0.8], label_fraction=fraction)
        bench.folds("new", [0.8, 0.9, 0.9], label_fraction=fraction)
    comparisons = bench.report().blocks[0].comparisons
    assert [c.refused for c in comparisons] == [None, None]
    assert comparisons[0].baseline == "base[label fraction=0.2]"


def test_a_candidate_between_two_equally_near_baselines_is_refused(bench):
    for encoder in ("resnet50", "efficientnet-b2"):
        bench.folds("base", [0.8, 0.9, 0.8], encoder=encoder)
    bench.folds("new", [0.8, 0.9, 0.9], encoder="vit")
    (reason,) = refusals(bench.report())
    assert "equally near" in reason


def test_a_method_without_results_is_refused_for_that_and_not_for_unknown_data(bench):
    bench.folds("base", [0.8, 0.9, 0.8])
    bench.folds("new", [None, None, None], fingerprint=None)
    assert refusals(bench.report()) == ["no fold and seed has a value in both"]


def test_the_refusal_is_printed_under_the_table(bench):
    from mpcs_bench.report import render_markdown

    bench.folds("base", [0.8, 0.9], conditions=conditions())
    bench.folds("new", [0.8, 0.9], conditions=conditions(precision="bf16"))
    text = render_markdown(bench.report())
    assert (
        "Not compared: conditions differ between new and base: precision: bf16 against fp32."
        in text
    )


def test_parameters_of_plugins_tell_rows_apart_and_do_not_keep_them_from_being_compared():
    one = {"precision": "fp32", "pretraining.loss.params.temperature": 0.1}
    other = {"precision": "fp32", "pretraining.loss.params.temperature": 0.5}
    assert row_conditions(one) != row_conditions(other)
    assert differences(one, other) == ()
