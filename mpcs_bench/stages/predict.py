"""Logits of a classifier on given rows, and the prediction records made from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mpcs_bench.data.augmentation import evaluation_size, evaluation_views
from mpcs_bench.data.index import SampleIndex
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.optimization import autocast
from mpcs_bench.stages.probabilities import softmax

IntArray = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]

BATCH = 128
"""Most images per forward pass in evaluation."""

BATCH_PIXELS = BATCH * 224 * 224
"""Most pixels per forward pass: whole images at full size would not fit a small machine."""

_TEXTS = ("sample_id", "pixel_hash", "image_id", "patient_id")
_NUMBERS = ("magnification", "patch_index", "label_index")


def evaluation_batch(transform: Transform, source: tuple[int, int]) -> int:
    """Return how many images of working size `source` go through the network at once."""
    width, height = evaluation_size(transform, source)
    return max(1, min(BATCH, BATCH_PIXELS // (width * height)))


def _nobody() -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """A classifier in evaluation, with the images it looks at and how it is shown them.

    `pulse` is called after every batch.
    """

    model: nn.Module
    images: WorkingImages
    transform: Transform
    device: torch.device
    precision: str
    pulse: Callable[[], None] = _nobody

    def logits(self, rows: IntArray) -> Float32:
        """Return the logits [n, C] of `rows[n]` (one or more) as float32."""
        self.model.eval()
        batch = evaluation_batch(self.transform, self.images.size)
        chunks = []
        with torch.inference_mode():
            for start in range(0, len(rows), batch):
                chosen = rows[start : start + batch]
                draw = evaluation_views(self.transform, len(chosen), self.images.size)
                views = self.images.views(chosen, draw)
                with autocast(self.device, self.precision):
                    logits = self.model(views)
                chunks.append(logits.float())
                self.pulse()
        values: Float32 = torch.cat(chunks).cpu().numpy()
        return values


@dataclass(frozen=True, slots=True)
class PredictionRecorder:
    """Turns logits into prediction records, one per sample, with all that SQL needs of it.

    `threshold` is on P(positive class), and decides binary data sets: positive where it is
    reached. None: the largest logit, and of equal ones the first.
    """

    index: SampleIndex
    group_column: str
    threshold: float | None

    def records(self, rows: IntArray, logits: Float32, part: str) -> list[dict[str, Any]]:
        """Return one record for each of `rows[n]` with its `logits[n, C]`."""
        positive = softmax(logits)[:, 1]
        binary = self.threshold is not None
        predicted = (
            positive >= self.threshold if self.threshold is not None else np.argmax(logits, axis=1)
        )
        texts = {name: self.index.text(name)[rows] for name in _TEXTS}
        numbers = {name: self.index.number(name)[rows] for name in _NUMBERS}
        groups = self.index.groups(self.group_column)[rows]
        return [
            {
                "part": part,
                **{name: texts[name][i] for name in _TEXTS},
                "group_id": groups[i],
                "magnification": int(numbers["magnification"][i]),
                "patch_index": int(numbers["patch_index"][i]),
                "label": int(numbers["label_index"][i]),
                "predicted": int(predicted[i]),
                "score": float(positive[i]) if binary else None,
                "logits": logits[i].tolist(),
                "threshold": self.threshold,
            }
            for i in range(len(rows))
        ]
