"""The same numbers twice: threads and deterministic kernels, set by the stage itself."""

from __future__ import annotations

import cv2
import torch


def fix(threads: int, *, deterministic: bool) -> None:
    """Set this process to `threads` CPU threads and, where asked, deterministic algorithms."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    torch.use_deterministic_algorithms(deterministic)
    # A guard against reading memory that nobody wrote; it makes a step of a small batch, which
    # allocates every gradient anew, write all of them twice.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not deterministic
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
