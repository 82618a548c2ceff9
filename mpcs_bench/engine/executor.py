"""What runs stages: processes of this machine, or Ray."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from mpcs_bench.engine.events import Event
from mpcs_bench.stages.job import StageJob


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage runs; both None while it waits for room, until `Started` says it."""

    pid: int | None = None
    host: str | None = None


class Executor(Protocol):
    """Runs stage jobs and says what becomes of them.

    Every submitted job ends in exactly one of `Finished`, `Failed` and `Left`. At `Finished` its
    result stands whole in the driver's workspace, wherever it was computed.
    """

    @property
    def free(self) -> int:
        """Return how many jobs can be submitted now."""

    @property
    def running(self) -> Sequence[StageJob]:
        """Return the jobs that were submitted and have not ended."""

    def submit(self, job: StageJob) -> Place:
        """Start `job`, whose upstream results stand in the driver's workspace."""

    def events(self, timeout: float) -> Iterator[Event]:
        """Yield what has happened; wait `timeout` seconds at most for something to happen."""

    def leave(self) -> None:
        """Ask every running stage to write a checkpoint and stop; `events` then tells of each."""

    def stop(self, key: str) -> None:
        """End the stage `key` at once and without an event: the caller knows why."""

    def close(self) -> None:
        """End everything at once; what has not ended is lost back to its last checkpoint."""

    def __enter__(self) -> Self:
        """Return the executor."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()
