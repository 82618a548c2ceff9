"""What must happen an exact number of times: decodes of an image, waits of a step for the host."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from noise_jobs import noise_job
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mpcs_bench import api
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.stages import encodings
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import Tick
from mpcs_bench.stages.watch import Watch

STEPS, EPOCHS = 4, 2
LINEAR = "exp-1: {label: Linear, set: {adaptation: linear, pretraining: null}}"
ONLY = {"experiment": {"exp-1"}}
WAITING = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique")
"""Operations whose result the host has to wait for, were they on a GPU."""


def test_decodes_of_an_image_over_a_protocol(
    benchmark: Any,
    aims: Any,
    tmp_path: Path,
    tiny_breakhis: Path,
    tiny_protocol: Callable[..., Path],
) -> None:
    """Every process of both runs notes the image files that it opens."""
    log = tmp_path / "opened.txt"
    log.touch()
    hooks = Path(__file__).parent / "opened_files"
    paths = os.pathsep.join([str(hooks), *(path for path in sys.path if path)])
    environment = os.environ | {"PYTHONPATH": paths, "OPENED_PNG_LOG": str(log)}
    command = [sys.executable, "-c", "from mpcs_bench.cli import main; main()", "run"]
    command += [str(tiny_protocol()), "--workspace", str(tmp_path / "workspace"), "--jobs", "2"]

    def run() -> None:
        subprocess.run(command, env=environment, check=True, capture_output=True)

    benchmark.pedantic(run, rounds=1, iterations=1)
    again = [*command, "--set", "finetuning.epochs=1"]
    subprocess.run(again, env=environment, check=True, capture_output=True)
    opened = Counter(Path(line).name for line in log.read_text().splitlines())
    images = len(list(tiny_breakhis.glob("**/*.png")))
    most, least = max(opened.values()), min(opened.values())
    aims.row(
        "decodes per image over a protocol, run and run again with other settings",
        f"{sum(opened.values()) / images:g}",
        "exactly 1",
        (most, least, len(opened)) == (1, 1, images),
        f"{images} images, two workers",
    )
    assert opened == dict.fromkeys(opened, 1)
    assert len(opened) == images


def _of_an_optimizer() -> bool:
    """Say whether an optimizer reads its own counter of steps, which is on the host anywhere."""
    files = (frame.f_code.co_filename for frame, _ in traceback.walk_stack(None))
    return any(Path(file).parent.name == "optim" for file in files)


def test_encodes_of_an_image_in_linear_evaluation(
    benchmark: Any,
    aims: Any,
    tmp_path: Path,
    tiny_protocol: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every stage of a protocol, in this process: folds, magnifications and label fractions."""
    axes = "  train_magnification: [100, 400]\n  fold: [0, 1]\n"
    path = tiny_protocol(
        ("exp-1: {label: No pre-training, set: {pretraining: null}}", LINEAR),
        (axes, axes + "  label_fraction: [0.5, 1.0]\n"),
    )
    workspace = Workspace(tmp_path / "workspace")
    plan = api.plan([str(path)], workspace, api.Options(device="cpu", only=ONLY))
    jobs = [stage.job for stage in plan.to_run() if stage.job is not None]
    counted: Counter[tuple[str, int]] = Counter()
    real = encodings.encode

    def counting(encoder: nn.Module, images: Any, transform: Any, rows: Any, **others: Any) -> Any:
        weights = b"".join(p.detach().numpy().tobytes() for p in encoder.parameters())
        name = hashlib.sha256(weights).hexdigest()
        counted.update((name, int(row)) for row in rows)
        return real(encoder, images, transform, rows, **others)

    monkeypatch.setattr(encodings, "encode", counting)

    def run() -> None:
        for job in jobs:
            execute(job, Watch(lambda _tick: None))

    benchmark.pedantic(run, rounds=1, iterations=1)
    encoders = len({name for name, _ in counted})
    aims.row(
        "encodes per (encoder, image) in linear evaluation",
        f"{counted.total() / len(counted):g}",
        "exactly 1",
        set(counted.values()) == {1},
        f"{len(jobs)} stages, {encoders} encoders: 2 folds, 2 magnifications, 2 label fractions",
    )
    assert set(counted.values()) == {1}
    assert len(jobs) == 8


class Waits(TorchDispatchMode):
    """Counts the operations that the host would wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        name = func.__name__.partition(".")[0]
        if name in WAITING and not _of_an_optimizer():
            self.count[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", ["finetune", "pretrain"])
def test_waits_of_a_step_for_the_host(benchmark: Any, aims: Any, tmp_path: Path, kind: str) -> None:
    job = noise_job(
        kind, tmp_path, encoder="timm/test_resnet", size=32, batch=4, steps=STEPS, epochs=EPOCHS
    )
    waits = Waits()
    seen: list[tuple[Tick, int]] = []

    def run() -> None:
        with waits:
            execute(job, Watch(lambda tick: seen.append((tick, waits.count.total()))))

    benchmark.pedantic(run, rounds=1, iterations=1)
    within = [
        later - earlier
        for (before, earlier), (after, later) in itertools.pairwise(seen)
        if before.done == after.done and after.step == before.step + 1
    ]
    assert len(within) >= EPOCHS * (STEPS - 2)
    what = {"finetune": "fine-tuning", "pretrain": "pre-training"}[kind]
    aims.row(
        f"operations in a {what} step that a host would wait for (counted on the CPU)",
        f"{max(within)}",
        "0",
        max(within) == 0,
        "stands in for synchronisations on a GPU, which gpu.py counts",
    )
    assert max(within) == 0, dict(waits.count)
