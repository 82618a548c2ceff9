"""How many stages run at once, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mpcs_bench.engine.machine_load import usable_cores
from mpcs_bench.engine.stage_costs import CONTEXT_BYTES

MOST_ON_GPU = 3
"""Stages that share a GPU at most: beyond that they mostly wait for each other."""

GPU_SHARE = 0.9
"""Share of a GPU's memory that forecasts may fill: they are forecasts."""


@dataclass(frozen=True, slots=True)
class AtOnce:
    """A number of stages, and the reason as it is read out."""

    jobs: int
    why: str


def at_once(
    device: str,
    cores: int,
    needs: Sequence[int | None] = (),
    there: int = 0,
    asked: int | None = None,
) -> AtOnce:
    """Return how many stages of so many `cores` run at once on `device`; `asked` for wins.

    On the CPU one for each core that may be used. On a GPU as many as its memory holds: `needs`
    are the bytes of the stages that are to run (None: not measured) and `there` the device's.
    """
    if asked is not None:
        return AtOnce(asked, "as --jobs says")
    usable = usable_cores()
    by_cores = max(1, usable // cores)
    if device == "cpu":
        return AtOnce(by_cores, f"{_count(usable, 'core')}, {cores} for each stage")
    known = sorted((need for need in needs if need is not None), reverse=True)
    if not known or len(known) < len(needs):
        return AtOnce(1, "what stages need of the GPU was never measured: --calibrate")
    most = min(MOST_ON_GPU, by_cores)
    jobs, held = 0, 0
    # The largest may all run at the same time.
    for need in known[:most]:
        held += need + CONTEXT_BYTES
        if jobs and held > GPU_SHARE * there:
            gigabytes = f"{there / 1e9:.0f} GB"
            return AtOnce(jobs, f"one more may not fit the GPU's {gigabytes}")
        jobs += 1
    if by_cores < MOST_ON_GPU:
        return AtOnce(jobs, f"{_count(usable, 'core')} to feed the GPU, {cores} for each stage")
    return AtOnce(jobs, f"their memory fits the GPU, and more than {MOST_ON_GPU} gain little")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
