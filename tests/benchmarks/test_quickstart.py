"""What `quickstart` takes beside a bare loop of the same passes with the same workers: aim 1.3.

The whole command, from an empty workspace to the finished report in a process of its own, and
right after it the bare loop. `MPCS_BENCH_EPOCHS` shortens every training to so many epochs, which
leaves the fixed costs as they are and so makes the ratio larger.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bare_loop import bare_stage, run_bare

from mpcs_bench import api
from mpcs_bench.engine.stage_counts import StageCounter
from mpcs_bench.engine.stage_work import remaining_work
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.store import Store

SHORT = os.environ.get("MPCS_BENCH_EPOCHS")
SETTINGS = (f"pretraining.epochs={SHORT}", f"finetuning.epochs={SHORT}") if SHORT else ()
WORKERS = os.cpu_count() or 1
AIM = 1.3


def test_quickstart_against_a_bare_loop(
    benchmark: Any, aims: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    program = str(Path(sys.executable).with_name("mpcs-bench"))
    command = [program, "run", "quickstart", "--workspace"]
    command += [str(workspace.root), *(part for text in SETTINGS for part in ("--set", text))]

    def whole() -> float:
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, text=True)
        return time.perf_counter() - started

    ours = benchmark.pedantic(whole, rounds=1, iterations=1)
    # A plan that has yet to run all of it, on the data that is there now.
    options = api.Options(assignments=SETTINGS)
    empty = Workspace(tmp_path / "empty")
    empty.root.mkdir()
    empty.cache.symlink_to(workspace.cache, target_is_directory=True)
    plan = api.plan(["quickstart"], empty, options)
    works = remaining_work(plan, StageCounter(plan, empty, api.registry()))
    stages = [found for work in works if (found := bare_stage(work)) is not None]
    theirs, inside = run_bare(stages, WORKERS)
    parts = _seconds_by_kind(workspace)
    benchmark.extra_info["ratio"] = ours / theirs
    aims.row(
        f"`quickstart` to its report / a bare loop, {WORKERS} workers, wall clock",
        ours / theirs,
        f"<= {AIM}",
        ours / theirs <= AIM,
        f"{ours:.0f} s / {theirs:.0f} s; of it in stages {sum(parts.values()):.0f} / {inside:.0f}",
    )
    with capsys.disabled():
        print(f"\nquickstart {ours:.1f} s / bare loop {theirs:.1f} s = {ours / theirs:.3f}")
        print(f"seconds within stages: ours {sum(parts.values()):.1f}, bare {inside:.1f}")
        for kind, seconds in parts.items():
            print(f"  {kind}: {seconds:.1f}")
    assert stages


def _seconds_by_kind(workspace: Workspace) -> dict[str, float]:
    """Return the seconds that all stages of a kind took in their workers."""
    sql = "SELECT kind, sum(seconds) FROM stages GROUP BY ALL ORDER BY 1"
    return dict(Store(workspace.root).query(sql)[1])
