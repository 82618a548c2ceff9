"""Linear evaluation: only the last layer is trained, on features encoded once (Section 4.4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mpcs_bench.data.rendering import to_device
from mpcs_bench.protocol.seeds import seed
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.stages.attempt import Attempt
from mpcs_bench.stages.classifying import ClassifierTraining
from mpcs_bench.stages.downstream import learn
from mpcs_bench.stages.features import encode
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob, StageOutput
from mpcs_bench.stages.models import build_encoder
from mpcs_bench.stages.parts import TaskRows
from mpcs_bench.stages.predict import Float32

IntArray = npt.NDArray[np.int64]


def linear(job: StageJob, inputs: StageInputs, attempt: Attempt) -> StageOutput:
    """Train a linear layer on the frozen encoder's features, and predict every test image.

    Every image is encoded once an attempt, as it is seen in testing: there is no augmentation.
    Raises DataError where a part or a class is empty, and StageError where a loss or a prediction
    is not finite.
    """
    output, _, _ = learn(
        job, inputs, lambda rows: _Linear(job, inputs, rows, attempt.pulse), attempt
    )
    return output


class _Linear(ClassifierTraining):
    """Dropout and one linear layer over stored features."""

    def __init__(
        self, job: StageJob, inputs: StageInputs, rows: TaskRows, pulse: Callable[[], None]
    ) -> None:
        spec = job.spec
        root, fold = int(spec["seed"]), f"fold={spec['fold']}"
        device = torch.device(job.device)
        every = np.concatenate([rows.train, rows.validation, rows.test])
        self._place = np.full(len(inputs.index), -1, dtype=np.int64)
        self._place[every] = np.arange(len(every))
        features = _features(job, inputs, every, pulse)
        self._features = torch.from_numpy(features).to(device)

        torch.manual_seed(seed(root, fold, "classifier"))
        layer = nn.Linear(features.shape[1], len(inputs.index.dataset.classes))
        model = nn.Sequential(nn.Dropout(float(spec["dropout"])), layer).to(device)
        super().__init__(job, inputs, rows, model, seed(root, fold, "linear"))

    def logits(self, rows: IntArray) -> Float32:
        """Return the logits [n, C] of `rows[n]` as float32."""
        self.model.eval()
        with torch.inference_mode():
            values: Float32 = self.model(self._of(rows)).float().cpu().numpy()
        return values

    def _draw(self, epoch: int) -> None:
        """Draw nothing: there is one view of each image."""

    def _scores(self, batch: IntArray) -> torch.Tensor:
        logits: torch.Tensor = self.model(self._of(self._rows[batch]))
        return logits

    def _of(self, rows: IntArray) -> torch.Tensor:
        return self._features.index_select(0, to_device(self._place[rows], self._device))


def _features(
    job: StageJob, inputs: StageInputs, rows: IntArray, pulse: Callable[[], None]
) -> Float32:
    spec, device = job.spec, torch.device(job.device)
    plugin = inputs.encoder(spec["encoder"])
    encoder = build_encoder(
        plugin, inputs.initial_weights(job), int(spec["seed"]), int(spec["fold"])
    )
    encoder.to(device).to(memory_format=torch.channels_last)
    images = WorkingImages(inputs.images, plugin.preprocessing, device)
    return encode(
        encoder,
        images,
        Transform.model_validate(spec["transform"]),
        rows,
        device=device,
        precision=spec["precision"],
        pulse=pulse,
    )
