"""Batch normalisation with the statistics of the global batch."""

from __future__ import annotations

from typing import cast

import torch
from timm.layers.norm_act import convert_sync_batchnorm
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from mpcs_bench.stages.distributed import world
from mpcs_bench.stages.distributed.collectives import summed


def synchronised(model: nn.Module, device: torch.device) -> nn.Module:
    """Return `model` with every batch norm over all processes; weights and names stay.

    As it is on one process. On a GPU it is torch's own SyncBatchNorm, which knows no CPU.
    """
    if world.size() == 1:
        return model
    if device.type == "cuda":
        return cast("nn.Module", convert_sync_batchnorm(model))
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.__class__ = GlobalBatchNorm
    return model


class GlobalBatchNorm(_BatchNorm):
    """Mean and variance over the items of all processes, however many each has.

    Made of a batch norm of torch or timm by giving it this class.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalise `input` [n, C, ...]; in training all processes must come here."""
        if self.training:
            out = self._normalised(input)
        else:
            kept = self.running_mean, self.running_var
            out = functional.batch_norm(input, *kept, self.weight, self.bias, eps=self.eps)
        for name in ("drop", "act"):  # timm's batch norms go on with these
            out = getattr(self, name, nn.Identity())(out)
        return out

    def _normalised(self, input: torch.Tensor) -> torch.Tensor:
        given, input = input.dtype, input if input.dtype == torch.double else input.float()
        axes, shape = [0, *range(2, input.ndim)], [1, -1] + [1] * (input.ndim - 2)
        count = summed(torch.tensor(input.numel() // input.shape[1], dtype=input.dtype))
        mean = summed(input.sum(axes)) / count
        centred = input - mean.view(shape)
        variance = summed(centred.square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * (count / (count - 1)))
        out = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return out.to(given)

    def _remember(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        kept, spread, seen = self.running_mean, self.running_var, self.num_batches_tracked
        if kept is None or spread is None or seen is None:
            return
        seen.add_(1)
        rate = 1.0 / float(seen) if self.momentum is None else self.momentum
        kept.lerp_(mean, rate)
        spread.lerp_(variance, rate)
