"""The loop that every training stage runs in: epochs, history, progress, and the finite check."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import nn

from mpcs_bench.errors import StageError
from mpcs_bench.stages.job import Report, StageJob, StageOutput, Tick


class Training(Protocol):
    """A training that is advanced epoch by epoch and holds all of its state.

    It is over after `epochs`, or as soon as it is `stopped`.
    """

    epochs: int
    images_per_epoch: int
    stopped: bool

    def epoch(self, epoch: int) -> dict[str, float]:
        """Run one epoch and return what its history records, by name."""


def train(training: Training, job: StageJob, report: Report, output: StageOutput) -> None:
    """Run all epochs; raises StageError, naming stage and epoch, when a value is not finite."""
    for epoch in range(training.epochs):
        values = training.epoch(epoch)
        output.history += [
            {"epoch": epoch, "name": name, "value": value} for name, value in values.items()
        ]
        for name, value in values.items():
            if not math.isfinite(value):
                raise diverged(job, f"the {name.replace('_', ' ')} is {value} in epoch {epoch}")
        output.images += training.images_per_epoch
        report(Tick(epoch + 1, training.epochs, output.images))
        if training.stopped:
            output.notes["stopped_after_epoch"] = epoch
            break


def scalar_loss(loss: torch.Tensor, job: StageJob) -> torch.Tensor:
    """Return `loss` where it is one number; raises StageError naming the stage."""
    if not isinstance(loss, torch.Tensor) or loss.ndim:
        found = list(loss.shape) if isinstance(loss, torch.Tensor) else type(loss).__name__
        raise StageError(
            f"{job.symbolic}: the loss gave {found}, not one number.",
            hint="`mpcs-bench plugins test` checks the contract of a loss.",
        )
    return loss


def finite_state(module: nn.Module, job: StageJob) -> dict[str, torch.Tensor]:
    """Return the weights of `module` as a file holds them: on the CPU, contiguous.

    Raises StageError where one is not finite: the last step of a training can break it and leave
    every loss finite.
    """
    state = {name: value.cpu().contiguous() for name, value in module.state_dict().items()}
    for name, value in state.items():
        if not value.isfinite().all():
            raise diverged(job, f"the weights '{name}' are not finite after the last epoch")
    return state


def diverged(job: StageJob, what: str) -> StageError:
    """Return the error of a training whose numbers ran away."""
    hint = "Lower the stage's optimizer.learning_rate"
    if job.kind == "pretrain":
        hint += ", or raise the temperature of its loss"
    return StageError(f"{job.symbolic}: {what}.", hint=f"{hint}.")
