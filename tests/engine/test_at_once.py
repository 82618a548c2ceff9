"""How many stages run at once: by cores, by a GPU's memory, or as the user says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mpcs_bench import api
from mpcs_bench.engine.at_once import MOST_ON_GPU, at_once
from mpcs_bench.engine.forecasting import planned_jobs
from mpcs_bench.engine.machine_load import cpu_quota, usable_cores
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.stage_counts import StageCounter
from mpcs_bench.engine.stage_work import remaining_work
from mpcs_bench.engine.workspace import Workspace
from mpcs_bench.stages.calibration import (
    FILE,
    Calibration,
    DeviceFacts,
    Measurement,
    write_calibration,
)

GB = 10**9
GPU = DeviceFacts("cuda", "A GPU", "2.11", 80 * GB)


def test_on_the_cpu_it_is_one_for_each_core_that_may_be_used() -> None:
    assert at_once("cpu", 1).jobs == usable_cores()
    assert at_once("cpu", 10 * usable_cores()).jobs == 1


def test_what_the_user_says_wins() -> None:
    chosen = at_once("cuda", 1, [None], GB, asked=7)
    assert chosen.jobs == 7
    assert "--jobs" in chosen.why


@pytest.mark.parametrize("needs", [[], [None, None], [GB, None]])
def test_a_gpu_takes_one_where_something_was_never_measured(needs: list[int | None]) -> None:
    chosen = at_once("cuda", 1, needs, 80 * GB)
    assert chosen.jobs == 1
    assert "--calibrate" in chosen.why


@pytest.fixture
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have cores enough."""
    monkeypatch.setattr("mpcs_bench.engine.at_once.usable_cores", lambda: 16)


@pytest.mark.usefixtures("many_cores")
@pytest.mark.parametrize(
    ("needs", "jobs"),
    [
        ([2 * GB] * 10, MOST_ON_GPU),
        ([60 * GB, 2 * GB, 2 * GB], 3),
        ([40 * GB, 40 * GB, 2 * GB], 1),
        ([40 * GB, 20 * GB, 20 * GB], 2),
        ([200 * GB], 1),
    ],
)
def test_a_gpu_takes_as_many_as_its_memory_holds(needs: list[int | None], jobs: int) -> None:
    """The largest may all come together; each has a context of its own."""
    assert at_once("cuda:0", 1, needs, 80 * GB).jobs == jobs


@pytest.mark.usefixtures("many_cores")
def test_each_stage_on_a_gpu_has_its_cores() -> None:
    assert at_once("cuda", 8, [GB] * 4, 80 * GB).jobs == 2


@pytest.fixture
def on_gpu(
    plan_of: Callable[..., Plan],
    tiny_protocol: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Plan:
    """A plan for a GPU, whose linear evaluations share their encodings."""
    monkeypatch.setattr("mpcs_bench.engine.forecasting.device_facts", lambda _device: GPU)
    linear = ("weights: none", "weights: none\nadaptation: linear")
    fractions = ("  fold: [0, 1]", "  fold: [0, 1]\n  label_fraction: [0.5, 1.0]")
    return replace(plan_of(tiny_protocol(linear, fractions)), device="cuda")


def calibrate(plan: Plan, workspace: Workspace, held: int) -> None:
    """Leave a calibration by which every stage of the plan holds about so many bytes."""
    calibration = Calibration(GPU)
    cost = Measurement(1.0, 1.0, None, 1, (2, 4), 1.0, held, 0, 0, 0, 0)
    for work in remaining_work(plan, StageCounter(plan, workspace, api.registry())):
        for shape in work.shapes():
            calibration = calibration.adding(shape, cost)
    write_calibration(workspace.root / FILE, calibration)


@pytest.mark.usefixtures("many_cores")
@pytest.mark.parametrize(("held", "jobs"), [(GB, MOST_ON_GPU), (30 * GB, 2)])
def test_a_run_takes_as_many_as_the_calibration_of_its_plan_allows(
    on_gpu: Plan, workspace: Workspace, held: int, jobs: int
) -> None:
    assert planned_jobs(on_gpu, workspace, api.registry).jobs == 1
    calibrate(on_gpu, workspace, held)
    assert planned_jobs(on_gpu, workspace, api.registry).jobs == jobs
    assert planned_jobs(on_gpu, workspace, api.registry, 5).jobs == 5


@pytest.mark.usefixtures("many_cores")
def test_a_calibration_that_cannot_be_read_lets_a_run_go_on_with_one(
    on_gpu: Plan, workspace: Workspace
) -> None:
    (workspace.root / FILE).write_text("{")
    assert planned_jobs(on_gpu, workspace, api.registry).jobs == 1


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_a_container_says_what_it_may_have(
    tmp_path: Path, files: dict[str, str], quota: float | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert cpu_quota(tmp_path) == quota
