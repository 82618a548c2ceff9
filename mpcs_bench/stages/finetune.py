"""Fine-tuning on the downstream task, and the predictions on its test part (Section 4.3.2)."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import nn

from mpcs_bench.data.augmentation import draw_views
from mpcs_bench.data.counter import permutation, sample_codes
from mpcs_bench.data.index import DatasetFacts
from mpcs_bench.data.rendering import to_device
from mpcs_bench.protocol.schema import Optimizer, Selection
from mpcs_bench.protocol.seeds import seed
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.stages.batches import epoch_batches, steps_per_epoch
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import Report, StageJob, StageOutput
from mpcs_bench.stages.metrics import metric_rows, score
from mpcs_bench.stages.models import Classifier, build_encoder
from mpcs_bench.stages.optimization import autocast, build_optimizer, build_schedule
from mpcs_bench.stages.parts import TaskRows, task_rows
from mpcs_bench.stages.predict import Float32, PredictionRecorder, Predictor
from mpcs_bench.stages.training import diverged, finite_state, train

IntArray = npt.NDArray[np.int64]


def finetune(job: StageJob, inputs: StageInputs, report: Report) -> StageOutput:
    """Train all layers on the label part and predict every test image.

    Leaves metrics, predictions and history, and the weights where `keep_weights` asks for them.
    Raises DataError where a part or a class is empty, and StageError where a loss, a prediction
    or a weight is not finite.
    """
    spec = job.spec
    dataset = inputs.index.dataset
    selection = Selection.model_validate(spec["selection"])
    rows = task_rows(spec, inputs.index, inputs.split, job.group_column)
    threshold = float(spec["threshold"]) if len(dataset.classes) == 2 else None
    recorder = PredictionRecorder(inputs.index, job.group_column, threshold)
    training = _Finetuning(job, inputs, rows, dataset)
    keeper = _EpochKeeper(training, selection, rows, recorder, dataset)
    notes = {"images": rows.counts(), "effective_batch": training.batch_size}
    output = StageOutput(notes=notes)
    train(keeper, job, report, output)
    keeper.restore(output)
    for part, chosen in (("validation", rows.validation), ("test", rows.test)):
        if len(chosen):
            logits = training.predictor.logits(chosen)
            if not np.isfinite(logits).all():
                raise diverged(job, f"the predictions on the {part} part are not finite")
            output.predictions += recorder.records(chosen, logits, part)
    output.metrics = metric_rows(output.predictions, dataset)
    if job.keep_weights:
        kept = finite_state(training.model, job)
        output.files = {"weights.safetensors": lambda path: save_file(kept, path)}
    return output


class _Finetuning:
    """Model, optimizer and draws of one fine-tuning."""

    def __init__(
        self, job: StageJob, inputs: StageInputs, rows: TaskRows, dataset: DatasetFacts
    ) -> None:
        spec = job.spec
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


class _EpochKeeper:
    """Runs a fine-tuning and keeps the epoch that the selection rule prefers.

    Of equally good epochs the first.
    """

    def __init__(
        self,
        training: _Finetuning,
        selection: Selection,
        rows: TaskRows,
        recorder: PredictionRecorder,
        dataset: DatasetFacts,
    ) -> None:
        self._training, self._selection = training, selection
        self._recorder, self._dataset = recorder, dataset
        self._rows = rows.validation if selection.rule == "validation" else rows.test
        self.epochs = training.epochs
        self.images_per_epoch = training.images_per_epoch
        self._best: tuple[float, int, dict[str, Any]] | None = None

    def epoch(self, epoch: int) -> dict[str, float]:
        """Run one epoch and, unless the last one is kept anyway, look at the selecting part."""
        values = self._training.epoch(epoch)
        if self._selection.rule == "last":
            return values
        value = self._value(self._training.predictor.logits(self._rows))
        merit = -value if self._selection.metric == "loss" else value
        if self._best is None or merit > self._best[0]:
            self._best = (merit, epoch, copy.deepcopy(self._training.model.state_dict()))
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
        return score(records, self._dataset, self._selection.metric)


def class_weights(labels: IntArray, classes: int, rule: str) -> torch.Tensor | None:
    """Return weights inversely proportional to class counts (mean 1 over samples), or none."""
    if rule == "none":
        return None
    counts = np.bincount(labels, minlength=classes)
    return torch.tensor(len(labels) / (classes * counts), dtype=torch.float32)
