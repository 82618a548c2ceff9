"""A fabricated but consistent workspace: predictions first, metrics computed from them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mpcs_bench.protocol.canonical import digest
from mpcs_bench.records import (
    PlannedCell,
    PlanRecord,
    ResultSpec,
    ResultTables,
    history_table,
    metrics_table,
    predictions_table,
    write_plan,
    write_result,
)
from mpcs_bench.store import Retry, Store

MAGNIFICATIONS = (40, 100)
PATIENTS = 5
FINGERPRINT = "f1d0"
CONDITIONS = {"image_size": [224, 224], "epochs": 100}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_predictions(fold: int, strategy: str, seed: int = 0, images: int = 4):
    """Return the test predictions of one cell; patients have different numbers of images."""
    names = f"{fold}-{strategy}-{seed}"
    generator = np.random.Generator(np.random.Philox(int(sha(names)[:8], 16)))
    rows = []
    for patient in range(PATIENTS):
        for magnification in MAGNIFICATIONS:
            for number in range(images + patient):
                score = float(generator.random())
                sample = f"f{fold}-p{patient}-{magnification}-{number}"
                rows.append(
                    {
                        "part": "test",
                        "sample_id": sample,
                        "pixel_hash": sha(sample)[:16],
                        "image_id": sample,
                        "patient_id": f"ductal-{fold}-{patient}",
                        "group_id": f"{fold}-{patient}",
                        "magnification": magnification,
                        "patch_index": 0,
                        "label": patient % 2,
                        "predicted": int(score >= 0.5),
                        "score": score,
                        "logits": [float(np.float32(np.log(score / (1 - score))))],
                        "threshold": 0.5,
                    }
                )
    return rows


def make_metrics(predictions):
    """Return image- and patient-level accuracy per magnification, from the predictions."""
    frame = pd.DataFrame(predictions)
    frame["right"] = frame["predicted"] == frame["label"]
    rows = []
    for magnification, part in frame.groupby("magnification"):
        by_patient = part.groupby("patient_id")["right"].mean()
        for metric, value, n in (
            ("image_accuracy", part["right"].mean(), len(part)),
            ("patient_accuracy", by_patient.mean(), len(by_patient)),
        ):
            rows.append(
                {
                    "part": "test",
                    "test_magnification": int(magnification),
                    "metric": metric,
                    "value": float(value),
                    "n": n,
                }
            )
    return rows


@dataclass(frozen=True)
class Workspace:
    """A workspace folder, and what can be put there."""

    path: Path

    @property
    def results(self) -> Path:
        return self.path / "results"

    @property
    def store(self) -> Store:
        return Store(self.path, Retry(wait=5.0))

    def axes(self, fold: int, strategy: str, seed: int = 0):
        return {
            "dataset": "breakhis",
            "encoder": "resnet50",
            "weights": "imagenet",
            "strategy": strategy,
            "loss": None if strategy == "none" else "nt-xent",
            "adaptation": "finetune",
            "train_magnification": 40,
            "label_fraction": 0.2,
            "fold": fold,
            "split_seed": 0,
            "seed": seed,
            "replicate": 0,
        }

    def key(self, fold: int, strategy: str = "ordered", seed: int = 0) -> str:
        return digest(self.axes(fold, strategy, seed))

    def result(self, fold: int, strategy: str = "ordered", seed: int = 0, images: int = 4) -> Path:
        """Write the result of one cell."""
        predictions = make_predictions(fold, strategy, seed, images)
        return write_result(
            self.results,
            ResultSpec(
                key=self.key(fold, strategy, seed),
                kind="finetune",
                symbolic=f"{strategy}/fold={fold}/seed={seed}",
                stage_version=1,
                spec={"learning_rate": 2e-5},
                axes=self.axes(fold, strategy, seed),
            ),
            ResultTables(
                metrics=metrics_table(make_metrics(predictions)),
                history=history_table(
                    [{"epoch": e, "name": "loss", "value": 1 / (e + 1)} for e in range(3)]
                ),
                predictions=predictions_table(predictions),
            ),
            environment={"torch": "2.11", "device": "cpu"},
            timings={"seconds": 12.5},
        )

    def pretraining(self, key: str = "pre") -> Path:
        """Write the result of a stage that cells share."""
        return write_result(
            self.results,
            ResultSpec(key, "pretrain", "pretrain/fold=0", 1, {"epochs": 2}),
            ResultTables(history=history_table([{"epoch": 0, "name": "loss", "value": 2.0}])),
        )

    def cell(self, position: int, fold: int, strategy: str = "ordered", **changes) -> PlannedCell:
        given = {
            "key": self.key(fold, strategy),
            "position": position,
            "experiment": strategy,
            "label": strategy.title(),
            "axes": self.axes(fold, strategy),
            "symbolic": f"{strategy}/fold={fold}/seed=0",
            "conditions": CONDITIONS,
            "dataset": "breakhis",
            "fingerprint": FINGERPRINT,
            "split_hash": f"split-{fold}",
            "stages": ("pre",),
        }
        return PlannedCell(**(given | changes))

    def plan(self, *cells: PlannedCell, protocol: str = "exp-03") -> PlanRecord:
        """Write and return a plan."""
        plan = PlanRecord(
            protocol=protocol,
            title="Table 5",
            scale="paper",
            baseline="none",
            planned_at="2026-01-02T03:04:05.000+00:00",
            cells=cells,
        )
        write_plan(self.path, plan)
        return plan

    def samples(self, fingerprint: str = FINGERPRINT) -> Path:
        """Write a sample index as the data layer does."""
        folder = self.path / "cache" / "index"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{fingerprint}.parquet"
        frame = pd.DataFrame(
            [
                {
                    "sample_id": f"s{number}",
                    "path": f"benign/s{number}.png",
                    "label": "malignant",
                    "label_index": 1,
                    "subtype": "ductal",
                    "patient_id": "ductal-13412",
                    "group_patient": "13412",
                    "group_case": None if number == 2 else f"case{number}",
                    "magnification": None if number == 2 else 40,
                    "sequence": "001",
                    "image_id": f"s{number}",
                    "patch_index": 0,
                    "box_x": None,
                    "box_y": None,
                    "box_w": None,
                    "box_h": None,
                    "width": 700,
                    "height": 460,
                    "pixel_hash": f"h{number}",
                }
                for number in range(3)
            ]
        )
        frame.to_parquet(path)
        return path


def new_workspace(path: Path) -> Workspace:
    made = Workspace(path)
    # With the database in place results arrive by commit, not by a rebuild.
    made.store.commit()
    return made


@pytest.fixture
def make_workspace(tmp_path):
    return lambda name="workspace": new_workspace(tmp_path / name)


@pytest.fixture
def workspace(make_workspace) -> Workspace:
    return make_workspace()


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory) -> Workspace:
    """One cell, planned and finished; for tests that only look."""
    made = new_workspace(tmp_path_factory.mktemp("shared"))
    made.store.commit(plans=[made.plan(made.cell(0, 0))], results=[made.result(0)])
    return made


HOLDER = """
    import sys, duckdb
    connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
    print("open", flush=True)
    sys.stdin.readline()
"""


def start_script(script, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def hold_open(path, mode):
    with start_script(HOLDER, path, mode) as process:
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.communicate("done\n", timeout=30)


@pytest.fixture
def start():
    """Start a Python script with arguments, as another process."""
    return start_script


@pytest.fixture
def holder_script():
    """A script that opens the database it is given ("write" or "read") until told to end."""
    return HOLDER


@pytest.fixture
def held_open():
    """Let another process hold the database open, to "write" or to "read", for a while."""
    return hold_open
