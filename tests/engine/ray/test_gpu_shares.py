"""Shares of a GPU: Ray keeps the books, whether or not there is a GPU behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from mpcs_bench.engine.ray.messages import Hello
from mpcs_bench.engine.ray.resources import Request
from mpcs_bench.engine.ray.slot import Slot, start_slot

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.usefixtures("ray_here")

Start = Callable[[Request], Slot]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start workers, and end them with the test."""
    with ExitStack() as ends:

        def begin(request: Request) -> Slot:
            slot = start_slot(request, None)
            ends.callback(slot.kill)
            return slot

        yield begin


def _up(slot: Slot, seconds: float = 60) -> Hello | None:
    found, _ = ray.wait([slot.hello], timeout=seconds)
    return ray.get(slot.hello) if found else None


def test_two_halves_share_a_gpu_and_a_third_waits_for_one_of_them(start: Start) -> None:
    half = Request(threads=1, gpus=0.5)
    first, second, third = start(half), start(half), start(half)
    up = [_up(slot) for slot in (first, second)]
    assert [hello.gpus for hello in up if hello] == [("0",), ("0",)]
    assert _up(third, 1) is None
    first.kill()
    assert _up(third) is not None


def test_a_stage_without_a_gpu_sees_none(start: Start) -> None:
    hello = _up(start(Request(threads=1)))
    assert hello is not None
    assert hello.gpus == ()
