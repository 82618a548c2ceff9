"""What the trainings of a classifier share: labels, cross-entropy, and what an epoch records."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mpcs_bench.data.rendering import to_device
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.parts import TaskRows
from mpcs_bench.stages.predict import Float32
from mpcs_bench.stages.stepped import SteppedTraining

IntArray = npt.NDArray[np.int64]


class ClassifierTraining(SteppedTraining):
    """Trains `model` on the labelled rows of the task, by cross-entropy."""

    def __init__(
        self,
        job: StageJob,
        inputs: StageInputs,
        rows: TaskRows,
        model: nn.Module,
        draw_seed: int,
    ) -> None:
        super().__init__(job, model, list(inputs.index.text("sample_id")[rows.train]), draw_seed)
        self._rows = rows.train
        self._labels = inputs.index.number("label_index")[rows.train]
        classes = len(inputs.index.dataset.classes)
        weights = class_weights(self._labels, classes, job.spec["class_weights"])
        self._entropy = nn.CrossEntropyLoss(weight=weights).to(self._device)

    @abstractmethod
    def logits(self, rows: IntArray) -> Float32:
        """Return the logits [n, C] of rows of the sample index, in evaluation."""

    @abstractmethod
    def _scores(self, batch: IntArray) -> torch.Tensor:
        """Return the logits [n, C] of the training items `batch[n]`, in training."""

    def values(self) -> dict[str, float]:
        """Return the mean loss, and the rate of the last step."""
        return {
            "training_loss": float(self._totals) / len(self._rows),
            "learning_rate": self._rate,
        }

    def _loss(self, batch: IntArray) -> tuple[torch.Tensor, torch.Tensor]:
        target = to_device(self._labels[batch], self._device)
        loss = self._entropy(self._scores(batch).float(), target)
        return loss, loss.detach()


def class_weights(labels: IntArray, classes: int, rule: str) -> torch.Tensor | None:
    """Return weights inversely proportional to class counts (mean 1 over samples), or none."""
    if rule == "none":
        return None
    counts = np.bincount(labels, minlength=classes)
    return torch.tensor(len(labels) / (classes * counts), dtype=torch.float32)
