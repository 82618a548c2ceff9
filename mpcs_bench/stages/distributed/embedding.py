"""From images to embeddings, on one process or on several that learn the same weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mpcs_bench.errors import StageError
from mpcs_bench.stages.batches import epoch_batches
from mpcs_bench.stages.distributed import world
from mpcs_bench.stages.distributed.batch_norm import synchronised
from mpcs_bench.stages.job import StageJob


class _Embedding(nn.Module):
    """f, then g: images [n, 3, h, w] to embeddings [n, D]."""

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embed `images`."""
        z: torch.Tensor = self.head(self.encoder(images))
        return z


def embedding(encoder: nn.Module, head: nn.Module, device: torch.device) -> nn.Module:
    """Return what embeds images, both modules on their device.

    With several processes their gradients are averaged, and batch norms have the statistics of
    the whole batch; `encoder` and `head` themselves are changed to that end.
    """
    if world.size() == 1:
        return _Embedding(encoder, head)
    whole = _Embedding(synchronised(encoder, device), synchronised(head, device))
    devices = [device] if device.type == "cuda" else None
    # A fixed graph lets an encoder have weights that no embedding rests on.
    return DistributedDataParallel(whole, device_ids=devices, static_graph=True)


def require_shares(job: StageJob, items: int, batch_size: int) -> None:
    """Raise StageError where a batch cannot be cut between the processes of `job`."""
    smallest = min(len(batch) for batch in epoch_batches(np.arange(items), batch_size))
    if smallest < world.size():
        raise StageError(
            f"{job.symbolic}: its smallest batch has {smallest} sets, too few for "
            f"{world.size()} processes.",
            hint="Lower `pretraining.processes`, or choose a batch_size that leaves no small rest.",
        )
