"""Linear evaluation: only the last layer is trained, on features encoded once (Section 4.4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mpcs_bench.data.counter import permutation, sample_codes
from mpcs_bench.data.rendering import to_device
from mpcs_bench.protocol.schema import Optimizer
from mpcs_bench.protocol.seeds import seed
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.stages.batches import epoch_batches, steps_per_epoch
from mpcs_bench.stages.downstream import class_weights, learn
from mpcs_bench.stages.features import encode
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import Report, StageJob, StageOutput
from mpcs_bench.stages.models import build_encoder
from mpcs_bench.stages.optimization import build_optimizer, build_schedule
from mpcs_bench.stages.parts import TaskRows
from mpcs_bench.stages.predict import Float32

IntArray = npt.NDArray[np.int64]


def linear(job: StageJob, inputs: StageInputs, report: Report) -> StageOutput:
    """Train a linear layer on the frozen encoder's features, and predict every test image.

    Every image is encoded once, as it is seen in testing: there is no augmentation. Raises
    DataError where a part or a class is empty, and StageError where a loss or a prediction is
    not finite.
    """
    output, _, _ = learn(job, inputs, lambda rows: _Linear(job, inputs, rows), report)
    return output


class _Linear:
    """Dropout and one linear layer over stored features."""

    stopped = False

    def __init__(self, job: StageJob, inputs: StageInputs, rows: TaskRows) -> None:
        spec, dataset = job.spec, inputs.index.dataset
        root, fold = int(spec["seed"]), f"fold={spec['fold']}"
        self._device = torch.device(job.device)
        every = np.concatenate([rows.train, rows.validation, rows.test])
        self._place = np.full(len(inputs.index), -1, dtype=np.int64)
        self._place[every] = np.arange(len(every))
        features = _features(job, inputs, every)
        self._features = torch.from_numpy(features).to(self._device)

        torch.manual_seed(seed(root, fold, "classifier"))
        layer = nn.Linear(features.shape[1], len(dataset.classes))
        self.model = nn.Sequential(nn.Dropout(float(spec["dropout"])), layer).to(self._device)
        self._rows = rows.train
        self._labels = inputs.index.number("label_index")[rows.train]
        weights = class_weights(self._labels, len(dataset.classes), spec["class_weights"])
        self._loss = nn.CrossEntropyLoss(weight=weights).to(self._device)
        self.epochs = int(spec["epochs"])
        self.images_per_epoch = len(rows.train)
        self.batch_size = min(int(spec["batch_size"]), len(rows.train))
        optimizer = Optimizer.model_validate(spec["optimizer"])
        steps = steps_per_epoch(len(rows.train), self.batch_size) * self.epochs
        self._optimizer = build_optimizer(self.model, optimizer)
        self._schedule = build_schedule(self._optimizer, optimizer, steps)
        self._codes = sample_codes(list(inputs.index.text("sample_id")[rows.train]))
        self._draw_seed = seed(root, fold, "linear")

    def epoch(self, epoch: int) -> dict[str, float]:
        """Take every training image once; the sum stays on the device until the epoch ends."""
        self.model.train()
        torch.manual_seed(seed(self._draw_seed, f"epoch={epoch}"))
        total = torch.zeros((), device=self._device)
        order = permutation(self._draw_seed, epoch, self._codes, "order")
        for batch in epoch_batches(order, self.batch_size):
            logits = self.model(self._of(self._rows[batch]))
            loss = self._loss(logits, to_device(self._labels[batch], self._device))
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            rate = self._schedule.get_last_lr()[0]
            self._schedule.step()
            total += loss.detach() * len(batch)
        return {"training_loss": float(total) / len(self._rows), "learning_rate": float(rate)}

    def logits(self, rows: IntArray) -> Float32:
        """Return the logits [n, C] of `rows[n]` as float32."""
        self.model.eval()
        with torch.inference_mode():
            values: Float32 = self.model(self._of(rows)).float().cpu().numpy()
        return values

    def _of(self, rows: IntArray) -> torch.Tensor:
        return self._features.index_select(0, to_device(self._place[rows], self._device))


def _features(job: StageJob, inputs: StageInputs, rows: IntArray) -> Float32:
    spec, device = job.spec, torch.device(job.device)
    plugin = inputs.encoder(spec["encoder"])
    encoder = build_encoder(
        plugin, inputs.initial_weights(job), int(spec["seed"]), int(spec["fold"])
    )
    encoder.to(device).to(memory_format=torch.channels_last)
    images = WorkingImages(inputs.images, plugin.preprocessing, device)
    transform = Transform.model_validate(spec["transform"])
    return encode(encoder, images, transform, rows, device=device, precision=spec["precision"])
