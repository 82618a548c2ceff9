"""Run one stage job to its result folder: what every executor calls."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import torch

from mpcs_bench.errors import StageError
from mpcs_bench.records import (
    ResultSpec,
    ResultTables,
    history_table,
    metrics_table,
    predictions_table,
    write_result,
)
from mpcs_bench.stages.colour_floor import colour_floor
from mpcs_bench.stages.determinism import fix
from mpcs_bench.stages.environment import describe
from mpcs_bench.stages.finetune import finetune
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import STAGE_VERSIONS, Report, StageJob, StageOutput
from mpcs_bench.stages.linear import linear
from mpcs_bench.stages.pretrain import pretrain

_STAGES: dict[str, Callable[[StageJob, StageInputs, Report], StageOutput]] = {
    "pretrain": pretrain,
    "finetune": finetune,
    "linear": linear,
    "colour-floor": colour_floor,
}


def execute(job: StageJob, report: Report) -> dict[str, Any]:
    """Run `job` and write `results/<key>`; returns its timings (seconds, images per second).

    Raises BenchError for what the user can mend; anything else is a fault of code or plugin.
    Nothing is left in `results` then.
    """
    started = time.perf_counter()
    # The control of colour has neither setting: it is one linear fit.
    threads, deterministic = job.spec.get("threads", 1), job.spec.get("deterministic", True)
    fix(threads, deterministic=deterministic)
    inputs = StageInputs.open(job)
    opened = time.perf_counter()
    try:
        output = _STAGES[job.kind](job, inputs, report)
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
        raise StageError(
            f"{job.symbolic}: {job.device} is out of memory ({str(error).splitlines()[0]})",
            hint="Use a smaller batch_size or input_size, or precision: bf16. "
            "The batch size is never changed for you: it changes the result.",
        ) from error
    trained = time.perf_counter()
    timings = {
        "seconds": trained - started,
        "open_seconds": opened - started,
        "images_per_second": output.images / max(trained - opened, 1e-9),
    }
    write_result(
        job.results,
        ResultSpec(
            key=job.key,
            kind=job.kind,
            symbolic=job.symbolic,
            stage_version=STAGE_VERSIONS[job.kind],
            spec=job.hashed,
            axes=job.axes,
        ),
        ResultTables(
            metrics=metrics_table(output.metrics),
            history=history_table(output.history),
            predictions=predictions_table(output.predictions),
        ),
        files=output.files,
        environment=describe(job.device),
        timings=timings,
        notes=output.notes | {"pid": os.getpid()},
    )
    return timings


def _out_of_memory(error: RuntimeError) -> bool:
    """Say whether torch had no memory: only on a GPU has that an exception of its own."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
