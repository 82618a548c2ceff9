"""How long `mpcs-bench --help` takes: aim 0.5 s, and no torch."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

TIMES = 7
HEAVY = ("torch", "timm", "pandas", "duckdb", "cv2", "matplotlib", "ray")
LOADED = (
    "import json, sys; sys.argv = ['mpcs-bench', '--help']\n"
    "from mpcs_bench.cli import main\n"
    "try:\n    main()\nexcept SystemExit:\n    pass\n"
    f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
)


def test_help(benchmark: Any, aims: Any, capsys: pytest.CaptureFixture[str]) -> None:
    command = [str(Path(sys.executable).with_name("mpcs-bench")), "--help"]
    if not Path(command[0]).exists():
        command = [sys.executable, "-c", "from mpcs_bench.cli import main; main()", "--help"]

    def once() -> tuple[float, float]:
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return wall, used

    taken = benchmark.pedantic(lambda: [once() for _ in range(TIMES)], rounds=1, iterations=1)
    wall, cpu = (min(values) for values in zip(*taken, strict=True))
    printed = subprocess.run(
        [sys.executable, "-c", LOADED], check=True, capture_output=True, text=True
    )
    heavy = json.loads(printed.stdout.splitlines()[-1])
    assert heavy == []
    aims.row(
        "`mpcs-bench --help`",
        f"{wall:.2f} s, no torch",
        "< 0.5 s, no torch",
        wall < 0.5,
        f"processor {cpu:.2f} s",
    )
    with capsys.disabled():
        print(f"\nmpcs-bench --help: {wall:.3f} s by the clock, {cpu:.3f} s of the processor")
