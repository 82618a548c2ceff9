"""A step timed at two batch sizes, within a budget, as a straight line."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

REPEATS = 9
"""Most samples at each batch size."""


@dataclass(frozen=True, slots=True)
class Timing:
    """A step of n images takes `step_seconds + n * image_seconds`.

    `spread` is the interquartile range, over the median, of the `repeats` steps at the larger of
    `batches`; None where there was but one.
    """

    step_seconds: float
    image_seconds: float
    spread: float | None
    repeats: int
    batches: tuple[int, int]


def time_steps(
    step: Callable[[int], None],
    *,
    least: int,
    most: int,
    unit: int,
    budget: float,
    clock: Callable[[], float],
    counting: Callable[[int], AbstractContextManager[None]],
) -> Timing:
    """Time `step` at two multiples of `unit` from `least` to `most` images, for `budget` seconds.

    The larger is as near to `most` as the budget allows. The first step of either warms up, and
    stands within `counting`; where they use up the budget, they are the measurement. `clock` reads
    the seconds when the device has done all that it was told.
    """

    def timed(images: int) -> float:
        begun = clock()
        step(images)
        return clock() - begun

    def warmed(images: int) -> float:
        with counting(images):
            return timed(images)

    deadline = clock() + budget
    least = min(least, most)
    first = warmed(least)
    if most < least + unit:
        times = _within(clock, deadline, lambda: timed(least)) or [first]
        per_image = statistics.median(times) / least
        return Timing(0.0, per_image, _spread(times), len(times), (least, least))
    affordable = int(least * budget / (6 * max(first, 1e-9)))
    large = max(min(most, max(2 * least, affordable)) // unit * unit, least + unit)
    small = max(least, large // 2 // unit * unit)
    warm = (first if small == least else warmed(small), warmed(large))
    taken = _within(clock, deadline, lambda: (timed(small), timed(large))) or [warm]
    smaller, larger = (statistics.median(times) for times in zip(*taken, strict=True))
    fixed, per_image = straight(small, smaller, large, larger)
    return Timing(
        fixed, per_image, _spread([pair[1] for pair in taken]), len(taken), (small, large)
    )


def straight(small: int, smaller: float, large: int, larger: float) -> tuple[float, float]:
    """Return (fixed, per image) of the line through two points; neither is below 0."""
    slope = (larger - smaller) / (large - small)
    if slope <= 0:  # the time does not grow with the batch
        return smaller, 0.0
    if slope * small >= smaller:  # it grows faster than the batch: noise, or a full cache
        return 0.0, larger / large
    return smaller - slope * small, slope


def _within(clock: Callable[[], float], deadline: float, take: Callable[[], T]) -> list[T]:
    """Take samples as long as another is likely to end in time."""
    taken: list[T] = []
    longest = 0.0
    while len(taken) < REPEATS and (begun := clock()) + longest < deadline:
        taken.append(take())
        longest = max(longest, clock() - begun)
    return taken


def _spread(times: Sequence[float]) -> float | None:
    if len(times) < 2:
        return None
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive")
    return (high - low) / middle
