"""A pre-training on two processes: the training of one, and put down and taken up like one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mpcs_bench.errors import StageError
from mpcs_bench.records import Result, check_result, read_result
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.watch import StageInterrupted, Watch

JobMaker = Callable[..., StageJob]

TOLERANCE = 2e-4
"""On losses and weights in float32, where sums are taken in another order."""


def _result(job: StageJob, watch: Watch | None = None) -> Result:
    execute(job, watch or Watch(lambda _tick: None))
    assert check_result(job.results / job.key) == []
    return read_result(job.results / job.key)


def _losses(result: Result) -> list[float]:
    rows = result.history().to_pylist()
    return [row["value"] for row in rows if row["name"] == "contrastive_loss"]


def test_two_processes_make_the_training_of_one(make_job: JobMaker) -> None:
    ticks: list[Tick] = []
    one = _result(make_job("pretrain", epochs=4, workspace="one"))
    two = _result(make_job("pretrain", epochs=4, processes=2, workspace="two"), Watch(ticks.append))
    assert _losses(two) == pytest.approx(_losses(one), abs=TOLERANCE)
    mine, theirs = (load_file(result.file("weights.safetensors")) for result in (two, one))
    assert mine.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(mine[name], value, rtol=0, atol=TOLERANCE, msg=name)
    assert ticks[-1].done == 4


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_processes_that_were_stopped_go_on_to_the_same_bits(
    make_job: JobMaker, precision: str
) -> None:
    """Three: with two, sums are the same in either order."""
    changes = {"epochs": 6, "batch_size": 5, "processes": 3, "precision": precision}
    whole = _result(make_job("pretrain", **changes, workspace="whole"))
    job = make_job("pretrain", **changes, workspace="left")
    seen: list[Tick] = []
    with pytest.raises(StageInterrupted):
        execute(job, Watch(seen.append, lambda: bool(seen)))
    assert job.checkpoints.is_dir()
    resumed = _result(job)
    assert dict(resumed.manifest.files) == dict(whole.manifest.files)
    assert len(resumed.manifest.notes["resumed"]) == 1


@pytest.mark.slow
def test_a_process_that_is_killed_fails_the_stage_and_leaves_none_behind(
    make_job: JobMaker,
) -> None:
    job = make_job("pretrain", epochs=5000, processes=2)

    def kill_one(_tick: Tick) -> None:
        for pid in _ranks()[:1]:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(StageError, match="one of its 2 processes was killed"):
        execute(job, Watch(kill_one))
    assert not _ranks()


@pytest.mark.slow
def test_more_processes_than_a_batch_has_sets_are_refused(make_job: JobMaker) -> None:
    job = make_job("pretrain", batch_size=2, processes=3)
    with pytest.raises(StageError, match="too few for 3 processes"):
        execute(job, Watch(lambda _tick: None))


def _ranks() -> list[int]:
    """Return the processes of this test's stage."""
    own = str(os.getpid()).encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        # torchrun has the same words after its own.
        if b"mpcs_bench.stages.distributed.ranks" in words[:4] and own in words:
            found.append(int(place.name))
    return found
