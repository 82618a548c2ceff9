"""Whether an error is one of memory."""

from __future__ import annotations

_MEMORY = (
    *("can't allocate memory", "std::bad_alloc", "Cannot allocate memory", "ALLOC_FAILED"),
    *("OutOfMemoryError: ", "CUDA error: out of memory", "[CUDA]: out of memory"),
)
"""What torch, C++, the system, CUDA and its libraries say in errors of no class of their own.

What fails while a network is compiled or recorded comes as an error of the compiler or of CUDA.
"""


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out: only on a GPU has torch an exception for that."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(sign in str(error) for sign in _MEMORY)
