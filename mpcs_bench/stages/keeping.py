"""Which epoch of a training is kept: the last, or the one that a part of the data prefers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from mpcs_bench.data.index import DatasetFacts
from mpcs_bench.protocol.schema import Selection
from mpcs_bench.stages.classifying import ClassifierTraining
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.metrics import score
from mpcs_bench.stages.parts import TaskRows
from mpcs_bench.stages.predict import Float32, PredictionRecorder

T = TypeVar("T", bound=ClassifierTraining)


class EpochKeeper(Generic[T]):
    """Runs a training and keeps the epoch that the selection rule prefers, of equals the first.

    `stopped` once `patience` epochs have passed without a better one.
    """

    def __init__(
        self,
        training: T,
        job: StageJob,
        rows: TaskRows,
        recorder: PredictionRecorder,
        dataset: DatasetFacts,
    ) -> None:
        self.training = training
        self._recorder, self._dataset = recorder, dataset
        self._selection = Selection.model_validate(job.spec["selection"])
        self._vote = job.spec["vote"]
        self._rows = rows.validation if self._selection.rule == "validation" else rows.test
        self.epochs, self.steps = training.epochs, training.steps
        self.images_per_epoch, self.batch_size = training.images_per_epoch, training.batch_size
        self.stopped = False
        self._best: tuple[float, int, Mapping[str, torch.Tensor]] | None = None

    @property
    def model(self) -> nn.Module:
        """Return what is learned."""
        return self.training.model

    def begin(self, epoch: int) -> None:
        """Begin an epoch of the training."""
        self.training.begin(epoch)

    def step(self, number: int) -> None:
        """Take a step of the training."""
        self.training.step(number)

    def values(self) -> dict[str, float]:
        """Return what the epoch of the training has come to so far."""
        return self.training.values()

    def end(self, epoch: int) -> dict[str, float]:
        """End the epoch and, unless the last one is kept anyway, look at the selecting part."""
        values = self.training.end(epoch)
        if self._selection.rule == "last":
            return values
        value = self._value(self.training.logits(self._rows))
        merit = -value if self._selection.metric == "loss" else value
        if self._best is None or merit > self._best[0]:
            self._best = (merit, epoch, copy.deepcopy(self.model.state_dict()))
        patience = self._selection.patience
        self.stopped = patience is not None and epoch - self._best[1] >= patience
        return values | {f"{self._selection.rule}_{self._selection.metric}": value}

    def state(self) -> dict[str, Any]:
        """Return the training's state, and the best epoch so far."""
        best = None
        if self._best is not None:
            best = dict(zip(("merit", "epoch", "model"), self._best, strict=True))
        return {"training": self.training.state(), "best": best, "stopped": self.stopped}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a state."""
        self.training.restore(state["training"])
        best = state["best"]
        self._best = best and (float(best["merit"]), int(best["epoch"]), best["model"])
        self.stopped = bool(state["stopped"])

    def take_best(self) -> int | None:
        """Put the kept epoch back into the model and return which it was, None: the last."""
        if self._best is None:
            return None
        self.model.load_state_dict(self._best[2])
        return self._best[1]

    def _value(self, logits: Float32) -> float:
        if self._selection.metric == "loss":
            labels = torch.from_numpy(self._recorder.index.number("label_index")[self._rows])
            return float(nn.functional.cross_entropy(torch.from_numpy(logits), labels))
        records = self._recorder.records(self._rows, logits, self._selection.rule)
        return score(records, self._dataset, self._selection.metric, self._vote)
