"""A run that is killed with SIGKILL, again and again, ends as one that was left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from mpcs_bench.errors import StoreError
from mpcs_bench.records import check_result
from mpcs_bench.store import Retry, Store

Bench = Callable[..., Any]
Start = Callable[..., "subprocess.Popen[str]"]

QUERY = """
    SELECT key,
           (SELECT count(*) FROM metrics WHERE metrics.cell_id = cells.cell_id) AS metrics,
           (SELECT count(*) FROM predictions WHERE predictions.cell_id = cells.cell_id) AS predicted
    FROM cells WHERE state = 'done'
"""

Rows = dict[str, tuple[int, int]]


class Watcher:
    """Looks at results and database again and again within its block.

    `faults` are folders that were seen under a result's name and were not whole; `seen` the rows
    of each finished cell, in every state that was seen.
    """

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._whole: set[str] = set()
        self.faults: list[str] = []
        self.seen: dict[str, set[tuple[int, int]]] = {}
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            self._look_at_results()
            self._look_at_database()
            self.looks += 1
            time.sleep(0.02)

    def _look_at_results(self) -> None:
        folder = self._workspace / "results"
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name.startswith(".") or path.name in self._whole:
                continue
            problems = check_result(path)
            self.faults += [f"{path.name}: {problem}" for problem in problems]
            self._whole.add(path.name)

    def _look_at_database(self) -> None:
        if not (self._workspace / "bench.duckdb").exists():
            return
        try:
            rows = rows_of(self._workspace)
        except StoreError:  # it is being written
            return
        for key, counts in rows.items():
            self.seen.setdefault(key, set()).add(counts)


def rows_of(workspace: Path) -> Rows:
    """Return (metrics, predictions) of every finished cell, by key."""
    _, rows = Store(workspace, Retry(wait=0.2)).query(QUERY)
    assert len({key for key, *_ in rows}) == len(rows), "a cell stands there twice"
    return {key: (metrics, predicted) for key, metrics, predicted in rows}


def _whole_group(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def _driver_alone(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)


def _one_worker(process: subprocess.Popen[str]) -> None:
    """Kill a worker; its stage fails, the others go on, and the driver is killed after."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = children.read_text().split() if children.exists() else []
    for pid in workers[-1:]:
        os.kill(int(pid), signal.SIGKILL)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)


KILLS = (_whole_group, _driver_alone, _one_worker)


def _survives(
    bench: Bench, start: Start, protocol: Path, moments: Iterator[float], *options: str
) -> None:
    """Kill a run at each of the moments, let it finish, and hold it to the uninterrupted one."""
    home = protocol.parent
    arguments = ("run", protocol, "--checkpoint-every", "0", *options, "--workspace", "killed")
    with Watcher(home / "killed") as watcher:
        for number, moment in enumerate(moments):
            process = start(*arguments)
            time.sleep(moment)
            KILLS[number % len(KILLS)](process)
            process.wait()
        finished = bench(*arguments, timeout=900)
        assert finished.code == 0, finished.err
    assert watcher.looks
    assert not watcher.faults, "no result is visible before it is whole"
    whole = bench("results", "--json").json
    resumed = bench("results", "--json", "--workspace", "killed").json
    assert resumed["digest"] == whole["digest"]
    expected = rows_of(home / "mpcs-workspace")
    assert rows_of(home / "killed") == expected, "no row is lost or doubled"
    assert all(watcher.seen[key] == {expected[key]} for key in watcher.seen)
    assert not list((home / "killed" / "checkpoints").glob("*/*"))


def test_three_kills_end_in_the_digest_of_an_uninterrupted_run(
    bench: Bench, start: Start, ran: Path
) -> None:
    _survives(bench, start, ran, iter([2.2, 3.1, 3.9]))


@pytest.mark.slow
def test_twenty_kills_end_in_the_digest_of_an_uninterrupted_run(
    bench: Bench, start: Start, ran: Path
) -> None:
    moments = random.Random(7)
    _survives(bench, start, ran, iter([moments.uniform(0.3, 6.0) for _ in range(20)]))


@pytest.mark.slow
def test_twenty_kills_on_ray_end_in_the_digest_of_an_uninterrupted_run(
    bench: Bench, start: Start, ran: Path
) -> None:
    pytest.importorskip("ray")
    moments = random.Random(11)
    times = iter([moments.uniform(2.0, 15.0) for _ in range(20)])
    _survives(bench, start, ran, times, "--executor", "ray")
