"""What stages ask of a cluster, and what is said where it has not got it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpcs_bench.engine.ray.options import RayOptions
from mpcs_bench.engine.ray.resources import Node, Request, capacity, hopeless, request_of
from mpcs_bench.errors import BenchError
from mpcs_bench.stages.job import StageJob

SMALL = Node("1", "small", {"CPU": 4.0, "memory": 8e9, "node:10.0.0.1": 1.0})
LARGE = Node("2", "large", {"CPU": 16.0, "GPU": 2.0, "memory": 64e9, "accelerator_type:H100": 1.0})


def _job(**changes: object) -> StageJob:
    job = StageJob(
        key="key",
        kind="finetune",
        symbolic="finetune",
        spec={"threads": 2},
        fingerprint="",
        split_hash="",
        image_size=None,
        group_column="case",
        workspace="/workspace",
        device="cpu",
    )
    return replace(job, **changes)  # type: ignore[arg-type]


def test_threads_are_cpus_and_a_gpu_is_asked_for_on_cuda_alone() -> None:
    options = RayOptions(gpus=0.25, memory=10**9)
    assert request_of(_job(), options) == Request(2, 0.0, 10**9)
    assert request_of(_job(device="cuda:1"), options) == Request(2, 0.25, 10**9)


def test_each_of_several_processes_has_its_threads_and_a_whole_gpu() -> None:
    job = _job(kind="pretrain", spec={"threads": 2, "processes": 4}, device="cuda")
    request = request_of(job, RayOptions(gpus=0.25))
    assert request.needs() == {"CPU": 8.0, "GPU": 4.0}
    assert request_of(replace(job, device="cpu"), RayOptions()).needs() == {"CPU": 8.0}


def test_the_colour_floor_never_takes_a_gpu() -> None:
    floor = _job(device="cuda", kind="colour-floor", spec={})
    assert request_of(floor, RayOptions()) == Request(1, 0.0, None)


def test_room_is_counted_node_by_node() -> None:
    assert capacity([SMALL, LARGE], Request(threads=3)) == 1 + 5
    assert capacity([SMALL, LARGE], Request(threads=1, gpus=0.25)) == 8
    assert capacity([SMALL, LARGE], Request(threads=1, memory=10 * 10**9)) == 6
    assert capacity([LARGE], Request(threads=1, others=(("accelerator_type:H100", 0.1),))) == 10


def test_tenths_are_counted_without_rounding_errors() -> None:
    assert capacity([LARGE], Request(threads=1, gpus=0.1)) == 16
    assert capacity([Node("3", "gpus", {"CPU": 99.0, "GPU": 3.0})], Request(1, 0.3)) == 10


def test_a_hopeless_request_is_told_with_what_the_largest_node_has() -> None:
    error = hopeless([SMALL, LARGE], Request(threads=1, gpus=4.0))
    assert error is not None
    assert "asks for 1 CPU, 4 GPUs" in error.message
    assert "large (16 CPUs, 2 GPUs, 64.0 GB of memory, 1 accelerator_type:H100)" in error.message


def test_a_request_that_only_all_nodes_together_could_meet_is_hopeless() -> None:
    assert hopeless([SMALL, LARGE], Request(threads=18)) is not None
    assert hopeless([SMALL, LARGE], Request(threads=16)) is None


def test_a_cluster_without_nodes_is_said_to_have_none() -> None:
    error = hopeless([], Request())
    assert error is not None
    assert "no living node" in error.message


@pytest.mark.parametrize("gpus", [0.0, -1.0, 1.5])
def test_shares_that_ray_cannot_give_are_refused(gpus: float) -> None:
    with pytest.raises(BenchError, match="cannot ask Ray"):
        RayOptions(gpus=gpus)


@pytest.mark.parametrize("option", [{"jobs": 0}, {"memory": 0}, {"retries": -1}])
def test_options_below_their_least_are_refused(option: dict[str, int]) -> None:
    with pytest.raises(BenchError, match=next(iter(option))):
        RayOptions(**option)  # type: ignore[arg-type]
