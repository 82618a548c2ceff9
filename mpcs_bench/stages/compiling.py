"""Networks compiled by torch.compile for training, and kept warm for the next cell of one shape.

What is compiled stays one module object for as long as a process has use for it: the weights of
every cell are copied into it, so that neither a graph nor a recording of one (CUDA graphs) is made
again. Predictions, attention maps and weight files use the module as it was built.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch
from torch import nn

from mpcs_bench.errors import StageError
from mpcs_bench.protocol.canonical import digest
from mpcs_bench.stages.job import StageJob

M = TypeVar("M", bound=nn.Module)

COMPILED = 6
"""Shapes that are compiled before all are forgotten: beyond eight torch would compile no more."""

RECORDING = ("reduce-overhead", "max-autotune")
"""Modes that record CUDA graphs, which hold the memory of their activations: one at a time."""


@dataclass(frozen=True, slots=True)
class Network(Generic[M]):
    """A module, and how it is run in training on `batch` images at once.

    Batches of other sizes, the last of an epoch, run as they would uncompiled: a graph of their
    own would be made for every size that folds and label fractions lead to.
    """

    module: M
    compiled: Callable[[torch.Tensor], torch.Tensor] | None = None
    batch: int = 0
    budget: float = 1.0
    records: bool = False

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the module makes of `images[n, 3, h, w]`."""
        if self.compiled is None or len(images) != self.batch:
            return cast("torch.Tensor", self.module(images))
        if self.records and images.is_cuda:
            # What the step before gave out may be written over from here on.
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        with activation_budget(self.budget):
            return self.compiled(images)


def network(module: M, job: StageJob, batch: int, **shape: Any) -> Network[M]:
    """Return `module`, on its device and as it begins, as the job asks to run it in training.

    `batch` counts the images of a whole batch. The module of the network returned is `module`, or
    one built alike (same spec, same `shape`) for an earlier job, which has taken its weights.
    Raises StageError where compiling needs what this machine lacks.
    """
    mode = str(job.spec.get("compile", "off"))
    if mode == "off":
        return Network(module)
    _require_compiler(torch.device(job.device))
    key = digest(
        {
            "kind": job.kind,
            "device": job.device,
            "batch": batch,
            **{name: job.spec.get(name) for name in _SHAPING},
            **shape,
        }
    )
    budget = float(job.spec.get("activation_memory_budget", 1.0))
    made = _WARM.network(job.kind, key, module, mode=mode, batch=batch, budget=budget)
    return cast("Network[M]", made)


_SHAPING = (
    *("encoder", "head", "dropout", "transform", "precision", "threads", "deterministic"),
    *("compile", "activation_memory_budget"),
)
"""The settings that decide what is compiled."""


def forget() -> None:
    """Drop what is kept, and all that torch has compiled; what comes next is compiled anew."""
    _WARM.forget()


class _Warm:
    """The network of this process for each kind of stage, and what it was compiled for."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Network[Any]]] = {}
        self._compiled: set[str] = set()

    def network(
        self, kind: str, key: str, module: nn.Module, *, mode: str, batch: int, budget: float
    ) -> Network[Any]:
        known, held = self._kept.get(kind, ("", None))
        if held is not None and known == key:
            _take_over(held.module, module)
            return held
        records = mode in RECORDING
        kept = [other for _, other in self._kept.values()]
        if (
            len(self._compiled | {key}) > COMPILED
            or any(other.records for other in kept)
            or (records and kept)
            # torch knows a graph by code and shapes, and not by the budget that it was made with.
            or any(other.budget != budget for other in kept)
        ):
            self.forget()
        compiled = torch.compile(module, mode=mode, dynamic=False)
        made = Network(module, compiled, batch, budget, records)
        self._kept[kind] = key, made
        self._compiled.add(key)
        return made

    def forget(self) -> None:
        if self._compiled:
            self._kept.clear()
            self._compiled.clear()
            torch.compiler.reset()


_WARM = _Warm()


@contextmanager
def activation_budget(share: float) -> Iterator[None]:
    """Let what is compiled within keep `share` of its activations; 1: as torch has it."""
    if share == 1:
        yield
        return
    from torch._functorch import config

    with config.patch(activation_memory_budget=share):
        yield


def _take_over(kept: nn.Module, fresh: nn.Module) -> None:
    """Copy weights and buffers into the tensors that a graph reads; nothing else is carried on."""
    own = dict(chain(kept.named_parameters(), kept.named_buffers()))
    with torch.no_grad():
        for name, value in chain(fresh.named_parameters(), fresh.named_buffers()):
            own[name].copy_(value)
    for parameter in kept.parameters():
        parameter.grad = None


def _require_compiler(device: torch.device) -> None:
    """Raise StageError, saying what to install, where nothing can be compiled for `device`."""
    on_gpu = device.type == "cuda"
    variable, names = ("CC", ("gcc", "clang", "cc")) if on_gpu else ("CXX", ("g++", "clang++"))
    lacking = []
    if on_gpu and importlib.util.find_spec("triton") is None:
        lacking.append("triton (pip install triton)")
    if not any(map(shutil.which, (os.environ.get(variable) or "", *names))):
        lacking.append(f"a C{'' if on_gpu else '++'} compiler (apt install g++, or set {variable})")
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        lacking.append("Python's headers (apt install python3-dev)")
    if lacking:
        raise StageError(
            f"`compile` needs what this machine lacks: {', and '.join(lacking)}.",
            hint="Install it, or set `compile: off`.",
        )
