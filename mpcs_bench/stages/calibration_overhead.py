"""What a stage takes besides its network: metrics, a description of the machine, a result."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

from mpcs_bench.data.index import DatasetFacts
from mpcs_bench.environment import describe
from mpcs_bench.records import (
    ResultSpec,
    ResultTables,
    history_table,
    metrics_table,
    predictions_table,
    write_result,
)
from mpcs_bench.records.process import unique_token
from mpcs_bench.stages.metrics import metric_rows

IMAGES = 100
REPEATS = 5

_FACTS = DatasetFacts(
    name="calibration",
    version="1",
    params={},
    classes=("benign", "malignant"),
    magnifications=(40,),
    group_columns=("patient_id",),
    default_group="patient_id",
    metric_levels=("patch", "image", "patient"),
)


def stage_overhead(folder: Path, device: str) -> tuple[float, float]:
    """Return the processor seconds that metrics and result take, and those of waiting for the disk.

    The least of a few times, with some predictions. A result is written below `folder`, where a
    stage's would be, and removed; what a killed process leaves goes with other temporaries. Raises
    OSError or StoreError where that cannot be written.
    """
    predictions = [_prediction(number) for number in range(IMAGES)]
    worked = waited = float("inf")
    own = f"-{os.getpid()}-{unique_token()}"
    with tempfile.TemporaryDirectory(own, ".tmp-calibrating-", folder) as place:
        for number in range(REPEATS):
            begun, work = time.perf_counter(), time.process_time()
            write_result(
                Path(place),
                ResultSpec(f"{number:064d}", "finetune", "calibration", 1, {}),
                ResultTables(
                    metrics=metrics_table(metric_rows(predictions, _FACTS)),
                    history=history_table([]),
                    predictions=predictions_table(predictions),
                ),
                environment=describe(device),
                timings={"seconds": 0.0},
            )
            work = time.process_time() - work
            waited = min(waited, time.perf_counter() - begun - work)
            worked = min(worked, work)
    return worked, waited


def _prediction(number: int) -> dict[str, Any]:
    names = ("sample_id", "pixel_hash", "image_id", "patient_id", "group_id")
    return {
        "part": "test",
        **{name: f"{number if name != 'patient_id' else number % 10}" for name in names},
        "magnification": 40,
        "patch_index": 0,
        "label": number % 2,
        "predicted": number // 2 % 2,
        "score": number / IMAGES,
        "logits": [0.0, float(number)],
        "threshold": 0.5,
    }
