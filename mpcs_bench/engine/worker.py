"""A worker process: warm, single-purpose, and gone as soon as its parent is."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from mpcs_bench.errors import BenchError
from mpcs_bench.stages.job import StageJob, Tick

TICK_INTERVAL = 0.25
"""Seconds between two progress messages of one stage."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage is `tick` far."""

    key: str
    tick: Tick


@dataclass(frozen=True, slots=True)
class Finished:
    """A stage's result stands on disk."""

    key: str
    timings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """A stage ended without a result."""

    key: str
    error: str
    traceback: str | None = None


Event = Progress | Finished | Failed


def work(connection: Connection) -> None:
    """Run jobs from `connection` until it closes; one event after another goes back.

    Ctrl-C reaches the whole process group: the parent decides what it means, so it is ignored
    here. When the parent dies, however it dies, this process ends at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a plugin prints is no output of the command: `--json` must stay JSON.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while True:
        try:
            job: StageJob = connection.recv()
        except (EOFError, OSError):
            return
        connection.send(_run(job, connection))


def _run(job: StageJob, connection: Connection) -> Event:
    last = 0.0

    def report(tick: Tick) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= TICK_INTERVAL or tick.done == tick.total:
            last = now
            connection.send(Progress(job.key, tick))

    try:
        from mpcs_bench.stages.execute import execute

        return Finished(job.key, execute(job, report))
    except BenchError as error:
        return Failed(job.key, str(error))
    except MemoryError:
        return Failed(job.key, f"{job.symbolic}: this machine is out of memory.")
    except Exception as error:
        # A fault of a plugin or of ours: keep the place it happened at.
        text = f"{job.symbolic}: {type(error).__name__}: {error}"
        return Failed(job.key, text, traceback.format_exc())


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
