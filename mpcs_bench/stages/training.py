"""What a training is to the loop that advances it, and the checks that every one is held to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import nn

from mpcs_bench.errors import StageError
from mpcs_bench.stages.job import StageJob


class Training(Protocol):
    """A training that is advanced step by step and can be put down after any of them.

    It is over after `epochs` of `steps` steps each, or as soon as it is `stopped`. All that the
    next step rests on is in `state`, or follows from seed, epoch and step.
    """

    epochs: int
    steps: int
    images_per_epoch: int
    batch_size: int
    stopped: bool

    @property
    def model(self) -> nn.Module:
        """Return what is learned."""

    def begin(self, epoch: int) -> None:
        """Draw what the epoch needs."""

    def step(self, number: int) -> None:
        """Take step `number` of the epoch that was begun."""

    def values(self) -> dict[str, float]:
        """Return what the epoch has come to so far; not finite once a loss was not."""

    def end(self, epoch: int) -> dict[str, float]:
        """Return what the history records of the epoch, by name."""

    def state(self) -> dict[str, Any]:
        """Return tensors (as they are, not copied) and plain values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a state; where it is of the midst of an epoch, that epoch has been begun."""


def not_finite(values: Mapping[str, float]) -> str | None:
    """Say which value is not finite, None where all are."""
    for name, value in values.items():
        if not math.isfinite(value):
            return f"the {name.replace('_', ' ')} is {value}"
    return None


def broken_weights(module: nn.Module) -> str | None:
    """Return the name of a tensor in the state dict that is not finite, None where all are."""
    for name, value in module.state_dict().items():
        # On the CPU: a device that is all but full has no room for an answer per weight.
        if not value.cpu().isfinite().all():
            return str(name)
    return None


def scalar_loss(loss: torch.Tensor, job: StageJob) -> torch.Tensor:
    """Return `loss` where it is one number; raises StageError naming the stage."""
    if not isinstance(loss, torch.Tensor) or loss.ndim:
        found = list(loss.shape) if isinstance(loss, torch.Tensor) else type(loss).__name__
        raise StageError(
            f"{job.symbolic}: the loss gave {found}, not one number.",
            hint="`mpcs-bench plugins test` checks the contract of a loss.",
        )
    return loss
