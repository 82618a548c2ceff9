"""What `plan --calibrate` forecasts beside what then happens: aim within 30 %, either way.

Device time is the processor seconds of the stages. Of the wall time, what workers waited for a core
that others had is left out, as the kernel counts it: a forecast is for a machine that does nothing
else.
"""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mpcs_bench import api
from mpcs_bench.engine.forecast import Forecast
from mpcs_bench.engine.forecasting import forecast_plan
from mpcs_bench.engine.machine_load import busy_seconds, usable_cores, waited_seconds
from mpcs_bench.engine.plan import Plan, PlannedStage
from mpcs_bench.engine.pool import WorkerPool
from mpcs_bench.engine.running import Run
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.stages.free_memory import proc_value
from mpcs_bench.stages.job import Tick

Write = Callable[..., Path]

LEEWAY = 1.3

SMALL = (
    ("image_size: [24, 16]", "image_size: [96, 64]"),
    ("input_size: [16, 16]", "input_size: [64, 64]"),
)
EPOCHS = "  epochs: 2\n  batch_size: 4\n"
AXES = "  train_magnification: [100]\n  fold: [0]\n"
LARGE = (  # 16 sets are all there are: one step of 32 views
    ("encoder: timm/test_resnet", "encoder: {plugin: timm/resnet50, params: {output_stride: 8}}"),
    ("image_size: [24, 16]", "image_size: [256, 256]"),
    ("input_size: [16, 16]", "input_size: [224, 224]"),
    ("test_framing: whole", "test_framing: centre-crop"),
    ("  train_magnification: [100, 400]\n  fold: [0, 1]\n", AXES),
    ("  strategy: ordered\n", "  strategy: ordered\n  parts: [ssl, label]\n"),
    ("  epochs: 2\n  batch_size: 4\nfinetuning:\n", "  epochs: 1\n  batch_size: 16\nfinetuning:\n"),
    ("exp-3: {label: Ordered Pair}", "exp-3: {label: Ordered Pair, set: {adaptation: linear}}"),
)


@dataclass
class Onlooker:
    """Notes when stages began and ended; what an observer is told otherwise is not of interest."""

    begun: float = 0.0
    failures: list[str] = field(default_factory=list)

    def preparing(self, what: str, done: int, total: int) -> None:
        """Nothing to note."""

    def expect(self, stages: int) -> None:
        self.begun = time.perf_counter()

    def started(self, stage: PlannedStage) -> None:
        """Nothing to note."""

    def progress(self, stage: PlannedStage, tick: Tick) -> None:
        """Nothing to note."""

    def finished(self, stage: PlannedStage, seconds: float, images_per_second: float) -> None:
        """Nothing to note."""

    def failed(self, stage: PlannedStage, error: str) -> None:
        self.failures.append(error)

    def note(self, text: str) -> None:
        """Nothing to note."""


@dataclass
class Happened:
    """Processor seconds of all stages, wall seconds, those of them that workers waited for a core,
    peak bytes of a worker, and how many cores others kept busy.
    """

    device: float
    wall: float
    waited: float
    memory: int
    others: float


@dataclass
class Watched:
    """The most memory of a worker, and by process what each waited for a core."""

    peak: int = 0
    waited: dict[int, float] = field(default_factory=dict)


@contextmanager
def watching_workers() -> Iterator[Watched]:
    """Look at this process's children until the block ends."""
    seen, ended = Watched(), threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            for pid in [child.pid for child in multiprocessing.active_children()]:
                with suppress(OSError):
                    taken = 1024 * proc_value(f"/proc/{pid}/status", "VmHWM")
                    seen.peak = max(seen.peak, taken)
                    seen.waited[pid] = max(waited_seconds(pid), seen.waited.get(pid, 0.0))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def carried_out(plan: Plan, workspace: Workspace, jobs: int) -> Happened:
    """Run `plan`, and return what it took."""
    onlooker = Onlooker()
    run = Run(plan, workspace, lambda n: WorkerPool(min(jobs, n), plan.threads), onlooker)
    busy = busy_seconds() or 0.0
    with watching_workers() as seen:
        own, begun = time.process_time(), time.perf_counter()
        run.execute()
        ended = time.perf_counter()
    assert not onlooker.failures
    keys = [stage.key for stage in plan.stages if stage.key is not None]
    manifests = [json.loads((workspace.results / k / "manifest.json").read_text()) for k in keys]
    device = sum(manifest["timings"]["cpu_seconds"] for manifest in manifests)
    spent = (busy_seconds() or 0.0) - busy
    # What starting workers takes of the processor is theirs, too: about three seconds each.
    ours = device + time.process_time() - own + 3.0 * min(jobs, len(keys))
    others = max(0.0, (spent - ours) / (ended - begun))
    waited = sum(seen.waited.values()) / max(1, len(seen.waited))
    return Happened(device, ended - onlooker.begun, waited, seen.peak, others)


def compare(
    what: str, path: Path, workspace: Workspace, jobs: int, capsys: Any, aims: Any, **only: Any
) -> None:
    """Forecast, run, print both, and hold the ratios to the aim."""
    options = api.Options(device="cpu", jobs=jobs, **only)
    plan = api.plan([str(path)], workspace, options)
    begun = time.perf_counter()
    said: Forecast = forecast_plan(
        plan, workspace, api.registry(), calibrating=lambda *_: None, jobs=jobs
    )
    calibrated = time.perf_counter() - begun
    assert said.total is not None
    assert said.wall is not None
    assert said.memory_bytes is not None
    found = carried_out(plan, workspace, jobs)
    rows = {
        "device s": (said.total * 3600, found.device),
        "wall s": (said.wall * 3600, found.wall - found.waited),
        "memory GB": (said.memory_bytes / 1e9, found.memory / 1e9),
    }
    with capsys.disabled():
        print(
            f"\n{what}: {len(plan.stages)} stages, {jobs} at once; calibrating took "
            f"{calibrated:.0f} s; other programs kept {found.others:.1f} of {usable_cores()} "
            f"cores busy during the run, and workers waited {found.waited:.0f} s for a core"
        )
        for name, (forecast, measured) in rows.items():
            print(
                f"  {name:10} forecast {forecast:8.2f}   measured {measured:8.2f}   "
                f"ratio {forecast / measured:5.2f}"
            )
        for warning in said.warnings:
            print(f"  warning: {warning}")
    for name, (forecast, measured) in rows.items():
        met = 1 / LEEWAY <= forecast / measured <= LEEWAY
        aims.row(
            f"forecast / measured, {name.split()[0]}: {what}",
            round(forecast / measured, 2),
            "0.77 to 1.3",
            met,
            f"calibrated in {calibrated:.0f} s; others kept {found.others:.1f} cores busy",
        )
    for name, (forecast, measured) in rows.items():
        assert 1 / LEEWAY <= forecast / measured <= LEEWAY, (what, name, forecast, measured)


def test_small_stages_one_after_the_other(
    benchmark: Any, capsys: Any, aims: Any, tmp_path: Path, tiny_protocol: Write
) -> None:
    path = tiny_protocol(*SMALL, (EPOCHS, EPOCHS.replace("2", "20", 1)))
    workspace = Workspace(tmp_path / "workspace")
    benchmark.pedantic(
        lambda: compare("14 small stages, one at once", path, workspace, 1, capsys, aims),
        rounds=1,
    )


def test_small_stages_two_at_once(
    benchmark: Any, capsys: Any, aims: Any, tmp_path: Path, tiny_protocol: Write
) -> None:
    path = tiny_protocol(*SMALL, (EPOCHS, EPOCHS.replace("2", "120", 1)))
    workspace = Workspace(tmp_path / "workspace")
    benchmark.pedantic(
        lambda: compare(
            "the same with six times the epochs, two", path, workspace, 2, capsys, aims
        ),
        rounds=1,
    )


def test_one_step_of_a_large_network(
    benchmark: Any, capsys: Any, aims: Any, tmp_path: Path, tiny_protocol: Write
) -> None:
    path = tiny_protocol(*LARGE)
    workspace = Workspace(tmp_path / "workspace")
    what = "a step of ResNet-50, output stride 8, 224 px, 16 pairs"
    benchmark.pedantic(
        lambda: compare(what, path, workspace, 1, capsys, aims, only={"experiment": {"exp-3"}}),
        rounds=1,
    )
