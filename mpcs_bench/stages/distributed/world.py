"""Which of the processes of a stage this is, and what they agree on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

_host: Any = None
"""Who agrees on the host, without waiting for the device."""


def join(backend: str) -> None:
    """Join the processes that torchrun has started; `backend` is nccl or gloo."""
    global _host  # noqa: PLW0603 - as torch keeps its own group
    # Longer than any checkpoint or encoding of one process that the others wait for.
    dist.init_process_group(backend, timeout=timedelta(hours=1))
    _host = dist.new_group(backend="gloo")


def size() -> int:
    """Return how many processes this stage has."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return which of them this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def leads() -> bool:
    """Say whether this one writes what all have made."""
    return rank() == 0


def agreed(*wishes: bool) -> tuple[bool, ...]:
    """Return for each wish whether any process has it; all must ask alike."""
    if size() == 1:
        return wishes
    flags = torch.tensor(wishes, dtype=torch.uint8)
    dist.all_reduce(flags, dist.ReduceOp.MAX, group=_host)
    return tuple(bool(flag) for flag in flags)


def everyones(value: Any) -> list[Any]:
    """Return the `value` of every process, in their order."""
    if size() == 1:
        return [value]
    values: list[Any] = [None] * size()
    dist.all_gather_object(values, value, group=_host)
    return values


def wait_for_all() -> None:
    """Wait until every process has come here."""
    if size() > 1:
        dist.barrier(group=_host)
