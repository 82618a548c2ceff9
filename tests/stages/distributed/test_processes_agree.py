"""Two processes that share a batch make the training that one makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.stages.distributed.gather import share

PROGRAM = Path(__file__).with_name("ten_steps.py")


def _ten_steps(folder: Path, size: int) -> dict[str, Any]:
    output = folder / f"{size}.pt"
    processes = [
        subprocess.Popen(
            [sys.executable, PROGRAM, str(rank), str(size), folder / f"store-{size}", output]
        )
        for rank in range(size)
    ]
    assert [process.wait(120) for process in processes] == [0] * size
    found: dict[str, Any] = torch.load(output, weights_only=True)
    return found


@pytest.mark.parametrize("size", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_loss_gradients_and_ten_steps_are_those_of_one_process(tmp_path: Path, size: int) -> None:
    """Seven pairs: the shares are unequal, and NT-Xent and batch norm still see all of them."""
    one, several = _ten_steps(tmp_path, 1), _ten_steps(tmp_path, size)
    torch.testing.assert_close(several["losses"], one["losses"], rtol=0, atol=1e-6)
    for mine, theirs in zip(several["gradients"], one["gradients"], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-6)
    assert several["state"].keys() == one["state"].keys()
    for name, value in one["state"].items():
        torch.testing.assert_close(several["state"][name], value, rtol=0, atol=1e-6)


@given(items=st.integers(1, 200), size=st.integers(1, 17))
def test_shares_are_the_whole_and_differ_by_one(items: int, size: int) -> None:
    cuts = [share(items, rank, size) for rank in range(size)]
    assert [i for cut in cuts for i in range(items)[cut]] == list(range(items))
    lengths = [cut.stop - cut.start for cut in cuts]
    assert max(lengths) - min(lengths) <= 1
