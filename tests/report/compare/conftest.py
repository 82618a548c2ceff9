"""Workspaces whose predictions are made up answer by answer, with the metrics that follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench.data.index import DatasetFacts
from mpcs_bench.records import (
    PlannedCell,
    PlanRecord,
    ResultSpec,
    ResultTables,
    metrics_table,
    predictions_table,
    write_result,
)
from mpcs_bench.report.compare.build import Significance, compare_experiments
from mpcs_bench.stages.metrics import metric_rows
from mpcs_bench.store import Store

Answer = tuple[str, str, int, bool]
"""Image, patient, true class, whether the model is right."""

CONDITIONS: dict[str, Any] = {"finetuning.epochs": 60, "groups_train": 64, "groups_test": 16}


PATIENTS, IMAGES = 4, 5
"""Of each fold, and of each patient."""


def answers(fold: int, wrong: Mapping[int, int] | Sequence[int], tag: str = "") -> list[Answer]:
    """Return the answers of one fold of 4 patients of 5 images; `wrong[k]` of patient k's are."""
    return [
        (f"{tag}f{fold}p{p}i{i}", f"f{fold}p{p}", p % 2, i >= wrong[p])
        for p in range(PATIENTS)
        for i in range(IMAGES)
    ]


BASE = ([3, 2, 4, 3], [2, 3, 3, 2], [4, 2, 3, 3], [3, 3, 2, 2], [2, 4, 3, 3])
BETTER = ([1, 0, 2, 1], [0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 0], [0, 2, 1, 1])
"""Wrong images of each patient, fold by fold: 57 and 16 of 100."""


class Made:
    """Collects cells with predictions, then commits them."""

    BASE, BETTER, CONDITIONS = BASE, BETTER, CONDITIONS

    def __init__(self, workspace: Path) -> None:
        self.store = Store(workspace)
        self.plans: dict[str, list[PlannedCell]] = {}
        self.results: list[Path] = []
        self.levels: tuple[str, ...] = ("image", "patient")
        self.classes = 2
        self.group_of: dict[str, str] = {}
        self.baseline: str | None = "base"

    def predictions(self, answers: Sequence[Answer], magnification: int) -> list[dict[str, Any]]:
        """Return predictions of whole images that are right or wrong as `answers` say."""
        rows = []
        for image, patient, label, right in answers:
            said = label if right else (label + 1) % self.classes
            rows.append(self.patch(image, label, said, 0, patient, magnification))
        return rows

    def patch(
        self,
        image: str,
        label: int,
        said: int,
        number: int = 0,
        patient: str = "",
        magnification: int = 0,
        sure: float = 1.0,
    ) -> dict[str, Any]:
        """Return one prediction: `said` is the class decided for, by `sure` in logits."""
        logits = [0.0] * self.classes
        logits[said] = sure
        binary = self.classes == 2
        return {
            "part": "test",
            "sample_id": f"{image}/{number}",
            "pixel_hash": f"{image}/{number}",
            "image_id": image,
            "patient_id": patient or image,
            "group_id": self.group_of.get(patient, patient or image),
            "magnification": magnification,
            "patch_index": number,
            "label": label,
            "predicted": said,
            "score": 0.5 if binary else None,
            "logits": logits,
            "threshold": 0.5 if binary else None,
        }

    def add(
        self,
        experiment: str,
        predictions: Sequence[Mapping[str, Any]],
        *,
        protocol: str = "exp",
        fold: int = 0,
        magnification: int = 40,
        conditions: Mapping[str, Any] = CONDITIONS,
        metrics: Sequence[Mapping[str, Any]] | None = None,
        dataset: str = "tissue",
        **axes: Any,
    ) -> None:
        """Add one finished cell; its metrics are computed from its predictions unless given."""
        own = {
            "dataset": dataset,
            "encoder": "resnet",
            "weights": "imagenet",
            "adaptation": "finetune",
            "train_magnification": magnification or None,
            "fold": fold,
            "split_seed": 0,
            "seed": 0,
        } | axes
        cells = self.plans.setdefault(protocol, [])
        name = f"{protocol}/{experiment}/{len(cells)}"
        classes = tuple("abcd"[: self.classes])
        facts = DatasetFacts(
            dataset, "1", {}, classes, (40, 100), ("patient",), "patient", self.levels
        )
        rows = [dict(row) for row in predictions]
        tables = ResultTables(
            metrics=metrics_table(metrics if metrics is not None else metric_rows(rows, facts)),
            predictions=predictions_table(rows),
        )
        spec = ResultSpec(name.replace("/", "-"), "finetune", name, 1, spec={"n": name}, axes=own)
        self.results.append(
            write_result(self.store.workspace / "results", spec, tables, environment={})
        )
        cells.append(
            PlannedCell(
                key=spec.key,
                position=len(cells),
                experiment=experiment,
                label=experiment,
                axes=own,
                symbolic=name,
                conditions=conditions,
                dataset=dataset,
                fingerprint="f" * 64,
                split_hash=f"split-of-fold-{fold}",
            )
        )

    def fill(self, experiment: str, wrong: Sequence[Sequence[int]], **settings: Any) -> None:
        """Add five folds at one magnification, by the wrong images of each patient."""
        magnification = settings.get("magnification", 40)
        for fold, per_patient in enumerate(wrong):
            rows = answers(fold, per_patient, f"m{magnification}")
            self.add(experiment, self.predictions(rows, magnification), fold=fold, **settings)

    def commit(self) -> None:
        """Put everything into the store."""
        plans = [
            PlanRecord(
                name, name, "paper", self.baseline, "2025-01-02T03:04:05+00:00", tuple(cells)
            )
            for name, cells in self.plans.items()
        ]
        self.store.commit(plans, [], self.results)

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Commit, then lend a read-only connection."""
        self.commit()
        with self.store.reader() as connection:
            yield connection

    def compare(self, baseline: str, *candidates: str, **options: Any) -> Significance:
        """Commit, then compare."""
        with self.connection() as connection:
            return compare_experiments(connection, baseline, candidates, **options)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """An empty workspace to fill."""
    return Made(tmp_path / "workspace")


@pytest.fixture
def two(made: Made) -> Made:
    """A baseline and a better method, five folds of four patients at 40X."""
    made.fill("base", BASE)
    made.fill("new", BETTER)
    return made
