"""Steps of a stage's network, loss and optimizer on one batch that stays where it is."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from mpcs_bench.protocol.schema import Head, Optimizer
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.models import Classifier, projection_head
from mpcs_bench.stages.optimization import autocast, backward, build_optimizer

WIDTHS = (512, 128)
"""Of the projection head, as in `noise_jobs`."""


def bare_epoch(
    kind: str,
    encoder: str,
    size: int,
    batch: int,
    *,
    steps: int,
    device: str,
    precision: str = "fp32",
) -> Callable[[], None]:
    """Return a function that takes `steps` steps and waits for the last one.

    `batch` counts images in fine-tuning, pairs in pre-training.
    """
    registry = Registry.discover()
    plugin = registry.create(registry.resolve("encoder", encoder), Encoder)
    place = torch.device(device)
    network = plugin.build()
    loss_of: Callable[[torch.Tensor], torch.Tensor]
    if kind == "finetune":
        model: nn.Module = Classifier(network, 2, 0.3)
        labels = torch.arange(batch, device=place) % 2
        loss_of = lambda logits: functional.cross_entropy(logits, labels)  # noqa: E731
    else:
        width = int(network.num_features)  # type: ignore[arg-type]
        model = nn.Sequential(network, projection_head(width, WIDTHS, Head()))
        others = torch.arange(2 * batch, device=place).roll(batch)
        diagonal = torch.eye(2 * batch, dtype=torch.bool, device=place)

        def loss_of(z: torch.Tensor) -> torch.Tensor:
            unit = functional.normalize(z, dim=1)
            similarity = (unit @ unit.T / 0.2).masked_fill(diagonal, -torch.inf)
            return functional.cross_entropy(similarity, others)

        batch = 2 * batch
    model.to(place).to(memory_format=torch.channels_last).train()
    optimizer = build_optimizer(model, Optimizer(name="adam", learning_rate=2e-5))
    images = torch.randn(batch, 3, size, size).to(place, memory_format=torch.channels_last)

    def epoch() -> None:
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            with autocast(place, precision):
                out = model(images)
            loss = loss_of(out.float())
            backward(loss, precision)
            optimizer.step()
        float(loss.detach())

    return epoch
