"""Measures the shapes of a plan, in a process like those that will run it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from mpcs_bench.engine.stage_work import StageWork
from mpcs_bench.engine.worker_environment import worker_environment
from mpcs_bench.errors import StageError
from mpcs_bench.stages.calibration import (
    Calibration,
    Measurement,
    Subject,
    resident_bytes,
    write_calibration,
)

BUDGET = 10.0
"""Seconds after which a shape is not refined any more."""


def calibrate(
    works: Iterable[StageWork],
    calibration: Calibration,
    path: Path,
    device: str,
    *,
    plugin_files: Sequence[str] = (),
    announce: Callable[[str, int, int], None],
    budget: float = BUDGET,
) -> tuple[Calibration, dict[str, str]]:
    """Measure every shape that `calibration` does not know, and write it to `path` each time.

    Returns the calibration with them, and for each shape (by its key) that could not be measured
    what went wrong. A shape takes about `budget` seconds, and longer where three steps do. Raises
    StoreError where `path` cannot be written.
    """
    subjects = _unmeasured(works, calibration, tuple(plugin_files))
    failures: dict[str, str] = {}
    done = 0
    for threads in sorted({subject.shape.threads for subject in subjects}):
        mine = [subject for subject in subjects if subject.shape.threads == threads]
        while mine:
            with _measurer(device, threads, budget) as process:
                calibration = replace(
                    calibration,
                    start_seconds=process.start_seconds,
                    process_bytes=process.process_bytes,
                )
                while mine and not process.gone:
                    subject = mine.pop(0)
                    announce("measuring steps", done, len(subjects))
                    found = process.measure(subject)
                    done += 1
                    if isinstance(found, str):
                        failures[subject.shape.key] = found
                    else:
                        calibration = calibration.adding(subject.shape, found)
                        write_calibration(path, calibration)
    if subjects:
        announce("measuring steps", done, len(subjects))
    return calibration, failures


def _unmeasured(
    works: Iterable[StageWork], calibration: Calibration, plugin_files: tuple[str, ...]
) -> list[Subject]:
    subjects: dict[str, Subject] = {}
    for work in works:
        for shape in work.shapes():
            if work.counts is not None and calibration.of(shape) is None:
                subjects[shape.key] = Subject(
                    shape=shape,
                    spec=work.spec.spec,
                    source=work.counts.source,
                    classes=work.counts.classes,
                    plugin_files=plugin_files,
                )
    return list(subjects.values())


class _Process:
    """The process that measures: what it takes to start, and what it says of a shape."""

    def __init__(self, connection: Connection, started: float) -> None:
        self._connection = connection
        self.gone = False
        try:
            self.process_bytes: int = connection.recv()
        except EOFError:
            raise StageError(
                "The process that measures did not start.", hint="Look at `mpcs-bench doctor`."
            ) from None
        self.start_seconds = time.perf_counter() - started

    def measure(self, subject: Subject) -> Measurement | str:
        """Return the measurement, or why there is none; the process may be `gone` then."""
        try:
            self._connection.send(subject)
            found: Measurement | str = self._connection.recv()
        except (EOFError, OSError):
            self.gone = True
            return "its process was killed (often: out of memory)"
        return found


@contextmanager
def _measurer(device: str, threads: int, budget: float) -> Iterator[_Process]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    started = time.perf_counter()
    with worker_environment(threads):
        process = context.Process(target=serve, args=(theirs, device, budget), daemon=True)
        process.start()
    theirs.close()
    try:
        yield _Process(ours, started)
    finally:
        process.terminate()
        process.join()
        ours.close()


def serve(connection: Connection, device: str, budget: float) -> None:
    """Measure the subjects that come through `connection` until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a plugin prints is no output of the command: `--json` must stay JSON.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # A worker imports what runs stages before its first one.
    import mpcs_bench.stages.execute  # noqa: F401
    from mpcs_bench.stages.calibration_steps import measure

    connection.send(resident_bytes())
    while True:
        try:
            subject: Subject = connection.recv()
        except (EOFError, OSError):
            return
        try:
            connection.send(measure(subject, device, budget))
        except Exception as error:  # a plugin can fail in any way: that shape stays unknown
            connection.send(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
