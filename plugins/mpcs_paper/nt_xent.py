"""NT-Xent (Equation 1) as one matrix product and a log-softmax; kept apart: it imports torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mpcs_bench.registry import check_projections


class NTXentModule(nn.Module):
    """Mean of -log softmax(sim / temperature) over all (anchor, positive) pairs of a batch.

    Similarity is the cosine. The softmax of an anchor runs over every other view of the batch
    (the V N - 1 terms of Equation 1's sum). With `first_only` the anchors are the first views.
    """

    def __init__(self, temperature: float, *, first_only: bool = False) -> None:
        super().__init__()
        self.temperature = temperature
        self.first_only = first_only

    def forward(self, z: Tensor) -> Tensor:
        """Return the loss of projections z [V, N, D], a scalar in float32 (or z's float64).

        Memory is that of one [V N, V N] matrix. Raises ValueError unless V >= 2 and N >= 2.
        """
        check_projections(z)
        views, sets, dimension = z.shape
        # At temperature 0.01 bf16's rounding of a cosine would move a logit by 0.4.
        with torch.autocast(z.device.type, enabled=False):
            exact = z.to(torch.promote_types(z.dtype, torch.float32))
            unit = F.normalize(exact, dim=-1).reshape(views * sets, dimension)
            anchors = unit[:sets] if self.first_only else unit
            logits = (anchors / self.temperature) @ unit.T
            logits.fill_diagonal_(-torch.inf)
            log_p = logits.log_softmax(dim=1)
            # Row v N + n has its positives at v' N + n for the V - 1 other views v'. nll_loss
            # picks them: unlike gather it has one deterministic backward on every device.
            row = torch.arange(len(anchors), device=z.device)
            picked = [
                F.nll_loss(log_p, (row + step * sets) % (views * sets)) for step in range(1, views)
            ]
            return torch.stack(picked).mean()

    def extra_repr(self) -> str:
        """Name the settings in the module's printed form."""
        return f"temperature={self.temperature}, first_only={self.first_only}"
