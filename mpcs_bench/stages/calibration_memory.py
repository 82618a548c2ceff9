"""The memory of a step: what stays, and what the activations of a batch add to it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from mpcs_bench.stages.calibration import resident_bytes


class ActivationCounter:
    """Counts what steps of different batch sizes need beyond weights, gradients and the like.

    On a GPU the allocator says it. On the CPU, in training, the bytes of all tensors that the
    backward pass keeps are counted, each storage once, weights left out; in evaluation the largest
    input and output of one layer, which is the least that can be.
    """

    def __init__(self, device: torch.device, model: nn.Module | None, *, trains: bool) -> None:
        self._device, self._model, self._trains = device, model, trains
        self._counted: dict[int, int] = {}

    @contextmanager
    def counting(self, images: int) -> Iterator[None]:
        """Count within the block, which takes one step of `images` images."""
        if self._device.type == "cuda":
            counted = _allocated(self._device)
        elif self._trains:
            counted = _kept_for_backward(self._model)
        else:
            counted = _largest_layer(self._model)
        with counted as found:
            yield
        self._counted[images] = found[0]

    def line(self) -> tuple[int, int]:
        """Return (fixed, per image) bytes through the smallest and the largest step counted."""
        sizes = sorted(self._counted)
        small, large = sizes[0], sizes[-1]
        if small == large:
            return 0, -(-self._counted[large] // large)
        slope = (self._counted[large] - self._counted[small]) / (large - small)
        fixed = max(0.0, self._counted[small] - slope * small)
        return round(fixed), max(0, round(slope))


class PeakMemory:
    """The most that this process has in RAM beyond what it had at the start; 0 where Linux is not.

    Kernels need room of their own, and the allocator gives nothing back: a training takes more
    than its tensors.
    """

    def __init__(self) -> None:
        # What an earlier measurement left would hide what this one needs.
        gc.collect()
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        self._before = resident_bytes()
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak

    def grown(self) -> int:
        """Return the peak so far, less the start."""
        with suppress(OSError, ValueError):
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM:"):
                    return max(0, 1024 * int(line.split()[1]) - self._before)
        return 0


def state_dict_bytes(model: nn.Module | None) -> int:
    """Return the bytes of the tensors in the state dict, as a weight file holds them."""
    if model is None:
        return 0
    return sum(value.numel() * value.element_size() for value in model.state_dict().values())


def training_bytes(model: nn.Module | None, optimizer: torch.optim.Optimizer | None) -> int:
    """Return the bytes of weights and buffers; and of gradients and optimizer state in training."""
    if model is None:
        return 0
    held: list[torch.Tensor] = [*model.parameters(), *model.buffers()]
    if optimizer is not None:
        held += [p.grad for p in model.parameters() if p.grad is not None]
        states: Iterable[Any] = chain.from_iterable(s.values() for s in optimizer.state.values())
        held += [value for value in states if isinstance(value, torch.Tensor)]
    return sum(tensor.numel() * tensor.element_size() for tensor in held)


@contextmanager
def _allocated(device: torch.device) -> Iterator[list[int]]:
    found = [0]
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    yield found
    found[0] = torch.cuda.max_memory_allocated(device) - before


@contextmanager
def _kept_for_backward(model: nn.Module | None) -> Iterator[list[int]]:
    found = [0]
    tensors = () if model is None else (*model.parameters(), *model.buffers())
    known = {tensor.untyped_storage().data_ptr() for tensor in tensors}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        # What is kept stays where it is until the backward pass: an address names it.
        if (place := storage.data_ptr()) not in known:
            known.add(place)
            found[0] += storage.nbytes()
        return tensor.detach()  # the tensor itself would hold its own graph alive

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        yield found


@contextmanager
def _largest_layer(model: nn.Module | None) -> Iterator[list[int]]:
    found = [0]

    def look(_layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        tensors = [t for t in (*inputs, output) if isinstance(t, torch.Tensor)]
        storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
        found[0] = max(found[0], sum(storages.values()))

    layers = [layer for layer in (model.modules() if model else ()) if not any(layer.children())]
    handles = [layer.register_forward_hook(look) for layer in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
