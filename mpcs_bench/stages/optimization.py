"""Optimizer, course of the learning rate, and precision of a training stage."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from timm.optim import create_optimizer_v2
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from mpcs_bench.protocol.schema import Optimizer

_TIMM_NAMES = {"sgd": "momentum"}
"""timm's `sgd` is Nesterov's; ours is the classical one."""

FUSED_DEVICES = ("cpu", "cuda")
"""Where torch has optimizers whose whole step is one kernel."""


def build_optimizer(model: nn.Module, settings: Optimizer) -> torch.optim.Optimizer:
    """Return timm's optimizer; biases and norms take no weight decay.

    torch's own (all but LARS) are fused where the device has such kernels: on the CPU a step of
    Adam then takes 0.34 to 0.76 of the time for small networks. The last bit may differ from what
    the others give. They count steps on the device, and wait for nothing.

    LARS sets the rate of every weight by its norm, and leaves biases and norms alone.
    `bias_scale` multiplies the rate of biases and norms.
    """
    options: dict[str, Any] = {}
    if settings.name in ("sgd", "lars"):
        options["momentum"] = settings.momentum
    if settings.name != "lars" and _can_be_fused(model):
        options["fused"] = True
    optimizer: torch.optim.Optimizer = create_optimizer_v2(
        _groups(model, settings),
        opt=_TIMM_NAMES.get(settings.name, settings.name),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        **options,
    )
    return optimizer


def _can_be_fused(model: nn.Module) -> bool:
    return all(p.device.type in FUSED_DEVICES and p.is_floating_point() for p in model.parameters())


def _groups(model: nn.Module, settings: Optimizer) -> nn.Module | list[dict[str, Any]]:
    """Return what the factory takes: the model, or weights apart from biases and norms.

    Without `always_adapt` timm's LARS would be plain SGD where there is no weight decay.
    """
    if settings.name != "lars" and settings.bias_scale == 1:
        return model
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    plain = [p for name, p in named if p.ndim <= 1 or name.endswith(".bias")]
    weights = [p for name, p in named if p.ndim > 1 and not name.endswith(".bias")]
    adapt = {"always_adapt": True} if settings.name == "lars" else {}
    rate = settings.learning_rate * settings.bias_scale
    return [
        {"params": weights, "weight_decay": settings.weight_decay, **adapt},
        {"params": plain, "weight_decay": 0.0, "lr": rate},
    ]


def build_schedule(optimizer: torch.optim.Optimizer, settings: Optimizer, steps: int) -> LambdaLR:
    """Return the course of the learning rate over all `steps`: linear warm-up, then the rest.

    Of w warm-up steps, step k (from 0) has (k + 1) / w of the rate; the cosine falls from the
    whole rate in the first step after them towards 0, which would be the step after the last.
    """
    warmup = round(settings.warmup * steps)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if settings.schedule == "constant":
            return 1.0
        progress = (step - warmup) / max(1, steps - warmup)
        return 0.5 * (1 + math.cos(math.pi * progress))

    return LambdaLR(optimizer, factor)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return the context that runs the forward pass in `precision` (fp32, tf32 or bf16)."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return tensor_float(precision)


@contextmanager
def tensor_float(precision: str) -> Iterator[None]:
    """Let CUDA round to TF32 within the block, where `precision` is tf32, and nowhere else.

    Holds for matrix products and convolutions of the whole process: the passes of the network
    stand within it, rendering and loss, which need every bit of float32, do not.
    """
    if precision != "tf32":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def backward(loss: torch.Tensor, precision: str) -> None:
    """Take the backward pass, in the precision of the forward pass."""
    with tensor_float(precision):
        loss.backward()  # type: ignore[no-untyped-call]
