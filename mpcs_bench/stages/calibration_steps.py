"""Measuring a shape: real steps of the real network on noise, a few of them, at two batch sizes.

A step is that of the stage: views are rendered, passed forward and backward, and the optimizer
moves. What is timed at small batches is carried to the protocol's by a straight line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from mpcs_bench.data.augmentation import draw_views, evaluation_views
from mpcs_bench.data.counter import sample_codes
from mpcs_bench.data.frames import Frames
from mpcs_bench.protocol.schema import Head, Optimizer
from mpcs_bench.protocol.transform import Transform
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.loss import Loss
from mpcs_bench.stages.calibration import Measurement, Subject
from mpcs_bench.stages.calibration_memory import (
    ActivationCounter,
    PeakMemory,
    state_dict_bytes,
    training_bytes,
)
from mpcs_bench.stages.calibration_timing import time_steps
from mpcs_bench.stages.determinism import fix
from mpcs_bench.stages.images import WorkingImages
from mpcs_bench.stages.inputs import registry
from mpcs_bench.stages.models import Classifier, projection_head
from mpcs_bench.stages.optimization import autocast, build_optimizer

IntArray = npt.NDArray[np.int64]

FRAMES = 16
"""Images of noise that the views are cut from."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A step that can be taken at any batch of `least` images or more that `unit` divides."""

    step: Callable[[int], None]
    least: int
    unit: int = 1
    model: nn.Module | None = None
    encoder: nn.Module | None = None
    optimizer: torch.optim.Optimizer | None = None


def measure(subject: Subject, device: str, budget: float) -> Measurement:
    """Measure one shape on `device`, refining for about `budget` seconds.

    Raises what building the plugins, or a step of theirs, raises: a shape that cannot be measured
    cannot be run either.
    """
    shape, place = subject.shape, torch.device(device)
    clock = _clock(place, shape.threads)
    peak = PeakMemory()
    started = clock()
    probe = build_probe(subject, device)
    setup = clock() - started
    counter = ActivationCounter(place, probe.model, trains=probe.optimizer is not None)
    timing = time_steps(
        probe.step,
        least=probe.least,
        most=shape.batch,
        unit=probe.unit,
        budget=budget,
        clock=clock,
        counting=counter.counting,
    )
    fixed_bytes, image_bytes = counter.line()
    state_bytes = training_bytes(probe.model, probe.optimizer)
    largest = timing.batches[1]
    if place.type == "cpu":
        beside = peak.grown() - state_bytes - fixed_bytes - largest * image_bytes
        image_bytes += max(0, beside) // largest
    return Measurement(
        step_seconds=timing.step_seconds,
        image_seconds=timing.image_seconds,
        spread=timing.spread,
        repeats=timing.repeats,
        batches=timing.batches,
        setup_seconds=setup,
        state_bytes=state_bytes,
        fixed_bytes=fixed_bytes,
        image_bytes=image_bytes,
        encoder_bytes=state_dict_bytes(probe.encoder),
        model_bytes=state_dict_bytes(probe.model),
    )


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
    model = nn.ModuleDict({"encoder": encoder, "head": head, "loss": loss})
    model.to(device).to(memory_format=torch.channels_last).train()
    optimizer = build_optimizer(model, Optimizer.model_validate(spec["optimizer"]))
    render = _renderer(subject, plugin, device)

    def step(images: int) -> None:
        sets = images // views
        batch = torch.cat([render(sets, view) for view in range(views)])
        with autocast(device, subject.shape.precision):
            z = head(encoder(batch))
        value = loss(z.float().reshape(views, sets, -1))
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()

    # A contrastive batch needs two sets.
    return Probe(step, 2 * views, views, model, encoder, optimizer)


def _classifier(subject: Subject, device: torch.device) -> Probe:
    """Return the step of fine-tuning."""
    spec, plugin = subject.spec, _encoder_plugin(subject)
    model = Classifier(plugin.build(), subject.classes, float(spec["dropout"]))
    model.to(device).to(memory_format=torch.channels_last).train()
    optimizer = build_optimizer(model, Optimizer.model_validate(spec["optimizer"]))
    render = _renderer(subject, plugin, device)
    loss = nn.CrossEntropyLoss().to(device)

    def step(images: int) -> None:
        batch = render(images, 0)
        with autocast(device, subject.shape.precision):
            logits = model(batch)
        target = torch.arange(images, device=device) % subject.classes
        value = loss(logits.float(), target)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()

    return Probe(step, 2, 1, model, model.encoder, optimizer)  # batch norm needs two images


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


def _noise(subject: Subject) -> Frames:
    width, height = subject.source
    pixels = np.random.default_rng(0).integers(0, 256, 3 * FRAMES * width * height, dtype=np.uint8)
    pitch = np.full(FRAMES, 3 * width, dtype=np.int64)
    return Frames(pixels, subject.source, np.arange(FRAMES) * pitch * height, pitch)


def _rows(count: int) -> IntArray:
    return np.arange(count, dtype=np.int64) % FRAMES


def _clock(device: torch.device, threads: int) -> Callable[[], float]:
    """Return the clock that says what a step takes of the device.

    With one thread on the CPU that is processor time: what else the machine does now is not in it.
    """
    if device.type == "cpu":
        return time.process_time if threads == 1 else time.perf_counter

    def finished() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return finished
