"""The contract of a pair strategy, as checks."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import numpy as np

from mpcs_bench.registry.strategy import ImageSets, PairStrategy, ViewPlan
from mpcs_bench.registry.suite_result import Check, require

SIZES = (0, 1, 1000)


def example_sets(
    count: int, magnifications: tuple[int, ...], *, complete: bool, seed: int = 0
) -> ImageSets:
    """Return `count` sets: one image per magnification, or (not `complete`) none to three.

    Rows of the sample index are shuffled, so that a row tells nothing about its set.
    """
    rng = np.random.default_rng(seed)
    shape = (count, len(magnifications))
    counts = np.ones(shape, np.int64) if complete else rng.integers(0, 4, shape)
    ends = np.cumsum(counts.reshape(-1)).reshape(shape)
    starts = ends[:, :1] - counts[:, :1]
    return ImageSets(
        ids=tuple(f"set-{i}" for i in range(count)),
        patient_ids=tuple(f"patient-{i // 3}" for i in range(count)),
        magnifications=magnifications,
        offsets=np.concatenate([starts, ends], axis=1),
        members=rng.permutation(int(counts.sum())).astype(np.int64),
    )


def strategy_checks(strategy: PairStrategy, magnifications: tuple[int, ...]) -> list[Check]:
    """Return the checks of `strategy` on sets at `magnifications`."""
    suite = _StrategySuite(strategy, magnifications)
    return [
        Check("eligible", suite.eligible),
        Check("shapes", suite.shapes, needs=("eligible",)),
        Check("availability", suite.availability, needs=("shapes",)),
        Check("magnifications differ", suite.magnifications_differ, needs=("shapes",)),
        Check("reproducible", suite.reproducible, needs=("shapes",)),
        Check("vectorised", suite.vectorised, needs=("shapes",)),
    ]


class _StrategySuite:
    def __init__(self, strategy: PairStrategy, magnifications: tuple[int, ...]) -> None:
        self.strategy = strategy
        self.magnifications = magnifications

    def _sets(self, count: int, *, complete: bool) -> ImageSets:
        return example_sets(count, self.magnifications, complete=complete)

    def _draw(self, sets: ImageSets, seed: int = 0) -> ViewPlan:
        return self.strategy.draw(sets, sets.available, np.random.default_rng(seed))

    def eligible(self) -> None:
        for complete in (True, False):
            for size in SIZES:
                sets = self._sets(size, complete=complete)
                keep = self.strategy.eligible(sets.available, self.magnifications)
                _expect_array(keep, "eligible()", np.bool_, (size,))
                empty = sets.available.sum(axis=1) == 0
                require(not (keep & empty).any(), "eligible() accepts a set without any image")
        everything = self._sets(1, complete=True).available
        require(
            bool(self.strategy.eligible(everything, self.magnifications)[0]),
            f"eligible() refuses a set with an image at each of {self.magnifications}",
        )

    def shapes(self) -> None:
        for size in SIZES:
            plan = self._draw(self._sets(size, complete=True))
            require(isinstance(plan, ViewPlan), f"draw() returns {type(plan).__name__}")
            expected = (size, self.strategy.views)
            _expect_array(plan.rows, "rows", np.int64, expected)
            _expect_array(plan.columns, "columns", np.int64, expected)
            if plan.boxes is not None:
                _expect_array(plan.boxes, "boxes", np.float64, (*expected, 4))
                low, high = plan.boxes[..., :2], plan.boxes[..., :2] + plan.boxes[..., 2:]
                inside = (low >= 0).all() and (high <= 1).all() and (plan.boxes[..., 2:] > 0).all()
                require(bool(inside), "a box reaches outside the image, or is empty")

    def availability(self) -> None:
        sets = self._sets(1000, complete=False)
        sets = sets.subset(self.strategy.eligible(sets.available, self.magnifications))
        plan = self._draw(sets)
        in_range = (plan.columns >= 0) & (plan.columns < len(self.magnifications))
        require(bool(in_range.all()), "a column is none of the magnifications")
        for i, (rows, columns) in enumerate(zip(plan.rows, plan.columns, strict=True)):
            for row, column in zip(rows, columns, strict=True):
                own = sets.members[sets.offsets[i, column] : sets.offsets[i, column + 1]]
                at = f"{self.magnifications[column]}X"
                require(row in own, f"row {row} is no image of {sets.ids[i]} at {at}")

    def magnifications_differ(self) -> None:
        columns = self._draw(self._sets(1000, complete=True)).columns
        same = (columns == columns[:, :1]).all(axis=1)
        require(
            not same.any(), f"all views of {int(same.sum())} of 1000 sets are of one magnification"
        )

    def reproducible(self) -> None:
        sets = self._sets(1000, complete=True)
        first, again = self._draw(sets, seed=7), self._draw(sets, seed=7)
        equal = np.array_equal(first.rows, again.rows)
        if first.boxes is not None and again.boxes is not None:
            equal = equal and np.array_equal(first.boxes, again.boxes)
        require(equal, "two draws from equally seeded generators differ: use only `generator`")

    def vectorised(self) -> None:
        few, many = (_lines_run(self._draw, self._sets(n, complete=True)) for n in (10, 1000))
        require(
            many <= 2 * few + 100,
            f"drawing 1000 sets runs {many} lines of Python, 10 sets {few}: draw for all at once",
        )


def _expect_array(value: Any, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    require(isinstance(value, np.ndarray), f"{name} is a {type(value).__name__}, not an array")
    require(
        np.issubdtype(value.dtype, dtype) and value.shape == shape,
        f"{name} is {value.dtype}{list(value.shape)}, not {dtype.__name__}{list(shape)}",
    )


def _lines_run(function: Any, *arguments: Any) -> int:
    """Return how many lines of Python `function` runs: a cost that no clock blurs."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(before)
    return lines
