"""The forward and backward passes of a plan's stages, and nothing else.

Each stage is its network, its loss and its optimizer on one batch of noise that stays where it
is: no data, no augmentation, no random numbers, no records. What is left is what any training
loop would have to do.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from mpcs_bench.engine.stage_work import StageWork
from mpcs_bench.engine.worker_environment import worker_environment


@dataclass(frozen=True, slots=True)
class BareStage:
    """What one stage computes: its settings, the sizes of its images, and how many of each."""

    kind: str
    spec: dict[str, Any]
    trained_size: tuple[int, int]
    tested_size: tuple[int, int]
    steps: int
    trained: int
    passes: int
    evaluated: int
    views: int
    classes: int


def bare_stage(work: StageWork) -> BareStage | None:
    """Return the passes of a stage; None where it trains no network."""
    load, counts, training, testing = work.workload, work.counts, work.training, work.testing
    if load is None or counts is None or training is None or testing is None:
        return None
    return BareStage(
        kind=work.spec.kind,
        spec=work.spec.spec,
        trained_size=training.size,
        tested_size=testing.size,
        steps=load.steps,
        trained=load.trained,
        passes=load.passes,
        evaluated=load.evaluated,
        views=counts.views if work.spec.kind == "pretrain" else 1,
        classes=counts.classes,
    )


def run_bare(stages: Sequence[BareStage], workers: int) -> tuple[float, float]:
    """Run `stages` in warm workers; returns the wall seconds of all, and those they trained."""
    context = multiprocessing.get_context("spawn")
    started = time.perf_counter()
    with (
        worker_environment(1),
        ProcessPoolExecutor(workers, mp_context=context) as pool,
    ):
        inside = sum(pool.map(_run, stages))
    return time.perf_counter() - started, inside


def _run(stage: BareStage) -> float:
    """Run one stage in this process; returns its seconds."""
    import torch
    from torch import nn

    from mpcs_bench.protocol.schema import Head, Optimizer
    from mpcs_bench.registry.encoder import Encoder
    from mpcs_bench.registry.loss import Loss
    from mpcs_bench.registry.registry import Registry
    from mpcs_bench.stages.models import Classifier, projection_head
    from mpcs_bench.stages.optimization import build_optimizer

    torch.set_num_threads(1)
    registry, spec = Registry.discover(), stage.spec

    def plugin(kind: Any, contract: Any) -> Any:
        named = spec[kind]
        return registry.create(registry.resolve(kind, named["plugin"], named["params"]), contract)

    started = time.perf_counter()
    encoder = plugin("encoder", Encoder).build()
    features = int(encoder.num_features)
    model: nn.Module
    if stage.kind == "pretrain":
        head = Head.model_validate(spec["head"])
        widths = head.widths or plugin("encoder", Encoder).projection_head(features)
        model = nn.Sequential(encoder, projection_head(features, widths, head))
        contrast = plugin("loss", Loss).build(widths[-1])
    else:
        model = Classifier(encoder, stage.classes, float(spec["dropout"]))
    model.to(memory_format=torch.channels_last).train()
    optimizer = build_optimizer(model, Optimizer.model_validate(spec["optimizer"]))
    entropy = nn.CrossEntropyLoss()

    def noise(images: int, size: tuple[int, int]) -> torch.Tensor:
        shape = (images, 3, size[1], size[0])
        return torch.randn(shape).to(memory_format=torch.channels_last)

    # As many images as the stage has, in as many steps: the last batch of an epoch is smaller.
    batch = max(1, round(stage.trained / stage.steps / stage.views)) * stage.views
    images = noise(batch, stage.trained_size)
    labels = torch.arange(batch) % stage.classes
    for _ in range(stage.steps):
        out = model(images)
        if stage.kind == "pretrain":
            loss = contrast(out.reshape(stage.views, batch // stage.views, -1))
        else:
            loss = entropy(out, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    tested = encoder if stage.kind == "pretrain" else model
    tested.eval()
    images = noise(round(stage.evaluated / stage.passes), stage.tested_size)
    with torch.inference_mode():
        for _ in range(stage.passes):
            tested(images)
    return time.perf_counter() - started
