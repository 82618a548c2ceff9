"""Which device a run uses."""

from __future__ import annotations

import shutil
from pathlib import Path

from mpcs_bench.errors import BenchError


def resolve_device(asked: str) -> str:
    """Return `cpu`, `cuda` or `cuda:N` for `auto` or a name.

    Raises BenchError where the device is not one of these or not on this machine. torch is
    imported only where there may be a GPU.
    """
    if asked == "cpu" or (asked == "auto" and not _may_have_gpu()):
        return "cpu"
    if asked != "auto" and asked.partition(":")[0] != "cuda":
        raise BenchError(f"There is no device '{asked}'.", hint="Use auto, cpu, cuda or cuda:N.")
    import torch

    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        number = asked.partition(":")[2]
        if not number or (number.isdigit() and int(number) < count):
            return "cuda" if asked == "auto" else asked
        raise BenchError(f"There is no device '{asked}': this machine has {count} GPU(s).")
    if asked == "auto":
        return "cpu"
    raise BenchError(
        "torch finds no CUDA device here.",
        hint="Use --device cpu, or look at `mpcs-bench doctor`.",
    )


def _may_have_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()
