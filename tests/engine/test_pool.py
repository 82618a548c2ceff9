"""The pool: warm workers, and a dead one takes its own job with it and no other."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mpcs_bench.engine.events import Event, Failed, Finished, Left, Progress
from mpcs_bench.engine.plan import Plan
from mpcs_bench.engine.pool import WorkerPool
from mpcs_bench.stages.job import StageJob


@pytest.fixture
def jobs(plan_of: Callable[..., Plan], tiny_protocol: Callable[..., Path]) -> list[StageJob]:
    """Two pre-trainings that need each other's company for a while."""
    plan = plan_of(
        tiny_protocol(("  epochs: 2\n  batch_size: 4\nfine", "  epochs: 40\n  batch_size: 4\nfine"))
    )
    found = [stage.job for stage in plan.stages if stage.spec.kind == "pretrain"]
    return [job for job in found if job is not None]


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    """Two workers of one thread."""
    with WorkerPool(2, 1) as workers:
        yield workers


def _until_idle(pool: WorkerPool, seconds: float = 120) -> list[Event]:
    end, seen = time.monotonic() + seconds, []
    while pool.running:
        assert time.monotonic() < end
        seen += list(pool.events(0.1))
    return seen


def test_a_stage_reports_its_progress_and_its_end(pool: WorkerPool, jobs: list[StageJob]) -> None:
    pool.submit(jobs[0])
    events = _until_idle(pool)
    assert isinstance(events[-1], Finished)
    assert (Path(jobs[0].workspace) / "results" / jobs[0].key / "manifest.json").exists()
    ticks = [event.tick.done for event in events if isinstance(event, Progress)]
    assert ticks
    assert ticks == sorted(ticks)
    assert ticks[-1] == 40


def test_a_worker_is_used_again(pool: WorkerPool, jobs: list[StageJob]) -> None:
    first = pool.submit(jobs[0])
    _until_idle(pool)
    assert pool.submit(jobs[1]) == first
    _until_idle(pool)


def test_a_killed_worker_fails_its_own_job_alone(pool: WorkerPool, jobs: list[StageJob]) -> None:
    endless = replace(jobs[0], spec={**jobs[0].spec, "epochs": 10**6}, key="endless")
    victim = pool.submit(endless)
    pool.submit(jobs[1])
    seen: list[Event] = []
    while not any(isinstance(event, Progress) and event.key == "endless" for event in seen):
        seen += list(pool.events(0.1))
    os.kill(victim.pid or 0, signal.SIGKILL)
    seen += _until_idle(pool)
    failed = [event for event in seen if isinstance(event, Failed)]
    assert [event.key for event in failed] == ["endless"]
    assert "killed by signal 9" in failed[0].error
    assert any(isinstance(event, Finished) and event.key == jobs[1].key for event in seen)
    pool.submit(jobs[0])  # another worker takes its place
    assert isinstance(_until_idle(pool)[-1], Finished)


def test_a_worker_that_died_idle_is_replaced(pool: WorkerPool, jobs: list[StageJob]) -> None:
    idle = pool.submit(jobs[0])
    _until_idle(pool)
    os.kill(idle.pid or 0, signal.SIGKILL)
    time.sleep(0.2)
    assert pool.submit(jobs[1]) != idle
    assert isinstance(_until_idle(pool)[-1], Finished)


def test_a_fault_of_the_code_comes_back_with_its_traceback(
    pool: WorkerPool, jobs: list[StageJob]
) -> None:
    broken = replace(jobs[0], spec={**jobs[0].spec, "optimizer": {"name": "adamw"}}, key="broken")
    pool.submit(broken)
    (failed,) = [event for event in _until_idle(pool) if isinstance(event, Failed)]
    assert "ValidationError" in failed.error
    assert failed.traceback is not None
    assert "in pretrain" in failed.traceback


def test_closing_leaves_no_process(jobs: list[StageJob]) -> None:
    with WorkerPool(1, 1) as pool:
        endless = replace(jobs[0], spec={**jobs[0].spec, "epochs": 10**6}, key="endless")
        place = pool.submit(endless)
        next(iter(pool.events(20)), None)
    assert not Path(f"/proc/{place.pid}").exists()


def test_a_stage_that_is_told_to_leave_while_its_worker_starts_has_not_failed(
    pool: WorkerPool, jobs: list[StageJob]
) -> None:
    pool.submit(jobs[0])
    pool.leave()
    events = _until_idle(pool)
    assert [type(event) for event in events if not isinstance(event, Progress)] == [Left]
