"""One of the processes of a stage: `python -m mpcs_bench.stages.distributed.ranks FOLDER PID`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path

import torch

from mpcs_bench.errors import BenchError
from mpcs_bench.records.process import is_alive
from mpcs_bench.stages.distributed import world
from mpcs_bench.stages.distributed.messages import Exchange, Outcome
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob, Tick
from mpcs_bench.stages.watch import StageInterrupted, Watch

TICK_INTERVAL = 0.25


def main(folder: str, worker: int) -> int:
    """Run the job in `folder` together with the others; return the exit status.

    Ends at once when torchrun has ended, or the process `worker`, which waits for the outcome.
    """
    asked = _asked_to_leave()
    threading.Thread(target=_die_with, args=(worker, os.getppid()), daemon=True).start()
    exchange = Exchange(Path(folder))
    job = exchange.job()
    rank = int(os.environ["LOCAL_RANK"])
    if torch.device(job.device).type == "cuda":
        torch.cuda.set_device(rank)
        job = replace(job, device=f"cuda:{rank}")
    outcome = _outcome(job, exchange, asked)
    exchange.end(rank, outcome)
    return 1 if outcome.error else 0


def _outcome(job: StageJob, exchange: Exchange, asked: threading.Event) -> Outcome:
    try:
        world.join("nccl" if job.device.startswith("cuda") else "gloo")
        return Outcome(timings=execute(job, _watch(job, exchange, asked)))
    except StageInterrupted as interrupted:
        return Outcome(left=(interrupted.done, interrupted.total))
    except BenchError as error:
        return Outcome(error=error.message, hint=error.hint)
    except Exception as error:
        text = f"{job.symbolic}: {type(error).__name__}: {error}"
        return Outcome(error=text, traceback=traceback.format_exc())


def _asked_to_leave() -> threading.Event:
    """Return what SIGTERM, from a scheduler, sets."""
    asked = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _number, _frame: asked.set())
    return asked


def _watch(job: StageJob, exchange: Exchange, asked: threading.Event) -> Watch:
    last = 0.0

    def report(tick: Tick) -> None:
        nonlocal last
        now = time.monotonic()
        if world.leads() and (now - last >= TICK_INTERVAL or tick.done == tick.total):
            last = now
            exchange.tell(tick)

    return Watch(
        report, lambda: asked.is_set() or exchange.asked_to_leave(), job.checkpoint_seconds
    )


def _die_with(worker: int, launcher: int) -> None:
    while is_alive(worker) and os.getppid() == launcher:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
