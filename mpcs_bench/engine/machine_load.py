"""How many cores there are to use, and how busy they are; Linux says so."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_QUOTAS = (
    ("cpu.max", None),
    ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"),
)
"""A container's share of processor time: of version 2 in one file, of version 1 in two."""


def usable_cores() -> int:
    """Return how many cores this process may keep busy: those it is bound to, within its quota."""
    cores = os.cpu_count() or 1
    with suppress(AttributeError, OSError):  # no Linux
        cores = len(os.sched_getaffinity(0))
    quota = cpu_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota - 0.01)))


def cpu_quota(root: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Return how many cores' time the container may have; None: all of them."""
    for name, period in _QUOTAS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            text = (root / name).read_text(encoding="ascii")
            if period is not None:
                text += " " + (root / period).read_text(encoding="ascii")
            quota, length = (int(value) for value in text.split())
            if quota > 0:
                return quota / length
    return None


def busy_seconds() -> float | None:
    """Return the processor time that the whole machine has used; None where it does not say."""
    with suppress(OSError, ValueError, IndexError):
        with Path("/proc/stat").open(encoding="ascii") as file:
            ticks = [int(value) for value in file.readline().split()[1:9]]
        # user, nice, system, idle, waiting for disks, interrupts twice, and stolen by other guests
        return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
    return None


def process_seconds(pids: Iterable[int]) -> float:
    """Return the processor time that these processes have used; one that is gone counts for 0."""
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            fields = stat.rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def waited_seconds(pid: int) -> float:
    """Return how long the first thread of a process was ready to run and had no core; else 0."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    return 0.0
