"""What a running stage tells its executor, and is told by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mpcs_bench.stages.job import CHECKPOINT_SECONDS, Report


def _stay() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Watch:
    """`report` is told how far a stage is; `leaving` is asked after each step whether to stop.

    A training then writes a checkpoint and raises `StageInterrupted`. It writes one every
    `checkpoint_seconds` too.
    """

    report: Report
    leaving: Callable[[], bool] = _stay
    checkpoint_seconds: float = CHECKPOINT_SECONDS


class StageInterrupted(Exception):  # noqa: N818 - no error: what was asked for
    """A training has written its checkpoint and stopped, `done` of `total` epochs far."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__(done, total)
        self.done, self.total = done, total
