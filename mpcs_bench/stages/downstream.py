"""What all trained downstream stages share: epochs kept by a rule, predictions, metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mpcs_bench.data.index import DatasetFacts
from mpcs_bench.stages.attempt import Attempt
from mpcs_bench.stages.classifying import ClassifierTraining
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob, StageOutput
from mpcs_bench.stages.keeping import EpochKeeper
from mpcs_bench.stages.metrics import metric_rows
from mpcs_bench.stages.parts import TaskRows, task_rows
from mpcs_bench.stages.predict import PredictionRecorder

IntArray = npt.NDArray[np.int64]
T = TypeVar("T", bound=ClassifierTraining)


def learn(
    job: StageJob, inputs: StageInputs, build: Callable[[TaskRows], T], attempt: Attempt
) -> tuple[StageOutput, TaskRows, T]:
    """Train what `build` makes for the rows of the task, and predict every test image.

    Raises DataError where a part or a class is empty, StageError where a loss or a prediction is
    not finite, and StageInterrupted when it is left.
    """
    dataset = inputs.index.dataset
    rows = task_rows(job.spec, inputs.index, inputs.split, job.group_column)
    threshold = decision_threshold(job, dataset)
    recorder = PredictionRecorder(inputs.index, job.group_column, threshold)
    keeper = attempt.train(lambda: EpochKeeper(build(rows), job, rows, recorder, dataset))
    training = keeper.training
    output = StageOutput(
        history=attempt.history,
        images=attempt.images,
        notes={"images": rows.counts(), "effective_batch": training.batch_size},
    )
    if keeper.stopped:
        output.notes["stopped_after_epoch"] = attempt.epochs_done - 1
    if (selected := keeper.take_best()) is not None:
        output.notes["selected_epoch"] = selected
    for part, chosen in (("validation", rows.validation), ("test", rows.test)):
        if len(chosen):
            logits = training.logits(chosen)
            if not np.isfinite(logits).all():
                raise attempt.diverged(f"the predictions on the {part} part are not finite")
            output.predictions += recorder.records(chosen, logits, part)
    output.metrics = metric_rows(output.predictions, dataset, job.spec["vote"])
    return output, rows, training


def decision_threshold(job: StageJob, dataset: DatasetFacts) -> float | None:
    """Return the threshold on P(positive class), None where there are more than two classes."""
    return float(job.spec["threshold"]) if len(dataset.classes) == 2 else None
