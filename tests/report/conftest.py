"""A workspace with results in it, made through the real records and the real store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench.records import (
    PlannedCell,
    PlanRecord,
    ResultSpec,
    ResultTables,
    StageState,
    metrics_table,
    write_result,
)
from mpcs_bench.report import Report, build_report
from mpcs_bench.store import Store

CONDITIONS: dict[str, Any] = {
    "finetuning": {"epochs": 60, "selection": {"rule": "last"}, "batch_size": 16},
    "datasets": {"tissue": {"split": {"folds": 5, "seed": 0}}},
    "groups_train": 64,
    "groups_test": 16,
}
ENVIRONMENT = {
    "python": "3.11.9",
    "code": {"commit": "0123abc", "dirty": None},
    "packages": {"torch": "2.14.0", "numpy": "2.4.6"},
}
Metrics = Mapping[str, float] | Mapping[tuple[str, int], float]


class Bench:
    """Collects cells, then commits them as one protocol."""

    def __init__(self, workspace: Path) -> None:
        self.store = Store(workspace)
        self.workspace = workspace
        self.cells: list[PlannedCell] = []
        self.results: list[Path] = []
        self.states: list[StageState] = []
        self.protocol = "exp"
        self.title = "An experiment"
        self.scale = "paper"
        self.baseline: str | None = "base"

    def add(
        self,
        experiment: str,
        metrics: Metrics | None,
        *,
        label: str | None = None,
        fold: int = 0,
        magnification: int | None = 40,
        state: str = "done",
        error: str | None = None,
        conditions: Mapping[str, Any] = CONDITIONS,
        fingerprint: str | None = "f" * 64,
        split_hash: str | None = None,
        items: int = 50,
        symbolic: str | None = None,
        part: str = "test",
        **axes: Any,
    ) -> None:
        """Add one cell; `metrics` maps a metric, or (metric, test magnification), to its value."""
        own = {
            "dataset": "tissue",
            "encoder": "resnet",
            "weights": "imagenet",
            "adaptation": "finetune",
            "train_magnification": magnification,
            "fold": fold,
            "split_seed": 0,
            "seed": 0,
        } | axes
        number = len(self.cells)
        key = f"cell-{number}"
        name = symbolic or f"{experiment}/m{magnification}/f{fold}/s{own['seed']}/{number}"
        self.cells.append(
            PlannedCell(
                key=key,
                position=number,
                experiment=experiment,
                label=label or experiment,
                axes=own,
                symbolic=name,
                conditions=conditions,
                dataset=own["dataset"],
                fingerprint=fingerprint,
                split_hash=split_hash or f"split-of-fold-{fold}",
            )
        )
        if metrics is None or state != "done":
            self.states.append(StageState(key=key, symbolic=name, state=state, error=error))
            return
        rows = [
            {
                "part": part,
                "test_magnification": (place[1] if isinstance(place, tuple) else magnification)
                or 0,
                "metric": place[0] if isinstance(place, tuple) else place,
                "value": value,
                "n": items,
            }
            for place, value in metrics.items()
        ]
        spec = ResultSpec(key, "finetune", name, 1, spec={"number": number}, axes=own)
        tables = ResultTables(metrics=metrics_table(rows))
        folder = self.workspace / "results"
        self.results.append(write_result(folder, spec, tables, environment=ENVIRONMENT))

    def folds(self, experiment: str, values: list[float | None], **settings: Any) -> None:
        """Add one cell for each fold with this image accuracy; None: planned, without a result."""
        for fold, value in enumerate(values):
            metrics = None if value is None else {"image_accuracy": value}
            state = "planned" if value is None else "done"
            self.add(experiment, metrics, fold=fold, state=state, **settings)

    def commit(self) -> None:
        """Put everything into the store."""
        plan = PlanRecord(
            self.protocol,
            self.title,
            self.scale,
            self.baseline,
            "2025-01-02T03:04:05+00:00",
            tuple(self.cells),
        )
        self.store.commit([plan], self.states, self.results)

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """Commit, then lend a read-only connection."""
        self.commit()
        with self.store.reader() as connection:
            yield connection

    def report(self, **options: Any) -> Report:
        """Commit, then build the report."""
        with self.connection() as connection:
            return build_report(connection, self.protocol, **options)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty workspace to fill."""
    return Bench(tmp_path / "workspace")
