"""Run one stage job to its result folder: what every executor calls."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from mpcs_bench.environment import describe
from mpcs_bench.records import (
    ResultSpec,
    ResultTables,
    history_table,
    metrics_table,
    predictions_table,
    write_result,
)
from mpcs_bench.stages.attempt import Attempt
from mpcs_bench.stages.colour_floor import colour_floor
from mpcs_bench.stages.compiling import forget
from mpcs_bench.stages.determinism import fix
from mpcs_bench.stages.distributed import world
from mpcs_bench.stages.distributed.launch import execute_on_several
from mpcs_bench.stages.finetune import finetune
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import STAGE_VERSIONS, StageJob, StageOutput
from mpcs_bench.stages.linear import linear
from mpcs_bench.stages.out_of_memory import out_of_memory
from mpcs_bench.stages.pretrain import pretrain
from mpcs_bench.stages.reasons import is_out_of_memory
from mpcs_bench.stages.watch import Watch

_STAGES: dict[str, Callable[[StageJob, StageInputs, Attempt], StageOutput]] = {
    "pretrain": pretrain,
    "finetune": finetune,
    "linear": linear,
    "colour-floor": colour_floor,
}


def execute(job: StageJob, watch: Watch) -> dict[str, Any]:
    """Run `job`, or go on with it, and write `results/<key>`; returns its timings.

    They are `seconds` and `open_seconds` of all attempts, and `images_per_second`. Raises
    BenchError for what the user can mend, and StageInterrupted where `watch` asked to leave;
    anything else is a fault of code or plugin. Nothing is left in `results` then, and perhaps a
    checkpoint in `checkpoints/<key>`.
    """
    if job.processes > world.size():
        return execute_on_several(job, watch)
    attempt = Attempt(job, watch)
    # The control of colour has neither setting: it is one linear fit.
    threads, deterministic = job.spec.get("threads", 1), job.spec.get("deterministic", True)
    fix(threads, deterministic=deterministic)
    inputs = StageInputs.open(job)
    attempt.opened()
    try:
        output = _STAGES[job.kind](job, inputs, attempt)
    except Exception as error:
        forget()  # what is kept warm has weights of this job, and memory
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(job, inputs, attempt, error) from error
    timings = attempt.timings(output.images)
    if world.leads():
        _write(job, output, attempt, timings)
        attempt.finish()
    return timings


def _write(job: StageJob, output: StageOutput, attempt: Attempt, timings: dict[str, Any]) -> None:
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
        notes=output.notes | attempt.notes() | {"pid": os.getpid()},
    )
