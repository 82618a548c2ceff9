"""Parts of `gpu.py` that train networks on a batch of noise: speed and memory, and no data."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from gpu_parts import Asked, fastest, peak_gib
from torch import nn

from mpcs_bench.protocol.schema import Optimizer
from mpcs_bench.stages.compiling import Network, forget, network
from mpcs_bench.stages.determinism import fix
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.models import Classifier, Projection
from mpcs_bench.stages.optimization import autocast, backward, build_optimizer, tensor_float
from mpcs_paper.nt_xent import NTXentModule

BATCH = 32
TRAINED = (("efficientnet_b2", 224), ("resnet50", 224), ("resnet18", 224), ("efficientnet_b2", 341))
"""Fine-tunings of the paper, and the sizes that they are run at."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A network at an input size and batch, and how it is run."""

    name: str
    size: int
    batch: int
    precision: str = "fp32"
    mode: str = "off"
    budget: float = 1.0
    stride: int = 32

    def job(self, device: str) -> StageJob:
        """Return the job that a stage of this shape would be given."""
        spec = {
            "precision": self.precision,
            "compile": self.mode,
            "activation_memory_budget": self.budget,
            "threads": 1,
            "deterministic": False,
            "encoder": {"name": self.name, "stride": self.stride},
            "transform": {"input_size": [self.size, self.size]},
        }
        return StageJob(
            key="gpu",
            kind="finetune",
            symbolic=self.name,
            spec=spec,
            fingerprint="",
            split_hash="",
            image_size=None,
            group_column="",
            workspace="",
            device=device,
        )


def encoder(shape: Shape) -> nn.Module:
    """Return timm's network without its classifier, or a few layers for a dry run."""
    if shape.name != "tiny":
        import timm

        options = {"output_stride": shape.stride} if shape.stride != 32 else {}
        made: nn.Module = timm.create_model(shape.name, num_classes=0, **options)
        return made
    layers: list[nn.Module] = []
    for inputs in (3, 8, 8):
        layers += [nn.Conv2d(inputs, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()]
    tiny = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    tiny.num_features = 8  # type: ignore[assignment]
    return tiny


def step_of(
    shape: Shape,
    device: str,
    build: Callable[[nn.Module], nn.Module],
    loss_of: Callable[[torch.Tensor], torch.Tensor],
) -> Callable[[], torch.Tensor]:
    """Return a training step, as a stage takes it, on one batch that stays where it is."""
    place = torch.device(device)
    fix(1, deterministic=False)
    torch.manual_seed(0)
    built = build(encoder(shape)).to(place).to(memory_format=torch.channels_last).train()
    net: Network[Any] = network(built, shape.job(device), shape.batch)
    optimizer = build_optimizer(net.module, Optimizer(name="adam", learning_rate=1e-5))
    images = torch.randn(shape.batch, 3, shape.size, shape.size, device=place)
    images = images.to(memory_format=torch.channels_last)

    def step() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        with autocast(place, shape.precision):
            out = net(images)
        loss = loss_of(out.float())
        backward(loss, shape.precision)
        optimizer.step()
        return loss.detach()

    return step


def classifying(shape: Shape, device: str) -> Callable[[], torch.Tensor]:
    """Return a step of fine-tuning."""
    labels = torch.arange(shape.batch, device=device) % 2
    return step_of(
        shape,
        device,
        lambda module: Classifier(module, 2, 0.3),
        lambda logits: nn.functional.cross_entropy(logits, labels),
    )


def contrasting(shape: Shape, device: str) -> Callable[[], torch.Tensor]:
    """Return a step of pre-training on `shape.batch` views, two of a set."""
    loss = NTXentModule(0.1)

    def projected(module: nn.Module) -> nn.Module:
        width = int(module.num_features)  # type: ignore[arg-type]
        head = nn.Sequential(nn.Linear(width, 1024), nn.ReLU(inplace=True), nn.Linear(1024, 128))
        return Projection(module, head)

    return step_of(shape, device, projected, lambda z: loss(z.reshape(2, shape.batch // 2, -1)))


def device(asked: Asked) -> None:
    """Say what the device can do, and whether torch can use it."""
    from mpcs_bench.engine.precision import cpu_has_bf16

    if asked.dry:
        asked.row("bf16 of this processor", "yes" if cpu_has_bf16() else "no")
        return
    properties = torch.cuda.get_device_properties(0)
    asked.row(
        "device",
        f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB",
        note=f"compute capability {properties.major}.{properties.minor}, CUDA {torch.version.cuda}",
    )
    side = 8192
    for precision in ("fp32", "tf32", "bf16"):
        left = torch.randn(side, side, device=asked.device)
        left = left.bfloat16() if precision == "bf16" else left
        with tensor_float(precision):
            seconds = fastest(lambda a=left: torch.mm(a, a), asked.device, repeats=5)
        asked.row(f"matrix product, {precision}", f"{2 * side**3 / seconds / 1e12:.0f} TFLOP/s")


def nt_xent(asked: Asked) -> None:
    """Measure what the loss holds, which must not grow with the dimension."""
    for sets in (64,) if asked.dry else (512, 1024, 2048, 4096):
        held = {}
        for dimension in (128, 1024):
            torch.manual_seed(0)
            z = torch.randn(2, sets, dimension, device=asked.device, requires_grad=True)
            loss = NTXentModule(0.1)
            if asked.dry:
                loss(z).backward()
                continue
            before = torch.cuda.memory_allocated()
            both = peak_gib(lambda z=z, loss=loss: loss(z).backward()) * 2**30 - before
            # Gradients and unit vectors: four times the projections, whatever the loss is.
            held[dimension] = (both - 4 * z.numel() * z.element_size()) / (2 * sets) ** 2
        if asked.dry:
            asked.row(f"NT-Xent, N = {sets}", "ran")
            continue
        low, high = held[128], held[1024]
        asked.row(
            f"NT-Xent, N = {sets}: bytes held per entry of the matrix, D = 128 and 1024",
            f"{low:.1f} and {high:.1f}",
            "equal: O(N^2)",
            high <= 1.25 * max(low, 4),
            "without four times the projections",
        )


def eager(asked: Asked) -> None:
    """Time fine-tuning steps without compiling, in each precision."""
    trained = (("tiny", 32),) if asked.dry else TRAINED
    for name, size in trained:
        for precision in ("bf16", "tf32", "fp32"):
            _timed(asked, Shape(name, size, 4 if asked.dry else BATCH, precision))


def compiled(asked: Asked) -> None:
    """Time the same compiled, and recorded as CUDA graphs."""
    shapes = (
        [Shape("tiny", 16, 4, "bf16", "default")]
        if asked.dry
        else [
            Shape(name, size, BATCH, "bf16", mode)
            for name, size in TRAINED
            for mode in ("reduce-overhead", "default")
        ]
    )
    for shape in shapes:
        _timed(asked, shape)


def _timed(asked: Asked, shape: Shape) -> None:
    what = f"fine-tuning step, {shape.name} at {shape.size}, batch {shape.batch}, {shape.precision}"
    what += "" if shape.mode == "off" else f", {shape.mode}"
    if asked.left < (30 if shape.mode != "off" and not asked.dry else 5):
        asked.row(what, "not run", note="no time was left")
        return
    with asked.trying(what):
        begun = time.perf_counter()
        step = classifying(shape, asked.device)
        step()
        step()
        first = time.perf_counter() - begun
        seconds = fastest(step, asked.device, repeats=1 if asked.dry else 10)
        note = f"{1000 * seconds:.1f} ms a step"
        if shape.mode != "off":
            note += f"; {first:.0f} s to compile"
        asked.row(what, f"{shape.batch / seconds:.0f} img/s", note=note)
    _free(asked)


def budgets(asked: Asked) -> None:
    """Time and weigh the dilated ResNet-50 on 1024 pairs, keeping less and less."""
    shares = (0.5,) if asked.dry else (0.7, 0.5, 1.0)
    for share in shares:
        if asked.left < 40 and not asked.dry:
            asked.row(f"dilated resnet50, budget {share}", "not run", note="no time was left")
        batch = 8 if asked.dry else 2048
        while batch >= 8 and asked.left > (5 if asked.dry else 40):
            name = "tiny" if asked.dry else "resnet50"
            shape = Shape(name, 16 if asked.dry else 224, batch, "bf16", "default", share, 8)
            what = f"dilated {name} at {shape.size}, 2 x {batch // 2} views, bf16, budget {share}"
            with asked.trying(what):
                if _weighed(asked, shape, what):
                    break
            _free(asked)
            batch //= 4  # a smaller one says how much an image needs
        _free(asked)


def _weighed(asked: Asked, shape: Shape, what: str) -> bool:
    """Take the row of one shape; return False where it does not fit."""
    try:
        begun = time.perf_counter()
        step = contrasting(shape, asked.device)
        step()
        first = time.perf_counter() - begun
        seconds = fastest(step, asked.device, repeats=1, rounds=2)
        gib = 0.0 if asked.dry else peak_gib(step)
    except torch.cuda.OutOfMemoryError:
        there = torch.cuda.get_device_properties(0).total_memory / 2**30
        asked.row(what, "out of memory", note=f"{there:.0f} GiB are there")
        return False
    note = f"{seconds:.2f} s a step; {first:.0f} s to compile"
    asked.row(what, f"{gib:.1f} GiB, {shape.batch / seconds:.0f} img/s", note=note)
    return True


def _free(asked: Asked) -> None:
    forget()
    gc.collect()
    if not asked.dry:
        torch.cuda.empty_cache()
