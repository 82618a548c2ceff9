"""Stages that are told to leave, that hang, that failed before: what a run makes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., Any]
Write = Callable[..., Path]
Start = Callable[..., "subprocess.Popen[str]"]

LONG = ("  epochs: 2\n  batch_size: 4\nfinetuning", "  epochs: 5000\n  batch_size: 4\nfinetuning")

HANGING = '''
import time
from pathlib import Path

import numpy as np

from mpcs_bench.registry import PairStrategy


class Hanging(PairStrategy):
    """Waits for ever while there is a file that says so."""

    name = "hanging"
    human_prior, degrees_of_freedom = 2, 0

    def draw(self, sets, available, generator):
        while Path("hang").exists():
            time.sleep(0.1)
        return sets.view_plan(np.tile([0, 3], (len(sets), 1)), generator)
'''


def _wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def _begun(bench: Bench) -> list[dict[str, Any]]:
    asked = bench("sql", "SELECT key FROM stages WHERE state = 'running'", "--json")
    rows: list[dict[str, Any]] = asked.json if asked.code == 0 else []
    return rows


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_trainings_write_a_checkpoint(
    bench: Bench, start: Start, tiny_protocol: Write, tmp_path: Path, number: signal.Signals
) -> None:
    slow = tiny_protocol(LONG)
    process = start("run", slow)
    _wait_for(lambda: _begun(bench))
    time.sleep(2)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Leaving: running stages write checkpoints" in err
    assert "Traceback" not in err
    checkpoints = list((tmp_path / "mpcs-workspace/checkpoints").glob("*/*/checkpoint.json"))
    assert checkpoints
    reasons = {stage["reason"] for stage in bench("plan", slow, "--json").json["list"]}
    assert "interrupted before" in reasons


def test_a_second_signal_does_not_wait(
    bench: Bench, start: Start, tiny_protocol: Write, tmp_path: Path
) -> None:
    (tmp_path / "hanging.py").write_text(HANGING)
    (tmp_path / "hang").touch()
    path = tiny_protocol(("strategy: ordered", "strategy: hanging"))
    process = start("run", path, "--plugin", "hanging.py", "--only", "experiment=exp-3")
    _wait_for(lambda: _begun(bench))
    time.sleep(1)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None, "a stage that does not answer is waited for"
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130


@pytest.mark.slow
def test_a_hanging_stage_fails_alone_and_can_be_tried_again_alone(
    bench: Bench, tiny_protocol: Write, tmp_path: Path
) -> None:
    (tmp_path / "hanging.py").write_text(HANGING)
    (tmp_path / "hang").touch()
    path = tiny_protocol(("strategy: ordered", "strategy: hanging"))
    only = ("--only", "fold=0,train_magnification=100", "--plugin", "hanging.py", "--json")
    done = bench("run", path, *only, "--timeout", "15")
    assert done.code == 1
    assert done.json["stages"] == {
        "total": 4,
        "ran": 2,
        "already_done": 0,
        "failed": 1,
        "waiting": 1,
        "blocked": 0,
    }
    (error,) = done.json["failures"].values()
    assert "no progress for 15 seconds" in error
    assert "--timeout" in error

    (tmp_path / "hang").unlink()
    everything = ("--plugin", "hanging.py", "--json")
    again = bench("run", path, *everything, "--retry-failed").json["stages"]
    assert (again["ran"], again["failed"], again["waiting"]) == (3, 0, 0)
    nothing = bench("run", path, *everything, "--retry-failed")
    assert nothing.json["stages"]["ran"] == 0
