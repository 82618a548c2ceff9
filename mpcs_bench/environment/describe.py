"""The whole environment as plain values; kept in every manifest."""

from __future__ import annotations

import os
import sys
from typing import Any

import mpcs_bench
from mpcs_bench.environment.code import code_version
from mpcs_bench.environment.machine import gpu, machine
from mpcs_bench.environment.packages import installed, named_versions

VARIABLES = (
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "MKL_NUM_THREADS",
    "MKL_CBWR",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTHONHASHSEED",
)
"""Environment variables that can change numbers, or where they are computed."""


def describe(device: str) -> dict[str, Any]:
    """Return the environment of this process, with the settings that hold now.

    `packages` are those that reports name, `installed` all that mpcs-bench and its plugins stand
    on. docs/provenance.md lists every field.
    """
    import torch

    description: dict[str, Any] = {
        "mpcs_bench": mpcs_bench.__version__,
        "python": sys.version.split()[0],
        **machine(),
        "packages": named_versions(),
        "installed": installed(),
        "code": code_version(),
        "device": device,
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "settings": _settings(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }
    if device.startswith("cuda"):
        description["gpu"] = gpu(device)
    return description


def _settings() -> dict[str, Any]:
    import torch

    return {
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
        "matmul_tf32": torch.backends.cuda.matmul.allow_tf32,
        "cudnn_tf32": torch.backends.cudnn.allow_tf32,
        "matmul_precision": torch.get_float32_matmul_precision(),
        "interop_threads": torch.get_num_interop_threads(),
    }
