"""Self-supervised pre-training: Magnification Prior Contrastive Similarity (Section 3.2)."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import nn

from mpcs_bench.data.augmentation import ViewDraw, draw_views
from mpcs_bench.data.counter import permutation, sample_codes
from mpcs_bench.protocol.schema import Head, Optimizer
from mpcs_bench.protocol.seeds import generator, seed
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.registry.strategy import ImageSets, PairStrategy, ViewPlan
from mpcs_bench.stages.batches import epoch_batches, steps_per_epoch
from mpcs_bench.stages.features import FEATURES, encode, write_features
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import Report, StageJob, StageOutput
from mpcs_bench.stages.models import build_encoder, projection_head
from mpcs_bench.stages.optimization import autocast, build_optimizer, build_schedule
from mpcs_bench.stages.pair_plans import PairPlanCheck
from mpcs_bench.stages.pair_sets import pair_sets
from mpcs_bench.stages.training import finite_state, scalar_loss, train

IntArray = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]


def pretrain(job: StageJob, inputs: StageInputs, report: Report) -> StageOutput:
    """Pre-train an encoder on positive pairs; leaves its weights and the history.

    `features.parquet` holds what the encoder makes of the images of its fold's test part, before
    any label was seen (Figure 9). Raises DataError where fewer than two sets can be drawn from,
    and StageError where a plugin breaks its contract, or a loss or weight is not finite.
    """
    strategy = inputs.strategy(job.spec["strategy"])
    sets, coverage = pair_sets(job.spec, inputs.index, inputs.split, strategy)
    training = _Pretraining(job, inputs, sets, strategy)
    output = StageOutput(notes={"sets": asdict(coverage), "effective_batch": training.batch_size})
    train(training, job, report, output)
    state = finite_state(training.encoder, job)
    held_out = inputs.split.rows(int(job.spec["fold"]), "test")
    features = training.features(held_out)
    ids = list(inputs.index.text("sample_id")[held_out])
    output.files = {
        "weights.safetensors": lambda path: save_file(state, path),
        FEATURES: lambda path: write_features(path, ids, features),
    }
    return output


class _Pretraining:
    """Model, optimizer and draws of one pre-training."""

    stopped = False

    def __init__(
        self, job: StageJob, inputs: StageInputs, sets: ImageSets, strategy: PairStrategy
    ) -> None:
        spec = job.spec
        self._job, self._sets, self._strategy = job, sets, strategy
        self._check = PairPlanCheck(sets, strategy)
        self._root, self._fold = int(spec["seed"]), f"fold={spec['fold']}"
        self._precision = spec["precision"]
        self._device = torch.device(job.device)
        self._transform = Transform.model_validate(spec["transform"])
        plugin = inputs.encoder(spec["encoder"])
        self._images = WorkingImages(inputs.images, plugin.preprocessing, self._device)

        self.encoder = build_encoder(
            plugin, inputs.initial_weights(job), self._root, int(spec["fold"])
        )
        settings = Head.model_validate(spec["head"])
        features = int(self.encoder.num_features)  # type: ignore[arg-type]
        widths = settings.widths or plugin.projection_head(features)
        torch.manual_seed(seed(self._root, self._fold, "projection-head"))
        self._head = projection_head(features, widths, settings)
        self._loss = inputs.loss(spec["loss"]).build(widths[-1])
        model = nn.ModuleDict({"encoder": self.encoder, "head": self._head, "loss": self._loss})
        model.to(self._device).to(memory_format=torch.channels_last).train()

        self.epochs = int(spec["epochs"])
        self.batch_size = min(int(spec["batch_size"]), len(sets))
        self.images_per_epoch = len(sets) * strategy.views
        optimizer = Optimizer.model_validate(spec["optimizer"])
        steps = steps_per_epoch(len(sets), self.batch_size) * self.epochs
        self._optimizer = build_optimizer(model, optimizer)
        self._schedule = build_schedule(self._optimizer, optimizer, steps)
        self._codes = sample_codes(list(sets.ids))
        self._draw_seed = seed(self._root, self._fold, "augmentation")

    def epoch(self, epoch: int) -> dict[str, float]:
        """Take every set once; the sums stay on the device until the epoch ends."""
        # For what an encoder or a loss draws itself: seeded by epoch, it needs no history.
        torch.manual_seed(seed(self._root, self._fold, "pretraining", f"epoch={epoch}"))
        plan = self._draw_pairs(epoch)
        draws = [self._draw_view(plan, epoch, view) for view in range(self._strategy.views)]
        order = permutation(self._draw_seed, epoch, self._codes, "order")
        totals = torch.zeros(2, device=self._device)
        for batch in epoch_batches(order, self.batch_size):
            # All views of the batch, [V * N, 3, h, w], view by view.
            views = torch.cat(
                [
                    self._images.views(plan.rows[batch, view], draw.of(batch))
                    for view, draw in enumerate(draws)
                ]
            )
            with autocast(self._device, self._precision):
                z = self._head(self.encoder(views))
            # A loss with parameters of its own has them in float32.
            z = z.float().reshape(self._strategy.views, len(batch), -1)
            loss = scalar_loss(self._loss(z), self._job)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            rate = self._schedule.get_last_lr()[0]
            self._schedule.step()
            totals += torch.stack([loss.detach(), _pair_accuracy(z.detach())]) * len(batch)
        loss_value, accuracy = (totals / len(self._sets)).tolist()
        return {
            "contrastive_loss": loss_value,
            "pair_accuracy": accuracy,
            "learning_rate": float(rate),
        }

    def features(self, rows: IntArray) -> Float32:
        """Return the encoder's features [n, d] of `rows[n]`, as they are seen in testing."""
        return encode(
            self.encoder,
            self._images,
            self._transform,
            rows,
            device=self._device,
            precision=self._precision,
        )

    def _draw_pairs(self, epoch: int) -> ViewPlan:
        source = generator(self._root, self._fold, f"epoch={epoch}", "pairs")
        return self._check.checked(self._strategy.draw(self._sets, self._sets.available, source))

    def _draw_view(self, plan: ViewPlan, epoch: int, view: int) -> ViewDraw:
        return draw_views(
            self._transform,
            seed=self._draw_seed,
            epoch=epoch,
            samples=self._codes,
            view=view,
            source=self._images.size,
            boxes=None if plan.boxes is None else plan.boxes[:, view],
        )


def _pair_accuracy(z: torch.Tensor) -> torch.Tensor:
    """Return the share of first views whose nearest second view is their own."""
    first, second = nn.functional.normalize(z[:2], dim=2)
    nearest = (first @ second.T).argmax(dim=1)
    own: torch.Tensor = nearest == torch.arange(len(nearest), device=z.device)
    return own.float().mean()
