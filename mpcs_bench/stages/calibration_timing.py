"""A step timed within a budget: as a straight line, or at the largest batch that it affords.

What a step costs an image falls with the batch, and not smoothly: kernels change where enough
images come together. So the batch that is wanted is taken itself wherever one step of it can be
waited for. Where it cannot, a line through two small batches would lead anywhere: the cost an image
at the largest affordable one is carried over as it is. Such steps take seconds, beside which what
every step takes whatever its size is nothing.

Samples are averaged, outliers and all: a stage pays for those, too.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

REPEATS = 9
"""Most samples at each batch size, unless they take no time:"""

LEAST_SECONDS = 0.5
"""Samples are taken for so long at least, so that a moment of noise is not all there is."""

MANY = 200
"""No more samples than that, however little they take."""

LINE_STEPS = 6
"""How many steps of the larger size must fit the budget for a line of two sizes."""

PATIENCE = 2.2
"""How many budgets a shape may take whose single step takes long: the second step of its size is
what later ones cost, and finds more memory taken."""

CHEAPER = 0.7
"""An image of a large batch is expected to cost so much of one of the smallest."""


@dataclass(frozen=True, slots=True)
class Timing:
    """A step of n images takes `step_seconds + n * image_seconds`.

    `spread` is the interquartile range, over the median, of the `repeats` steps at the larger of
    `batches`; None where there was but one. `first_seconds` is what the first steps took more than
    later ones, at the batch that is wanted.
    """

    step_seconds: float
    image_seconds: float
    spread: float | None
    repeats: int
    batches: tuple[int, int]
    first_seconds: float = 0.0


def time_steps(
    step: Callable[[int], None],
    *,
    least: int,
    most: int,
    unit: int,
    budget: float,
    clock: Callable[[], float],
    counting: Callable[[int], AbstractContextManager[None]],
    room: Callable[[], int] | None = None,
) -> Timing:
    """Time `step` at multiples of `unit` from `least` to `most` images, for `budget` seconds.

    The first step of any size warms up, and stands within `counting`; where it uses up the budget,
    it is the measurement. Where a step of `most` images takes longer than the budget, there is
    about twice as much. `clock` reads the seconds when the device has done all that it was told;
    `room` says, after the first step, how many images memory may hold.
    """

    def timed(images: int) -> float:
        begun = clock()
        step(images)
        return clock() - begun

    def warmed(images: int) -> float:
        with counting(images):
            return timed(images)

    begun = clock()
    least = min(least, most)
    first = warmed(least)
    if most < least + unit:
        times = _within(clock, begun + budget, lambda: timed(least)) or [first]
        usual = statistics.fmean(times)
        return Timing(
            0.0, usual / least, _spread(times), len(times), (least, least), max(0, first - usual)
        )
    usual = min(first, timed(least)) if first < budget / LINE_STEPS else first
    image = usual / least
    bound = most if room is None else min(most, max(least + unit, room()))
    sizes = list(_halves(bound, least, unit))
    if bound == most and LINE_STEPS * image * most <= budget:
        small, large = max(least, most // 2 // unit * unit), most // unit * unit
        warm = (first if small == least else warmed(small), warmed(large))
        taken = _within(clock, begun + budget, lambda: (timed(small), timed(large))) or [warm]
        smaller, larger = (statistics.fmean(times) for times in zip(*taken, strict=True))
        fixed, per_image = straight(small, smaller, large, larger)
        samples = [pair[1] for pair in taken]
        more = max(0.0, first - usual) + max(0.0, warm[1] - larger)
        return Timing(fixed, per_image, _spread(samples), len(samples), (small, large), more)
    left = begun + PATIENCE * budget - clock()
    large = next((n for n in sizes if CHEAPER * image * n <= left), sizes[-1])
    cold = warmed(large)
    end = begun + (budget if cold < budget / 2 else PATIENCE * budget)
    samples = _within(clock, end, lambda: timed(large), expected=CHEAPER * cold) or [cold]
    larger = statistics.fmean(samples)
    more = max(0.0, first - usual) + max(0.0, cold - larger) * most / large
    return Timing(0.0, larger / large, _spread(samples), len(samples), (large, large), more)


def straight(small: int, smaller: float, large: int, larger: float) -> tuple[float, float]:
    """Return (fixed, per image) of the line through two points; neither is below 0."""
    slope = (larger - smaller) / (large - small)
    if slope <= 0:  # the time does not grow with the batch
        return smaller, 0.0
    if slope * small >= smaller:  # it grows faster than the batch: noise, or a full cache
        return 0.0, larger / large
    return smaller - slope * small, slope


def _halves(most: int, least: int, unit: int) -> Iterator[int]:
    """Yield `most`, its half and so on, in whole units, down to the smallest above `least`.

    Kernels divide a batch by powers of two: the halves of a batch are most like it.
    """
    images = most // unit * unit
    while images >= least + unit:
        yield images
        images = images // 2 // unit * unit
    yield least + unit


def _within(
    clock: Callable[[], float], deadline: float, take: Callable[[], T], expected: float = 0.0
) -> list[T]:
    """Take samples as long as another, of `expected` seconds at first, is likely to end in time."""
    taken: list[T] = []
    longest, first = expected, clock()
    while (begun := clock()) + longest < deadline and len(taken) < MANY:
        if len(taken) >= REPEATS and begun - first >= LEAST_SECONDS:
            break
        taken.append(take())
        longest = max(longest, clock() - begun)
    return taken


def _spread(times: Sequence[float]) -> float | None:
    if len(times) < 2:
        return None
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive")
    return (high - low) / middle
