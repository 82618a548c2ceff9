"""What all trained downstream stages share: epochs kept by a rule, predictions, metrics."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mpcs_bench.data.index import DatasetFacts
from mpcs_bench.protocol.schema import Selection
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import Report, StageJob, StageOutput
from mpcs_bench.stages.metrics import metric_rows, score
from mpcs_bench.stages.parts import TaskRows, task_rows
from mpcs_bench.stages.predict import Float32, PredictionRecorder
from mpcs_bench.stages.training import Training, diverged, train

IntArray = npt.NDArray[np.int64]


class DownstreamTraining(Training, Protocol):
    """A training of a classifier: `model` is what is learned, `logits` what it says of rows."""

    batch_size: int

    @property
    def model(self) -> nn.Module:
        """Return what is learned."""

    def logits(self, rows: IntArray) -> Float32:
        """Return the logits [n, C] of rows of the sample index, in evaluation."""


T = TypeVar("T", bound=DownstreamTraining)


def learn(
    job: StageJob, inputs: StageInputs, build: Callable[[TaskRows], T], report: Report
) -> tuple[StageOutput, TaskRows, T]:
    """Train what `build` makes for the rows of the task, and predict every test image.

    Raises DataError where a part or a class is empty, and StageError where a loss or a prediction
    is not finite.
    """
    dataset = inputs.index.dataset
    rows = task_rows(job.spec, inputs.index, inputs.split, job.group_column)
    threshold = decision_threshold(job, dataset)
    recorder = PredictionRecorder(inputs.index, job.group_column, threshold)
    training = build(rows)
    keeper = _EpochKeeper(training, job, rows, recorder, dataset)
    output = StageOutput(notes={"images": rows.counts(), "effective_batch": training.batch_size})
    train(keeper, job, report, output)
    keeper.restore(output)
    for part, chosen in (("validation", rows.validation), ("test", rows.test)):
        if len(chosen):
            logits = training.logits(chosen)
            if not np.isfinite(logits).all():
                raise diverged(job, f"the predictions on the {part} part are not finite")
            output.predictions += recorder.records(chosen, logits, part)
    output.metrics = metric_rows(output.predictions, dataset, job.spec["vote"])
    return output, rows, training


def decision_threshold(job: StageJob, dataset: DatasetFacts) -> float | None:
    """Return the threshold on P(positive class), None where there are more than two classes."""
    return float(job.spec["threshold"]) if len(dataset.classes) == 2 else None


class _EpochKeeper:
    """Runs a training and keeps the epoch that the selection rule prefers, of equals the first.

    `stopped` once `patience` epochs have passed without a better one.
    """

    def __init__(
        self,
        training: DownstreamTraining,
        job: StageJob,
        rows: TaskRows,
        recorder: PredictionRecorder,
        dataset: DatasetFacts,
    ) -> None:
        self._training, self._recorder, self._dataset = training, recorder, dataset
        self._selection = Selection.model_validate(job.spec["selection"])
        self._vote = job.spec["vote"]
        self._rows = rows.validation if self._selection.rule == "validation" else rows.test
        self.epochs = training.epochs
        self.images_per_epoch = training.images_per_epoch
        self.stopped = False
        self._best: tuple[float, int, dict[str, Any]] | None = None

    def epoch(self, epoch: int) -> dict[str, float]:
        """Run one epoch and, unless the last one is kept anyway, look at the selecting part."""
        values = self._training.epoch(epoch)
        if self._selection.rule == "last":
            return values
        value = self._value(self._training.logits(self._rows))
        merit = -value if self._selection.metric == "loss" else value
        if self._best is None or merit > self._best[0]:
            self._best = (merit, epoch, copy.deepcopy(self._training.model.state_dict()))
        patience = self._selection.patience
        self.stopped = patience is not None and epoch - self._best[1] >= patience
        return values | {f"{self._selection.rule}_{self._selection.metric}": value}

    def restore(self, output: StageOutput) -> None:
        """Put the kept epoch back into the model and note which it was."""
        if self._best is not None:
            self._training.model.load_state_dict(self._best[2])
            output.notes["selected_epoch"] = self._best[1]

    def _value(self, logits: Float32) -> float:
        if self._selection.metric == "loss":
            labels = torch.from_numpy(self._recorder.index.number("label_index")[self._rows])
            return float(nn.functional.cross_entropy(torch.from_numpy(logits), labels))
        records = self._recorder.records(self._rows, logits, self._selection.rule)
        return score(records, self._dataset, self._selection.metric, self._vote)


def class_weights(labels: IntArray, classes: int, rule: str) -> torch.Tensor | None:
    """Return weights inversely proportional to class counts (mean 1 over samples), or none."""
    if rule == "none":
        return None
    counts = np.bincount(labels, minlength=classes)
    return torch.tensor(len(labels) / (classes * counts), dtype=torch.float32)
