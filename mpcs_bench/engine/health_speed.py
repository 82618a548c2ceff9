"""Whether the machine reaches what it should, and what to set where it does not."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from mpcs_bench.engine.health_finding import HealthFinding, Level
from mpcs_bench.engine.machine_load import busy_seconds, cpu_quota, usable_cores
from mpcs_bench.engine.speed_probe import (
    CpuSpeed,
    DiskSpeed,
    cpu_speed,
    disk_speed,
    file_system,
    gpu_speed,
)
from mpcs_bench.errors import first_line

LEAST_OF_PEAK = 0.3
"""A core of the machine that the documents name reaches 0.65. Half of that is a library without
the core's widest instructions, or a core that is throttled."""

LEAST_COPIED = 4.0
"""GB/s of copying by one core: a tenth of what that machine does."""

SLOWER_TOGETHER = 1.2
"""Two threads should take about half as long as one; longer than one: they wait for a core."""

SLOW_FSYNC = 0.03
"""Seconds. A result takes seven: at this, a fifth of a second each, four times what it computes."""

SLOW_READ = 100e6
"""Bytes a second. A data set of 3 GB takes half a minute, once; a disk gives that much."""

BUSY_SHARE = 0.25
"""Share of the cores that other programs may have before it is worth a word."""

NETWORKED = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "lustre",
        "gpfs",
        "beegfs",
        "ceph",
        "afs",
        "virtiofs",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.gcsfuse",
    ]
)

ALLOCATORS = ("jemalloc", "tcmalloc", "mimalloc", "hoard")

GPUS = {
    # dense bf16 TFLOP/s and GB/s, by the makers' data sheets; the first whose words are all there
    "H200": (989, 4800),
    "H100 PCIe": (756, 2000),
    "H100": (989, 3350),
    "A100": (312, 1555),
    "L40S": (362, 864),
    "A10": (125, 600),
    "L4": (121, 300),
    "RTX 4090": (165, 1008),
    "RTX 3090": (71, 936),
}
GPU_SHARE = 0.5


def speed_findings(place: Path) -> Iterator[HealthFinding]:
    """Measure cores, memory, disk (in `place`) and GPUs for a few seconds, and judge them."""
    cores, there = usable_cores(), os.cpu_count() or 1
    busy, own, begun = busy_seconds(), time.process_time(), time.perf_counter()
    speed = cpu_speed(cores)
    after, own = busy_seconds(), time.process_time() - own
    passed = time.perf_counter() - begun
    yield from cpu_findings(speed)
    if busy is not None and after is not None:
        yield load_finding(max(0.0, (after - busy - own) / passed), cores, there)
    yield from core_findings(cores, there, cpu_quota(), os.environ)
    yield from malloc_findings(os.environ, platform.libc_ver()[0])
    try:
        yield from disk_findings(disk_speed(place), file_system(place))
    except OSError as error:
        yield HealthFinding("wrong", "disk", f"cannot be written: {error}", "Use --workspace.")
    yield from _gpus()


def cpu_findings(speed: CpuSpeed) -> Iterator[HealthFinding]:
    """Judge arithmetic, copying, and two threads."""
    numbers = {"gflops": speed.gflops}
    level: Level = "ok"
    found, advice = f"{speed.gflops:.0f} GFLOP/s in fp32", ""
    if speed.peak_gflops is not None:
        numbers["peak_gflops"] = speed.peak_gflops
        found += f" of {speed.peak_gflops:.0f} that its instructions and clock give"
        if speed.gflops < LEAST_OF_PEAK * speed.peak_gflops:
            level = "note"
            advice = (
                f"It should reach {LEAST_OF_PEAK:.0%} at least. Look whether the processor is "
                "throttled (power settings, heat), and whether torch is a build for it."
            )
    yield HealthFinding(level, "one core", found, advice, numbers)
    slow = speed.copied_gb_per_second < LEAST_COPIED
    yield HealthFinding(
        "note" if slow else "ok",
        "memory",
        f"{speed.copied_gb_per_second:.0f} GB/s read and written by one core",
        f"It should be {LEAST_COPIED:.0f} at least. Small networks wait for memory: run fewer "
        "stages at once (--jobs), and end what else runs."
        if slow
        else "",
        {"copied_gb_per_second": speed.copied_gb_per_second},
    )
    if speed.two_threads is not None:
        waiting = speed.two_threads > SLOWER_TOGETHER
        yield HealthFinding(
            "note" if waiting else "ok",
            "two threads",
            f"{speed.two_threads:.2f} times as long as one for the same product",
            "It should be less than 1: they wait for a core, or for each other. Keep `threads: 1` "
            "in protocols, end what else runs, and set OMP_WAIT_POLICY=PASSIVE for other programs."
            if waiting
            else "",
            {"two_threads_to_one": speed.two_threads},
        )


def load_finding(others: float, cores: int, there: int) -> HealthFinding:
    """Judge how many of the cores that are `there` other programs keep busy now.

    It is worth a word where they leave too few of those `cores` that may be used.
    """
    left = there - others
    busy = left < (1 - BUSY_SHARE) * cores
    return HealthFinding(
        "note" if busy else "ok",
        "other programs",
        f"keep {others:.1f} of {there} cores busy now",
        f"Trainings will wait for them: end them, or run with --jobs {max(1, int(left))}."
        if busy
        else "",
        {"cores_kept_busy_by_others": others},
    )


def core_findings(
    cores: int, there: int, quota: float | None, environment: Mapping[str, str]
) -> Iterator[HealthFinding]:
    """Judge how many cores may be used of those that there are, and what is set for threads."""
    found = f"{cores}: {cores} stages at once on the CPU, with one thread each"
    advice = ""
    if cores < there:
        why = "this process is bound to them"
        if quota is not None and quota < there:
            why = f"the container may use {quota:g} cores' time"
        found += f"; the machine has {there}"
        advice = f"Here {why}; what counts {there} cores (other tools) starts too many threads."
    numbers = {"cores": float(cores), "cores_there": float(there)}
    yield HealthFinding("note" if advice else "ok", "cores", found, advice, numbers)
    threads = environment.get("OMP_NUM_THREADS")
    if threads is not None:
        yield HealthFinding(
            "note", "OMP_NUM_THREADS", threads, "Workers set their own: protocols say `threads`."
        )
    policy = environment.get("OMP_WAIT_POLICY", "")
    if policy.upper() == "ACTIVE" or environment.get("GOMP_SPINCOUNT"):
        yield HealthFinding(
            "note",
            "OMP_WAIT_POLICY",
            policy or "GOMP_SPINCOUNT is set",
            "Idle threads spin, which can cost a busy machine a hundredfold. Unset both: workers "
            "are started with PASSIVE.",
        )


def malloc_findings(environment: Mapping[str, str], libc: str) -> Iterator[HealthFinding]:
    """Judge whether the thresholds that workers are started with will be heeded."""
    preloaded = environment.get("LD_PRELOAD", "")
    tunables = environment.get("GLIBC_TUNABLES", "")
    if name := next((name for name in ALLOCATORS if name in preloaded), None):
        yield HealthFinding(
            "note",
            "malloc",
            f"{name} is preloaded",
            "Workers set thresholds of glibc's malloc, which it does not read. If trainings "
            "fault memory in again at every step, unset LD_PRELOAD.",
        )
    elif libc != "glibc":
        yield HealthFinding(
            "note",
            "malloc",
            f"the C library is {libc or 'not glibc'}",
            "Its malloc gives large blocks back after every step and takes them again, which made "
            "trainings on the CPU a seventh slower where it was measured. Use a glibc system.",
        )
    elif "glibc.malloc" in tunables:
        yield HealthFinding(
            "note",
            "malloc",
            f"GLIBC_TUNABLES={tunables}",
            "It can stand above the thresholds that workers set. Unset its glibc.malloc parts.",
        )
    else:
        yield HealthFinding("ok", "malloc", "glibc; workers raise its thresholds")


def disk_findings(speed: DiskSpeed, kind: str | None) -> Iterator[HealthFinding]:
    """Judge the disk of the workspace, and its file system."""
    numbers = {"fsync_seconds": speed.fsync_seconds}
    slow = speed.fsync_seconds > SLOW_FSYNC
    found, advice = f"{1000 * speed.fsync_seconds:.1f} ms until a file stands", ""
    if slow:
        advice = f"It should be {1000 * SLOW_FSYNC:.0f} ms at most: each result waits for seven. "
    if speed.read_bytes_per_second is not None:
        numbers["read_bytes_per_second"] = speed.read_bytes_per_second
        found += f", {speed.read_bytes_per_second / 1e6:,.0f} MB/s read"
        if speed.read_bytes_per_second < SLOW_READ:
            slow = True
            advice += f"Reading should give {SLOW_READ / 1e6:.0f} MB/s at least. "
    if slow:
        advice += "Put the workspace on a local SSD: --workspace."
    yield HealthFinding("note" if slow else "ok", "disk", found, advice, numbers)
    if kind in NETWORKED:
        yield HealthFinding(
            "note",
            "file system",
            f"{kind}, over a network",
            "Locks and memory-mapped images may be slow or fail there. Put the workspace on a "
            "local disk (--workspace), and copy it when the run is done.",
        )
    elif kind == "overlay":
        yield HealthFinding(
            "note",
            "file system",
            "overlay, a container's own layer",
            "It goes when the container goes. Put the workspace on a mounted volume: --workspace.",
        )
    elif kind is not None:
        yield HealthFinding("ok", "file system", kind)


def gpu_finding(name: str, where: str, tflops: float, copied: float) -> HealthFinding:
    """Judge a GPU by what its maker says; of one that is not in the table, nothing is said."""
    numbers = {"bf16_tflops": tflops, "copied_gb_per_second": copied}
    found = f"{tflops:.0f} TFLOP/s in bf16, {copied:.0f} GB/s copied"
    words = set(name.replace("-", " ").split())
    known = next((value for key, value in GPUS.items() if words >= set(key.split())), None)
    if known is None or (tflops >= GPU_SHARE * known[0] and copied >= GPU_SHARE * known[1]):
        return HealthFinding("ok", f"{where} speed", found, "", numbers)
    advice = (
        f"It should reach half of {known[0]} TFLOP/s and {known[1]} GB/s. Look with nvidia-smi "
        "whether another program uses it, its power is capped, or it is a part of a GPU (MIG)."
    )
    return HealthFinding("note", f"{where} speed", found, advice, numbers)


def _gpus() -> Iterator[HealthFinding]:
    import torch

    if not torch.cuda.is_available():
        return
    for number in range(torch.cuda.device_count()):
        where = f"cuda:{number}"
        try:
            speed = gpu_speed(number)
        except RuntimeError as error:  # taken by somebody else, to the last byte
            advice = "Look with nvidia-smi what uses it: end that, or take another with --device."
            yield HealthFinding(
                "note", f"{where} speed", f"not measured: {first_line(error)}", advice
            )
        else:
            yield gpu_finding(torch.cuda.get_device_name(number), where, *speed)
