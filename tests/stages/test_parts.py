"""Which rows a downstream stage trains on, selects on and tests on."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mpcs_bench.data.splits import PART_CODES, SplitTable
from mpcs_bench.errors import DataError, SplitError
from mpcs_bench.stages.parts import TaskRows, task_rows

SPEC: dict[str, Any] = {
    "fold": 0,
    "parts": ["ssl", "label"],
    "train_magnification": 100,
    "test_magnifications": [100],
    "label_fraction": 1.0,
    "selection": {"rule": "last"},
    "seed": 0,
}
VALIDATION = {"rule": "validation", "fraction": 0.25}


def rows(data: Any, split: SplitTable | None = None, **changes: Any) -> TaskRows:
    return task_rows(SPEC | changes, data.index, split or data.split, "patient")


def patients(data: Any, chosen: np.ndarray) -> set[str]:
    return set(data.index.text("patient_id")[chosen])


def with_parts(data: Any, parts: dict[str, str]) -> SplitTable:
    """A split of one fold that puts patients, by the start of their name, into parts."""
    codes = np.zeros((1, len(data.index)), dtype=np.uint8)
    names = data.index.text("patient_id").astype(str)
    for start, part in parts.items():
        codes[0, np.char.startswith(names, start)] = PART_CODES[part]  # type: ignore[index]
    return SplitTable.of(data.index, (0,), codes, "patient")


def test_training_rows_are_of_the_parts_asked_for_at_the_train_magnification(tissue: Any) -> None:
    found = rows(tissue)
    at = tissue.index.number("magnification")
    expected = [r for p in ("ssl", "label") for r in tissue.split.rows(0, p) if at[r] == 100]
    assert found.train.tolist() == sorted(expected)
    assert set(rows(tissue, parts=["label"]).train) < set(found.train)


def test_a_part_named_twice_counts_once(tissue: Any) -> None:
    twice = rows(tissue, parts=["label", "label"])
    np.testing.assert_array_equal(twice.train, rows(tissue, parts=["label"]).train)


def test_test_rows_are_at_the_test_magnifications_whatever_trained(tissue: Any) -> None:
    found = rows(tissue, test_magnifications=[40, 400])
    assert set(tissue.index.number("magnification")[found.test]) == {40, 400}
    assert len(found.test) == 20


def test_without_magnifications_all_images_train_and_test(tissue: Any) -> None:
    found = rows(tissue, train_magnification=None, test_magnifications=[])
    assert len(found.train) + len(found.test) == len(tissue.index)


def test_test_magnifications_count_where_training_is_at_all(tissue: Any) -> None:
    found = rows(tissue, train_magnification=None, test_magnifications=[200])
    assert set(tissue.index.number("magnification")[found.test]) == {200}
    assert set(tissue.index.number("magnification")[found.train]) == {40, 100, 200, 400}


def test_a_label_fraction_takes_patients_of_each_class_and_nests(tissue: Any) -> None:
    taken = [patients(tissue, rows(tissue, label_fraction=f).train) for f in (0.25, 0.5, 0.75, 1)]
    assert [len(some) for some in taken] == [2, 4, 6, 8]
    assert all(fewer < more for fewer, more in pairwise(taken))
    assert all(len({name[0] for name in some}) == 2 for some in taken)


def test_label_subset_and_validation_belong_to_the_fold_and_not_to_the_seed(tissue: Any) -> None:
    settings = {"label_fraction": 0.75, "selection": VALIDATION}
    first, second = (rows(tissue, seed=seed, **settings) for seed in (0, 1))
    np.testing.assert_array_equal(first.train, second.train)
    np.testing.assert_array_equal(first.validation, second.validation)


def test_the_validation_part_is_the_same_at_every_label_fraction(tissue: Any) -> None:
    whole = rows(tissue, selection=VALIDATION)
    half = rows(tissue, selection=VALIDATION, label_fraction=0.5)
    np.testing.assert_array_equal(whole.validation, half.validation)
    assert set(half.train) < set(whole.train)


def test_validation_is_carved_from_training_by_patient(tissue: Any) -> None:
    whole, carved = rows(tissue), rows(tissue, selection=VALIDATION)
    assert sorted([*carved.train, *carved.validation]) == whole.train.tolist()
    assert not patients(tissue, carved.train) & patients(tissue, carved.validation)
    assert len(carved.validation) == 5
    np.testing.assert_array_equal(carved.test, whole.test)


@pytest.mark.parametrize("rule", ["last", "test"])
def test_only_rule_validation_carves(tissue: Any, rule: str) -> None:
    found = rows(tissue, selection={"rule": rule})
    assert len(found.validation) == 0
    np.testing.assert_array_equal(found.train, rows(tissue).train)


def test_the_three_purposes_share_no_row(tissue: Any) -> None:
    found = rows(tissue, selection=VALIDATION, label_fraction=0.75)
    together = np.concatenate([found.train, found.validation, found.test])
    assert len(set(together.tolist())) == len(together)
    assert found.counts() == {"train": 10, "validation": 5, "test": 10}


# What is empty


def test_an_empty_training_part_is_named_with_fold_and_magnification(tissue: Any) -> None:
    split = with_parts(tissue, {"B_A_14-1000": "test", "M_DC": "label"})
    with pytest.raises(DataError, match="Fold 0: the training part has no images at 100X"):
        rows(tissue, split, parts=["ssl"])


def test_an_empty_test_part_is_named(tissue: Any) -> None:
    split = with_parts(tissue, {"B": "label", "M": "label"})
    with pytest.raises(DataError, match="Fold 0: the test part has no images"):
        rows(tissue, split, train_magnification=None, test_magnifications=[])


def test_one_test_magnification_without_images_is_enough_to_stop(tissue: Any) -> None:
    frame = tissue.index.frame
    gone = (frame["magnification"] == 40).to_numpy() & (tissue.split.parts[0] == PART_CODES["test"])
    parts = np.where(gone, 0, tissue.split.parts[0])[None].astype(np.uint8)
    split = SplitTable.of(tissue.index, (0,), parts, "patient")
    with pytest.raises(DataError, match="the test part has no images at 40X"):
        rows(tissue, split, test_magnifications=[40, 100])


def test_a_class_without_training_images_is_named(tissue: Any) -> None:
    split = with_parts(tissue, {"B": "label", "M": "test"})
    with pytest.raises(DataError, match="no image of class 'malignant' at 100X"):
        rows(tissue, split, parts=["label"])


def test_too_few_patients_for_a_validation_part_are_an_error(tissue: Any) -> None:
    split = with_parts(
        tissue, {"B_A_14-1000": "label", "M_DC_14-2000": "label", "B_A_14-1001": "test"}
    )
    with pytest.raises(SplitError, match="too few to carve a validation part"):
        rows(tissue, split, parts=["label"], selection=VALIDATION)


def test_a_data_set_without_patients_cannot_select_by_them(tissue: Any) -> None:
    facts = replace(tissue.index.dataset, metric_levels=("image",))
    data = replace(tissue, index=replace(tissue.index, dataset=facts))
    by_patient = {"rule": "test", "metric": "patient_accuracy"}
    with pytest.raises(DataError, match="no patient level"):
        rows(data, selection=by_patient)
    assert len(rows(data, selection=by_patient | {"rule": "last"}).test)
    assert len(rows(data, selection=by_patient | {"metric": "image_accuracy"}).test)
