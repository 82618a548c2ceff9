"""Self-supervised pre-training: Magnification Prior Contrastive Similarity (Section 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import nn

from mpcs_bench.data.augmentation import ViewDraw, draw_views
from mpcs_bench.protocol.schema import Head
from mpcs_bench.protocol.seeds import generator, seed
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.registry.strategy import ImageSets, PairStrategy, ViewPlan
from mpcs_bench.stages.attempt import Attempt
from mpcs_bench.stages.compiling import network
from mpcs_bench.stages.distributed import world
from mpcs_bench.stages.distributed.batch_norm import synchronised
from mpcs_bench.stages.distributed.gather import gather_views, share
from mpcs_bench.stages.distributed.shares import require_shares
from mpcs_bench.stages.features import FEATURES, encode, write_features
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob, StageOutput
from mpcs_bench.stages.models import Projection, build_encoder, projection_head
from mpcs_bench.stages.optimization import autocast
from mpcs_bench.stages.pair_plans import PairPlanCheck
from mpcs_bench.stages.pair_sets import pair_sets
from mpcs_bench.stages.stepped import SteppedTraining, effective_batch
from mpcs_bench.stages.training import scalar_loss

IntArray = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]


def pretrain(job: StageJob, inputs: StageInputs, attempt: Attempt) -> StageOutput:
    """Pre-train an encoder on positive pairs; leaves its weights and the history.

    `features.parquet` holds what the encoder makes of the images of its fold's test part, before
    any label was seen (Figure 9). Raises DataError where fewer than two sets can be drawn from,
    StageError where a plugin breaks its contract, or a loss or weight is not finite, and
    StageInterrupted when it is left.
    """
    strategy = inputs.strategy(job.spec["strategy"])
    sets, coverage = pair_sets(job.spec, inputs.index, inputs.split, strategy)
    training = attempt.train(lambda: _Pretraining(job, inputs, sets, strategy))
    output = StageOutput(
        history=attempt.history,
        images=attempt.images,
        notes={"sets": asdict(coverage), "effective_batch": training.batch_size},
    )
    state = attempt.finite_state(training.encoder)
    held_out = inputs.split.rows(int(job.spec["fold"]), "test")
    features = training.features(held_out, attempt.pulse)
    ids = list(inputs.index.text("sample_id")[held_out])
    output.files = {
        "weights.safetensors": lambda path: save_file(state, path),
        FEATURES: lambda path: write_features(path, ids, features),
    }
    return output


class _Pretraining(SteppedTraining):
    """Encoder, projection head and loss, trained on the views of sets."""

    sums = (2,)  # loss, pair accuracy

    def __init__(
        self, job: StageJob, inputs: StageInputs, sets: ImageSets, strategy: PairStrategy
    ) -> None:
        spec = job.spec
        self._job, self._sets, self._strategy = job, sets, strategy
        self._check = PairPlanCheck(sets, strategy)
        self._root, self._fold = int(spec["seed"]), f"fold={spec['fold']}"
        self._precision = spec["precision"]
        device = torch.device(job.device)
        self._transform = Transform.model_validate(spec["transform"])
        plugin = inputs.encoder(spec["encoder"])
        self._images = WorkingImages(inputs.images, plugin.preprocessing, device)

        encoder = build_encoder(plugin, inputs.initial_weights(job), self._root, int(spec["fold"]))
        settings = Head.model_validate(spec["head"])
        features = int(encoder.num_features)  # type: ignore[arg-type]
        widths = settings.widths or plugin.projection_head(features)
        torch.manual_seed(seed(self._root, self._fold, "projection-head"))
        head = projection_head(features, widths, settings)
        self._contrast = inputs.loss(spec["loss"]).build(widths[-1])
        built = Projection(synchronised(encoder, device), synchronised(head, device))
        built.to(device).to(memory_format=torch.channels_last)
        images = strategy.views * effective_batch(job, len(sets))
        self._network = network(built, job, images, widths=list(widths))
        self.encoder = self._network.module.encoder
        parts = {"encoder": self.encoder, "head": self._network.module.head}
        model = nn.ModuleDict(parts | {"loss": self._contrast})
        model.to(device).to(memory_format=torch.channels_last)
        draw_seed = seed(self._root, self._fold, "augmentation")
        super().__init__(job, model, list(sets.ids), draw_seed, strategy.views)
        require_shares(job, len(sets), self.batch_size)
        self._views: list[ViewDraw] = []

    def values(self) -> dict[str, float]:
        """Return mean loss and pair accuracy, and the rate of the last step."""
        loss, accuracy = (self._totals / len(self._sets)).tolist()
        return {
            "contrastive_loss": loss,
            "pair_accuracy": accuracy,
            "learning_rate": self._rate,
        }

    def features(self, rows: IntArray, pulse: Callable[[], None]) -> Float32:
        """Return the encoder's features [n, d] of `rows[n]`, as they are seen in testing."""
        return encode(
            self.encoder,
            self._images,
            self._transform,
            rows,
            device=self._device,
            precision=self._precision,
            pulse=pulse,
        )

    def _epoch_seed(self, epoch: int) -> int:
        # What an encoder draws itself is its own affair, and no two processes draw alike.
        own = [f"process={world.rank()}"] if world.rank() else []
        return seed(self._root, self._fold, "pretraining", f"epoch={epoch}", *own)

    def _draw(self, epoch: int) -> None:
        source = generator(self._root, self._fold, f"epoch={epoch}", "pairs")
        drawn = self._strategy.draw(self._sets, self._sets.available, source)
        self._plan = self._check.checked(drawn)
        self._views = [
            self._draw_view(self._plan, epoch, view) for view in range(self._strategy.views)
        ]

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

    def _loss(self, batch: IntArray) -> tuple[torch.Tensor, torch.Tensor]:
        own = batch[share(len(batch), world.rank(), world.size())]
        # All views of this process's part, [V * n, 3, h, w], view by view.
        views = torch.cat(
            [
                self._images.views(self._plan.rows[own, view], draw.of(own))
                for view, draw in enumerate(self._views)
            ]
        )
        with autocast(self._device, self._precision):
            z = self._network(views)
        # A loss with parameters of its own has them in float32.
        z = gather_views(z.float().reshape(self._strategy.views, len(own), -1), len(batch))
        loss = scalar_loss(self._contrast(z), self._job)
        return loss, torch.stack([loss.detach(), _pair_accuracy(z.detach())])


def _pair_accuracy(z: torch.Tensor) -> torch.Tensor:
    """Return the share of first views whose nearest second view is their own."""
    first, second = nn.functional.normalize(z[:2], dim=2)
    nearest = (first @ second.T).argmax(dim=1)
    own: torch.Tensor = nearest == torch.arange(len(nearest), device=z.device)
    return own.float().mean()
