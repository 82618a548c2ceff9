"""Fine-tuning on the downstream task, and the predictions on its test part (Section 4.3.2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import nn

from mpcs_bench.data.augmentation import draw_views
from mpcs_bench.data.counter import permutation, sample_codes
from mpcs_bench.data.rendering import to_device
from mpcs_bench.protocol.schema import Optimizer
from mpcs_bench.protocol.seeds import seed
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.stages.attribution import (
    ATTENTION,
    attention_maps,
    attention_rows,
    write_attention,
)
from mpcs_bench.stages.batches import epoch_batches, steps_per_epoch
from mpcs_bench.stages.downstream import class_weights, decision_threshold, learn
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import Report, StageJob, StageOutput
from mpcs_bench.stages.models import Classifier, build_encoder
from mpcs_bench.stages.optimization import autocast, build_optimizer, build_schedule
from mpcs_bench.stages.parts import TaskRows
from mpcs_bench.stages.predict import Float32, Predictor
from mpcs_bench.stages.training import finite_state

IntArray = npt.NDArray[np.int64]


def finetune(job: StageJob, inputs: StageInputs, report: Report) -> StageOutput:
    """Train all layers on the label part and predict every test image.

    Leaves metrics, predictions and history, and where they are asked for the weights
    (`keep_weights`) and Grad-CAM maps of some test images (`attention_images`).
    Raises DataError where a part or a class is empty, and StageError where a loss, a prediction
    or a weight is not finite.
    """
    output, rows, training = learn(job, inputs, lambda rows: _Finetuning(job, inputs, rows), report)
    if job.keep_weights:
        kept = finite_state(training.model, job)
        output.files["weights.safetensors"] = lambda path: save_file(kept, path)
    if job.attention_images:
        shown = attention_rows(inputs.index, rows.test, job.attention_images)
        maps = attention_maps(
            training.predictor,
            training.preprocessing,
            inputs.index,
            shown,
            threshold=decision_threshold(job, inputs.index.dataset),
        )
        if maps is not None:
            output.files[ATTENTION] = lambda path: write_attention(maps, path)
    return output


class _Finetuning:
    """Model, optimizer and draws of one fine-tuning."""

    stopped = False

    def __init__(self, job: StageJob, inputs: StageInputs, rows: TaskRows) -> None:
        spec, dataset = job.spec, inputs.index.dataset
        root, fold = int(spec["seed"]), f"fold={spec['fold']}"
        self._device = torch.device(job.device)
        self._precision = spec["precision"]
        self._rows = rows.train
        self._transform = Transform.model_validate(spec["transform"])
        plugin = inputs.encoder(spec["encoder"])
        self._images = WorkingImages(inputs.images, plugin.preprocessing, self._device)

        encoder = build_encoder(plugin, inputs.initial_weights(job), root, int(spec["fold"]))
        torch.manual_seed(seed(root, fold, "classifier"))
        self.model = Classifier(encoder, len(dataset.classes), float(spec["dropout"]))
        self.model.to(self._device).to(memory_format=torch.channels_last)
        self.preprocessing = plugin.preprocessing
        self.predictor = Predictor(
            self.model, self._images, self._transform, self._device, self._precision
        )

        labels = inputs.index.number("label_index")
        self._labels = labels[rows.train]
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
        self._draw_seed = seed(root, fold, "finetuning")

    def logits(self, rows: IntArray) -> Float32:
        """Return the logits [n, C] of `rows[n]`."""
        return self.predictor.logits(rows)

    def epoch(self, epoch: int) -> dict[str, float]:
        """Take every training image once; the sum stays on the device until the epoch ends."""
        self.model.train()
        # Dropout draws from torch's generator: seeded by epoch, it needs no history.
        torch.manual_seed(seed(self._draw_seed, f"epoch={epoch}"))
        total = torch.zeros((), device=self._device)
        order = permutation(self._draw_seed, epoch, self._codes, "order")
        draw = draw_views(
            self._transform,
            seed=self._draw_seed,
            epoch=epoch,
            samples=self._codes,
            view=0,
            source=self._images.size,
        )
        for batch in epoch_batches(order, self.batch_size):
            views = self._images.views(self._rows[batch], draw.of(batch))
            with autocast(self._device, self._precision):
                logits = self.model(views)
            target = to_device(self._labels[batch], self._device)
            loss = self._loss(logits.float(), target)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
            rate = self._schedule.get_last_lr()[0]
            self._schedule.step()
            total += loss.detach() * len(batch)
        return {
            "training_loss": float(total) / len(self._rows),
            "learning_rate": float(rate),
        }
