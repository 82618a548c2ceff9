"""What one training step costs at least: its arithmetic and its memory traffic, as counted.

Arithmetic: the floating-point operations of the forward pass (torch's counter; a multiplication and
an addition are two), three times: the backward pass has a product for each of two gradients (the
counter's own backward takes a grouped convolution for a full one). The peak is the fastest of
matrix products and a dense convolution: different libraries compute them.

Traffic, a simple model: every leaf module reads its input and writes its output once; in the
backward pass it reads the gradient of its output and its saved input, and writes the gradient of
its input; weights are read twice, their gradient is written, and Adam reads four and writes three
numbers a weight. Activations have two bytes in bf16, all else four. Nothing is fused: a kernel that
fuses norm and activation can be below it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from ways import on_one_core

MATRICES = (512, 2048)
COPIED = 1 << 28


@dataclass(frozen=True, slots=True)
class Cost:
    """Floating-point operations and bytes of a step."""

    flops: float
    nbytes: float


class Step:
    """A training step of a classifier on a batch of noise that stays where it is."""

    def __init__(self, encoder: str, size: int, batch: int, precision: str) -> None:
        torch.manual_seed(0)
        self.model = timm.create_model(encoder, num_classes=2).train()
        self.model.to(memory_format=torch.channels_last)
        self.images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
        self._labels = torch.arange(batch) % 2
        self._bf16 = precision == "bf16"
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-5, fused=True)

    def __call__(self) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
            logits = self.model(self.images)
        loss = nn.functional.cross_entropy(logits.float(), self._labels)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    def cost(self) -> Cost:
        """Count one step."""
        elements = 0
        wide = 2 if self._bf16 else 4

        def count(_module: nn.Module, given: tuple[Any, ...], made: Any) -> None:
            nonlocal elements
            read = sum(value.numel() for value in given if isinstance(value, torch.Tensor))
            elements += 3 * read + 2 * made.numel()

        leaves = [m for m in self.model.modules() if not list(m.children())]
        hooks = [m.register_forward_hook(count) for m in leaves if not isinstance(m, nn.Identity)]
        with FlopCounterMode(display=False) as counter:
            self.model(self.images)
        for hook in hooks:
            hook.remove()
        weights = sum(p.numel() for p in self.model.parameters())
        return Cost(3 * counter.get_total_flops(), wide * elements + 4 * weights * (3 + 7))


def fastest(call: Callable[[], object], rounds: int) -> float:
    """Return the processor seconds of the fastest call."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def peaks(kind: torch.dtype, rounds: int = 3) -> tuple[float, float]:
    """Return the operations a second of the fastest matrix product, and of the fastest kernel."""
    products = []
    with torch.inference_mode():
        for side in MATRICES:
            left, right = (torch.randn(side, side).to(kind) for _ in range(2))
            seconds = fastest(lambda a=left, b=right: torch.mm(a, b), rounds)  # type: ignore[misc]
            products.append(2 * side**3 / seconds)
        images = torch.randn(8, 256, 28, 28).to(kind).to(memory_format=torch.channels_last)
        weight = torch.randn(256, 256, 3, 3).to(kind).to(memory_format=torch.channels_last)
        seconds = fastest(lambda: nn.functional.conv2d(images, weight, padding=1), rounds)
    convolution = 2 * images.numel() * weight[0].numel() / seconds
    return max(products), max(*products, convolution)


def bandwidth(rounds: int = 4) -> float:
    """Return the bytes a second that a copy reads and writes, in buffers beyond any cache."""
    source, target = (torch.zeros(COPIED, dtype=torch.uint8) for _ in range(2))
    target.copy_(source)
    return 2 * COPIED / fastest(lambda: target.copy_(source), rounds)


def measure(encoder: str, size: int, batch: int, precision: str, rounds: int) -> dict[str, float]:
    """Measure peaks and steps in turns, and keep the fastest of each."""
    torch.set_num_threads(1)
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    step = Step(encoder, size, batch, precision)
    cost = step.cost()
    product = flops = copied = 0.0
    seconds = float("inf")
    for _ in range(rounds):
        product, flops = map(max, zip((product, flops), peaks(kind), strict=True))
        copied = max(copied, bandwidth())
        seconds = min(seconds, fastest(step, 1))
    return {
        "seconds": seconds,
        "arithmetic": cost.flops / flops,
        "traffic": cost.nbytes / copied,
        "gflop": cost.flops / 1e9,
        "gbyte": cost.nbytes / 1e9,
        "gflops": flops / 1e9,
        "mm_gflops": product / 1e9,
        "gbytes": copied / 1e9,
    }


if __name__ == "__main__":
    import json

    print(json.dumps(measure(**on_one_core())))
