"""Run one stage on several processes of this machine, started by torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from mpcs_bench.errors import StageError
from mpcs_bench.stages.distributed.messages import Exchange, Outcome
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.watch import StageInterrupted, Watch

POLL = 0.25
"""Seconds between two looks at the processes."""


def execute_on_several(job: StageJob, watch: Watch) -> dict[str, Any]:
    """Run `job` on `job.processes` processes, one GPU each where it asks for GPUs.

    Returns and raises as `execute` does. Raises StageError where there are fewer GPUs.
    """
    _require_devices(job)
    with tempfile.TemporaryDirectory(prefix="mpcs-bench-ranks-") as folder:
        exchange = Exchange(Path(folder))
        exchange.give(job)
        with exchange.log.open("wb") as log:
            # Out of the terminal's reach: what Ctrl-C means is for the driver to say.
            process = subprocess.Popen(
                _command(job, folder), stdout=log, stderr=log, start_new_session=True
            )
            try:
                _follow(process, exchange, watch)
            finally:
                process.kill()
                process.wait()
        return _result(job, exchange, leaving=watch.leaving())


def _command(job: StageJob, folder: str) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--max-restarts=0"]
    program = ["-m", "mpcs_bench.stages.distributed.ranks", folder, str(os.getpid())]
    return [*launcher, f"--nproc-per-node={job.processes}", *program]


def _follow(process: subprocess.Popen[bytes], exchange: Exchange, watch: Watch) -> None:
    """Pass on progress and the wish to leave until the processes have ended."""
    told = None
    while True:
        try:
            process.wait(POLL)
        except subprocess.TimeoutExpired:
            ended = False
        else:
            ended = True
        tick = exchange.tick()
        if tick is not None and tick != told:
            told = tick
            watch.report(tick)
        if ended:
            return
        if watch.leaving():
            exchange.ask_to_leave()


def _result(job: StageJob, exchange: Exchange, *, leaving: bool) -> dict[str, Any]:
    outcomes = exchange.outcomes()
    errors = [outcome for outcome in outcomes.values() if outcome.error]
    if len(outcomes) < job.processes and not any(error.expected for error in errors):
        if leaving:  # before they could say so
            raise StageInterrupted(0, int(job.spec["epochs"]))
        # The others can only say that they lost it.
        said = [error.error.partition("\n")[0] for error in errors if error.error]
        log = exchange.log.read_text(encoding="utf-8", errors="replace").strip()
        raise StageError(
            f"{job.symbolic}: one of its {job.processes} processes was killed (often: out of "
            f"memory). The last that was heard: {(said or log.splitlines() or ['nothing'])[-1]}",
            hint="Lower batch_size or input_size, or let fewer stages run at once (--jobs).",
        )
    for error in errors:
        raise _failure(error)
    for outcome in outcomes.values():
        if outcome.left:
            raise StageInterrupted(*outcome.left)
    timings = outcomes[0].timings
    assert timings is not None
    return timings


def _failure(outcome: Outcome) -> Exception:
    if outcome.expected:
        return StageError(outcome.error or "", hint=outcome.hint)
    return RuntimeError(f"{outcome.error}\n{outcome.traceback}")


def _require_devices(job: StageJob) -> None:
    if torch.device(job.device).type != "cuda":
        return
    there = torch.cuda.device_count()
    if there < job.processes:
        raise StageError(
            f"{job.symbolic}: it asks for {job.processes} processes with a GPU each, and this "
            f"machine has {there}.",
            hint="Lower `pretraining.processes`, or run where there are more GPUs.",
        )
