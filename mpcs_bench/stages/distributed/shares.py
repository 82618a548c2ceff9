"""Several processes that learn the same weights from parts of the same batch."""

from __future__ import annotations

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from mpcs_bench.errors import StageError
from mpcs_bench.stages.batches import epoch_batches
from mpcs_bench.stages.distributed import world
from mpcs_bench.stages.job import StageJob


def average_gradients(model: nn.Module) -> None:
    """Let every process have the mean of all processes' gradients.

    One sum over one buffer, always in the order of the weights: how the rounding falls must not
    depend on how long the process has been training, or a checkpoint would change the numbers.
    """
    if world.size() == 1:
        return
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    buffer = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(buffer)
    buffer /= world.size()
    parts = torch.split(buffer, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def require_shares(job: StageJob, items: int, batch_size: int) -> None:
    """Raise StageError where a batch cannot be cut between the processes of `job`."""
    smallest = min(len(batch) for batch in epoch_batches(np.arange(items), batch_size))
    if smallest < world.size():
        raise StageError(
            f"{job.symbolic}: its smallest batch has {smallest} sets, too few for "
            f"{world.size()} processes.",
            hint="Lower `pretraining.processes`, or choose a batch_size that leaves no small rest.",
        )
