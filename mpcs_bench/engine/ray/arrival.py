"""Results on their way into the driver's workspace: a stage has finished when they stand there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mpcs_bench.engine.events import Event, Failed, Finished
from mpcs_bench.engine.ray.delivery import deliver_checkpoint, deliver_result
from mpcs_bench.engine.ray.messages import Answer
from mpcs_bench.errors import BenchError
from mpcs_bench.records import check_result
from mpcs_bench.records.files import REQUIRED
from mpcs_bench.stages.job import StageJob

PATIENCE = 90.0
"""Seconds for a shared file system to show here what was written there (NFS: 60 by default)."""


@dataclass(frozen=True, slots=True)
class _Expected:
    job: StageJob
    finished: Finished
    until: float


class Arrivals:
    """Takes answers of workers and says when what they tell of stands here."""

    def __init__(self) -> None:
        self._expected: list[_Expected] = []

    @property
    def jobs(self) -> list[StageJob]:
        """Return the stages whose results are written and cannot be seen here yet."""
        return [item.job for item in self._expected]

    def take(self, job: StageJob, answer: Answer) -> Iterator[Event]:
        """Deliver what came with `answer` and yield its event; a result that is not to be seen
        yet is waited for.
        """
        event = answer.event
        if isinstance(event, Failed):
            yield event
        elif isinstance(event, Finished) and answer.in_place:
            self._expected.append(_Expected(job, event, time.monotonic() + PATIENCE))
            yield from self.look()
        else:
            yield _delivered(job, answer)

    def look(self) -> Iterator[Event]:
        """Yield the end of each stage whose result has appeared, or has not in time."""
        for item in list(self._expected):
            # Weights, being large, are not read again: they were hashed as they were written.
            problems = check_result(item.job.results / item.job.key, only=REQUIRED)
            if not problems:
                self._expected.remove(item)
                yield item.finished
            elif time.monotonic() > item.until:
                self._expected.remove(item)
                yield Failed(
                    item.job.key,
                    f"{item.job.symbolic}: a worker wrote its result into the shared workspace, "
                    f"and it cannot be read here: {'; '.join(problems)}",
                )

    def forget(self, key: str) -> None:
        """Wait no longer for the result `key`."""
        self._expected = [item for item in self._expected if item.job.key != key]


def _delivered(job: StageJob, answer: Answer) -> Event:
    finished = isinstance(answer.event, Finished)
    try:
        for name, packed in answer.folders.items():
            if finished:
                deliver_result(packed, job.results, name)
            else:
                deliver_checkpoint(packed, job.checkpoints, name)
    except BenchError as error:
        return Failed(job.key, str(error))
    if finished:  # what it began from stands here still, and is of no more use
        shutil.rmtree(Path(job.checkpoints), ignore_errors=True)
    return answer.event
