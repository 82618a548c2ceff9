"""Measuring a shape: real steps of the real network on noise, a few of them.

A step is that of the stage: views are rendered, passed forward and backward, and the optimizer
moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mpcs_bench.data.augmentation import draw_views, evaluation_views
from mpcs_bench.data.counter import permutation, sample_codes
from mpcs_bench.data.frames import Frames
from mpcs_bench.protocol.schema import Head, Optimizer
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.loss import Loss
from mpcs_bench.stages.calibration import Subject
from mpcs_bench.stages.compiling import Network, network
from mpcs_bench.stages.determinism import fix
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.inputs import registry
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.models import Classifier, Projection, projection_head
from mpcs_bench.stages.optimization import autocast, backward, build_optimizer

IntArray = npt.NDArray[np.int64]
M = TypeVar("M", bound=nn.Module)

FRAMES = 16
"""Images of noise that the views are cut from."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A step that can be taken at any batch of `least` images or more that `unit` divides.

    `epoch` is what begins an epoch of `batch` images, None where there are no epochs.
    """

    step: Callable[[int], None]
    least: int
    unit: int = 1
    model: nn.Module | None = None
    encoder: nn.Module | None = None
    optimizer: torch.optim.Optimizer | None = None
    epoch: Callable[[], None] | None = None


def build_probe(subject: Subject, device: str) -> Probe:
    """Return a step of the subject's kind; raises what building its plugins raises."""
    shape = subject.shape
    fix(shape.threads, deterministic=shape.deterministic)
    torch.manual_seed(0)
    build = {
        "train-pairs": _pairs,
        "train-classifier": _classifier,
        "evaluate": _evaluation,
        "colour": _colour,
    }[shape.kind]
    return build(subject, torch.device(device))


def _pairs(subject: Subject, device: torch.device) -> Probe:
    """Return the step of pre-training: all views of some sets at once."""
    spec, plugins = subject.spec, registry(subject.plugin_files)
    views = int(subject.shape.detail["views"])
    plugin = _encoder_plugin(subject)
    encoder = plugin.build()
    settings = Head.model_validate(spec["head"])
    features = int(encoder.num_features)  # type: ignore[arg-type]
    widths = settings.widths or plugin.projection_head(features)
    head = projection_head(features, widths, settings)
    reference = spec["loss"]
    resolved = plugins.resolve("loss", reference["plugin"], reference["params"])
    loss = plugins.create(resolved, Loss).build(widths[-1])
    built = Projection(encoder, head).to(device).to(memory_format=torch.channels_last)
    running = _network(built, subject, device, widths=list(widths))
    parts = {"encoder": running.module.encoder, "head": running.module.head}
    model = nn.ModuleDict(parts | {"loss": loss})
    model.to(device).to(memory_format=torch.channels_last).train()
    optimizer = build_optimizer(model, Optimizer.model_validate(spec["optimizer"]))
    render = _renderer(subject, plugin, device)

    def step(images: int) -> None:
        sets = images // views
        batch = torch.cat([render(sets, view) for view in range(views)])
        optimizer.zero_grad(set_to_none=True)
        with autocast(device, subject.shape.precision):
            z = running(batch)
        backward(loss(z.float().reshape(views, sets, -1)), subject.shape.precision)
        optimizer.step()

    least = 2 * views  # a contrastive batch needs two sets
    if running.compiled is not None:
        least = subject.shape.batch
    begin = _beginner(subject, model)
    return Probe(step, least, views, model, running.module.encoder, optimizer, begin)


def _classifier(subject: Subject, device: torch.device) -> Probe:
    """Return the step of fine-tuning."""
    spec, plugin = subject.spec, _encoder_plugin(subject)
    built = Classifier(plugin.build(), subject.classes, float(spec["dropout"]))
    built.to(device).to(memory_format=torch.channels_last)
    running = _network(built, subject, device, classes=subject.classes)
    model = running.module.train()
    optimizer = build_optimizer(model, Optimizer.model_validate(spec["optimizer"]))
    render = _renderer(subject, plugin, device)
    loss = nn.CrossEntropyLoss().to(device)

    def step(images: int) -> None:
        batch = render(images, 0)
        optimizer.zero_grad(set_to_none=True)
        with autocast(device, subject.shape.precision):
            logits = running(batch)
        target = torch.arange(images, device=device) % subject.classes
        backward(loss(logits.float(), target), subject.shape.precision)
        optimizer.step()

    # Batch norm needs two images.
    least = 2 if running.compiled is None else subject.shape.batch
    return Probe(step, least, 1, model, model.encoder, optimizer, _beginner(subject, model))


def _evaluation(subject: Subject, device: torch.device) -> Probe:
    """Return the step of testing: forward alone."""
    plugin = _encoder_plugin(subject)
    encoder = plugin.build().to(device).to(memory_format=torch.channels_last).eval()
    images = WorkingImages(_noise(subject), plugin.preprocessing, device)
    transform = Transform.model_validate(subject.spec["transform"])

    def step(count: int) -> None:
        draw = evaluation_views(transform, count, images.size)
        with torch.inference_mode(), autocast(device, subject.shape.precision):
            encoder(images.views(_rows(count), draw))

    return Probe(step, 1, 1, encoder, encoder)


def _colour(subject: Subject, device: torch.device) -> Probe:
    """Return the step of the colour floor: mean and deviation of each channel."""
    del device  # it always runs on the CPU
    frames = _noise(subject)

    def step(images: int) -> None:
        for row in _rows(images):
            cv2.meanStdDev(frames.image(int(row)))

    return Probe(step, 1)


def _encoder_plugin(subject: Subject) -> Encoder:
    plugins, identity = registry(subject.plugin_files), subject.shape.encoder
    resolved = plugins.resolve("encoder", identity["plugin"], identity["params"])
    return plugins.create(resolved, Encoder)


def _renderer(
    subject: Subject, plugin: Encoder, device: torch.device
) -> Callable[[int, int], torch.Tensor]:
    """Return what renders n training views; they are drawn once, as a stage does for an epoch."""
    images = WorkingImages(_noise(subject), plugin.preprocessing, device)
    transform = Transform.model_validate(subject.spec["transform"])
    codes = sample_codes([str(number) for number in range(subject.shape.batch)])
    views = int(subject.shape.detail.get("views", 1))
    draws = [
        draw_views(transform, seed=0, epoch=0, samples=codes, view=view, source=images.size)
        for view in range(views)
    ]
    return lambda count, view: images.views(_rows(count), draws[view].of(np.arange(count)))


def _network(module: M, subject: Subject, device: torch.device, **built: Any) -> Network[M]:
    """Return how `module` runs in training: compiled, for whole batches, where the shape says so.

    Raises StageError where this machine lacks what compiling needs.
    """
    shape = subject.shape
    spec = subject.spec | {"compile": shape.detail.get("compile", "off")}
    job = StageJob(
        key=shape.key,
        kind="pretrain" if shape.kind == "train-pairs" else "finetune",
        symbolic=str(shape),
        spec=spec,
        fingerprint="",
        split_hash="",
        image_size=None,
        group_column="",
        workspace="",
        device=str(device),
    )
    return network(module, job, shape.batch, **built)


def _beginner(subject: Subject, model: nn.Module) -> Callable[[], None]:
    """Return what begins an epoch of as many images as a batch has: order and views are drawn."""
    transform = Transform.model_validate(subject.spec["transform"])
    views = int(subject.shape.detail.get("views", 1))
    codes = sample_codes([str(number) for number in range(max(1, subject.shape.batch // views))])

    def begin() -> None:
        model.train()
        torch.manual_seed(0)
        permutation(0, 0, codes, "order")
        for view in range(views):
            draw_views(transform, seed=0, epoch=0, samples=codes, view=view, source=subject.source)

    return begin


def _noise(subject: Subject) -> Frames:
    width, height = subject.source
    pixels = np.random.default_rng(0).integers(0, 256, 3 * FRAMES * width * height, dtype=np.uint8)
    pitch = np.full(FRAMES, 3 * width, dtype=np.int64)
    return Frames(pixels, subject.source, np.arange(FRAMES) * pitch * height, pitch)


def _rows(count: int) -> IntArray:
    return np.arange(count, dtype=np.int64) % FRAMES
