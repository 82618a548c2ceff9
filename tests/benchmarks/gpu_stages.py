"""Parts of `gpu.py` that run stages of the harness, on noise in its own cache."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from bare_steps import bare_epoch
from begun_training import begun
from gpu_parts import Asked
from noise_jobs import SOURCE, noise_job
from torch.utils._python_dispatch import TorchDispatchMode

from mpcs_bench.records import read_result
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.watch import Watch

AIM = 1.03


def job_of(
    asked: Asked, kind: str, encoder: str, size: int, batch: int, **changes: Any
) -> StageJob:
    """Return a stage in a folder of its own; `changes` are of its spec, `steps` those an epoch."""
    folder = asked.folder / f"workspace-{time.monotonic_ns()}"
    epochs, steps = changes.pop("epochs", 2), changes.pop("steps", 4)
    made = noise_job(
        kind,
        folder,
        encoder=encoder,
        size=size,
        batch=batch,
        steps=steps,
        epochs=epochs,
        device=asked.device,
    )
    return replace(made, spec=made.spec | changes)


class _Reads(TorchDispatchMode):
    """Counts numbers that the host asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        self.number += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def waits(step: Callable[[], None], device: str) -> tuple[int, str]:
    """Return how often a step waits for the device, and the first place where it does."""
    if device == "cpu":
        with _Reads() as reads:
            step()
        return reads.number, ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    # Setting the mode warns as well, once a process, of what it does not detect.
    found = [w for w in caught if "called a synchronizing" in str(w.message)]
    return len(found), f"{Path(found[0].filename).name}:{found[0].lineno}" if found else ""


def syncs(asked: Asked) -> None:
    """Count the host's waits in a training step, by stage, optimizer and precision."""
    for kind in ("finetune", "pretrain"):
        for name in ("adam", "adamw", "sgd", "lars"):
            for precision in ("bf16", "tf32") if name == "adam" else ("bf16",):
                what = f"host synchronisations of a {kind} step, {name}, {precision}"
                with asked.trying(what):
                    optimizer = {"name": name, "learning_rate": 1e-4, "weight_decay": 0.01}
                    settings = {"schedule": "constant", "warmup": 0.0, "momentum": 0.9}
                    training = begun(
                        job_of(
                            asked,
                            kind,
                            "timm/test_resnet",
                            32,
                            4,
                            optimizer=optimizer | settings,
                            precision=precision,
                        )
                    )
                    training.step(0)
                    number, where = waits(lambda t=training: t.step(1), asked.device)
                    asked.row(what, str(number), "0", number == 0, where)


def steps(asked: Asked) -> None:
    """Hold epochs of real stages to as many bare steps, in turns."""
    kinds = (
        [("finetune", "timm/test_resnet", 32, 4, "fp32")]
        if asked.dry
        else [
            ("finetune", "resnet50", 224, 32, "bf16"),
            ("finetune", "efficientnet-b2", 224, 32, "bf16"),
            ("finetune", "timm/resnet18", 224, 32, "fp32"),
            ("pretrain", "resnet50", 224, 64, "bf16"),
        ]
    )
    for kind, encoder, size, batch, precision in kinds:
        what = f"{kind} step of the harness / bare step, {encoder} at {size}, {batch}, {precision}"
        if asked.left < 10:
            asked.row(what, "not run", f"<= {AIM}", None, "no time was left")
            continue
        with asked.trying(what):
            ours, theirs = _in_turns(asked, kind, encoder, size, batch, precision)
            ratio = ours / theirs
            met = None if asked.dry else ratio <= AIM
            note = f"{1000 * theirs:.2f} ms a bare step, {1000 * (ours - theirs):+.3f} ms"
            asked.row(what, f"{ratio:.3f}", f"<= {AIM}", met, note)


def _in_turns(
    asked: Asked, kind: str, encoder: str, size: int, batch: int, precision: str
) -> tuple[float, float]:
    """Return the seconds of a step in the fastest epoch, the stage's and the bare one's."""
    epochs, steps = (3, 4) if asked.dry else (12, 16)
    changes = {"precision": precision, "epochs": epochs, "steps": steps}
    job = job_of(asked, kind, encoder, size, batch, **changes)
    bare = bare_epoch(
        kind, encoder, size, batch, steps=steps, device=asked.device, precision=precision
    )
    times: list[tuple[float, float]] = []
    resumed, done = 0.0, 0

    def report(tick: Tick) -> None:
        nonlocal resumed, done
        if tick.done == done:  # the midst of an epoch
            return
        done = tick.done
        ended = time.perf_counter()
        bare()
        now = time.perf_counter()
        times.append((ended - resumed, now - ended))
        resumed = now

    execute(job, Watch(report))
    ours, theirs = zip(*times[1:], strict=True)  # the first opens images and picks kernels
    return min(ours) / steps, min(theirs) / steps


def equality(asked: Asked) -> None:
    """Run stages twice, and with mapped instead of resident images: all files must be equal."""
    from mpcs_bench.stages import images

    encoder, size, batch = ("timm/test_resnet", 32, 4) if asked.dry else ("resnet50", 128, 16)
    for kind in ("finetune", "pretrain"):
        for precision in ("fp32", "bf16") if kind == "finetune" else ("bf16",):
            what = f"two runs of {kind}, {encoder}, {precision}, deterministic"
            with asked.trying(what):
                job = job_of(asked, kind, encoder, size, batch, precision=precision)
                job = replace(job, keep_weights=True)
                first, again = (_files(replace(job, key=f"run-{n}")) for n in (1, 2))
                _equal(asked, what, first, again)
    with asked.trying("resident and mapped images"):
        share, images.RESIDENT_SHARE = images.RESIDENT_SHARE, 0.0
        try:
            mapped = _files(replace(job, key="mapped"))
        finally:
            images.RESIDENT_SHARE = share
        _equal(asked, f"a {job.kind} on resident and one on mapped images", first, mapped)


def _files(job: StageJob) -> dict[str, str]:
    execute(job, Watch(lambda _tick: None))
    return dict(read_result(job.results / job.key).manifest.files)


def _equal(asked: Asked, what: str, one: dict[str, str], other: dict[str, str]) -> None:
    # What names the key itself differs.
    differing = sorted(n for n in one if one[n] != other[n] and not n.endswith(".json"))
    said = "equal bits" if not differing else f"differ: {', '.join(differing)}"
    asked.row(what, said, "equal bits", not differing, f"{len(one)} files, source {SOURCE}")
