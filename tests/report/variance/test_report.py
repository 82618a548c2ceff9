"""The variance report, from a real database to its tables."""

from __future__ import annotations

from typing import Any

import pytest

from mpcs_bench.report.definitions import ReportError
from mpcs_bench.report.variance.build import build_variance
from mpcs_bench.report.variance.sheets import optimism_sheet, spread_sheet


def _conditions(rule: str) -> dict[str, Any]:
    return {
        "finetuning": {"epochs": 60, "selection": {"rule": rule}},
        "groups_train": 64,
        "groups_test": 16,
    }


def test_splits_seeds_and_reruns_are_told_apart(bench: Any) -> None:
    for fold, base in enumerate((0.9, 0.8)):
        for seed in (0, 1):
            for replicate in (0, 1):
                value = base + 0.02 * seed
                axes = {"fold": fold, "seed": seed, "replicate": replicate}
                bench.add("base", {"image_accuracy": value}, **axes)
    with bench.connection() as connection:
        found = build_variance(connection, "exp")
    (spread,) = found.spreads
    assert spread.repeats == (2, 2, 2)
    split, seed, run = (level.variance for level in spread.components.levels)
    assert seed == pytest.approx(0.0002)
    assert run == 0
    assert split == pytest.approx(0.005 - 0.0002 / 2)
    sheet = spread_sheet(found)
    assert "nothing here is left to chance" in " ".join(sheet.notes)
    assert optimism_sheet(found) is None


def test_rows_are_never_mixed(bench: Any) -> None:
    for experiment, base in (("base", 0.9), ("other", 0.5)):
        for fold in (0, 1):
            bench.add(experiment, {"image_accuracy": base + 0.01 * fold}, fold=fold)
    with bench.connection() as connection:
        found = build_variance(connection, "exp")
    assert [spread.label for spread in found.spreads] == ["base", "other"]
    assert {spread.components.n for spread in found.spreads} == {2}


def test_selecting_on_the_test_part_is_held_to_the_other_rules_split_by_split(bench: Any) -> None:
    gains = {"last": 0.0, "validation": -0.01, "test": 0.03}
    for rule, gain in gains.items():
        for fold in range(5):
            for seed in (0, 1):
                value = 0.8 + 0.02 * fold + gain + 0.001 * fold * (rule == "test")
                bench.add(
                    rule,
                    {"image_accuracy": value},
                    fold=fold,
                    seed=seed,
                    conditions=_conditions(rule),
                )
    with bench.connection() as connection:
        found = build_variance(connection, "exp")
    by_pair = {(item.rule, item.against): item for item in found.optimism}
    assert set(by_pair) == {("test", "last"), ("test", "validation"), ("validation", "last")}
    item = by_pair["test", "last"]
    assert (item.splits, item.difference) == (5, pytest.approx(0.032))
    assert item.test is not None and item.test.ratio == pytest.approx(16 / 64)
    assert item.test.interval is not None and item.test.interval.low > 0
    assert by_pair["validation", "last"].difference == pytest.approx(-0.01)
    sheet = optimism_sheet(found)
    assert sheet is not None and "fewer images" in sheet.notes[0]


def test_seeds_that_one_rule_lacks_are_left_out_of_both(bench: Any) -> None:
    """With seed 0 alone the two rules are equal; seed 1, run for one of them, is far above it."""
    for fold in range(3):
        for rule, seed, value in (("last", 0, 0.5), ("test", 0, 0.5), ("test", 1, 0.91)):
            bench.add(
                rule,
                {"image_accuracy": value + 0.01 * fold * seed},
                fold=fold,
                seed=seed,
                conditions=_conditions(rule),
            )
    with bench.connection() as connection:
        found = build_variance(connection, "exp")
    (item,) = found.optimism
    assert (item.splits, item.difference, item.left_out) == (3, 0.0, 3)
    sheet = optimism_sheet(found)
    assert sheet is not None and "3 values without a partner left out" in sheet.notes[1]


def test_a_rerun_is_held_to_the_rerun_of_the_same_number(bench: Any) -> None:
    for fold in (0, 1):
        for replicate in (0, 1):
            for rule in ("last", "test"):
                if (rule, replicate) == ("last", 0):
                    continue
                bench.add(
                    rule,
                    {"image_accuracy": 0.6 + 0.2 * replicate},
                    fold=fold,
                    replicate=replicate,
                    conditions=_conditions(rule),
                )
    with bench.connection() as connection:
        (item,) = build_variance(connection, "exp").optimism
    assert (item.difference, item.left_out) == (0.0, 2)


def test_any_stored_metric_can_be_asked_for(bench: Any) -> None:
    for fold in (0, 1):
        bench.add("base", {"image_accuracy": 0.8, "image_f1_weighted": 0.7 + fold / 10}, fold=fold)
    bench.add("base", {"image_accuracy": 0.8, "image_f1_weighted": float("nan")}, fold=2)
    with bench.connection() as connection:
        found = build_variance(connection, "exp", metric="image_f1_weighted")
    (spread,) = found.spreads
    assert found.metric.name == "image_f1_weighted"
    assert (spread.components.n, spread.components.mean) == (2, pytest.approx(0.75))


def test_cells_that_differ_in_something_else_are_not_paired(bench: Any) -> None:
    other = _conditions("test") | {"threads": 2}
    for fold in (0, 1):
        bench.add("a", {"image_accuracy": 0.8}, fold=fold, conditions=_conditions("last"))
        bench.add("b", {"image_accuracy": 0.9}, fold=fold, conditions=other)
    with bench.connection() as connection:
        assert build_variance(connection, "exp").optimism == ()


def test_a_metric_that_is_not_there_names_those_that_are(bench: Any) -> None:
    bench.folds("base", [0.8, 0.9])
    with bench.connection() as connection, pytest.raises(ReportError) as caught:
        build_variance(connection, "exp", metric="patch_accuracy")
    assert "image_accuracy" in str(caught.value)
