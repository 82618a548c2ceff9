"""Sums and gathers over all processes that gradients pass through.

torch's own such functions are deprecated, and their successors private.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch.autograd import Function


def summed(value: torch.Tensor) -> torch.Tensor:
    """Return the sum of `value` over all processes, on each of them."""
    return cast("torch.Tensor", _Summed.apply(value))


def gathered(value: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return `value` of every process, in their order; shapes must be equal."""
    return cast("tuple[torch.Tensor, ...]", _Gathered.apply(value))


class _Summed(Function):
    @staticmethod
    def forward(_context: Any, value: torch.Tensor) -> torch.Tensor:
        total = value.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: torch.Tensor) -> torch.Tensor:
        # Every process's loss rests on the sum, and so on every process's part of it.
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


class _Gathered(Function):
    @staticmethod
    def forward(_context: Any, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        own = value.detach().contiguous()
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own)
        return tuple(parts)

    @staticmethod
    def backward(_context: Any, *gradients: torch.Tensor) -> torch.Tensor:
        total = torch.stack(gradients)
        dist.all_reduce(total)
        return total[dist.get_rank()]
