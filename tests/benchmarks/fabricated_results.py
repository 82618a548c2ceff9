"""Results of many cells that nothing was trained for: a workspace of any size in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mpcs_bench.protocol.canonical import digest
from mpcs_bench.records import (
    PlannedCell,
    PlanRecord,
    ResultSpec,
    ResultTables,
    history_table,
    metrics_table,
    write_plan,
    write_result,
)

IMAGES = 2_000
"""Test predictions of a cell: one fold of BreakHis has 1,580."""

FOLDS, EPOCHS = 5, 20
MAGNIFICATIONS = (40, 100, 200, 400)
STRATEGIES = ("none", "fixed", "ordered", "random")
CONDITIONS = {f"finetuning.setting_{number}": number for number in range(50)}
ENVIRONMENT = {"packages": {f"package-{number}": "1.0" for number in range(60)}}


def items(fold: int, images: int) -> dict[str, Any]:
    """Return what the predictions of a fold are about."""
    names = [f"SOB_M_DC-14-{fold}{n:05d}-40-{n % 60:03d}" for n in range(images)]
    return {
        "part": pa.array(["test"] * images),
        "sample_id": pa.array(names),
        "pixel_hash": pa.array([digest(name) for name in names]),
        "image_id": pa.array(names),
        "patient_id": pa.array([f"ductal_carcinoma-{fold}-{n % 16}" for n in range(images)]),
        "group_id": pa.array([f"{fold}-{n % 16}" for n in range(images)]),
        "magnification": pa.array([MAGNIFICATIONS[n % 4] for n in range(images)], pa.int32()),
        "patch_index": pa.array([0] * images, pa.int32()),
        "label": pa.array([n % 16 % 2 for n in range(images)], pa.int32()),
    }


class Fabricated:
    """A workspace of cells with random predictions, and metrics that need not agree with them."""

    def __init__(self, root: Path, images: int = IMAGES) -> None:
        self.root, self._images = root, images
        self._items = [items(fold, images) for fold in range(FOLDS)]
        self._random = np.random.default_rng(0)
        self._cells: list[PlannedCell] = []
        self._metrics = metrics_table(
            {"part": "test", "test_magnification": m, "metric": name, "value": 0.5, "n": images}
            for m in MAGNIFICATIONS
            for name in ("image_accuracy", "patient_accuracy", "f1", "auc")
        )
        self._history = history_table(
            {"epoch": epoch, "name": "loss", "value": 1.0} for epoch in range(EPOCHS)
        )

    def write(self, number: int) -> Path:
        """Write the result of one cell; `plan` writes the plan of those that were written."""
        fold, strategy, seed = number % FOLDS, STRATEGIES[number // FOLDS % 4], number // 20
        axes = {"dataset": "breakhis", "strategy": strategy, "fold": fold, "seed": seed}
        symbolic = f"{strategy}/fold={fold}/seed={seed}"
        spec = ResultSpec(digest(axes), "finetune", symbolic, 1, CONDITIONS | axes, axes)
        cell = PlannedCell(spec.key, 0, strategy, strategy, axes, symbolic, CONDITIONS, "breakhis")
        self._cells.append(cell)
        tables = ResultTables(self._metrics, self._history, self._predictions(fold))
        results = self.root / "results"
        return write_result(results, spec, tables, environment=ENVIRONMENT, timings={"seconds": 1})

    def plan(self) -> None:
        write_plan(
            self.root,
            PlanRecord("scale", "Scale", "paper", "none", "2026-01-02", tuple(self._cells)),
        )

    def _predictions(self, fold: int) -> Any:
        score = self._random.random(self._images)
        logits = pa.ListArray.from_arrays(
            np.arange(self._images + 1, dtype=np.int32), pa.array(score.astype(np.float32))
        )
        return pa.table(
            {
                **self._items[fold],
                "predicted": pa.array((score >= 0.5).astype(np.int32)),
                "score": pa.array(score),
                "logits": logits,
                "threshold": pa.array([0.5] * self._images),
            }
        )
