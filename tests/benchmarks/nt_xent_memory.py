"""What NT-Xent holds at most, forward and backward, beyond what there was: a program of its own.

Tensors are mapped and unmapped one by one (the malloc threshold is low), so that the most memory
that the kernel saw is that of the tensors alive at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from ways import on_one_core

from mpcs_paper.nt_xent import NTXentModule

TEMPERATURE = 0.2


def broadcast(z: Tensor) -> Tensor:
    """NT-Xent by a (2N, 2N, D) broadcast, as textbooks write it."""
    views, sets, dimension = z.shape
    flat = z.reshape(views * sets, dimension)
    similarity = functional.cosine_similarity(flat[:, None], flat[None], dim=2) / TEMPERATURE
    similarity = similarity - torch.diag(torch.full((len(flat),), torch.inf))
    positive = torch.arange(len(flat)).roll(sets)
    return functional.cross_entropy(similarity, positive)


LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "product": NTXentModule(TEMPERATURE),
    "broadcast": broadcast,
}


def peak(loss: str, sets: int, dimension: int) -> int:
    """Return the most bytes held beyond the start, which holds the projections."""
    torch.manual_seed(0)
    z = torch.randn(2, sets, dimension, requires_grad=True)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    LOSSES[loss](z).backward()  # type: ignore[no-untyped-call]
    return _status("VmHWM") - before


def _status(name: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(text.partition(f"{name}:")[2].split()[0])


def main() -> None:
    given = on_one_core()
    torch.set_num_threads(1)
    peak(given["loss"], 64, 16)  # what is made at first use is no part of it
    print(json.dumps([peak(given["loss"], *size) for size in given["sizes"]]))


if __name__ == "__main__":
    main()
