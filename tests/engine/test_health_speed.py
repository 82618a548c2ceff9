"""`doctor` says what is slower than it should be, and what to set."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mpcs_bench.engine.health_finding import HealthFinding
from mpcs_bench.engine.health_speed import (
    core_findings,
    cpu_findings,
    disk_findings,
    gpu_finding,
    load_finding,
    malloc_findings,
    speed_findings,
)
from mpcs_bench.engine.machine_load import busy_seconds, process_seconds, usable_cores
from mpcs_bench.engine.speed_probe import CpuSpeed, DiskSpeed, file_system, peak_gflops

WELL = CpuSpeed(100.0, 160.0, 30.0, 0.55)


def notes(findings: object) -> list[HealthFinding]:
    found = list(findings)  # type: ignore[call-overload]
    assert all(bool(finding.advice) == (finding.level != "ok") for finding in found)
    return [finding for finding in found if finding.level != "ok"]


def test_this_machine_is_measured_and_left_as_it_was(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    found = {finding.what: finding for finding in speed_findings(tmp_path)}
    assert torch.get_num_threads() == threads
    assert list(tmp_path.iterdir()) == []
    assert found["one core"].numbers["gflops"] > 0
    assert found["memory"].numbers["copied_gb_per_second"] > 0
    assert found["disk"].numbers["fsync_seconds"] > 0
    assert found["cores"].numbers["cores"] == usable_cores()


@pytest.mark.parametrize(
    ("speed", "what"),
    [
        (WELL, []),
        (CpuSpeed(20.0, 160.0, 30.0, 0.55), ["one core"]),
        (CpuSpeed(20.0, None, 30.0, None), []),
        (CpuSpeed(100.0, 160.0, 2.0, 0.55), ["memory"]),
        (CpuSpeed(100.0, 160.0, 30.0, 30.0), ["two threads"]),
    ],
)
def test_a_slow_processor_is_noted(speed: CpuSpeed, what: list[str]) -> None:
    assert [finding.what for finding in notes(cpu_findings(speed))] == what


@pytest.mark.parametrize(
    ("speed", "kind", "what"),
    [
        (DiskSpeed(0.004, 5e8), "ext4", []),
        (DiskSpeed(0.004, None), None, []),
        (DiskSpeed(0.2, 5e8), "ext4", ["disk"]),
        (DiskSpeed(0.004, 2e7), "ext4", ["disk"]),
        (DiskSpeed(0.004, 5e8), "nfs4", ["file system"]),
        (DiskSpeed(0.004, 5e8), "overlay", ["file system"]),
    ],
)
def test_a_slow_disk_is_noted(speed: DiskSpeed, kind: str | None, what: list[str]) -> None:
    found = notes(disk_findings(speed, kind))
    assert [finding.what for finding in found] == what
    assert all("--workspace" in finding.advice for finding in found)


@pytest.mark.parametrize(
    ("environment", "libc", "said"),
    [
        ({}, "glibc", None),
        ({"LD_PRELOAD": "/usr/lib/libjemalloc.so.2"}, "glibc", "jemalloc"),
        ({"LD_PRELOAD": "/usr/lib/libother.so"}, "glibc", None),
        ({}, "", "not glibc"),
        ({"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=1"}, "glibc", "GLIBC_TUNABLES"),
    ],
)
def test_an_allocator_that_heeds_no_thresholds_is_noted(
    environment: dict[str, str], libc: str, said: str | None
) -> None:
    found = notes(malloc_findings(environment, libc))
    assert len(found) == (said is not None)
    assert said is None or said in found[0].found


def test_cores_that_may_not_be_used_are_noted() -> None:
    assert notes(core_findings(8, 8, None, {})) == []
    (bound,) = notes(core_findings(2, 8, None, {}))
    assert "bound" in bound.advice
    (limited,) = notes(core_findings(2, 8, 1.5, {}))
    assert "1.5 cores" in limited.advice


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_settings_of_threads_are_noted(name: str) -> None:
    value = "ACTIVE" if name == "OMP_WAIT_POLICY" else "4"
    assert len(notes(core_findings(2, 2, None, {name: value}))) == 1


def test_other_programs_are_noted_where_they_take_a_quarter() -> None:
    assert load_finding(0.4, 2, 2).level == "ok"
    busy = load_finding(1.4, 2, 2)
    assert busy.level == "note"
    assert "--jobs 1" in busy.advice


def test_other_programs_may_have_cores_that_are_not_ours() -> None:
    assert load_finding(4.0, 2, 8).level == "ok"
    assert load_finding(7.0, 2, 8).level == "note"


@pytest.mark.parametrize(
    ("name", "tflops", "copied", "level"),
    [
        ("NVIDIA H100 80GB HBM3", 700.0, 2800.0, "ok"),
        ("NVIDIA H100 80GB HBM3", 100.0, 2800.0, "note"),
        ("NVIDIA A100-SXM4-40GB", 250.0, 300.0, "note"),
        ("NVIDIA RTX A1000", 1.0, 1.0, "ok"),
        ("Somebody's accelerator", 1.0, 1.0, "ok"),
    ],
)
def test_a_known_gpu_is_judged_by_its_maker(
    name: str, tflops: float, copied: float, level: str
) -> None:
    assert gpu_finding(name, "cuda:0", tflops, copied).level == level


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu avx2 avx512f", 2.5 * 64), ("fpu avx2", 2.5 * 32), ("fpu sse2", None)],
)
def test_the_peak_of_a_core_is_its_instructions_times_its_clock(
    tmp_path: Path, flags: str, expected: float | None
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\ncpu MHz\t\t: 2500.000\nflags\t\t: {flags}\n\n")
    assert peak_gflops(info) == expected
    assert peak_gflops(tmp_path / "none") is None


def test_the_file_system_is_that_of_the_deepest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    place = tmp_path.resolve()
    mounts.write_text(
        f"disk / ext4 rw 0 0\nserver:/x {place} nfs4 rw 0 0\ntmpfs /dev tmpfs rw 0 0\n"
    )
    assert file_system(tmp_path, mounts) == "nfs4"
    assert file_system(Path("/"), mounts) == "ext4"


def test_time_that_a_process_takes_is_seen() -> None:
    import os

    before, machine = process_seconds([os.getpid()]), busy_seconds()
    total = 0
    while process_seconds([os.getpid()]) < before + 0.05:
        total += sum(range(1000))
    after = busy_seconds()
    assert machine is not None
    assert after is not None
    assert after > machine
