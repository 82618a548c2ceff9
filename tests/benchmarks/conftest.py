"""Benchmarks run with `--benchmark-only` (`nox -s bench`) and are no part of the test suite.

`MPCS_BENCH_FULL=1` takes those of scale to 100,000 cells and 10,000,000 predictions, which takes
minutes and gigabytes.
"""

from __future__ import annotations

import gc
import os
import platform
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

T = TypeVar("T")

FULL = os.environ.get("MPCS_BENCH_FULL") == "1"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder alone unless benchmarks were asked for."""
    asked = config.getoption("benchmark_only", default=False)
    return None if asked else True


class Scaling:
    """Processor seconds of parts at several sizes, and how each grows: the slope of a log-log fit.

    Processor time, of all threads, hardly depends on what else the machine does.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, dict[int, float]] = defaultdict(dict)

    def time(self, part: str, size: int, call: Callable[[], T], repeats: int = 1) -> T:
        """Return what `call` gives; the fastest of its repeats counts."""
        best = float("inf")
        for _ in range(repeats):
            gc.collect()  # what earlier parts left behind is not this one's
            start = time.process_time()
            given = call()
            best = min(best, time.process_time() - start)
        self._seconds[part][size] = best
        return given

    def slope(self, part: str) -> float:
        """Return the exponent that `part` grows with."""
        sizes, seconds = zip(*sorted(self._seconds[part].items()), strict=True)
        return float(np.polyfit(np.log(sizes), np.log(np.maximum(seconds, 1e-6)), 1)[0])

    def slopes(self) -> dict[str, float]:
        """Return the slopes of all parts."""
        return {part: self.slope(part) for part in self._seconds}

    def table(self, what: str) -> str:
        """Return the measurements as text, a line a part."""
        sizes = sorted({size for seconds in self._seconds.values() for size in seconds})
        width = max(map(len, self._seconds))
        head = "".join(f"{size:>12,}" for size in sizes)
        lines = [f"{what}: processor seconds by size, and slope ({platform.machine()})"]
        lines.append(f"{'':{width}}{head}{'slope':>8}")
        for part, seconds in self._seconds.items():
            cells = "".join(f"{seconds[n]:12.3f}" if n in seconds else " " * 12 for n in sizes)
            lines.append(f"{part:{width}}{cells}{self.slope(part):8.2f}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return "\n".join([*lines, f"most memory of this process so far: {peak:,.0f} MiB"])


@pytest.fixture
def scaling(
    capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> Iterator[Scaling]:
    """Measurements that are printed at the end of the benchmark."""
    made = Scaling()
    yield made
    with capsys.disabled():
        print(f"\n{made.table(request.node.name)}")


@pytest.fixture
def sizes() -> Callable[..., Sequence[int]]:
    """Take sizes up to a minute's, and the full one where it was asked for."""
    return lambda *small, full: (*small, full) if FULL else small


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write results without forcing them to the disk: preparing thousands would take minutes."""
    from mpcs_bench.records import atomic_write, write

    for module in (atomic_write, write):
        for name in ("fsync_file", "fsync_folder"):
            monkeypatch.setattr(module, name, lambda _path: None)
