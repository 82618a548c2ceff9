"""Encodings that several processes want at once: one makes them, the others wait."""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from encoding_results import encodings, files, keys, left_over

from mpcs_bench.records import Result
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.job import StageJob
from mpcs_bench.stages.watch import StageInterrupted, Watch

Cell = Callable[..., StageJob]
Runner = Callable[[StageJob], Result]

CELLS = [{"fold": fold, "label_fraction": fraction} for fold in (0, 1) for fraction in (0.5, 1.0)]
IMAGES = 30  # of each magnification
CODE = """
import pickle, sys
from mpcs_bench.stages.execute import execute
from mpcs_bench.stages.watch import Watch
for job in pickle.load(sys.stdin.buffer):
    execute(job, Watch(lambda tick: None))
"""


def quiet() -> Watch:
    return Watch(lambda _tick: None)


@contextmanager
def locked(job: StageJob, key: str) -> Iterator[None]:
    folder = job.cache / "encodings"
    folder.mkdir(exist_ok=True)
    with (folder / f".{key}.lock.tmp").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_who_waits_for_another_reports_and_can_be_told_to_leave(
    cell: Cell, run: Runner, passes: Any
) -> None:
    key, *_ = keys(run(cell("first")))
    seen = sum(passes().values())
    job = cell("second")
    ticks: list[Any] = []
    with locked(job, key), pytest.raises(StageInterrupted):
        execute(job, Watch(ticks.append, lambda: len(ticks) > 2))
    assert len(ticks) == 3
    assert sum(passes().values()) == seen
    assert key not in [path.stem for path in encodings(job)]
    assert keys(run(job)) == keys(run(cell("third")))


def test_who_waited_reads_what_the_other_made(cell: Cell, run: Runner, passes: Any) -> None:
    first, second = cell("first"), cell("second")
    key, *_ = keys(run(first))
    seen = sum(passes().values())
    ticks: list[Any] = []

    def made_meanwhile(tick: Any) -> None:
        if not ticks:
            for path in encodings(first):
                (second.cache / "encodings" / path.name).write_bytes(path.read_bytes())
            lock.__exit__(None, None, None)
        ticks.append(tick)

    lock = locked(second, key)
    lock.__enter__()
    execute(second, Watch(made_meanwhile))
    assert sum(passes().values()) == seen
    assert files(second) == files(first)


def process(jobs: list[StageJob], **environment: str) -> subprocess.Popen[bytes]:
    started = subprocess.Popen(
        [sys.executable, "-c", CODE],
        stdin=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )
    assert started.stdin is not None
    started.stdin.write(pickle.dumps(jobs))
    started.stdin.close()
    return started


@pytest.mark.slow
def test_of_two_processes_that_want_the_same_one_encodes(cell: Cell, passes: Any) -> None:
    jobs = [cell("both", **axes) for axes in CELLS]
    both = [process(part, COUNTED_SECONDS="0.5") for part in (jobs[::2], jobs[1::2])]
    assert [started.wait(300) for started in both] == [0, 0]
    assert (len(passes()), set(passes().values())) == (2 * IMAGES, {1})
    assert left_over(jobs[0]) == []
    alone = [cell("alone", **axes) for axes in CELLS]
    for job in alone:
        execute(job, quiet())
    assert [files(job) for job in jobs] == [files(job) for job in alone]


@pytest.mark.slow
def test_a_process_killed_while_it_encodes_leaves_temporaries_and_hinders_nobody(
    cell: Cell, passes: Any
) -> None:
    job, good = cell("killed"), cell("good")
    started = process([job], COUNTED_SECONDS="60")
    deadline = time.monotonic() + 120
    while not passes() and time.monotonic() < deadline:
        time.sleep(0.1)
    started.send_signal(signal.SIGKILL)
    started.wait(60)
    assert {path.suffix for path in left_over(job)} == {".tmp"}
    assert encodings(job) == []
    execute(good, quiet())
    execute(job, quiet())
    assert files(job) == files(good)
    assert left_over(job) == []
