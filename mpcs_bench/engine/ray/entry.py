"""The door: an executor, and the device, of a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpcs_bench.errors import BenchError

if TYPE_CHECKING:
    from mpcs_bench.engine.executor import Executor
    from mpcs_bench.engine.ray.options import RayOptions


def ray_executor(options: RayOptions, *, threads: int = 1, device: str = "cpu") -> Executor:
    """Join the Ray cluster of `options` and return what runs stages there.

    `threads` and `device` are those of most stages: how many may be in flight is counted by them.
    Raises BenchError where ray is not installed or the cluster cannot be joined.
    """
    from mpcs_bench.engine.ray.cluster import Cluster
    from mpcs_bench.engine.ray.executor import RayExecutor
    from mpcs_bench.engine.ray.resources import request_for

    gpu = device.partition(":")[0] == "cuda"
    return RayExecutor(options, request_for(threads, gpu, options), Cluster(options))


def ray_device(asked: str, options: RayOptions) -> str:
    """Return `cpu` or `cuda` for `auto` or a name: what the cluster has, not the driver's machine.

    Raises BenchError for another name, where the cluster has no GPU, and as `ray_executor` does.
    """
    from mpcs_bench.engine.device import resolve_device
    from mpcs_bench.engine.ray.cluster import Cluster
    from mpcs_bench.engine.ray.connection import starts_alone

    if asked not in ("auto", "cpu", "cuda"):
        raise BenchError(
            f"A stage on Ray cannot have the device '{asked}'.",
            hint="Use auto, cpu or cuda: Ray says which GPU a stage gets.",
        )
    if asked == "cpu" or starts_alone(options.address):
        return resolve_device(asked)
    cluster = Cluster(options)
    try:
        if cluster.has_gpu:
            return "cuda"
    finally:
        cluster.leave()
    if asked == "auto":
        return "cpu"
    raise BenchError(
        "No node of the Ray cluster has a GPU.",
        hint="Use --device cpu, or start the nodes with `ray start --num-gpus=N`.",
    )
