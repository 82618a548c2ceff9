"""The embeddings of the whole batch on every process, with gradients to each part of it."""

from __future__ import annotations

import torch
from torch.nn import functional

from mpcs_bench.stages.distributed import world
from mpcs_bench.stages.distributed.collectives import gathered


def share(items: int, rank: int, size: int) -> slice:
    """Return which of `items` process `rank` of `size` has: consecutive, sizes differ by one.

    Any cut would do: what a sample's views are does not depend on who makes them.
    """
    small, larger = divmod(items, size)
    start = rank * small + min(rank, larger)
    return slice(start, start + small + (rank < larger))


def gather_views(z: torch.Tensor, items: int) -> torch.Tensor:
    """Return the embeddings [V, items, D] of all processes, in the order of the batch.

    `z[V, n, D]` are those of this process's `share`. Every process computes the whole loss from
    them, so that the negatives of Equation 1 are those of the global batch. In the backward pass
    each part receives the sum over all processes' losses: averaged over processes
    (`average_gradients`), the gradient is that of the one loss.
    """
    size = world.size()
    if size == 1:
        return z
    most = -(-items // size)
    # Collectives want equal shapes: a part that is one short is filled up, and cut again.
    padded = functional.pad(z, (0, 0, 0, most - z.shape[1]))
    parts = gathered(padded)
    counts = [share(items, rank, size) for rank in range(size)]
    return torch.cat(
        [part[:, : cut.stop - cut.start] for part, cut in zip(parts, counts, strict=True)], dim=1
    )
