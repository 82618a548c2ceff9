"""What Ray's errors mean for a run."""

from __future__ import annotations

from typing import Any

from mpcs_bench.engine.events import Failed
from mpcs_bench.engine.ray.slot import Task
from mpcs_bench.errors import BenchError, first_line


def died(task: Task, error: Exception) -> Failed:
    """Return the event of a stage whose workers died once too often."""
    import ray

    why = " (out of memory)" if isinstance(error, ray.exceptions.OutOfMemoryError) else ""
    times = "time" if task.deaths == 1 else "times"
    return Failed(
        task.job.key,
        f"{task.job.symbolic}: its worker or node died{why}, {task.deaths} {times}; "
        f"the last: {first_line(error)}",
        str(error),
    )


def unstartable(error: Any, again_and_again: bool) -> BenchError | None:
    """Return the error for workers that cannot start, or None where another try may do.

    A node that dies meanwhile is no reason; code that cannot be imported there is.
    """
    import ray

    if isinstance(error, ray.exceptions.RuntimeEnvSetupError):
        return BenchError(f"Ray cannot prepare the environment of a worker: {error}")
    if isinstance(error, ray.exceptions.RayActorError) and error.actor_init_failed:
        return BenchError(
            f"A worker of the Ray cluster cannot start: {_last_line(error)}",
            hint="Install the same mpcs-bench on every node, in the Python that Ray runs there.",
        )
    if again_and_again:
        return BenchError(f"Workers of the Ray cluster keep dying at start: {first_line(error)}")
    return None


def _last_line(error: Exception) -> str:
    return next(
        (line.strip() for line in reversed(str(error).splitlines()) if line.strip()), repr(error)
    )
