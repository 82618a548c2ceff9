"""What a step of the harness costs above a bare one: aim 1.05 on a CPU, 1.03 on a GPU.

Epochs of a real fine-tuning stage (gather, augment, normalise, train, record) alternate with as
many bare steps of the same network and optimizer on one batch that stays where it is, so that
both see the same machine; the fastest of each are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from mpcs_bench.data.index import GROUP_PREFIX, DatasetFacts, SampleIndex
from mpcs_bench.data.pixels import PixelCache
from mpcs_bench.data.splits import PART_CODES, SplitTable
from mpcs_bench.protocol.schema import Finetuning, Optimizer
from mpcs_bench.protocol.settings import identity
from mpcs_bench.registry.encoder import Encoder
from mpcs_bench.registry.registry import Registry
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.models import Classifier
from mpcs_bench.stages.optimization import build_optimizer
from mpcs_bench.stages.watch import Watch

SOURCE = (160, 105)  # the working size of protocols/quickstart.yaml
STEPS = 4
EPOCHS = 6
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def data(cache: Path, images: int) -> tuple[SampleIndex, SplitTable]:
    """Noise under an index: `images` to train on, and two to test."""
    rng = np.random.default_rng(0)
    n = images + 2
    pixels = rng.integers(0, 256, (n, SOURCE[1], SOURCE[0], 3), dtype=np.uint8)
    ids = [f"s{i:05d}" for i in range(n)]
    frame = pd.DataFrame(
        {
            "sample_id": ids,
            "path": ids,
            "label": [("benign", "malignant")[i % 2] for i in range(n)],
            "label_index": [i % 2 for i in range(n)],
            "subtype": "none",
            "patient_id": ids,
            GROUP_PREFIX + "patient": ids,
            "magnification": 40,
            "sequence": "001",
            "image_id": ids,
            "patch_index": 0,
            **{f"box_{side}": 0 for side in "xy"},
            **dict(zip(("box_w", "box_h"), SOURCE, strict=True)),
            **dict(zip(("width", "height"), SOURCE, strict=True)),
            "pixel_hash": [PixelCache.under(cache).put(image) for image in pixels],
        }
    )
    facts = DatasetFacts(
        name="noise",
        version="1",
        params={},
        classes=("benign", "malignant"),
        magnifications=(40,),
        group_columns=("patient",),
        default_group="patient",
        metric_levels=("image", "patient"),
    )
    index = SampleIndex.of(frame, facts)
    index.write(cache)
    parts = np.full((1, n), PART_CODES["label"], dtype=np.uint8)
    parts[0, images:] = PART_CODES["test"]
    split = SplitTable.of(index, (0,), parts, "patient")
    split.write(cache)
    return index, split


def finetuning(encoder: str, size: int, batch: int, workspace: Path) -> StageJob:
    index, split = data(workspace / "cache", batch * STEPS)
    settings = Finetuning.model_validate(
        {
            "dataset": "noise",
            "transform": {
                "input_size": [size, size],
                "framing": "crop",
                "flip": {},
                "rotation": {},
                "affine": {"translate": 0.05, "zoom": [0.8, 1.2]},
                "colour": {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1},
            },
            "optimizer": {"name": "adam", "learning_rate": 2e-5},
            "epochs": EPOCHS,
            "batch_size": batch,
        }
    )
    spec = identity(settings) | {
        "encoder": Registry.discover().resolve("encoder", encoder).identity(),
        "train_magnification": 40,
        "test_magnifications": [40],
        "label_fraction": 1.0,
        "fold": 0,
        "seed": 0,
        "precision": "fp32",
        "threads": 1,
        "deterministic": True,
    }
    return StageJob(
        key="bench",
        kind="finetune",
        symbolic=encoder,
        spec=spec,
        fingerprint=index.fingerprint,
        split_hash=split.hash,
        image_size=None,
        group_column="patient",
        workspace=str(workspace),
        device=DEVICE,
    )


def bare_epoch(encoder: str, size: int, batch: int) -> Callable[[], None]:
    """Return a function that takes STEPS steps and waits for the last one."""
    registry = Registry.discover()
    plugin = registry.create(registry.resolve("encoder", encoder), Encoder)
    device = torch.device(DEVICE)
    model = Classifier(plugin.build(), 2, 0.3).to(device).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(model.train(), Optimizer(name="adam", learning_rate=2e-5))
    images = torch.randn(batch, 3, size, size).to(device, memory_format=torch.channels_last)
    labels = torch.arange(batch, device=device) % 2
    loss_of = nn.CrossEntropyLoss()

    def epoch() -> None:
        for _ in range(STEPS):
            loss = loss_of(model(images), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        float(loss.detach())

    return epoch


@pytest.mark.parametrize(
    ("encoder", "size", "batch"),
    [("timm/test_resnet", 64, 32), ("timm/resnet18", 96, 32)],
    ids=lambda value: str(value).removeprefix("timm/"),
)
def test_a_step_of_the_harness_against_a_bare_one(
    benchmark: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    encoder: str,
    size: int,
    batch: int,
) -> None:
    job = finetuning(encoder, size, batch, tmp_path)
    bare = bare_epoch(encoder, size, batch)
    harness_seconds: list[float] = []
    bare_seconds: list[float] = []
    resumed, epochs = 0.0, 0

    def report(tick: Tick) -> None:
        nonlocal resumed, epochs
        if tick.done == epochs:  # the midst of one
            return
        epochs = tick.done
        now = time.perf_counter()
        harness_seconds.append(now - resumed)
        bare()
        resumed = time.perf_counter()
        bare_seconds.append(resumed - now)

    benchmark.pedantic(lambda: execute(job, Watch(report)), rounds=1, iterations=1)
    # The first epoch of each also opens images and picks kernels.
    ours, theirs = min(harness_seconds[1:]), min(bare_seconds[1:])
    per_image = 1000 * (ours - theirs) / (STEPS * batch)
    benchmark.extra_info["ratio"] = ours / theirs
    with capsys.disabled():
        print(
            f"\n{encoder} at {size}, batch {batch}, {DEVICE}: harness / bare = "
            f"{ours / theirs:.3f} ({STEPS * batch / theirs:.0f} img/s bare, "
            f"{per_image:+.2f} ms an image)"
        )
    assert len(harness_seconds) == EPOCHS
