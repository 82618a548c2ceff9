"""How an epoch is cut into batches: every item once, the last batch kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


def epoch_batches(order: IntArray, batch_size: int) -> list[IntArray]:
    """Cut `order` into batches; a last batch of a single item joins the one before it.

    A batch larger than the number of items is one batch of all. Batch norm and contrastive
    losses are not defined on one item, hence the join. Nothing is ever dropped.
    """
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches


def steps_per_epoch(items: int, batch_size: int) -> int:
    """Return the number of batches that `epoch_batches` makes."""
    return len(epoch_batches(np.arange(items), batch_size))
