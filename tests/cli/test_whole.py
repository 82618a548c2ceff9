"""Whole protocols and many kills: the slow session."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bench = Callable[..., Any]
Start = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.slow


def test_twenty_kills_at_random_moments_end_in_one_digest(
    bench: Bench, start: Start, ran: Path
) -> None:
    """Driver and workers are killed together; then driver alone; by turns."""
    moments = random.Random(7)
    whole = bench("results", "--json").json["digest"]
    for attempt in range(20):
        workspace = f"killed-{attempt // 4}"  # up to four kills of one run
        process = start("run", ran, "--workspace", workspace)
        time.sleep(moments.uniform(0.3, 5.0))
        if attempt % 2:
            os.kill(process.pid, signal.SIGKILL)
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if attempt % 4 == 3:
            finished = bench("run", ran, "--workspace", workspace)
            assert finished.code == 0, finished.err
            resumed = bench("results", "--json", "--workspace", workspace).json
            assert resumed["digest"] == whole
            assert len(resumed["cells"]) == 12


def test_the_quickstart_ends_in_a_table_that_is_not_degenerate(bench: Bench) -> None:
    done = bench("run", "quickstart", timeout=1800)
    print(done.out)
    assert done.code == 0, done.err
    query = (
        "SELECT experiment, avg(value) AS mean, stddev(value) AS sd, count(*) AS n FROM cells "
        "JOIN metrics USING (cell_id) WHERE metric = 'patient_accuracy' AND part = 'test' "
        "GROUP BY 1 ORDER BY 1"
    )
    rows = {row["experiment"]: row for row in bench("sql", query, "--json").json}
    assert set(rows) == {"exp-1", "exp-2", "exp-3", "exp-4", "floor"}
    for name, row in rows.items():
        assert row["n"] == 10
        assert row["sd"] > 0.01, "folds differ"
        if name != "floor":
            assert 0.65 < row["mean"] < 0.97, "above chance and colour, below the ceiling"
    assert rows["floor"]["mean"] < 0.72, "colour does not give the label away"
