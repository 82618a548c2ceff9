"""NT-Xent as one matrix product against a broadcast: time, and memory as N and D grow."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import torch
from floor_model import fastest
from nt_xent_memory import LOSSES
from ways import run_program

TIMED = (512, 128)
SETS = (256, 512, 1024, 2048)
DIMENSIONS = (64, 128, 256, 512, 1024)


def peaks(loss: str, sizes: list[tuple[int, int]]) -> list[int]:
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
    given = {"loss": loss, "sizes": sizes}
    found: list[int] = run_program("nt_xent_memory", given, dict(environment))
    return found


def test_one_product_against_a_broadcast(
    benchmark: Any, aims: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(1)
    z = torch.randn(2, *TIMED, requires_grad=True)
    values = {name: loss(z) for name, loss in LOSSES.items()}
    assert torch.allclose(values["product"], values["broadcast"], rtol=1e-5)

    def step(name: str) -> float:
        return fastest(lambda: LOSSES[name](z).backward(), 5 if name == "product" else 1)  # type: ignore[no-untyped-call]

    pairs = benchmark.pedantic(
        lambda: [(step("broadcast"), step("product")) for _ in range(3)], rounds=1, iterations=1
    )
    slow, fast = (min(values) for values in zip(*pairs, strict=True))
    by_sets = peaks("product", [(n, 128) for n in SETS])
    by_dimension = peaks("product", [(1024, d) for d in DIMENSIONS])
    beside = peaks("broadcast", [(256, d) for d in (64, 128, 256)])
    exponent = float(np.polyfit(np.log(SETS), np.log(by_sets), 1)[0])
    inputs = [4 * 2 * 1024 * d for d in DIMENSIONS]
    copies, matrix = np.polyfit(inputs, by_dimension, 1)
    aims.row(
        "NT-Xent, N = 512, D = 128: broadcast / one product, forward and backward",
        f"{slow / fast:.0f}",
        "",
        None,
        f"{1000 * slow:.0f} ms / {1000 * fast:.1f} ms",
    )
    aims.row(
        "NT-Xent memory, exponent of N from 256 to 2,048",
        f"{exponent:.2f}",
        "<= 2",
        exponent <= 2.05,
        f"{max(by_sets) / 1e6:.0f} MB at the largest",
    )
    # D stands in the projections alone: [2N, D], a few times; a broadcast has 2N as many.
    aims.row(
        "NT-Xent memory at N = 1,024, D from 64 to 1,024",
        f"{matrix / (4 * 2048**2):.1f} matrices of [2N, 2N], and {copies:.1f} of [2N, D]",
        "no term N^2 D",
        bool(copies < 10),
    )
    with capsys.disabled():
        print("\nNT-Xent, most bytes beyond the projections, by N and by D")
        print(f"D = 128: {dict(zip(SETS, by_sets, strict=True))}")
        print(f"N = 1,024: {dict(zip(DIMENSIONS, by_dimension, strict=True))}")
        print(f"by broadcast, N = 256, D = 64, 128, 256: {beside}")
