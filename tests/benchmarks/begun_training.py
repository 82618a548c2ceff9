"""The training of a stage, built by the stage itself and begun, to take single steps of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpcs_bench.stages.attempt import Attempt
from mpcs_bench.stages.determinism import fix
from mpcs_bench.stages.finetune import finetune
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.pretrain import pretrain
from mpcs_bench.stages.stepped import SteppedTraining
from mpcs_bench.stages.watch import Watch


class _Built(Exception):
    """Carries what a stage has built to train."""


class _Stopping(Attempt):
    """Stops a stage where it would begin to train."""

    def train(self, build: Callable[[], Any]) -> Any:
        raise _Built(build())


def begun(job: StageJob) -> SteppedTraining:
    """Return the training of a pre-training or fine-tuning, its first epoch begun."""
    fix(int(job.spec["threads"]), deterministic=bool(job.spec["deterministic"]))
    stage = {"pretrain": pretrain, "finetune": finetune}[job.kind]
    try:
        stage(job, StageInputs.open(job), _Stopping(job, Watch(lambda _tick: None)))
    except _Built as built:
        (made,) = built.args
    training: SteppedTraining = getattr(made, "training", made)  # a keeper of epochs has it
    training.begin(0)
    return training
