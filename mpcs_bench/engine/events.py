"""What an executor says of the stages that it runs."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from mpcs_bench.errors import BenchError
from mpcs_bench.stages.job import StageJob, Tick


@dataclass(frozen=True, slots=True)
class Started:
    """A stage that had to wait for room runs now; said where `submit` could not say it."""

    key: str
    pid: int
    host: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stage whose worker or node died waits for room elsewhere; `Started` comes again."""

    key: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage is `tick` far."""

    key: str
    tick: Tick


@dataclass(frozen=True, slots=True)
class Finished:
    """A stage's result stands in the workspace of the driver."""

    key: str
    timings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """A stage ended without a result."""

    key: str
    error: str
    traceback: str | None = None


def failed(job: StageJob, error: BaseException) -> Failed:
    """Return the event of a stage that ended with `error`; called while that is handled."""
    if isinstance(error, BenchError):
        return Failed(job.key, str(error))
    # A fault of a plugin or of ours: keep the place it happened at.
    text = f"{job.symbolic}: {type(error).__name__}: {error}"
    return Failed(job.key, text, traceback.format_exc())


@dataclass(frozen=True, slots=True)
class Left:
    """A stage stopped because it was asked to; it goes on from `done` of `total` epochs."""

    key: str
    done: int
    total: int


Event = Started | Waiting | Progress | Finished | Failed | Left
