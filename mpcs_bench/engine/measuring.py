"""Processes that measure a shape together, as so many stages will run beside each other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import fmean

from mpcs_bench.engine.machine_load import busy_seconds, process_seconds, waited_seconds
from mpcs_bench.engine.worker_environment import worker_environment
from mpcs_bench.errors import StageError, first_line
from mpcs_bench.stages.calibration import Measurement, Subject, resident_bytes

MEETING = 300.0
"""Seconds that processes wait for each other before they measure."""

KILLED = "its process was killed (often: out of memory)"


@dataclass(frozen=True, slots=True)
class Settings:
    """How processes measure: where, for how many seconds a shape, and where a result would lie."""

    device: str
    budget: float
    folder: Path


@dataclass(frozen=True, slots=True)
class Beginning:
    """What one process takes before it has a model, and what a stage takes besides.

    `waited_seconds` it was ready and had no core: other programs had them.
    """

    process_bytes: int
    stage_seconds: float
    disk_seconds: float
    waited_seconds: float


class MeasuringCrew:
    """Processes that measure; `gone` where one has died, and none answers any more.

    `start_seconds` went by until all could begin, waiting for other programs left out;
    `beginning` is the mean of what they say.
    """

    def __init__(
        self, processes: Sequence[SpawnProcess], connections: Sequence[Connection], barrier: Barrier
    ) -> None:
        self._processes, self._connections, self._barrier = processes, connections, barrier
        self.gone = False
        started = time.perf_counter()
        try:
            told: list[Beginning] = [connection.recv() for connection in connections]
        except EOFError:
            raise StageError(
                "The process that measures did not start.", hint="Look at `mpcs-bench doctor`."
            ) from None
        waited = fmean(one.waited_seconds for one in told)
        self.start_seconds = max(0.0, time.perf_counter() - started - waited)
        self.beginning = Beginning(
            process_bytes=max(one.process_bytes for one in told),
            stage_seconds=fmean(one.stage_seconds for one in told),
            disk_seconds=fmean(one.disk_seconds for one in told),
            waited_seconds=waited,
        )

    def measure(self, subject: Subject) -> Measurement | str:
        """Return the mean of what all measured, or why there is nothing."""
        pids = [process.pid for process in self._processes if process.pid is not None]
        begun, busy, own = time.perf_counter(), busy_seconds(), process_seconds(pids)
        self._barrier.reset()
        try:
            for connection in self._connections:
                connection.send(subject)
            found = list(self._answers())
        except (EOFError, OSError):
            self.gone = True
            return KILLED
        for answer in found:
            if isinstance(answer, str):
                return answer
        others, after = 0.0, busy_seconds()
        if busy is not None and after is not None:
            spent = after - busy - (process_seconds(pids) - own)
            others = max(0.0, spent / (time.perf_counter() - begun))
        return replace(mean([m for m in found if isinstance(m, Measurement)]), others=others)

    def _answers(self) -> Iterator[Measurement | str]:
        """Yield what each says, as it comes: who has died is seen before the others are done."""
        waiting = list(self._connections)
        while waiting:
            ready = wait(waiting)
            for connection in [one for one in waiting if one in ready]:
                waiting.remove(connection)
                yield connection.recv()


def mean(found: Sequence[Measurement]) -> Measurement:
    """Return the mean of what several processes measured of one shape; at its largest batches."""
    first = max(found, key=lambda one: one.batches)
    means: dict[str, float | int] = {}
    for field in fields(Measurement):
        values = [getattr(one, field.name) for one in found]
        if field.name.endswith("seconds"):
            means[field.name] = fmean(values)
        elif field.name.endswith("bytes"):
            means[field.name] = max(values)
    spreads = [one.spread for one in found if one.spread is not None]
    return replace(first, spread=max(spreads, default=None), **means)  # type: ignore[arg-type]


@contextmanager
def measuring_crew(settings: Settings, threads: int, at_once: int) -> Iterator[MeasuringCrew]:
    """Start `at_once` processes with `threads` CPU threads each; they end with the block.

    Raises StageError where they do not start.
    """
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(at_once)
    processes: list[SpawnProcess] = []
    connections: list[Connection] = []
    try:
        with worker_environment(threads):
            for _ in range(at_once):
                ours, theirs = context.Pipe()
                process = context.Process(
                    target=serve, args=(theirs, barrier, settings), daemon=True
                )
                process.start()
                theirs.close()
                processes.append(process)
                connections.append(ours)
        yield MeasuringCrew(processes, connections, barrier)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        for connection in connections:
            connection.close()


def serve(connection: Connection, barrier: Barrier, settings: Settings) -> None:
    """Measure the subjects that come through `connection` until it closes.

    Between two subjects it goes on taking steps, so that others measure beside somebody at work.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a plugin prints is no output of the command: `--json` must stay JSON.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # A worker imports what runs stages before its first one.
    import mpcs_bench.stages.execute  # noqa: F401
    from mpcs_bench.stages.calibration_overhead import stage_overhead

    taken = resident_bytes()
    overhead = stage_overhead(settings.folder, settings.device)
    connection.send(Beginning(taken, *overhead, waited_seconds(os.getpid())))
    while True:
        try:
            subject: Subject = connection.recv()
        except (EOFError, OSError):
            return
        try:
            _measure(subject, connection, barrier, settings)
        except Exception as error:  # a plugin can fail in any way: that shape stays unknown
            barrier.abort()
            connection.send(f"{type(error).__name__}: {first_line(error)}")


def _measure(
    subject: Subject, connection: Connection, barrier: Barrier, settings: Settings
) -> None:
    """Send what was measured; the network goes with the call, before the next one is built."""
    from mpcs_bench.stages.calibration_measuring import ShapeMeasurer

    measurer = ShapeMeasurer(subject, settings.device)
    with suppress(threading.BrokenBarrierError):  # another could not build it
        barrier.wait(MEETING)
    connection.send(measurer.measure(settings.budget, barrier.parties))
    with suppress(Exception):  # the answer is sent, and a second one would be taken for the next's
        while barrier.parties > 1 and not connection.poll():
            measurer.step()
