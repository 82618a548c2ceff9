"""What a cell costs besides its training, in a worker that has run one before: aim 1 s at most.

Cells of one epoch on a handful of 16 x 16 images run one after the other in this process, as in a
worker; beside them, what the driver does for each: its states, and its share of a commit.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mpcs_bench import api
from mpcs_bench.data.index import SampleIndex
from mpcs_bench.data.working import working_frames
from mpcs_bench.engine.committing import Committer
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.records import StageState
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.watch import Watch

CELLS = 40
AXES = "  train_magnification: [100, 400]\n  fold: [0, 1]\n"


def test_a_cell_in_a_warm_worker(
    benchmark: Any,
    aims: Any,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tiny_protocol: Callable[..., Path],
) -> None:
    axes = f"  train_magnification: [100]\n  fold: [0]\n  seed: {list(range(CELLS + 1))}\n"
    path = tiny_protocol(
        (AXES, axes), ("  epochs: 2\n  batch_size: 4\nexp", "  epochs: 1\n  batch_size: 4\nexp")
    )
    workspace = Workspace(tmp_path / "workspace")
    options = api.Options(device="cpu", only={"experiment": {"exp-1"}})
    plan = api.plan([str(path)], workspace, options)
    first, *others = [stage.job for stage in plan.to_run() if stage.job is not None]
    index = SampleIndex.read(workspace.cache, first.fingerprint)
    working_frames(index, first.image_size, workspace.cache, workers=1)
    committer = Committer(workspace.root, print)
    committer.plan(plan)
    committer.flush(final=True)
    seconds: dict[str, list[tuple[float, float]]] = {}

    def timed(what: str, call: Callable[[], object]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        taken = time.perf_counter() - wall, time.process_time() - cpu
        seconds.setdefault(what, []).append(taken)

    def train(job: StageJob) -> None:
        execute(job, Watch(report))

    def report(_tick: Tick) -> None:
        """Nobody looks on."""

    def record(job: StageJob) -> None:
        for state in ("running", "done"):
            committer.state(StageState(job.key, job.symbolic, state, pid=os.getpid()))  # type: ignore[arg-type]
        committer.result(workspace.results / job.key)

    def run() -> None:
        for job in others:
            timed("a warm cell", lambda job=job: train(job))
            timed("its states", lambda job=job: record(job))
        timed("one commit of all", lambda: committer.flush(final=True))

    timed("the first cell", lambda: train(first))
    benchmark.pedantic(run, rounds=1, iterations=1)
    wall, cpu = zip(*seconds["a warm cell"], strict=True)
    aims.row(
        "fixed cost per cell in a warm worker",
        f"{statistics.median(wall):.2f} s",
        "<= 1 s",
        statistics.median(wall) <= 1,
        f"processor {statistics.median(cpu):.2f} s",
    )
    with capsys.disabled():
        print(f"\n{len(others)} cells of one epoch, in one process: median seconds, and the most")
        for what, taken in seconds.items():
            wall, cpu = zip(*taken, strict=True)
            print(
                f"{what:18} wall {statistics.median(wall):6.3f} {max(wall):6.3f}"
                f"   processor {statistics.median(cpu):6.3f} {max(cpu):6.3f}"
            )
    assert len(list(workspace.results.iterdir())) == CELLS + 1
    assert committer.waiting == 0
