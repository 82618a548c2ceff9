"""The table that a session of benchmarks ends with: what was measured, beside what is aimed at."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

GPU_ROWS = (
    ("training step of the harness / bare step, GPU", "<= 1.03"),
    ("host synchronisations per training step, GPU", "0"),
)
"""Aims that only `gpu.py` can measure."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line; `met` is None where there is no aim, or nothing could be measured."""

    what: str
    measured: str
    aim: str
    met: bool | None
    note: str = ""

    @property
    def verdict(self) -> str:
        return {True: "met", False: "missed", None: ""}[self.met]


class AimsTable:
    """Collects rows over a session."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def row(
        self, what: str, measured: str | float, aim: str, met: bool | None, note: str = ""
    ) -> None:
        """Add a line; a number is written with three digits."""
        text = measured if isinstance(measured, str) else f"{measured:.3g}"
        self.rows.append(Row(what, text, aim, met, note))

    def without_gpu(self) -> None:
        """Add the rows that this machine cannot measure."""
        for what, aim in GPU_ROWS:
            self.row(what, "no GPU here", aim, None, "tests/benchmarks/gpu.py")

    def markdown(self) -> str:
        """Return the machine and the table."""
        head = "| what | measured | aim | | note |"
        lines = [
            f"| {row.what} | {row.measured} | {row.aim} | {row.verdict} | {row.note} |"
            for row in self.rows
        ]
        return "\n".join([machine(), "", head, "|---|---|---|---|---|", *lines])


def machine() -> str:
    """Say on what the numbers were measured, and what else ran on it at the end."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    packages = ", ".join(
        f"{name} {_version(package)}"
        for name, package in (
            ("torch", "torch"),
            ("OpenCV", "opencv-python-headless"),
            ("timm", "timm"),
            ("DuckDB", "duckdb"),
        )
    )
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return (
        f"Machine: {_cpu()}, {cores} cores (one for each measurement), Python "
        f"{platform.python_version()}, {packages}; load average {load}."
    )


def _cpu() -> str:
    """Return the model of the CPU, with the instructions that decide about bf16."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in text.splitlines())
    values = {key.strip(): value.strip() for key, _, value in pairs if value}
    flags = values.get("flags", "").split()
    found = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    return f"{values.get('model name', platform.machine())} ({', '.join(found)})"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"
