"""The most memory that a step holds, as the system or the device saw it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mpcs_bench.stages.free_memory import address_space_limit, proc_value

Meter = Callable[[Callable[[], None]], int | None]
"""Takes a step and returns the most bytes held in it, beyond the start; None: not known."""


def memory_meter(device: str) -> Meter:
    """Return a meter of what is taken on `device` from now on."""
    return _device_meter(device) if device.partition(":")[0] == "cuda" else _process_meter()


def _device_meter(device: str) -> Meter:
    import torch

    before = torch.cuda.memory_reserved(device)

    def meter(step: Callable[[], None]) -> int:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        step()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_reserved(device)) - before

    return meter


def _process_meter() -> Meter:
    """Return a meter for steps that grow: a peak says something where it is a new one."""
    names = [("VmHWM", "VmRSS")]
    if address_space_limit() is not None:
        names.append(("VmPeak", "VmSize"))
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget VmHWM

    def read(name: str) -> int:
        return 1024 * proc_value("/proc/self/status", name)

    before = {peak: read(now) for peak, now in names}

    def meter(step: Callable[[], None]) -> int | None:
        peaks = {peak: read(peak) for peak, _ in names}
        step()
        grown = [read(peak) - before[peak] for peak, _ in names if read(peak) > peaks[peak]]
        return max(grown, default=None)

    return meter
