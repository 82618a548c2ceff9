"""The contract of a pre-training loss: projections of all views in, one scalar out."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from mpcs_bench.registry.plugin import Plugin

if TYPE_CHECKING:
    import torch
    from torch import nn


class Loss(Plugin):
    """Builds the loss module of pre-training."""

    kind = "loss"

    @abstractmethod
    def build(self, dimension: int) -> nn.Module:
        """Return a module: `forward(z)` with z [V, N, D] (V views of N sets) -> scalar.

        `dimension` is D. The module may own parameters: they are trained with the encoder.
        Positive pairs share the index n; everything else in the batch is a negative. It must
        raise ValueError for a batch it is not defined on (NT-Xent on one pair is exactly 0).
        """


def check_projections(z: torch.Tensor) -> None:
    """Raise ValueError unless `z` has shape [V, N, D] with V >= 2 and N >= 2."""
    if z.ndim != 3:
        raise ValueError(f"expected projections [views, sets, dimension], got {tuple(z.shape)}")
    views, sets, _ = z.shape
    if views < 2 or sets < 2:
        raise ValueError(
            f"a contrastive batch needs two views of two sets or more, got {views} of {sets}: "
            "with one pair there is no negative and the loss is exactly 0"
        )
