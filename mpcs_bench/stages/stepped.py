"""A training with an optimizer: what it holds, a step of it, and its state as plain values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mpcs_bench.data.counter import permutation, sample_codes
from mpcs_bench.protocol.schema import Optimizer
from mpcs_bench.protocol.seeds import seed
from mpcs_bench.stages.batches import epoch_batches, steps_per_epoch
from mpcs_bench.stages.distributed import world
from mpcs_bench.stages.distributed.shares import average_gradients
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.optimization import backward, build_optimizer, build_schedule

IntArray = npt.NDArray[np.int64]


class SteppedTraining(ABC):
    """Takes every item once an epoch, in batches; a subclass says what the loss of a batch is.

    `model` is on its device and holds all that is trained. What is summed over an epoch stays on
    the device until somebody asks.
    """

    stopped = False
    sums: ClassVar[tuple[int, ...]] = ()
    """Shape of what is summed."""

    _precision = "fp32"
    """Of the network's passes."""

    def __init__(
        self, job: StageJob, model: nn.Module, ids: Sequence[str], draw_seed: int, views: int = 1
    ) -> None:
        self.model = model
        self.epochs = int(job.spec["epochs"])
        self.batch_size = effective_batch(job, len(ids))
        self.steps = steps_per_epoch(len(ids), self.batch_size)
        self.images_per_epoch = len(ids) * views
        settings = Optimizer.model_validate(job.spec["optimizer"])
        self._optimizer = build_optimizer(model, settings)
        self._schedule = build_schedule(self._optimizer, settings, self.steps * self.epochs)
        self._device = torch.device(job.device)
        self._codes = sample_codes(list(ids))
        self._draw_seed = draw_seed
        self._batches: list[IntArray] = []
        self._totals = torch.zeros(self.sums, device=self._device)
        self._rate = 0.0

    @abstractmethod
    def values(self) -> dict[str, float]:
        """Return what the epoch has come to so far."""

    @abstractmethod
    def _draw(self, epoch: int) -> None:
        """Draw the views of an epoch, by counter."""

    @abstractmethod
    def _loss(self, batch: IntArray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of the items `batch`, and what is summed (means over them, detached)."""

    def _epoch_seed(self, epoch: int) -> int:
        return seed(self._draw_seed, f"epoch={epoch}")

    def begin(self, epoch: int) -> None:
        """Draw order and views; what draws from torch's generator is seeded by epoch."""
        self.model.train()
        torch.manual_seed(self._epoch_seed(epoch))
        self._totals = torch.zeros(self.sums, device=self._device)
        order = permutation(self._draw_seed, epoch, self._codes, "order")
        self._batches = epoch_batches(order, self.batch_size)
        self._draw(epoch)

    def step(self, number: int) -> None:
        """Take one step; nothing waits for the device."""
        batch = self._batches[number]
        # Before the forward pass, whose activations then have the gradients' room.
        self._optimizer.zero_grad(set_to_none=True)
        loss, means = self._loss(batch)
        backward(loss, self._precision)
        average_gradients(self.model)
        self._optimizer.step()
        self._rate = float(self._schedule.get_last_lr()[0])
        self._schedule.step()
        self._totals += means * len(batch)

    def end(self, epoch: int) -> dict[str, float]:
        """Return the values of the epoch."""
        del epoch
        return self.values()

    def state(self) -> dict[str, Any]:
        """Return all that the next step rests on and that epoch and step do not give."""
        return {
            "model": module_state(self.model),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "totals": self._totals,
            "rate": self._rate,
            "generators": world.everyones(_generator_states(self._device)),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a state; raises what torch raises where it does not fit."""
        restore_module(self.model, state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._totals.copy_(state["totals"])
        self._rate = float(state["rate"])
        _set_generators(state["generators"][world.rank()], self._device)


def effective_batch(job: StageJob, items: int) -> int:
    """Return how many of `items` a whole batch of the job has: all where there are fewer."""
    return min(int(job.spec["batch_size"]), items)


def module_state(module: nn.Module) -> dict[str, Any]:
    """Return the state dict, and the buffers that a module leaves out of it (a queue, a mean)."""
    saved = module.state_dict()
    buffers = {name: value for name, value in module.named_buffers() if name not in saved}
    return {"saved": saved, "buffers": buffers}


def restore_module(module: nn.Module, state: Mapping[str, Any]) -> None:
    """Take up what `module_state` returned; raises RuntimeError where it does not fit."""
    module.load_state_dict(state["saved"])
    own = dict(module.named_buffers())
    for name, value in state["buffers"].items():
        own[name].copy_(value)


def _generator_states(device: torch.device) -> dict[str, torch.Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["device"] = torch.cuda.get_rng_state(device)
    return states


def _set_generators(states: Mapping[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["device"], device)
