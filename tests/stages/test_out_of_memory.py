"""Memory runs out: what the stage says then holds when it is tried."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.errors import StageError
from mpcs_bench.stages.attempt import Attempt
from mpcs_bench.stages.calibration_steps import Probe
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.free_memory import free_bytes
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.memory_needs import FittingSteps, Needs
from mpcs_bench.stages.out_of_memory import out_of_memory
from mpcs_bench.stages.reasons import is_out_of_memory
from mpcs_bench.stages.watch import Watch

JobMaker = Callable[..., StageJob]
PEBIBYTE = 2**50


def quiet() -> Watch:
    return Watch(lambda _tick: None)


def provoked(what: Callable[[], object]) -> Exception:
    try:
        what()
    except Exception as error:
        return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: torch.empty(PEBIBYTE, dtype=torch.uint8),
        lambda: np.empty(PEBIBYTE, dtype=np.uint8),
        lambda: bytearray(PEBIBYTE),
    ],
    ids=["torch", "numpy", "python"],
)
def test_running_out_of_memory_is_recognised(ask: Callable[[], object]) -> None:
    assert is_out_of_memory(provoked(ask))


@pytest.mark.parametrize(
    "fail",
    [lambda: torch.zeros(2) + torch.zeros(3), lambda: 1 / 0, lambda: {}["memory"]],
    ids=["shapes", "division", "key"],
)
def test_other_faults_are_not_taken_for_it(fail: Callable[[], object]) -> None:
    assert not is_out_of_memory(provoked(fail))


@given(
    fixed=st.integers(0, 10**6),
    each=st.integers(1, 10**4),
    bend=st.floats(0, 0.2),
    room=st.integers(10**5, 10**7),
    unit=st.sampled_from([1, 2]),
    batch=st.integers(2, 512),
)
def test_the_batch_that_is_named_fits_and_is_not_far_from_the_largest(
    fixed: int, each: int, bend: float, room: int, unit: int, batch: int
) -> None:
    batch = batch * unit

    def needs(images: int) -> float:
        return fixed + each * images * (1 + bend * images / batch)

    def step(images: int) -> None:
        if needs(images) > room:
            raise MemoryError

    taken: list[int] = []

    def meter(take: Callable[[], None]) -> int:
        take()
        return round(needs(taken[-1]))

    def counted(images: int) -> None:
        taken.append(images)
        step(images)

    steps = FittingSteps(Probe(counted, 2 * unit, unit), batch, room, meter)
    if needs(2 * unit) > room:
        with pytest.raises(MemoryError):
            steps.double()
        return
    steps.double()
    fits = steps.largest()
    assert needs(fits) <= room
    assert fits % unit == 0
    largest = max(n for n in range(unit, batch + 1, unit) if needs(n) <= room)
    assert fits >= 0.85 * largest - 2 * unit


def test_what_is_there_is_less_than_the_machine_has() -> None:
    from mpcs_bench.stages.calibration import device_facts

    assert 0 < free_bytes("cpu") < device_facts("cpu").memory_bytes


@pytest.mark.slow
def test_what_never_fits_is_said_never_to_fit(make_job: JobMaker) -> None:
    job = make_job("pretrain", loss="hungry", plugin_files=("losses.py",), batch_size=512)
    with pytest.raises(StageError) as error:
        execute(job, quiet())
    assert "cpu is out of memory in a training step" in error.value.message
    assert (
        "batch_size 512 (here 10: all there are) does not fit, and neither does the smallest"
        in error.value.message
    )
    assert "changes the result" in (error.value.hint or "")


def test_where_nothing_can_be_estimated_that_is_said(
    make_job: JobMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    job = make_job("pretrain", loss="hungry", plugin_files=("losses.py",))
    with pytest.raises(StageError, match=r"could not be estimated: .*No such file.*nowhere"):
        execute(job, quiet())


def test_several_processes_are_told_the_batch_that_they_hold_together(
    make_job: JobMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 64 sets on 3 processes one has 22; 10 that fit on each are 30."""
    asked: list[int] = []

    def measured(_job: StageJob, _inputs: StageInputs, kind: str, images: int) -> Needs:
        if kind == "evaluate":
            return Needs(0, 1, 10**9, 0, 0, images, 1)
        asked.append(images)
        return Needs(0, 10**6, 21 * 10**6, 0, 0, fits=20, unit=2)

    monkeypatch.setattr("mpcs_bench.stages.out_of_memory.needs_of", measured)
    job = make_job("pretrain", batch_size=64, processes=3)
    failed = out_of_memory(job, StageInputs.open(job), Attempt(job, quiet()), MemoryError())
    assert asked == [44]
    assert "batch_size 64 needs about 44 MB in each of 3 processes" in failed.message
    assert "; 30 would fit (21 leaves a quarter free)" in failed.message


@pytest.mark.parametrize("kind", [pytest.param("finetune", marks=pytest.mark.slow), "linear"])
def test_where_testing_takes_too_much_the_batch_size_is_not_blamed(
    make_job: JobMaker, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def hungry(*_: object, **__: object) -> None:
        np.empty(PEBIBYTE, dtype=np.uint8)

    monkeypatch.setattr("mpcs_bench.stages.predict.Predictor.logits", hungry)
    with pytest.raises(StageError) as error:
        execute(make_job(kind, epochs=1), quiet())
    assert re.search(
        r"testing 120 images at once needs about \d+ MB beside the state of the training, "
        r"\d+\.\d GB are free",
        error.value.message,
    )
    assert "batch_size plays no part" in (error.value.hint or "")


LIMITED = """
import resource, sys
import mpcs_bench.stages.execute as stages
from mpcs_bench.errors import BenchError
from mpcs_bench.stages.free_memory import proc_value
from mpcs_bench.stages.inputs import StageInputs
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.watch import Watch
job = {job!r}
StageInputs.open(job)
limit = {limit} or 1024 * proc_value("/proc/self/status", "VmSize") + 900_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
print(limit)
try:
    stages.execute(job, Watch(lambda tick: None))
except BenchError as error:
    print(error)
else:
    print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["finetune", "pretrain"])
def test_the_batch_size_that_is_named_runs_under_the_same_limit(
    make_job: JobMaker, kind: str
) -> None:
    """Under a limit on address space, in processes of their own: the large one fails."""
    size = {"input_size": [256, 256], "framing": "squash", "test_framing": "squash"}
    changes: dict[str, Any] = {"transform": size, "epochs": 1}
    if kind == "finetune":
        changes |= {"train_magnification": None, "test_magnifications": [40]}
    else:
        changes |= {"parts": ["ssl", "label"], "transform": size | {"input_size": [384, 384]}}

    def run(batch_size: int, limit: int = 0) -> list[str]:
        job = make_job(kind, batch_size=batch_size, workspace=f"at{batch_size}", **changes)
        code = LIMITED.format(job=job, limit=limit)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    large = 64 if kind == "finetune" else 20
    limit, said, *_ = run(large)
    print(said)
    named = re.search(r"; (\d+) would fit \((\d+) leaves a quarter free\)", said)
    assert named is not None, said
    fits, easily = (int(number) for number in named.groups())
    assert 2 <= easily < fits < large
    assert run(fits, int(limit))[1:] == ["done"]
