"""What a step of the harness costs above a bare one: aim 1.05 on a CPU, 1.03 on a GPU.

Epochs of a real stage (gather, augment, normalise, train, record) alternate with as many bare
steps of the same network, loss and optimizer on one batch that stays where it is, so that both see
the same machine; the fastest of each are compared.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from bare_steps import bare_epoch
from noise_jobs import noise_job

from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import Tick
from mpcs_bench.stages.watch import Watch

STEPS = 4
EPOCHS = 8
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
AIM = 1.03 if DEVICE == "cuda" else 1.05


def clock() -> float:
    """One thread's processor time on a CPU: what else the machine does is not in it."""
    return time.process_time() if DEVICE == "cpu" else time.perf_counter()


@pytest.mark.parametrize(
    ("kind", "encoder", "size", "batch"),
    [
        ("finetune", "timm/test_resnet", 64, 32),
        ("finetune", "timm/resnet18", 96, 32),
        ("pretrain", "timm/test_resnet", 64, 32),
        ("pretrain", "timm/resnet18", 96, 16),
    ],
    ids=lambda value: str(value).removeprefix("timm/"),
)
def test_a_step_of_the_harness_against_a_bare_one(
    benchmark: Any,
    aims: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    encoder: str,
    size: int,
    batch: int,
) -> None:
    torch.set_num_threads(1)
    job = noise_job(
        kind,
        tmp_path,
        encoder=encoder,
        size=size,
        batch=batch,
        steps=STEPS,
        epochs=EPOCHS,
        device=DEVICE,
    )
    bare = bare_epoch(kind, encoder, size, batch, steps=STEPS, device=DEVICE)
    harness_seconds: list[float] = []
    bare_seconds: list[float] = []
    resumed, epochs = 0.0, 0

    def report(tick: Tick) -> None:
        nonlocal resumed, epochs
        if tick.done == epochs:  # the midst of one
            return
        epochs = tick.done
        now = clock()
        harness_seconds.append(now - resumed)
        bare()
        resumed = clock()
        bare_seconds.append(resumed - now)

    benchmark.pedantic(lambda: execute(job, Watch(report)), rounds=1, iterations=1)
    # The first epoch of each also opens images and picks kernels.
    ours, theirs = min(harness_seconds[1:]), min(bare_seconds[1:])
    images = STEPS * batch * (2 if kind == "pretrain" else 1)
    per_image = 1000 * (ours - theirs) / images
    benchmark.extra_info["ratio"] = ours / theirs
    what = {"finetune": "fine-tuning", "pretrain": "pre-training"}[kind]
    aims.row(
        f"{what} step of the harness / bare step, {encoder.removeprefix('timm/')} at {size}, "
        f"{DEVICE}",
        f"{ours / theirs:.3f}",
        f"<= {AIM}",
        ours / theirs <= AIM,
        f"{per_image:+.3f} ms an image",
    )
    with capsys.disabled():
        print(
            f"\n{what}, {encoder} at {size}, batch {batch}, {DEVICE}: harness / bare = "
            f"{ours / theirs:.3f} ({images / theirs:.0f} img/s bare, {per_image:+.3f} ms an image)"
        )
    assert len(harness_seconds) == EPOCHS
