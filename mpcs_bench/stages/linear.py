"""Linear evaluation: only the last layer is trained, on features encoded once (Section 4.4)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mpcs_bench.data.rendering import to_device
from mpcs_bench.protocol.seeds import seed
from mpcs_bench.stages.attempt import Attempt
from mpcs_bench.stages.classifying import ClassifierTraining
from mpcs_bench.stages.downstream import learn
from mpcs_bench.stages.encoding_file import NOTED
from mpcs_bench.stages.encodings import encoded
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob, StageOutput
from mpcs_bench.stages.parts import TaskRows
from mpcs_bench.stages.predict import Float32

IntArray = npt.NDArray[np.int64]


def linear(job: StageJob, inputs: StageInputs, attempt: Attempt) -> StageOutput:
    """Train a linear layer on the frozen encoder's features, and predict every test image.

    Every image is seen as in testing, without augmentation, and is encoded once for all stages
    that share its encoding: the notes name their keys. Raises DataError where a part or a class
    is empty, and StageError where a loss or a prediction is not finite.
    """
    output, _, training = learn(
        job, inputs, lambda rows: _Linear(job, inputs, rows, attempt.pulse), attempt
    )
    output.notes[NOTED] = training.encodings
    if training.remarks:
        output.notes[f"{NOTED}_remarks"] = training.remarks
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
        found = encoded(job, inputs, every, pulse)
        self.encodings, self.remarks = found.keys, found.remarks
        self._features = torch.from_numpy(found.features).to(device)

        torch.manual_seed(seed(root, fold, "classifier"))
        layer = nn.Linear(found.features.shape[1], len(inputs.index.dataset.classes))
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
