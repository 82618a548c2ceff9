"""The machine: processor, cores, host, GPU and its driver."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

DRIVER = Path("/proc/driver/nvidia/version")


@lru_cache(maxsize=1)
def machine() -> dict[str, Any]:
    """Return what stays the same as long as this process lives; `cpu` names torch's kernels."""
    import torch

    return {
        "platform": platform.platform(),
        "processor": processor(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "host": socket.gethostname(),
    }


def gpu(device: str) -> dict[str, Any]:
    """Return name, memory (bytes), compute capability, libraries and driver of a CUDA device."""
    import torch

    properties = torch.cuda.get_device_properties(torch.device(device))
    return {
        "name": properties.name,
        "memory": properties.total_memory,
        "capability": f"{properties.major}.{properties.minor}",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "driver": driver_version(),
    }


@lru_cache(maxsize=1)
def driver_version() -> str | None:
    """Return the version of NVIDIA's kernel driver, or None where it is not to be had."""
    try:
        return driver_in(DRIVER.read_text(encoding="utf-8"))
    except OSError:
        pass
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().splitlines()[0].strip() if done.stdout.strip() else None


def driver_in(text: str) -> str | None:
    """Return the version that the first line of the driver's own file names."""
    match = re.search(r"\b(\d{3,}\.\d+(?:\.\d+)?)\b", text.partition("\n")[0])
    return match[1] if match else None


def processor() -> str:
    """Return the name of the processor, or of its architecture where the system does not say."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
