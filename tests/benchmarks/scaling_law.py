"""How the cost of a part grows with the number of things it works on."""

from __future__ import annotations

import gc
import platform
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from aims import AimsTable

T = TypeVar("T")

STEEPEST = 1.1
"""The aim: linear, and what a cache that no longer holds everything adds."""


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

    def judge(self, aims: AimsTable, what: str, parts: Sequence[str] | None = None) -> None:
        """Add the row of the steepest of `parts` (None: of all) to the table of aims."""
        slopes = self.slopes()
        steepest = max(slopes if parts is None else parts, key=slopes.__getitem__)
        sizes = sorted({size for seconds in self._seconds.values() for size in seconds})
        aims.row(
            f"log-log slope of {what}, {sizes[0]:,} to {sizes[-1]:,}: the steepest part",
            f"{slopes[steepest]:.2f} ({steepest})",
            f"<= {STEEPEST}",
            slopes[steepest] <= STEEPEST,
        )

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
