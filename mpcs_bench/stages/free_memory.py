"""How much memory is there to take, on a GPU or on this machine."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_CGROUPS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""Limit and use of memory in a container: of version 2, and of version 1."""


def free_bytes(device: str) -> int:
    """Return the bytes that this process can take on `device`.

    On the CPU that is the least of what the machine has available, what the container may have,
    and what the limit on address space leaves. Raises OSError where the system does not say.
    """
    if device.partition(":")[0] == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    bounds = [1024 * proc_value("/proc/meminfo", "MemAvailable"), *_container()]
    if (limit := address_space_limit()) is not None:
        bounds.append(limit - 1024 * proc_value("/proc/self/status", "VmSize"))
    return max(0, min(bounds))


def address_space_limit() -> int | None:
    """Return the bytes of address space that this process may have; None: as many as it likes."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit


def limit_address_space(room: int) -> None:
    """Let this process take no more than `room` further bytes, where it is limited at all."""
    import resource

    if address_space_limit() is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        taken = 1024 * proc_value("/proc/self/status", "VmSize")
        resource.setrlimit(resource.RLIMIT_AS, (taken + max(0, room), hard))


def proc_value(path: str, name: str) -> int:
    """Return a number (kB) from a file of /proc; raises OSError where it does not stand there."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise OSError(f"{path} does not say {name}")


def release(device: str) -> None:
    """Give back what nothing refers to any more."""
    gc.collect()
    with suppress(OSError, AttributeError):  # no Linux
        ctypes.CDLL(None).malloc_trim(0)
    if device.partition(":")[0] == "cuda":
        import torch

        torch.cuda.empty_cache()


def _container() -> Iterator[int]:
    root = Path("/sys/fs/cgroup")
    for limit, used in _CGROUPS:
        with suppress(OSError, ValueError):  # no such limit, or "max"
            free = int((root / limit).read_text(encoding="ascii"))
            yield free - int((root / used).read_text(encoding="ascii")) + _cached(root / used)


def _cached(used: Path) -> int:
    """Return the bytes of files in a container's memory that it can do without."""
    with suppress(OSError, ValueError):
        for line in (used.parent / "memory.stat").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(" ")
            if name in ("inactive_file", "total_inactive_file"):
                return int(value)
    return 0
