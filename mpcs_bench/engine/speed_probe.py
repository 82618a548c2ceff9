"""Short measurements of this machine: arithmetic, memory, threads, disk, GPU; a second each.

Processor time is taken where one thread works: what else the machine does is another matter.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MATRIX = 1024
COPIED = 1 << 27
GPU_MATRIX = 8192
GPU_COPIED = 1 << 29
FSYNCS = 20
FILE = 1 << 25


@dataclass(frozen=True, slots=True)
class CpuSpeed:
    """What one core reaches, and how much longer two threads take than one for the same product.

    `peak_gflops` is what its instructions and its clock give, None where that is not known.
    """

    gflops: float
    peak_gflops: float | None
    copied_gb_per_second: float
    two_threads: float | None


@dataclass(frozen=True, slots=True)
class DiskSpeed:
    """A median `fsync` in seconds, and bytes read a second; None where the disk was not asked."""

    fsync_seconds: float
    read_bytes_per_second: float | None


def cpu_speed(cores: int) -> CpuSpeed:
    """Measure a product of matrices, and copying, in this process; its threads are as before."""
    import torch

    threads = torch.get_num_threads()
    a, b = torch.rand(MATRIX, MATRIX), torch.rand(MATRIX, MATRIX)
    source = torch.ones(COPIED // 4)
    target = torch.ones(COPIED // 4)
    try:
        torch.set_num_threads(1)
        product = _seconds(lambda: torch.mm(a, b), time.process_time)
        copy = _seconds(lambda: target.copy_(source), time.process_time)
        two = None
        if cores > 1:
            one = _seconds(lambda: torch.mm(a, b), time.perf_counter, median)
            torch.set_num_threads(2)
            two = _seconds(lambda: torch.mm(a, b), time.perf_counter, median) / one
    finally:
        torch.set_num_threads(threads)
    return CpuSpeed(2e-9 * MATRIX**3 / product, peak_gflops(), 2e-9 * COPIED / copy, two)


def peak_gflops(cpuinfo: Path = Path("/proc/cpuinfo")) -> float | None:
    """Return the fp32 operations that a core can do in a nanosecond; None where not known.

    Two fused multiply-adds a cycle, as wide as its instructions are, at the clock that it says.
    """
    with suppress(OSError, ValueError, StopIteration):
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        values = [(key.strip(), value) for key, _, value in (line.partition(":") for line in lines)]
        flags = next(value for key, value in values if key == "flags").split()
        clock = max(float(value) for key, value in values if key == "cpu MHz") / 1000
        for name, lanes in (("avx512f", 16), ("avx2", 8)):
            if name in flags:
                return clock * lanes * 4
    return None


def disk_speed(folder: Path) -> DiskSpeed:
    """Measure in a file of a few megabytes below `folder`, which is removed. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as place:
        times: list[float] = []
        end = time.perf_counter() + 0.5
        while len(times) < FSYNCS and (not times or time.perf_counter() < end):
            begun = time.perf_counter()
            with (Path(place) / f"small-{len(times)}").open("wb") as file:
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
            times.append(time.perf_counter() - begun)
        return DiskSpeed(median(times), _read_speed(Path(place) / "large"))


def _read_speed(path: Path) -> float | None:
    """Return bytes a second; None where the system would answer from its memory."""
    if not hasattr(os, "posix_fadvise"):
        return None
    with path.open("wb") as file:
        file.write(os.urandom(FILE))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    begun = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 22):
            pass
    return FILE / (time.perf_counter() - begun)


def file_system(folder: Path, mounts: Path = Path("/proc/mounts")) -> str | None:
    """Return the type of the file system that `folder` is on; None where that is not to be had."""
    found: tuple[int, str] | None = None
    with suppress(OSError):
        place = folder.resolve()
        for line in mounts.read_text(encoding="utf-8").splitlines():
            _, point, kind, *_ = line.split(" ")
            mount = Path(point.replace("\\040", " "))
            if place.is_relative_to(mount) and (found is None or len(mount.parts) >= found[0]):
                found = len(mount.parts), kind
    return found[1] if found else None


def gpu_speed(number: int) -> tuple[float, float]:
    """Return the TFLOP/s of a product in bf16, and the GB/s of a copy, on GPU `number`."""
    import torch

    device = torch.device("cuda", number)

    def clock() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    matrix = torch.rand(GPU_MATRIX, GPU_MATRIX, device=device, dtype=torch.bfloat16)
    source = torch.ones(GPU_COPIED, device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    product = _seconds(lambda: torch.mm(matrix, matrix), clock)
    copy = _seconds(lambda: target.copy_(source), clock)
    return 2e-12 * GPU_MATRIX**3 / product, 2e-9 * GPU_COPIED / copy


def _seconds(
    call: Callable[[], object],
    clock: Callable[[], float],
    choose: Callable[[list[float]], float] = min,
) -> float:
    """Return the least (or what else to `choose`) of a few times, after one that does not count."""
    call()
    times: list[float] = []
    end = time.perf_counter() + 0.4
    while len(times) < 3 or (len(times) < 20 and time.perf_counter() < end):
        begun = clock()
        call()
        times.append(clock() - begun)
    return choose(times)
