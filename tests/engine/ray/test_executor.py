"""Stages on a Ray of this machine: warm workers, retries where a worker dies, and nowhere else."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mpcs_bench.check.digests import result_digest
from mpcs_bench.engine.events import Event, Failed, Finished, Left, Progress, Started
from mpcs_bench.engine.executor import Executor
from mpcs_bench.engine.ray import RayOptions, ray_executor
from mpcs_bench.errors import BenchError
from mpcs_bench.records import check_result, read_result
from mpcs_bench.stages.job import StageJob

Follow = Callable[..., list[Event]]
pytestmark = pytest.mark.usefixtures("ray_here")


@pytest.fixture(scope="module")
def executor(ray_here: None) -> Iterator[Executor]:
    """Stages two at a time; its workers stay warm from test to test."""
    with ray_executor(RayOptions(jobs=2)) as running:
        yield running


def _progress(event: Event) -> bool:
    return isinstance(event, Progress)


def test_a_stage_says_where_it_runs_how_far_it_is_and_that_it_ended(
    executor: Executor, pretraining: StageJob, follow: Follow
) -> None:
    place = executor.submit(pretraining)
    assert [job.key for job in executor.running] == [pretraining.key]
    assert executor.free == 1
    events = follow(executor)
    assert place.pid is not None or isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert events[-1].timings["seconds"] > 0
    assert [event.tick.done for event in events if isinstance(event, Progress)][-1] == 2
    assert check_result(pretraining.results / pretraining.key) == []


def test_a_warm_worker_runs_the_next_stage(
    executor: Executor, pretraining: StageJob, finetuning: StageJob, follow: Follow
) -> None:
    executor.submit(pretraining)
    follow(executor)
    place = executor.submit(finetuning)
    assert place.pid is not None
    assert not any(isinstance(event, Started) for event in follow(executor))
    assert read_result(finetuning.results / finetuning.key).manifest.notes["pid"] == place.pid


def test_a_fault_of_the_stage_is_told_once_and_not_tried_again(
    executor: Executor, pretraining: StageJob, follow: Follow
) -> None:
    broken = {**pretraining.spec, "optimizer": {"name": "adamw"}}
    executor.submit(replace(pretraining, spec=broken, key="broken"))
    events = follow(executor)
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert "ValidationError" in failed.error
    assert failed.traceback is not None
    assert "in pretrain" in failed.traceback
    assert sum(isinstance(event, Started) for event in events) <= 1


def test_inputs_that_are_gone_fail_their_stage_alone(
    executor: Executor, finetuning: StageJob, pretraining: StageJob, follow: Follow
) -> None:
    executor.submit(finetuning)  # what it starts from was never made
    executor.submit(pretraining)
    ends = {event.key: event for event in follow(executor) if isinstance(event, Failed | Finished)}
    assert isinstance(ends[finetuning.key], Failed)
    assert isinstance(ends[pretraining.key], Finished)


def test_a_stage_whose_worker_is_killed_goes_on_and_ends_the_same(
    executor: Executor, pretraining: StageJob, tmp_path: Path, follow: Follow
) -> None:
    longer = replace(pretraining, spec={**pretraining.spec, "epochs": 10}, checkpoint_seconds=0.0)
    place = executor.submit(longer)
    # The first epoch's checkpoints stand when the second begins.
    events = follow(executor, lambda event: _progress(event) and event.tick.done > 0)
    pids = [event.pid for event in events if isinstance(event, Started)] or [place.pid]
    os.kill(pids[-1], signal.SIGKILL)
    events = follow(executor)
    (again,) = [event for event in events if isinstance(event, Started)]
    assert again.pid != pids[-1]
    assert isinstance(events[-1], Finished)
    shutil.copytree(longer.cache, tmp_path / "undisturbed/cache")
    undisturbed = replace(longer, workspace=str(tmp_path / "undisturbed"))
    executor.submit(undisturbed)
    follow(executor)
    killed, whole = (read_result(job.results / job.key) for job in (longer, undisturbed))
    assert result_digest(killed) == result_digest(whole)
    assert "resumed" in killed.manifest.notes
    assert "resumed" not in whole.manifest.notes


def test_a_worker_that_dies_too_often_fails_its_stage(endless: StageJob, follow: Follow) -> None:
    with ray_executor(RayOptions(jobs=1, retries=0)) as executor:
        executor.submit(endless)
        (started,) = [
            event
            for event in follow(executor, lambda event: isinstance(event, Started))
            if isinstance(event, Started)
        ]
        os.kill(started.pid, signal.SIGKILL)
        (failed,) = [event for event in follow(executor) if isinstance(event, Failed)]
        assert "its worker or node died, 1 time" in failed.error


def test_a_stopped_stage_ends_without_a_word(
    executor: Executor, endless: StageJob, follow: Follow
) -> None:
    executor.submit(endless)
    follow(executor, _progress)
    executor.stop(endless.key)
    assert executor.running == []
    assert follow(executor) == []


def test_stages_that_are_told_to_leave_write_a_checkpoint(
    endless: StageJob, follow: Follow
) -> None:
    with ray_executor(RayOptions(jobs=1)) as executor:
        executor.submit(endless)
        # As long as the other runs, there is no room for one that wants every CPU.
        executor.submit(replace(endless, spec={**endless.spec, "threads": 4}, key="waiting"))
        follow(executor, _progress)
        executor.leave()
        assert executor.free == 0
        left = {event.key: event for event in follow(executor) if isinstance(event, Left)}
    assert left.keys() == {"endless", "waiting"}
    assert left["endless"].total == 10**6
    assert any(endless.checkpoints.glob("*/state.pt"))


def test_a_worker_that_does_not_see_the_workspace_copies_what_it_reads_and_sends_the_result(
    executor: Executor,
    pretraining: StageJob,
    finetuning: StageJob,
    tmp_path: Path,
    follow: Follow,
) -> None:
    node = tmp_path / "node"
    shutil.copytree(pretraining.cache, tmp_path / "far/cache")
    far = [replace(job, workspace=str(tmp_path / "far")) for job in (pretraining, finetuning)]
    options = RayOptions(jobs=1, in_place=False, node_folder=str(node))
    with ray_executor(options) as copying:
        for job in far:
            copying.submit(job)
            assert isinstance(follow(copying)[-1], Finished)
    for job in (pretraining, finetuning):
        executor.submit(job)
        follow(executor)
    for there, here in zip(far, (pretraining, finetuning), strict=True):
        results = [read_result(job.results / job.key) for job in (there, here)]
        assert check_result(results[0].path) == []
        assert result_digest(results[0]) == result_digest(results[1])
    # index, split, working images and the weights of the pre-training; no result stays
    assert len([path for path in (node / "files").glob("*/*") if path.suffix]) == 4
    assert not list(node.glob("workspaces/*/results/*/manifest.json"))


def test_a_request_that_no_node_can_meet_is_refused_at_once(pretraining: StageJob) -> None:
    wide = replace(pretraining, spec={**pretraining.spec, "threads": 64})
    with (
        ray_executor(RayOptions(wait_for_nodes=0)) as executor,
        pytest.raises(BenchError) as refused,
    ):
        executor.submit(wide)
    assert "asks for 64 CPUs" in refused.value.message
    assert "4 CPUs, 1 GPU" in refused.value.message


def test_no_more_is_in_flight_than_the_cluster_has_room_for() -> None:
    with ray_executor(RayOptions()) as on_cpus:
        assert on_cpus.free == 4
    with ray_executor(RayOptions(), threads=3) as wide:
        assert wide.free == 1
    with ray_executor(RayOptions(gpus=0.5), device="cuda") as on_gpus:
        assert on_gpus.free == 2
