"""Fine-tuning on the downstream task, and the predictions on its test part (Section 4.3.2)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file

from mpcs_bench.data.augmentation import draw_views
from mpcs_bench.protocol.seeds import seed
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.stages.attempt import Attempt
from mpcs_bench.stages.attribution import (
    ATTENTION,
    attention_maps,
    attention_rows,
    write_attention,
)
from mpcs_bench.stages.classifying import ClassifierTraining
from mpcs_bench.stages.compiling import network
from mpcs_bench.stages.downstream import decision_threshold, learn
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob, StageOutput
from mpcs_bench.stages.models import Classifier, build_encoder
from mpcs_bench.stages.optimization import autocast
from mpcs_bench.stages.parts import TaskRows
from mpcs_bench.stages.predict import Float32, Predictor
from mpcs_bench.stages.stepped import effective_batch

IntArray = npt.NDArray[np.int64]


def finetune(job: StageJob, inputs: StageInputs, attempt: Attempt) -> StageOutput:
    """Train all layers on the label part and predict every test image.

    Leaves metrics, predictions and history, and where they are asked for the weights
    (`keep_weights`) and Grad-CAM maps of some test images (`attention_images`).
    Raises DataError where a part or a class is empty, and StageError where a loss, a prediction
    or a weight is not finite.
    """
    output, rows, training = learn(
        job, inputs, lambda rows: _Finetuning(job, inputs, rows, attempt.pulse), attempt
    )
    if job.keep_weights:
        kept = attempt.finite_state(training.model)
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


class _Finetuning(ClassifierTraining):
    """All layers of a classifier, trained on augmented views."""

    def __init__(
        self, job: StageJob, inputs: StageInputs, rows: TaskRows, pulse: Callable[[], None]
    ) -> None:
        spec = job.spec
        root, fold = int(spec["seed"]), f"fold={spec['fold']}"
        device = torch.device(job.device)
        self._precision = spec["precision"]
        self._transform = Transform.model_validate(spec["transform"])
        plugin = inputs.encoder(spec["encoder"])
        self._images = WorkingImages(inputs.images, plugin.preprocessing, device)
        self.preprocessing = plugin.preprocessing

        encoder = build_encoder(plugin, inputs.initial_weights(job), root, int(spec["fold"]))
        torch.manual_seed(seed(root, fold, "classifier"))
        classes = len(inputs.index.dataset.classes)
        built = Classifier(encoder, classes, float(spec["dropout"]))
        built.to(device).to(memory_format=torch.channels_last)
        self._network = network(built, job, effective_batch(job, len(rows.train)), classes=classes)
        model = self._network.module
        super().__init__(job, inputs, rows, model, seed(root, fold, "finetuning"))
        self.predictor = Predictor(
            model, self._images, self._transform, device, self._precision, pulse
        )

    def logits(self, rows: IntArray) -> Float32:
        """Return the logits [n, C] of `rows[n]`."""
        return self.predictor.logits(rows)

    def _draw(self, epoch: int) -> None:
        self._drawn = draw_views(
            self._transform,
            seed=self._draw_seed,
            epoch=epoch,
            samples=self._codes,
            view=0,
            source=self._images.size,
        )

    def _scores(self, batch: IntArray) -> torch.Tensor:
        views = self._images.views(self._rows[batch], self._drawn.of(batch))
        with autocast(self._device, self._precision):
            return self._network(views)
