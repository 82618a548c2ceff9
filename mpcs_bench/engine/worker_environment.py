"""Settings that must stand in the environment before a worker process starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

SETTINGS = {
    "OMP_WAIT_POLICY": "PASSIVE",  # a spinning thread beside a busy process costs a hundredfold
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic cuBLAS
    "HF_HUB_OFFLINE": "1",  # a run never downloads
    "MALLOC_MMAP_THRESHOLD_": "1073741824",  # keep large blocks: faulting them in again is slow
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_TOP_PAD_": "67108864",
}

THREAD_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def worker_environment(threads: int) -> Iterator[None]:
    """Let processes that start within this block have the settings, with `threads` CPU threads."""
    changed = SETTINGS | dict.fromkeys(THREAD_COUNTS, str(threads))
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
