"""What a result was made with: packages, code, device, settings; kept in every manifest."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import mpcs_bench

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "opencv-python-headless",
    "imagecodecs",
    "scikit-learn",
    "duckdb",
    "pyarrow",
    "pandas",
)


def describe(device: str) -> dict[str, Any]:
    """Return the environment as plain values, with the settings that hold now."""
    description: dict[str, Any] = {
        **_machine(),
        "device": device,
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "variables": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "CUBLAS_WORKSPACE_CONFIG")
            if name in os.environ
        },
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(torch.device(device))
        description["gpu"] = {
            "name": properties.name,
            "memory": properties.total_memory,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        }
    return description


@lru_cache(maxsize=1)
def _machine() -> dict[str, Any]:
    """Return what stays the same as long as this process lives."""
    return {
        "mpcs_bench": mpcs_bench.__version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": _processor(),
        "packages": {name: _version(name) for name in PACKAGES},
        "code": code_version(),
    }


@lru_cache(maxsize=1)
def code_version() -> dict[str, Any]:
    """Return the git commit of the checkout this runs from, and whether its code differs.

    A new file that git does not know yet is code too; a workspace in the checkout is none.
    """
    folder = Path(mpcs_bench.__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return {"commit": None, "dirty": None}
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--", "mpcs_bench", "plugins")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
