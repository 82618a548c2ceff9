"""A worker process: warm, single-purpose, and gone as soon as its parent is."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

from mpcs_bench.engine.events import Event, Failed, Finished, Left, Progress, failed
from mpcs_bench.engine.stop_signals import STOP
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.watch import StageInterrupted, Watch

TICK_INTERVAL = 0.25
"""Seconds between two progress messages of one stage."""

OUT_OF_MEMORY = (
    " Often that is the system, out of memory: `mpcs-bench plan --calibrate` forecasts what stages "
    "need; let fewer run at once (--jobs), or lower batch_size or input_size."
)


class _Leave:
    """What SIGTERM asks for: to leave at once when idle, after a checkpoint when at work."""

    def __init__(self) -> None:
        self.busy = False
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        self.asked = True
        if not self.busy:
            os._exit(0)


def work(connection: Connection) -> None:
    """Run jobs from `connection` until it closes; one event after another goes back.

    Ctrl-C reaches the whole process group: the parent decides what it means, so it is ignored
    here. SIGTERM, from the parent or from a scheduler that preempts this machine, lets a training
    write a checkpoint and stop. When the parent dies, however it dies, this process ends at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    leave = _Leave()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
    # What a plugin prints is no output of the command: `--json` must stay JSON.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if isinstance(sys.stdout, io.TextIOWrapper):  # no worker lives to flush it
        sys.stdout.reconfigure(line_buffering=True)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    while not leave.asked:
        try:
            job: StageJob = connection.recv()
        except (EOFError, OSError):
            return
        leave.busy = True
        connection.send(_run(job, connection, leave))
        leave.busy = False


def _run(job: StageJob, connection: Connection, leave: _Leave) -> Event:
    last, done = 0.0, 0

    def report(tick: Tick) -> None:
        nonlocal last, done
        now = time.monotonic()
        ended = tick.done == tick.total and done < tick.total
        if ended or now - last >= TICK_INTERVAL:
            last, done = now, tick.done
            connection.send(Progress(job.key, tick))

    try:
        from mpcs_bench.stages.execute import execute

        watch = Watch(report, lambda: leave.asked, job.checkpoint_seconds)
        return Finished(job.key, execute(job, watch))
    except StageInterrupted as interrupted:
        return Left(job.key, interrupted.done, interrupted.total)
    except MemoryError:
        return Failed(job.key, f"{job.symbolic}: it got no more memory.{OUT_OF_MEMORY}")
    except (Exception, SystemExit) as error:
        return failed(job, error)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
