"""Which rows a downstream stage trains on, selects on, and tests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.splits import SplitTable
from mpcs_bench.data.splits_subsets import carve_validation, label_subset
from mpcs_bench.errors import DataError
from mpcs_bench.protocol.schema import Selection
from mpcs_bench.protocol.seeds import seed

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TaskRows:
    """Rows of the sample index, by what they are for."""

    train: IntArray
    validation: IntArray
    test: IntArray

    def counts(self) -> dict[str, int]:
        """Return how many rows each purpose has."""
        return {
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
        }


def task_rows(
    spec: Mapping[str, Any], index: SampleIndex, split: SplitTable, group_column: str
) -> TaskRows:
    """Return the rows of a downstream stage: validation carved first, then the label subset.

    So the validation part is the same at every label fraction, and the subsets are nested in what
    it leaves. Training is at the train magnification alone, testing at the test magnifications;
    where the stage names none, at all. Subset and validation part belong to the fold, not to the
    arm or the seed. Raises DataError where the training or test part is empty (the latter at any
    of its magnifications), a class is missing in training, or the data set lacks what selects.
    """
    fold = int(spec["fold"])
    train = np.unique(np.concatenate([split.rows(fold, part) for part in spec["parts"]]))
    test = split.rows(fold, "test")
    magnification = index.number("magnification")
    if spec["train_magnification"] is not None:
        train = train[magnification[train] == spec["train_magnification"]]
    _require_images("training", train, fold, spec["train_magnification"])
    if spec["test_magnifications"]:
        for value in spec["test_magnifications"]:
            _require_images("test", test[magnification[test] == value], fold, value)
        test = test[np.isin(magnification[test], spec["test_magnifications"])]
    _require_images("test", test, fold, None)
    validation = np.empty(0, dtype=np.int64)
    selection = Selection.model_validate(spec["selection"])
    _require_level(selection, index)
    if selection.rule == "validation":
        draw = seed(0, f"fold={fold}", "validation")
        train, validation = carve_validation(index, train, group_column, selection.fraction, draw)
    if spec["label_fraction"] < 1:
        draw = seed(0, f"fold={fold}", "labels")
        train = label_subset(index, train, group_column, spec["label_fraction"], draw)
    _require_classes(train, index, spec)
    return TaskRows(train, validation, test)


def _require_images(part: str, rows: IntArray, fold: int, magnification: int | None) -> None:
    if not len(rows):
        raise DataError(
            f"Fold {fold}: the {part} part has no images{_at(magnification)}.",
            hint="`mpcs-bench data splits PROTOCOL` shows who is in which part.",
        )


def _require_level(selection: Selection, index: SampleIndex) -> None:
    dataset = index.dataset
    level = selection.metric.removesuffix("_accuracy")
    if selection.rule != "last" and level != "loss" and level not in dataset.metric_levels:
        raise DataError(
            f"The data set '{dataset.name}' has no {level} level (it has: "
            f"{', '.join(dataset.metric_levels)}), so {selection.metric} cannot select an epoch.",
            hint="Set `finetuning.selection.metric` to another one.",
        )


def _require_classes(train: IntArray, index: SampleIndex, spec: Mapping[str, Any]) -> None:
    classes = index.dataset.classes
    present = np.bincount(index.number("label_index")[train], minlength=len(classes))
    for label, count in zip(classes, present, strict=True):
        if count == 0:
            raise DataError(
                f"Fold {spec['fold']}: the training part has no image of class "
                f"'{label}'{_at(spec['train_magnification'])}.",
                hint="Give it more groups, a larger label fraction, or another split seed.",
            )


def _at(magnification: int | None) -> str:
    return f" at {magnification}X" if magnification else ""
