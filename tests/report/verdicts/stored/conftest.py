"""A made-up workspace with predictions: five folds of two experiments, planned as runs do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
    write_plan,
    write_result,
)
from mpcs_bench.records.margin_history import with_margins
from mpcs_bench.report.paper import PaperReport, build_paper
from mpcs_bench.report.published import Publication
from mpcs_bench.stages.metrics import metric_rows
from mpcs_bench.store import Store

CLAIMS = """
claims:
  - id: better
    kind: outperforms
    section: "5"
    place: on Table 1
    quote: it is better
    subject: [{table: table-1, rows: [new], columns: [40x]}]
    baseline: [{table: table-1, rows: [plain], columns: [40x]}]
    paired_by: [column]
"""
PATIENTS, IMAGES = 6, 10
PLAIN = [[4, 3, 5, 4, 3, 4], [3, 4, 4, 3, 4, 3], [5, 3, 4, 4, 4, 4], [4, 4, 3, 3, 4, 5], [3] * 6]
NEW = [[w - 2 for w in wrong] for wrong in PLAIN[:4]] + [[1] * 5 + [2]]
"""Wrong images of each patient, fold by fold."""
FACTS = DatasetFacts(
    "tissue", "1", {}, ("a", "b"), (40,), ("patient",), "patient", ("image", "patient")
)


def predictions(fold: int, wrong: Sequence[int]) -> Iterator[dict[str, Any]]:
    for patient in range(PATIENTS):
        for number in range(IMAGES):
            name, label = f"f{fold}p{patient}i{number}", patient % 2
            said = label if number >= wrong[patient] else 1 - label
            yield {
                "part": "test",
                "sample_id": name,
                "pixel_hash": name,
                "image_id": name,
                "patient_id": f"f{fold}p{patient}",
                "group_id": f"f{fold}p{patient}",
                "magnification": 40,
                "patch_index": 0,
                "label": label,
                "predicted": said,
                "score": float(said),
                "logits": [1.0 - said, float(said)],
                "threshold": 0.5,
            }


def planned(
    workspace: Path, scale: str, kept: bool = True
) -> tuple[PlanRecord, list[Callable[[], Path]]]:
    """Return a plan of five folds of two experiments, and what writes their results.

    `kept`: with their predictions.
    """
    cells, results = [], []
    for experiment, by_fold in (("exp-1", PLAIN), ("exp-2", NEW)):
        for fold, wrong in enumerate(by_fold):
            rows = list(predictions(fold, wrong))
            key = f"{experiment}-{fold}"
            axes = {
                "dataset": "tissue",
                "encoder": "resnet",
                "weights": "none",
                "adaptation": "finetune",
                "train_magnification": 40,
                "fold": fold,
                "split_seed": 0,
                "seed": 0,
            }
            tables = ResultTables(
                metrics=metrics_table(metric_rows(rows, FACTS)),
                **({"predictions": predictions_table(rows)} if kept else {}),
            )
            spec = ResultSpec(key, "finetune", key, 1, spec={"n": key}, axes=axes)
            results.append(
                partial(write_result, workspace / "results", spec, tables, environment={})
            )
            cells.append(
                PlannedCell(
                    key,
                    len(cells),
                    experiment,
                    experiment,
                    axes,
                    key,
                    {"finetuning.epochs": 1, "groups_train": 24, "groups_test": 6},
                    "tissue",
                    "f" * 64,
                    f"split-{fold}",
                )
            )
    plan = PlanRecord("p", "P", scale, None, "2025-01-02T03:04:05+00:00", tuple(cells))
    return plan, results


@dataclass
class Runs:
    """The workspace, and the made-up publication that claims something of it."""

    workspace: Path
    publication: Publication

    def planned(
        self, scale: str = "paper", kept: bool = True
    ) -> tuple[PlanRecord, list[Callable[[], Path]]]:
        """Return a plan, and what writes its results; `kept`: with their predictions."""
        return planned(self.workspace, scale, kept)

    def commit(
        self, plan: PlanRecord, margin: float = 3.0, results: Sequence[Callable[[], Path]] = ()
    ) -> Store:
        """Plan with this margin as a run does: over the plan that is there, before the results."""
        record = with_margins(self.workspace, replace(plan, margin=margin))
        write_plan(self.workspace, record)
        store = Store(self.workspace)
        store.commit([record], [], [path() for path in results])
        return store

    def report(self, *protocols: str) -> PaperReport:
        """Return the report of the publication over these protocols."""
        with Store(self.workspace).reader() as connection:
            return build_paper(
                connection, self.workspace / "results", protocols, publication=self.publication
            )


@pytest.fixture
def runs(tmp_path: Path, study: Any) -> Callable[..., Runs]:
    """An empty workspace, and a publication that claims a comparison of this kind."""

    def make(kind: str = "outperforms") -> Runs:
        publication = study(CLAIMS.replace("outperforms", kind)).publication
        return Runs(tmp_path / "workspace", publication)

    return make


@pytest.fixture
def accuracy() -> dict[str, float]:
    """The mean accuracy of each row over its folds, in percent."""
    rows = {"plain": PLAIN, "new": NEW}
    items = PATIENTS * IMAGES
    return {
        name: 100 * sum(1 - sum(wrong) / items for wrong in folds) / len(folds)
        for name, folds in rows.items()
    }
